"""What a message says: its text, its thoughts, the tools that it calls, and why it ended.

Thoughts are kept apart from the text, whichever field a provider puts them in, and never read as an answer.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, Literal

import msgspec

from harness.endings import WORDS, ending_of, in_common_words
from harness.measure.endpoint.codecs.books import Books, Headers, at_tier, request_id, server_ns, with_all_output
from harness.measure.endpoint.codecs.fields import Count, ErrorInReply, JsonObject, Malformed, list_at, text_at
from harness.measure.endpoint.secrets import redact
from harness.record import Reply, ToolCall, Usage

_MOST_THOUGHT = 10_000  # characters of thoughts that the journal keeps
_MOST_CALLS = 16
_TEXT_PARTS = ("text", "output_text", None)
_THOUGHT_FIELDS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")  # the last: MiniMax
FINISH_FIELDS = ("finish_reason", "native_finish_reason", "finishReason", "done_reason", "stop_type")
_DEEPEST = 4


class _Text(msgspec.Struct, gc=False):
    content: str
    refusal: None = None
    tool_calls: Annotated[tuple[Any, ...], msgspec.Meta(max_length=0)] | None = None
    function_call: None = None
    reasoning_content: None = None
    reasoning: None = None
    thinking: None = None
    reasoning_details: None = None


class _Ended(msgspec.Struct, gc=False, kw_only=True):
    error: None = None
    native_finish_reason: None = None
    finishReason: None = None  # noqa: N815 (on the wire)
    done_reason: None = None
    stop_type: None = None


class _Choice(_Ended, gc=False, kw_only=True):
    message: _Text
    finish_reason: Literal["stop"]
    logprobs: None = None


class _Details(msgspec.Struct, gc=False):
    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    cache_creation_input_tokens: None = None
    reasoning_tokens: Count | None = None


_NO_DETAILS = _Details()


class _Used(msgspec.Struct, gc=False):
    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: None = None
    reasoning_tokens: None = None


class UsualReply(_Ended, gc=False, kw_only=True):
    """A chat completion that is text alone, as most are, taken as a whole: what it does not hold is not looked for.

    It says what the readers of single fields say of such a reply, in a third of their time, and fits no other.
    """

    choices: Annotated[tuple[_Choice, ...], msgspec.Meta(min_length=1)]
    usage: _Used
    object: Literal["chat.completion"]
    base_resp: None = None
    finish_reason: None = None
    id: str | None = None
    model: str | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    timings: None = None

    @classmethod
    def read(cls, body: bytes, headers: Headers) -> Reply | None:
        """Read a whole body; None where it is anything else."""
        try:
            usual = _decode_usual(body)
            if not body.isascii():
                body.decode()  # what is not looked for must be text, too
            return usual.reply(headers)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            return None

    def reply(self, headers: Headers) -> Reply:
        """Give what it says."""
        used = self.usage
        before, after = used.prompt_tokens_details or _NO_DETAILS, used.completion_tokens_details or _NO_DETAILS
        counted = Usage(
            input=used.prompt_tokens,
            output=used.completion_tokens,
            cached=before.cached_tokens,
            cache_write=before.cache_write_tokens,
            reasoning=after.reasoning_tokens,
        )
        return Reply(
            text=self.choices[0].message.content,
            finish_reason="stop",
            usage=at_tier(with_all_output(counted, used.total_tokens), self.service_tier, headers),
            served_model=self.model or None,
            fingerprint=self.system_fingerprint or None,
            request_id=request_id(headers) or self.id or None,
            server_ns=server_ns({}, headers),
        )


_decode_usual = msgspec.json.Decoder(UsualReply).decode


def content_text(message: JsonObject) -> str:
    """Return a message's content: a string, null, or a list of parts, of which the text counts."""
    content = message.get("content")
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [{"text": part} if isinstance(part, str) else part for part in content]
        said = [part for part in parts if isinstance(part, dict) and part.get("type") in _TEXT_PARTS]
        return "".join(text_at(part, "text") or "" for part in said)
    raise Malformed("`content` is neither a string nor a list of parts")


def thoughts_of(message: JsonObject) -> str:
    """Return the thoughts beside a message's content, or among its parts; several may repeat it."""
    for field in _THOUGHT_FIELDS:
        if (said := message.get(field)) and (thought := "".join(_words(said))):
            return thought
    content = message.get("content")
    return thoughts_among(content) if isinstance(content, list) else ""


def thoughts_among(parts: list[object]) -> str:
    """Return the text of the parts that are thoughts (Anthropic, Mistral, Databricks, Responses)."""
    thinking = (part for part in parts if isinstance(part, dict) and part.get("type") in ("thinking", "reasoning"))
    return "".join(word for part in thinking for word in _words(part))


def kept(thoughts: str) -> str | None:
    """Return as much of the thoughts as the journal keeps."""
    return redact(thoughts)[:_MOST_THOUGHT] or None  # in this order: no part of a key survives the cut


def _words(value: object, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth < _DEEPEST:
        for item in value:
            yield from _words(item, depth + 1)
    elif isinstance(value, dict) and depth < _DEEPEST:
        for key in ("thinking", "text", "summary", "content", "reasoning"):
            yield from _words(value.get(key), depth + 1)


def finish_of(choice: JsonObject, payload: JsonObject, books: Books) -> str | None:
    """Return why a reply ended, in common words. Raises `ErrorInReply` where it ended by an error.

    A gateway's own word counts unless the provider's, which OpenRouter passes on, says of a plain stop that
    it was a cut or a refusal.
    """
    if error := choice.get("error"):
        raise ErrorInReply(error)
    given = [(key, source[key]) for source in (choice, payload) for key in FINISH_FIELDS if key in source]
    # SGLang's own form is an object, whose type is the word.
    given = [(key, word.get("type", word) if isinstance(word, dict) else word) for key, word in given]
    said = [books.text({key: word}, key) for key, word in given]
    words = [word for each in said if (word := in_common_words(each)) is not None]
    known = [word for word in words if word in WORDS]
    if "error" in known:
        raw = next(text for text in said if text)
        raise ErrorInReply({"code": raw, "message": f"the endpoint ended the reply with `{raw}`"})
    if known and known[0] == "stop":
        return next((ending for ending in known if ending in ("length", "content_filter")), "stop")
    return known[0] if known else words[0] if words else None


def may_be_empty(finish: str | None) -> bool:
    """Whether an ending explains that nothing was said: a filter, a limit or a tool left nothing of it."""
    return ending_of(finish) not in (None, "stop")


def chat_tools(message: JsonObject) -> tuple[ToolCall, ...]:
    """Return the tools that a chat message calls, in today's form or the one before."""
    if message.get("tool_calls") is message.get("function_call") is None:
        return ()
    calls = list_at(message, "tool_calls") or []
    found = [_tool(call) for call in islice(calls, _MOST_CALLS) if isinstance(call, dict)]
    if isinstance(old := message.get("function_call"), dict):
        found.append(tool_call(old.get("name"), old.get("arguments")))
    return tuple(found)


def _tool(call: JsonObject) -> ToolCall:
    inner = call.get("function") or call.get("custom") or call
    if not isinstance(inner, dict):
        raise Malformed("a tool call's `function` is not an object")
    return tool_call(inner.get("name"), inner.get("arguments", inner.get("input")))


def tool_call(name: object, arguments: object) -> ToolCall:
    """Return a tool call; arguments that are no text (Anthropic, Ollama) become their JSON."""
    if not isinstance(arguments, str):
        arguments = "" if arguments is None else msgspec.json.encode(arguments).decode()
    return ToolCall(name if isinstance(name, str) else "", arguments)


class StreamedTools:
    """Collects the tool calls of a stream: most servers send them in pieces, some whole, some unnumbered."""

    def __init__(self) -> None:
        self._calls: list[JsonObject] = []
        self._old: JsonObject | None = None

    def add(self, delta: JsonObject) -> None:
        """Take one delta."""
        for piece in list_at(delta, "tool_calls") or []:
            if isinstance(piece, dict):
                self._add(piece)
        if isinstance(old := delta.get("function_call"), dict):
            self._old = _joined(self._old or {}, old)

    def _add(self, piece: JsonObject) -> None:
        index, name = piece.get("index"), piece.get("id")
        inner = piece.get("function") or piece.get("custom") or {}
        if not isinstance(inner, dict):
            raise Malformed("a tool call's `function` is not an object")
        last = next((call for call in reversed(self._calls) if index is None or call["index"] == index), None)
        if last is None or (name and last["id"] and name != last["id"]):
            last = {"index": index, "id": name, "function": {}}
            if len(self._calls) < _MOST_CALLS:
                self._calls.append(last)
        last["function"] = _joined(last["function"], inner)

    def whole(self) -> JsonObject:
        """Return the fields of a message that hold them."""
        found: JsonObject = {"tool_calls": self._calls} if self._calls else {}
        return found if self._old is None else {**found, "function_call": self._old}


def _joined(before: JsonObject, piece: JsonObject) -> JsonObject:
    call = tool_call(piece.get("name"), piece.get("arguments", piece.get("input")))
    return {"name": before.get("name") or call.name, "arguments": before.get("arguments", "") + call.arguments}
