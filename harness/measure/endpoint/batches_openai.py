"""OpenAI's batches, which Azure and Groq speak too."""

from urllib.parse import quote

import msgspec

from harness.measure.endpoint import batches
from harness.measure.endpoint.batches import Asking

_TOKEN_LIMIT = "token_limit_exceeded"  # noqa: S105 - a code of OpenAI's: too much waits already


class _Response(msgspec.Struct):
    status_code: int | None = None
    body: msgspec.Raw = batches.NULL


class OpenAIBatches(Asking):
    """A file is uploaded, a batch is made of it, and its results are two files."""

    most_lines, most_bytes = 50_000, 200 * 1000 * 1000
    _listing, _cursor = "/batches", "after"

    def line(self, custom_id: str, body: bytes) -> bytes:
        """Write one request."""
        head = f'{{"custom_id":"{custom_id}","method":"POST","url":"{self._path}","body":'
        return b"%b%b}\n" % (head.encode(), body)

    async def send(self, id_: str, lines: bytes) -> str | batches.Trouble:
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
        if isinstance(uploaded, batches.Trouble):
            return uploaded
        asked = {
            "input_file_id": uploaded.get("id"),
            "endpoint": self._path,
            "completion_window": "24h",
            "metadata": {"harness": id_},
        }
        return batches.id_of(await self.ask("POST", self._at("/batches"), msgspec.json.encode(asked)))

    async def is_ours(self, one: batches.Json, kept: batches.Kept) -> bool | None:
        """Tell by the metadata, or by the name of its file where a server keeps none; None: not yet."""
        said, file = one.get("metadata"), one.get("input_file_id")
        if isinstance(said, dict) and "harness" in said:
            return bool(said["harness"] == kept.id)
        if not isinstance(file, str):
            return False
        about = await self.ask("GET", self._at(f"/files/{quote(file, safe='')}"))
        return not isinstance(about, batches.Trouble) and about.get("filename") == f"{kept.id}.jsonl"

    async def state(self, name: str) -> batches.State | batches.Trouble:
        """Ask how far a batch is."""
        said = await self.ask("GET", self._at(f"/batches/{quote(name, safe='')}"))
        if isinstance(said, batches.Trouble):
            return said
        status, counts = said.get("status"), said.get("request_counts") or {}
        ready = sum(batches.count(counts, key) for key in ("completed", "failed"))
        if status not in {"completed", "expired", "cancelled", "failed"}:
            return batches.State(over=False, ready=ready)
        found = (said.get("output_file_id"), said.get("error_file_id"))
        files = tuple(self._at(f"/files/{quote(one, safe='')}/content") for one in found if isinstance(one, str))
        if status == "failed":
            errors = batches.objects(said.get("errors"))
            words = "; ".join(str(each.get("message") or each.get("code")) for each in errors[:3])
            full = any(each.get("code") == _TOKEN_LIMIT for each in errors)
            return batches.State(over=True, files=files, refused=batches.short(words or "the batch failed"), full=full)
        return batches.State(over=True, ready=ready, files=files, cancelled=status == "cancelled")

    def outcome(self, endpoint: batches.HttpEndpoint, said: batches.Result) -> batches.Reply | batches.Failure | None:
        """Read what a line of results holds; None where it was never asked."""
        held: _Response | None = batches.decoded(said.response, _Response)
        status, body = (200, batches.NULL) if held is None else (held.status_code or 200, held.body)
        if held is not None and held.status_code is None and body == batches.NULL:
            body = said.response  # some tools write the reply where its envelope belongs
        error: batches.Json | None = batches.decoded(said.error, batches.Json)
        if error and error.get("code") == "batch_cancelled":
            return None
        if error:
            return endpoint.read(status, msgspec.json.encode(error if "error" in error else {"error": error}))
        if body == batches.NULL:
            return batches.Failure(kind="invalid_reply", message=batches.NEITHER, status=status)
        return endpoint.read(status, bytes(body))
