"""OpenAI's Responses protocol."""

from typing import Any

import msgspec

from harness.endings import ending_of, in_common_words
from harness.measure.endpoint.codecs import params as parameters
from harness.measure.endpoint.codecs.books import Books, Headers, at_tier, openai_usage, request_id, server_ns
from harness.measure.endpoint.codecs.fields import ErrorInReply, JsonObject, Malformed, list_at, object_at, text_at
from harness.measure.endpoint.codecs.message import kept, thoughts_among, tool_call
from harness.measure.endpoint.codecs.params import ModelEntry, Prompt, Rendered, RenderedText
from harness.record import Reply, TokenLogprob, ToolCall

_ENDS = frozenset({"response.completed", "response.incomplete"})


class ResponsesCodec:
    """Responses for one candidate."""

    path = "/responses"
    method = "POST"
    usual = None

    def __init__(self, entry: ModelEntry, prompt: Prompt) -> None:
        params = parameters.merged(entry, prompt)
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
        self._rest = parameters.encode_rest(rest, entry)

    def encode(self, rendered: Rendered) -> bytes:
        """Write the input, then what is the same for every request."""
        if isinstance(rendered, RenderedText):
            return b'{"input":' + msgspec.json.encode(rendered.text) + self._rest
        return b'{"input":' + msgspec.json.encode(parameters.spoken(rendered)) + self._rest

    def reply(self, payload: JsonObject, headers: Headers) -> Reply:
        """Read the messages, thoughts and tool calls among the output items."""
        books = Books()
        finish = _finish_reason(payload)
        items = list_at(payload, "output")
        if items is None:
            raise Malformed("`output` is missing")
        text, refusal, logprobs = _messages(items, books)
        usage = openai_usage(payload, books, "input_tokens", "output_tokens")
        return Reply(
            text=text,
            finish_reason=finish,
            refusal=refusal,
            usage=at_tier(usage, books.text(payload, "service_tier"), headers),
            logprobs=logprobs,
            served_model=books.text(payload, "model"),
            request_id=request_id(headers) or books.text(payload, "id"),
            server_ns=server_ns(payload, headers),
            tools=_tools(items),
            reasoning=kept(thoughts_among(items)),
            odd=books.odd,
        )

    def parts(self) -> "ResponsesParts":
        """Return a collector for a streamed reply."""
        return ResponsesParts(self)


class ResponsesParts:
    """Waits for the event that holds the whole response; the deltas before it only move the clock.

    Some gateways leave the output of that event empty: then what the deltas said is the text.
    """

    def __init__(self, codec: ResponsesCodec) -> None:
        self._codec = codec
        self._whole: JsonObject | None = None
        self._text: list[str] = []

    def add(self, event: str, payload: JsonObject) -> bool:
        """Take one event."""
        if event in _ENDS:
            self._whole = object_at(payload, "response")
        if event != "response.output_text.delta":
            return False
        text = text_at(payload, "delta") or ""
        self._text.append(text)
        return bool(text)

    def finished(self, *, done: bool) -> bool:  # noqa: ARG002 (this protocol has its own last event)
        """Tell whether the whole response came."""
        return self._whole is not None

    def reply(self, headers: Headers) -> Reply:
        """Read the whole response."""
        whole = self._whole or {}
        if not whole.get("output") and self._text:
            parts = [{"type": "output_text", "text": "".join(self._text)}]
            whole = {**whole, "output": [{"type": "message", "content": parts}]}
        return self._codec.reply(whole, headers)


def _format(prompt: Prompt) -> JsonObject | None:
    schema = parameters.schema_of(prompt)
    if schema is not None:
        return {"type": "json_schema", **schema}
    return parameters.response_format(prompt)


def _finish_reason(payload: JsonObject) -> str:
    status = text_at(payload, "status")
    if status is not None and ending_of(status) == "error":
        raise ErrorInReply({"code": status, "message": f"the response ended as `{status}`"})
    if status not in (None, "completed", "incomplete"):
        raise Malformed(f"`status` is {status!r}, neither completed nor incomplete")
    if status != "incomplete":
        return "stop"
    reason = text_at(object_at(payload, "incomplete_details") or {}, "reason")
    return in_common_words(reason) or "length"


def _messages(items: list[Any], books: Books) -> tuple[str, str | None, tuple[TokenLogprob, ...]]:
    texts: list[str] = []
    refusals: list[str] = []
    logprobs: list[TokenLogprob] = []
    messages = [item for item in items if isinstance(item, dict) and item.get("type", "message") == "message"]
    final = [message for message in messages if message.get("phase") != "commentary"]  # said on the way: no answer
    parts = [part for message in final for part in list_at(message, "content") or []]
    for part in [part for part in parts if isinstance(part, dict)]:
        if part.get("type") in ("output_text", "text"):
            texts.append(text_at(part, "text") or "")
            if part.get("logprobs"):
                logprobs.extend(books.logprobs({"logprobs": {"content": part["logprobs"]}}))
        elif part.get("type") == "refusal":
            refusals.append(text_at(part, "refusal") or "")
    return "".join(texts), "".join(refusals) or None, tuple(logprobs)


def _tools(items: list[Any]) -> tuple[ToolCall, ...]:
    kinds = ("function_call", "custom_tool_call")
    calls = [item for item in items if isinstance(item, dict) and item.get("type") in kinds]
    return tuple(tool_call(call.get("name"), call.get("arguments", call.get("input"))) for call in calls)
