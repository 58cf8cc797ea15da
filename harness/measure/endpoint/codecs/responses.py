"""OpenAI's Responses protocol."""

from __future__ import annotations

from typing import Any

import msgspec

from harness.files.project import ModelEntry
from harness.files.prompts import Prompt, Rendered, RenderedText
from harness.measure.endpoint.codecs import params as parameters
from harness.measure.endpoint.codecs.codec import request_id, server_ns
from harness.measure.endpoint.codecs.fields import (
    JsonObject,
    Malformed,
    chat_logprobs,
    count_at,
    list_at,
    object_at,
    text_at,
)
from harness.measure.endpoint.contract import Headers
from harness.record import Reply, TokenLogprob, Usage

_FINISH = {"max_output_tokens": "length", "content_filter": "content_filter"}
_ENDS = frozenset({"response.completed", "response.incomplete"})


class ResponsesCodec:
    """Responses for one candidate."""

    path = "/responses"
    method = "POST"

    def __init__(self, entry: ModelEntry, prompt: Prompt) -> None:
        params = parameters.rename_output_limit(parameters.merged(entry, prompt), "max_output_tokens")
        if wanted := params.pop("logprobs", None):
            params["include"] = [*params.get("include", []), "message.output_text.logprobs"]
            if isinstance(wanted, int) and not isinstance(wanted, bool):
                params["top_logprobs"] = wanted
        self.most_output = parameters.most_output(params)
        text = params.get("text")
        if (form := _format(prompt)) is not None:
            text = {**(text or {}), "format": form}
        # The provider keeps nothing unless the team asks it to: cases may hold personal data.
        rest = {"model": entry.model, "store": False, **params, "text": text, "stream": entry.stream or None}
        self._rest = parameters.encode_rest(rest)

    def encode(self, rendered: Rendered) -> bytes:
        """Write the input, then what is the same for every request."""
        if isinstance(rendered, RenderedText):
            return b'{"input":' + msgspec.json.encode(rendered.text) + self._rest
        messages = [{"role": role, "content": content} for role, content in rendered.messages]
        return b'{"input":' + msgspec.json.encode(messages) + self._rest

    def reply(self, payload: JsonObject, headers: Headers) -> Reply:
        """Read the messages among the output items."""
        text, refusal, logprobs = _read_output(payload)
        return Reply(
            text=text,
            finish_reason=_finish_reason(payload),
            refusal=refusal,
            usage=_usage(payload),
            logprobs=logprobs,
            served_model=text_at(payload, "model"),
            request_id=request_id(headers) or text_at(payload, "id"),
            server_ns=server_ns(payload, headers),
        )

    def parts(self) -> ResponsesParts:
        """Return a collector for a streamed reply."""
        return ResponsesParts(self)


class ResponsesParts:
    """Waits for the event that holds the whole response; the deltas before it only move the clock."""

    def __init__(self, codec: ResponsesCodec) -> None:
        self._codec = codec
        self._whole: JsonObject | None = None

    def add(self, event: str, payload: JsonObject) -> bool:
        """Take one event."""
        kind = text_at(payload, "type") or event
        if kind in _ENDS:
            self._whole = object_at(payload, "response")
        return kind == "response.output_text.delta" and bool(payload.get("delta"))

    def finished(self) -> bool:
        """Tell whether the whole response came."""
        return self._whole is not None

    def reply(self, headers: Headers) -> Reply:
        """Read the whole response."""
        return self._codec.reply(self._whole or {}, headers)


def _format(prompt: Prompt) -> JsonObject | None:
    schema = parameters.schema_of(prompt)
    if schema is not None:
        return {"type": "json_schema", **schema}
    return parameters.response_format(prompt)


def _finish_reason(payload: JsonObject) -> str:
    status = text_at(payload, "status")
    if status == "completed":
        return "stop"
    if status != "incomplete":
        raise Malformed(f"`status` is {status!r}, neither completed nor incomplete")
    reason = text_at(object_at(payload, "incomplete_details") or {}, "reason") or "incomplete"
    return _FINISH.get(reason, reason)


def _read_output(payload: JsonObject) -> tuple[str, str | None, tuple[TokenLogprob, ...]]:
    items = list_at(payload, "output")
    if items is None:
        raise Malformed("`output` is missing")
    texts: list[str] = []
    refusals: list[str] = []
    logprobs: list[TokenLogprob] = []
    for part in _message_parts(items):
        if part.get("type") == "output_text":
            texts.append(text_at(part, "text") or "")
            logprobs.extend(chat_logprobs(list_at(part, "logprobs") or []))
        elif part.get("type") == "refusal":
            refusals.append(text_at(part, "refusal") or "")
    return "".join(texts), "".join(refusals) or None, tuple(logprobs)


def _message_parts(items: list[Any]) -> list[JsonObject]:
    messages = [item for item in items if isinstance(item, dict) and item.get("type") == "message"]
    parts = [part for message in messages for part in list_at(message, "content") or []]
    return [part for part in parts if isinstance(part, dict)]


def _usage(payload: JsonObject) -> Usage:
    usage = object_at(payload, "usage")
    if usage is None:
        return Usage()
    details = object_at(usage, "input_tokens_details") or {}
    return Usage(
        input=count_at(usage, "input_tokens"),
        output=count_at(usage, "output_tokens"),
        cached=count_at(details, "cached_tokens"),
    )
