"""Anthropic's message batches."""

from urllib.parse import quote

import msgspec

from harness.measure.endpoint import batches


class AnthropicBatches(batches.Asking):
    """One request holds all lines, one file all results."""

    most_lines, most_bytes = 100_000, 256 * 1000 * 1000
    _listing, _cursor = "/messages/batches", "after_id"

    def line(self, custom_id: str, body: bytes) -> bytes:
        """Write one request."""
        return b'{"custom_id":"%b","params":%b}\n' % (custom_id.encode(), body)

    async def send(self, id_: str, lines: bytes) -> str | batches.Trouble:  # noqa: ARG002 (it can't be named here)
        """Have a batch made; gives its id."""
        asked = b'{"requests":[%b]}' % lines.rstrip(b"\n").replace(b"\n", b",")  # JSON escapes those inside
        return batches.id_of(await self.ask("POST", self._at("/messages/batches"), asked))

    async def is_ours(self, one: batches.Json, kept: batches.Kept) -> bool | None:
        """Tell by its size, then by its results, once it has ended; None: not yet."""
        counts = one.get("request_counts") or {}
        if sum(batches.count(counts, key) for key in counts) != kept.trials:
            return False
        if one.get("processing_status") != "ended":
            return None
        lines: list[bytes] = []
        trouble = await self.fetch(self._results(str(one.get("id"))), lines.append)
        if trouble is not None and trouble.failure.kind == "bad_request":
            return False  # its results are gone, as they are after a month
        said = batches.parsed(lines[0]) if lines else None
        return said.custom_id.startswith(f"{kept.id}-") if said is not None else None

    def _results(self, name: str) -> str:
        return self._at(f"/messages/batches/{quote(name, safe='')}/results")

    async def state(self, name: str) -> batches.State | batches.Trouble:
        """Ask how far a batch is; counts appear only at its end."""
        said = await self.ask("GET", self._at(f"/messages/batches/{quote(name, safe='')}"))
        if isinstance(said, batches.Trouble):
            return said
        counts = said.get("request_counts") or {}
        ready = sum(batches.count(counts, key) for key in counts if key != "processing")
        if said.get("processing_status") != "ended":
            return batches.State(over=False, ready=ready)
        cancelled = said.get("cancel_initiated_at") is not None and batches.count(counts, "canceled") > 0
        return batches.State(over=True, ready=ready, files=(self._results(name),), cancelled=cancelled)

    def outcome(self, endpoint: batches.HttpEndpoint, said: batches.Result) -> batches.Reply | batches.Failure | None:
        """Read what a line of results holds; None where it was never asked."""
        result: dict[str, msgspec.Raw] = batches.decoded(said.result, dict[str, msgspec.Raw]) or {}
        kind = batches.decoded(result.get("type", batches.NULL), str)
        if kind == "succeeded" and "message" in result:
            return endpoint.read(200, bytes(result["message"]))
        if kind == "canceled":
            return None
        if kind == "errored" and "error" in result:
            return endpoint.read(200, bytes(result["error"]))
        if kind == "expired":
            return batches.Failure(
                kind="error_in_body", message="batch_expired: it was not asked within the batch's time"
            )
        return batches.Failure(kind="invalid_reply", message=batches.NEITHER)
