"""Batches as services speak of them: OpenAI's, which Azure and Groq speak too, and Anthropic's message batches."""

import asyncio
from urllib.parse import quote

import msgspec

from harness.measure.endpoint import batches

_UNREAD = frozenset({"pending", "running", "queued", "processing", "in_process"})  # of a file that was uploaded
_LOOKS = 12  # at such a file, before a batch is made of it all the same
_TOKEN_LIMIT = "token_limit_exceeded"  # noqa: S105 - a code of OpenAI's: too much waits already


class _Response(msgspec.Struct):
    status_code: int | None = None
    body: msgspec.Raw = batches.NULL


class OpenAIBatches(batches.Asking):
    """A file is uploaded, a batch is made of it, and its results are two files."""

    most_lines, most_bytes = 50_000, 200 * 1000 * 1000
    _listing, _cursor = "/batches", "after"

    def line(self, custom_id: str, body: bytes) -> bytes:
        """Write one request."""
        head = f'{{"custom_id":"{custom_id}","method":"POST","url":"{self._path}","body":'
        return b"%b%b}\n" % (head.encode(), body)

    async def send(self, id_: str, lines: bytes) -> str | batches.Unanswered:
        """Have a batch made; gives its id. After any trouble but a refusal it may have been made all the same."""
        edge = self._edge
        form = (
            f'--{edge}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
            f'--{edge}\r\ncontent-disposition: form-data; name="file"; filename="{id_}.jsonl"\r\n'
            "content-type: application/jsonl\r\n\r\n"
        )
        uploaded = await self.ask(
            "POST", self._at("/files"), form.encode() + lines + f"\r\n--{edge}--\r\n".encode(), upload=True
        )
        if isinstance(uploaded, batches.Unanswered):
            return uploaded
        await self._once_read(uploaded)
        asked = {
            "input_file_id": uploaded.get("id"),
            "endpoint": self._path,
            "completion_window": "24h",
            "metadata": {"harness": id_},
        }
        return batches.id_of(await self.ask("POST", self._at("/batches"), msgspec.json.encode(asked)))

    async def _once_read(self, file: batches.Json) -> None:
        """Wait until a file was read by its provider: Azure makes no batch of it before."""
        url = self._at(f"/files/{quote(str(file.get('id')), safe='')}")
        for n in range(_LOOKS):
            if str(file.get("status")).lower() not in _UNREAD:
                return
            await asyncio.sleep(min(2**n / 2, 10))
            said = await self.ask("GET", url)
            file = {} if isinstance(said, batches.Unanswered) else said

    async def is_ours(self, one: batches.Json, kept: batches.Kept) -> bool | None:
        """Tell by the metadata, or by the name of its file where a server keeps none; None: not yet."""
        said, file = one.get("metadata"), one.get("input_file_id")
        if isinstance(said, dict) and "harness" in said:
            return bool(said["harness"] == kept.id)
        if not isinstance(file, str):
            return False
        about = await self.ask("GET", self._at(f"/files/{quote(file, safe='')}"))
        if isinstance(about, batches.Unanswered):
            return None if batches.failure_map.is_retryable(about.failure.kind) else False
        return bool(about.get("filename") == f"{kept.id}.jsonl")

    async def state(self, name: str) -> batches.State | batches.Unanswered:
        """Ask how far a batch is."""
        said = await self.ask("GET", self._at(f"/batches/{quote(name, safe='')}"))
        if isinstance(said, batches.Unanswered):
            return said
        status, counts = str(said.get("status")).lower(), batches.counts_of(said)
        ready = sum(counts.get(key, 0) for key in ("completed", "failed"))
        found = (said.get("output_file_id"), said.get("error_file_id"))
        files = tuple(self._at(f"/files/{quote(f, safe='')}/content") for f in found if isinstance(f, str) and f)
        if status not in {"completed", "expired", "cancelled", "failed"} or (not files and "completed" in counts):
            return batches.State(over=False, ready=ready)  # some say that it ended before they have the file
        if status == "failed" and not said.get("output_file_id"):  # else what it did before it failed was paid for
            errors = batches.objects(said.get("errors"))
            words = "; ".join(str(each.get("message") or each.get("code")) for each in errors[:3])
            full = any(each.get("code") == _TOKEN_LIMIT for each in errors)
            return batches.State(over=True, refused=batches.short(words or "the batch failed"), full=full)
        return batches.State(over=True, ready=ready, files=files, cancelled=status == "cancelled")

    def outcome(self, endpoint: batches.HttpEndpoint, said: batches.Result) -> batches.Reply | batches.Failure | None:
        """Read what a line of results holds; None where it was never asked."""
        held: _Response | None = batches.decoded_as(said.response, _Response)
        status, body = (200, batches.NULL) if held is None else (held.status_code or 200, held.body)
        if held is not None and held.status_code is None and body == batches.NULL:
            body = said.response  # some tools write the reply where its envelope belongs
        error: batches.Json | None = batches.decoded_as(said.error, batches.Json)
        if error and error.get("code") == "batch_cancelled":
            return None
        if error:
            return endpoint.read(status, msgspec.json.encode(error if "error" in error else {"error": error}))
        if body == batches.NULL:
            return batches.Failure(kind="invalid_reply", message=batches.NEITHER, status=status)
        return endpoint.read(status, bytes(body))


class AnthropicBatches(batches.Asking):
    """One request holds all lines, one file all results."""

    most_lines, most_bytes = 100_000, 256 * 1000 * 1000
    _listing, _cursor = "/messages/batches", "after_id"

    def line(self, custom_id: str, body: bytes) -> bytes:
        """Write one request."""
        return b'{"custom_id":"%b","params":%b}\n' % (custom_id.encode(), body)

    async def send(self, id_: str, lines: bytes) -> str | batches.Unanswered:  # noqa: ARG002 (it can't be named here)
        """Have a batch made; gives its id."""
        asked = b'{"requests":[%b]}' % lines.rstrip(b"\n").replace(b"\n", b",")  # JSON escapes those inside
        return batches.id_of(await self.ask("POST", self._at("/messages/batches"), asked))

    async def is_ours(self, one: batches.Json, kept: batches.Kept) -> bool | None:
        """Tell by its size, then by its results, once it has ended; None: not yet."""
        if sum(batches.counts_of(one).values()) != kept.trials:
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

    async def state(self, name: str) -> batches.State | batches.Unanswered:
        """Ask how far a batch is; counts appear only at its end."""
        said = await self.ask("GET", self._at(f"/messages/batches/{quote(name, safe='')}"))
        if isinstance(said, batches.Unanswered):
            return said
        counts = batches.counts_of(said)
        ready = sum(counts.values()) - counts.get("processing", 0)
        if said.get("processing_status") != "ended":
            return batches.State(over=False, ready=ready)
        cancelled = said.get("cancel_initiated_at") is not None and "canceled" in counts
        return batches.State(over=True, ready=ready, files=(self._results(name),), cancelled=cancelled)

    def outcome(self, endpoint: batches.HttpEndpoint, said: batches.Result) -> batches.Reply | batches.Failure | None:
        """Read what a line of results holds; None where it was never asked."""
        result: dict[str, msgspec.Raw] = batches.decoded_as(said.result, dict[str, msgspec.Raw]) or {}
        kind = batches.decoded_as(result.get("type", batches.NULL), str)
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
