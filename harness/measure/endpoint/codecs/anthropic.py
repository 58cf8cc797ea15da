"""Anthropic's Messages protocol."""

import msgspec

from harness.measure.endpoint.codecs import params as parameters
from harness.measure.endpoint.codecs.books import Books, Headers, anthropic_usage, at_tier, request_id, server_ns
from harness.measure.endpoint.codecs.fields import JsonObject, Malformed, list_at, object_at, text_at
from harness.measure.endpoint.codecs.message import content_text, finish_of, kept, thoughts_among, tool_call
from harness.measure.endpoint.codecs.params import ModelEntry, Prompt, Rendered
from harness.record import Reply

VERSION = "2023-06-01"

_UNKNOWN_HERE = ("logprobs", "top_logprobs", "seed", "frequency_penalty", "presence_penalty", "logit_bias")


class AnthropicCodec:
    """Messages for one candidate."""

    path = "/messages"
    method = "POST"
    usual = None

    def __init__(self, entry: ModelEntry, prompt: Prompt) -> None:
        params = parameters.merged(entry, prompt)
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
        self._rest = parameters.encode_rest(rest, entry)

    def encode(self, rendered: Rendered) -> bytes:
        """Write system text and messages, then what is the same for every request."""
        every = parameters.spoken(rendered)
        system = [each["content"] for each in every if each["role"] in ("system", "developer")]
        turns = [each for each in every if each["role"] in ("user", "assistant")]
        if not turns:
            raise parameters.CannotEncode("the prompt has no user message")
        head = b'{"messages":' + msgspec.json.encode(turns)
        if system:
            head += b',"system":' + msgspec.json.encode("\n\n".join(system))
        return head + self._rest

    def reply(self, payload: JsonObject, headers: Headers) -> Reply:
        """Read the text blocks, the thoughts, the tool calls."""
        blocks = list_at(payload, "content")
        if blocks is None:
            raise Malformed("`content` is missing")
        books = Books()
        usage = books.group(payload, "usage")
        text, stop = content_text(payload), books.text(payload, "stop_reason")
        calls = [block for block in blocks if isinstance(block, dict) and block.get("type") == "tool_use"]
        return Reply(
            text=text,
            finish_reason=finish_of({"finish_reason": stop}, {}, books),
            refusal=(text or _explained(payload)) if stop == "refusal" else None,
            usage=at_tier(anthropic_usage(usage, books), books.text(usage, "service_tier"), headers),
            served_model=books.text(payload, "model"),
            request_id=request_id(headers) or books.text(payload, "id"),
            server_ns=server_ns(payload, headers),
            tools=tuple(tool_call(call.get("name"), call.get("input")) for call in calls),
            reasoning=kept(thoughts_among(blocks)),
            odd=books.odd,
        )

    def parts(self) -> "AnthropicParts":
        """Return a collector for a streamed reply."""
        return AnthropicParts(self)


def _explained(payload: JsonObject) -> str:
    details = payload.get("stop_details")
    words = details.get("explanation") if isinstance(details, dict) else None
    return words if isinstance(words, str) and words else "refused"


class AnthropicParts:
    """Collects the events of a streamed message into the message that they spell."""

    def __init__(self, codec: AnthropicCodec) -> None:
        self._codec = codec
        self._message: JsonObject = {}
        self._usage: JsonObject = {}
        self._blocks: list[JsonObject] = []
        self._stopped = False

    def add(self, event: str, payload: JsonObject) -> bool:
        """Take one event."""
        delta = object_at(payload, "delta") or {}
        if event == "message_start":
            self._message = object_at(payload, "message") or {}
            self._count(self._message)
        elif event == "content_block_start":
            self._blocks.append(dict(object_at(payload, "content_block") or {}))
        elif event == "content_block_delta":
            text, thought, json = (text_at(delta, key) for key in ("text", "thinking", "partial_json"))
            kind, piece = ("thinking", thought) if thought else ("tool_use", json) if json else ("text", text)
            if not piece:
                return False
            if not self._blocks or self._blocks[-1].get("type") != kind:
                self._blocks.append({"type": kind})
            block, field = self._blocks[-1], {"tool_use": "input"}.get(kind, kind)
            before = block.get(field)
            block[field] = (before if isinstance(before, str) else "") + piece
            return kind == "text"
        elif event == "message_delta":
            self._message |= {key: value for key, value in delta.items() if value is not None}
            self._count(payload)
        elif event == "message_stop":
            self._stopped = True
        return False

    def _count(self, holder: JsonObject) -> None:
        usage = holder.get("usage")
        counts = usage.items() if isinstance(usage, dict) else ()
        self._usage |= {name: count for name, count in counts if count is not None}

    def finished(self, *, done: bool) -> bool:
        """Tell whether the stop reason came, or the sign that the message is over."""
        return self._message.get("stop_reason") is not None or self._stopped or (done and bool(self._blocks))

    def reply(self, headers: Headers) -> Reply:
        """Put all events together."""
        return self._codec.reply({**self._message, "content": self._blocks, "usage": self._usage}, headers)
