"""Anthropic's Messages protocol."""

from __future__ import annotations

import msgspec

from harness.files.project import ModelEntry
from harness.files.prompts import Prompt, Rendered, RenderedText
from harness.measure.endpoint.codecs import params as parameters
from harness.measure.endpoint.codecs.codec import CannotEncode, request_id, server_ns
from harness.measure.endpoint.codecs.fields import (
    JsonObject,
    Malformed,
    count_at,
    list_at,
    object_at,
    text_at,
)
from harness.measure.endpoint.contract import Headers
from harness.record import Reply, Usage

VERSION = "2023-06-01"

# In the words that the other protocols use, so that the judge knows one vocabulary.
_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
_UNKNOWN_HERE = ("logprobs", "top_logprobs", "seed", "frequency_penalty", "presence_penalty", "logit_bias")


class AnthropicCodec:
    """Messages for one candidate."""

    path = "/messages"
    method = "POST"

    def __init__(self, entry: ModelEntry, prompt: Prompt) -> None:
        params = parameters.rename_output_limit(parameters.merged(entry, prompt), "max_tokens")
        params = {name: value for name, value in params.items() if name not in _UNKNOWN_HERE}
        params.setdefault("max_tokens", parameters.DEFAULT_OUTPUT)
        if (stop := params.pop("stop", None)) is not None:
            params["stop_sequences"] = [stop] if isinstance(stop, str) else stop
        self.most_output = parameters.most_output(params)
        schema = parameters.schema_of(prompt)
        if schema is not None:
            form = {"type": "json_schema", "schema": schema["schema"]}
            params["output_config"] = {**params.get("output_config", {}), "format": form}
        rest = {"model": entry.model, **params, "stream": entry.stream or None}
        self._rest = parameters.encode_rest(rest)

    def encode(self, rendered: Rendered) -> bytes:
        """Write system text and messages, then what is the same for every request."""
        if isinstance(rendered, RenderedText):
            return (
                b'{"messages":'
                + msgspec.json.encode([{"role": "user", "content": rendered.text}])
                + self._rest
            )
        system = [content for role, content in rendered.messages if role in ("system", "developer")]
        turns = [(role, content) for role, content in rendered.messages if role in ("user", "assistant")]
        if not turns:
            raise CannotEncode("the prompt has no user message")
        messages = [{"role": role, "content": content} for role, content in turns]
        head = b'{"messages":' + msgspec.json.encode(messages)
        if system:
            head += b',"system":' + msgspec.json.encode("\n\n".join(system))
        return head + self._rest

    def reply(self, payload: JsonObject, headers: Headers) -> Reply:
        """Read the text blocks."""
        blocks = list_at(payload, "content")
        if blocks is None:
            raise Malformed("`content` is missing")
        texts = [text_at(b, "text") or "" for b in blocks if isinstance(b, dict) and b.get("type") == "text"]
        return _reply(
            "".join(texts), text_at(payload, "stop_reason"), payload, object_at(payload, "usage"), headers
        )

    def parts(self) -> AnthropicParts:
        """Return a collector for a streamed reply."""
        return AnthropicParts()


class AnthropicParts:
    """Collects the events of a streamed message."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._message: JsonObject = {}
        self._usage: JsonObject = {}
        self._stop: str | None = None

    def add(self, event: str, payload: JsonObject) -> bool:
        """Take one event."""
        kind = text_at(payload, "type") or event
        if kind == "message_start":
            self._message = object_at(payload, "message") or {}
            self._usage = object_at(self._message, "usage") or {}
        elif kind == "message_delta":
            self._stop = text_at(object_at(payload, "delta") or {}, "stop_reason") or self._stop
            self._usage = {**self._usage, **(object_at(payload, "usage") or {})}
        elif kind == "content_block_delta" and (text := text_at(object_at(payload, "delta") or {}, "text")):
            self._text.append(text)
            return True
        return False

    def finished(self) -> bool:
        """Tell whether the stop reason came."""
        return self._stop is not None

    def reply(self, headers: Headers) -> Reply:
        """Put all events together."""
        return _reply("".join(self._text), self._stop, self._message, self._usage, headers)


def _reply(
    text: str, stop: str | None, message: JsonObject, usage: JsonObject | None, headers: Headers
) -> Reply:
    return Reply(
        text=text,
        finish_reason=_FINISH.get(stop, stop) if stop is not None else None,
        refusal=(text or "refused") if stop == "refusal" else None,
        usage=_usage(usage),
        served_model=text_at(message, "model"),
        request_id=request_id(headers) or text_at(message, "id"),
        server_ns=server_ns(message, headers),
    )


def _usage(usage: JsonObject | None) -> Usage:
    """Return the counts; here `input_tokens` leaves out what the cache served or took in."""
    if usage is None:
        return Usage()
    fresh, cached, stored = (
        count_at(usage, name)
        for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    whole = None if fresh is None else fresh + (cached or 0) + (stored or 0)
    return Usage(input=whole, output=count_at(usage, "output_tokens"), cached=cached)
