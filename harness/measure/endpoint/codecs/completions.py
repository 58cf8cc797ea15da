"""OpenAI's chat completions, which nearly every server speaks, and its older text completions.

Few-shot as plain text serves small models best: llama.cpp speaks both.
"""

from typing import Any

import msgspec

from harness.measure.endpoint.codecs import fields
from harness.measure.endpoint.codecs import params as parameters
from harness.measure.endpoint.codecs.books import Books, Headers, at_tier, openai_usage, request_id, server_ns
from harness.measure.endpoint.codecs.message import (
    FINISH_FIELDS,
    StreamedTools,
    UsualReply,
    chat_tools,
    content_text,
    finish_of,
    kept,
    may_be_empty,
    thoughts_of,
)
from harness.measure.endpoint.codecs.params import ModelEntry, Prompt, Rendered, RenderedText
from harness.record import Reply, TokenLogprob


class ChatCodec:
    """Chat completions for one candidate."""

    path = "/chat/completions"
    method = "POST"
    usual = UsualReply.read

    def __init__(self, entry: ModelEntry, prompt: Prompt) -> None:
        params = parameters.merged(entry, prompt)
        if isinstance(wanted := params.get("logprobs"), int) and not isinstance(wanted, bool):
            params = {**params, "logprobs": True, "top_logprobs": wanted}  # the completions form of the same wish
        self.most_output = parameters.most_output(params)
        form = parameters.response_format(prompt) or params.get("response_format")
        self._rest = _rest(entry, prompt, {**params, "response_format": form})

    def encode(self, rendered: Rendered) -> bytes:
        """Write the messages, then what is the same for every request."""
        return b'{"messages":' + msgspec.json.encode(parameters.spoken(rendered)) + self._rest

    def reply(self, payload: fields.JsonObject, headers: Headers) -> Reply:
        """Read the first choice's message."""
        _raise_old_error(payload)
        if not payload.get("choices") and _was_filtered(payload):
            return Reply(text="", finish_reason="content_filter", **_kept_books({}, payload, headers, Books()))
        return _chat_reply(payload, fields.first_object(payload, "choices"), headers)

    def parts(self) -> "ChatParts":
        """Return a collector for a streamed reply."""
        return ChatParts()


def _rest(entry: ModelEntry, prompt: Prompt, params: fields.JsonObject) -> bytes:
    rest = {"model": entry.model, **params, "grammar": prompt.grammar or params.get("grammar")}
    if entry.stream:
        rest |= {"stream": True, "stream_options": {"include_usage": True}}
    return parameters.encode_rest(rest, entry)


def _raise_old_error(payload: fields.JsonObject) -> None:
    """Raise what servers that knew no `error` key put in its place (vLLM, LMDeploy)."""
    if payload.get("object") == "error":
        raise fields.ErrorInReply(payload)


def _was_filtered(payload: fields.JsonObject) -> bool:
    """Tell whether Azure's filter says that it stopped the prompt."""
    results = payload.get("prompt_filter_results")
    verdicts = results if isinstance(results, list) else []
    found = [one.get("content_filter_results") for one in verdicts if isinstance(one, dict)]
    kinds = [kind for verdict in found if isinstance(verdict, dict) for kind in verdict.values()]
    return any(isinstance(kind, dict) and kind.get("filtered") is True for kind in kinds)


def _chat_reply(payload: fields.JsonObject, choice: fields.JsonObject, headers: Headers) -> Reply:
    """Read a choice with its message; a stream's collected choice is read by the same words."""
    books = Books()
    finish = finish_of(choice, payload, books)
    message = fields.object_at(choice, "message")
    if message is None:
        if not may_be_empty(finish):
            raise fields.Malformed("`choices[0].message` is missing")
        message = {}  # a filter or a limit left nothing of it
    return Reply(
        text=content_text(message),
        finish_reason=finish,
        refusal=books.text(message, "refusal"),
        tools=chat_tools(message),
        reasoning=kept(thoughts_of(message)),
        **_kept_books(choice, payload, headers, books),
    )


def _kept_books(
    choice: fields.JsonObject, payload: fields.JsonObject, headers: Headers, books: Books
) -> dict[str, Any]:
    """Read what only keeps books of a reply, once everything else was read."""
    return {
        "usage": at_tier(
            openai_usage(_usage_holder(choice, payload), books), books.text(payload, "service_tier"), headers
        ),
        "logprobs": books.logprobs(choice) if choice.get("logprobs") else (),
        "served_model": books.text(payload, "model"),
        "fingerprint": books.text(payload, "system_fingerprint"),
        "request_id": request_id(headers) or books.text(payload, "id"),
        "server_ns": server_ns(payload, headers),
        "odd": books.odd,
    }


def _usage_holder(choice: fields.JsonObject, payload: fields.JsonObject) -> fields.JsonObject:
    """Return what holds the usage: the reply, or where Groq's and Moonshot's streams put it."""
    if payload.get("usage") is not None:
        return payload
    groq = payload.get("x_groq")
    return groq if isinstance(groq, dict) and groq.get("usage") is not None else choice


class StreamedChoice:
    """What the chunks of a stream say beside the text: the last word on each counts."""

    def __init__(self) -> None:
        self._payload: fields.JsonObject = {}
        self._choice: fields.JsonObject = {}
        self._begun = False

    def next_choice(self, payload: fields.JsonObject) -> fields.JsonObject:
        """Keep what a chunk says of the reply; return its choice, empty in the chunk with the usage."""
        _raise_old_error(payload)
        said = payload.get("message") or payload.get("msg")
        if said and payload.get("code") and not (payload.get("choices") or payload.get("usage")):
            raise fields.ErrorInReply(payload)  # iFlytek, Baidu
        self._payload.update({key: value for key, value in payload.items() if value is not None})
        choices = fields.list_at(payload, "choices")
        choice = fields.first_object(payload, "choices") if choices else {}
        if choice.get("index"):
            return {}  # another of several choices: the first one is read
        self._begun = self._begun or bool(choices)
        kept_of = ("usage", *FINISH_FIELDS)
        self._choice.update({key: choice[key] for key in kept_of if choice.get(key)})
        if error := choice.get("error"):
            raise fields.ErrorInReply(error)
        return choice

    def finished(self, *, done: bool) -> bool:
        """Tell whether the reply is whole: a finish reason came, or the stream said that it was done."""
        said = any(self._choice.get(key) for key in FINISH_FIELDS)
        return said or (done and self._begun)


class ChatParts(StreamedChoice):
    """Collects the chunks of a streamed chat completion."""

    def __init__(self) -> None:
        super().__init__()
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._thoughts: list[str] = []
        self._logprobs: list[Any] = []
        self._tools = StreamedTools()

    def add(self, event: str, payload: fields.JsonObject) -> bool:  # noqa: ARG002 (chat chunks have no event name)
        """Take one chunk."""
        choice = self.next_choice(payload)
        logprobs = choice.get("logprobs")
        if isinstance(logprobs, dict) and isinstance(logprobs.get("content"), list):
            self._logprobs.extend(logprobs["content"])
        delta = fields.object_at(choice, "delta") or self._rest_of(choice)
        if isinstance(refusal := delta.get("refusal"), str):
            self._refusal.append(refusal)
        self._thoughts.append(thoughts_of(delta))
        self._tools.add(delta)
        text = content_text(delta)
        self._text.append(text)
        return bool(text)

    def _rest_of(self, choice: fields.JsonObject) -> fields.JsonObject:
        """Return what a message adds: MiniMax ends a stream with the whole of it, others send its parts."""
        message = fields.object_at(choice, "message") or {}
        before, whole = "".join(self._text), content_text(message)
        if not (before and choice.get("finish_reason") and whole.startswith(before)):
            return message
        return {"content": whole.removeprefix(before), "refusal": message.get("refusal")}

    def reply(self, headers: Headers) -> Reply:
        """All chunks as one reply."""
        message = {
            "content": "".join(self._text),
            "refusal": "".join(self._refusal),
            "reasoning": "".join(self._thoughts),
            **self._tools.whole(),
        }
        choice = {**self._choice, "message": message, "logprobs": {"content": self._logprobs}}
        return _chat_reply(self._payload, choice, headers)


class CompletionsCodec:
    """Text completions for one candidate."""

    path = "/completions"
    method = "POST"
    usual = None

    def __init__(self, entry: ModelEntry, prompt: Prompt) -> None:
        params = parameters.merged(entry, prompt)
        if params.get("logprobs") is True:  # the chat form of the same wish
            params = {**params, "logprobs": params.get("top_logprobs", 1)}
        params.pop("top_logprobs", None)
        self.most_output = parameters.most_output(params)
        schema = parameters.schema_of(prompt)
        self._rest = _rest(entry, prompt, {**params, "json_schema": schema["schema"] if schema else None})

    def encode(self, rendered: Rendered) -> bytes:
        """Write the text, then what is the same for every request."""
        if not isinstance(rendered, RenderedText):
            raise parameters.CannotEncode("a prompt with `messages` can't be sent as a text completion; give it `text`")
        return b'{"prompt":' + msgspec.json.encode(rendered.text) + self._rest

    def reply(self, payload: fields.JsonObject, headers: Headers) -> Reply:
        """Read the first choice's text."""
        _raise_old_error(payload)
        return _text_reply(payload, fields.first_object(payload, "choices"), headers)

    def parts(self) -> "CompletionsParts":
        """Return a collector for a streamed reply."""
        return CompletionsParts()


def _text_reply(payload: fields.JsonObject, choice: fields.JsonObject, headers: Headers) -> Reply:
    books = Books()
    finish = finish_of(choice, payload, books)
    text = fields.text_at(choice, "text")
    if text is None and not may_be_empty(finish):
        raise fields.Malformed("`choices[0].text` is missing")
    books_of = _kept_books(choice, payload, headers, books)
    return Reply(text=text or "", finish_reason=finish, reasoning=kept(thoughts_of(choice)), **books_of)


class CompletionsParts(StreamedChoice):
    """Collects the chunks of a streamed text completion."""

    def __init__(self) -> None:
        super().__init__()
        self._text: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self._odd = Books()

    def add(self, event: str, payload: fields.JsonObject) -> bool:  # noqa: ARG002 (these chunks have no event name)
        """Take one chunk."""
        choice = self.next_choice(payload)
        if choice.get("logprobs"):
            self._logprobs.extend(self._odd.logprobs(choice))
        text = fields.text_at(choice, "text") or ""
        self._text.append(text)
        return bool(text)

    def reply(self, headers: Headers) -> Reply:
        """All chunks as one reply."""
        reply = _text_reply(self._payload, {**self._choice, "text": "".join(self._text)}, headers)
        odd = (*self._odd.odd, *reply.odd)
        return msgspec.structs.replace(reply, logprobs=tuple(self._logprobs), odd=odd)
