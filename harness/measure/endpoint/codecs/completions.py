"""OpenAI's chat completions, which nearly every server speaks, and its older text completions.

Few-shot as plain text serves small models best: llama.cpp speaks both.
"""

from __future__ import annotations

import msgspec

from harness.files.project import ModelEntry
from harness.files.prompts import Prompt, Rendered, RenderedText
from harness.measure.endpoint.codecs import params as parameters
from harness.measure.endpoint.codecs.codec import CannotEncode, request_id, server_ns
from harness.measure.endpoint.codecs.fields import (
    JsonObject,
    Malformed,
    chat_logprobs,
    first_object,
    list_at,
    object_at,
    openai_usage,
    read_logprobs,
    text_at,
)
from harness.measure.endpoint.contract import Headers
from harness.record import Reply, TokenLogprob, Usage


class ChatCodec:
    """Chat completions for one candidate."""

    path = "/chat/completions"
    method = "POST"

    def __init__(self, entry: ModelEntry, prompt: Prompt) -> None:
        params = parameters.merged(entry, prompt)
        if isinstance(wanted := params.get("logprobs"), int) and not isinstance(wanted, bool):
            params = {
                **params,
                "logprobs": True,
                "top_logprobs": wanted,
            }  # the completions form of the same wish
        self.most_output = parameters.most_output(params)
        rest: JsonObject = {
            "model": entry.model,
            **params,
            "response_format": parameters.response_format(prompt) or params.get("response_format"),
            "grammar": prompt.grammar or params.get("grammar"),
        }
        if entry.stream:
            rest = {**rest, "stream": True, "stream_options": {"include_usage": True}}
        self._rest = parameters.encode_rest(rest)

    def encode(self, rendered: Rendered) -> bytes:
        """Write the messages, then what is the same for every request."""
        if isinstance(rendered, RenderedText):
            pairs: tuple[tuple[str, str], ...] = (("user", rendered.text),)
        else:
            pairs = rendered.messages
        messages = [{"role": role, "content": content} for role, content in pairs]
        return b'{"messages":' + msgspec.json.encode(messages) + self._rest

    def reply(self, payload: JsonObject, headers: Headers) -> Reply:
        """Read the first choice's message."""
        choice = first_object(payload, "choices")
        message = object_at(choice, "message")
        if message is None:
            raise Malformed("`choices[0].message` is missing")
        return Reply(
            text=content_text(message),
            finish_reason=text_at(choice, "finish_reason"),
            refusal=text_at(message, "refusal") or None,
            usage=openai_usage(payload),
            logprobs=read_logprobs(choice) if choice.get("logprobs") else (),
            served_model=text_at(payload, "model"),
            fingerprint=text_at(payload, "system_fingerprint"),
            request_id=request_id(headers) or text_at(payload, "id"),
            server_ns=server_ns(payload, headers),
        )

    def parts(self) -> ChatParts:
        """Return a collector for a streamed reply."""
        return ChatParts()


def content_text(message: JsonObject) -> str:
    """Return a message's content: a string, null, or a list of text parts."""
    content = message.get("content")
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [
            part for part in content if isinstance(part, dict) and part.get("type") in ("text", "output_text")
        ]
        return "".join(text_at(part, "text") or "" for part in parts)
    raise Malformed("`content` is neither a string nor a list of parts")


class ChatParts:
    """Collects the chunks of a streamed chat completion."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self._finish: str | None = None
        self._usage = Usage()
        self._last: JsonObject = {}
        self._timings: JsonObject = {}

    def add(self, event: str, payload: JsonObject) -> bool:  # noqa: ARG002 (chat chunks have no event name)
        """Take one chunk; the one with the usage has no choices."""
        self._last = payload
        if payload.get("usage") is not None:
            self._usage = openai_usage(payload)
        if payload.get("timings") is not None:
            self._timings = {"timings": payload["timings"]}
        if not list_at(payload, "choices"):
            return False
        choice = first_object(payload, "choices")
        self._finish = text_at(choice, "finish_reason") or self._finish
        if (logprobs := object_at(choice, "logprobs")) is not None:
            self._logprobs.extend(chat_logprobs(list_at(logprobs, "content") or []))
        delta = object_at(choice, "delta") or {}
        if refusal := text_at(delta, "refusal"):
            self._refusal.append(refusal)
        if text := content_text(delta):
            self._text.append(text)
        return bool(text)

    def finished(self) -> bool:
        """Tell whether a finish reason came."""
        return self._finish is not None

    def reply(self, headers: Headers) -> Reply:
        """All chunks as one reply."""
        return Reply(
            text="".join(self._text),
            finish_reason=self._finish,
            refusal="".join(self._refusal) or None,
            usage=self._usage,
            logprobs=tuple(self._logprobs),
            served_model=text_at(self._last, "model"),
            fingerprint=text_at(self._last, "system_fingerprint"),
            request_id=request_id(headers) or text_at(self._last, "id"),
            server_ns=server_ns(self._timings, headers),
        )


class CompletionsCodec:
    """Text completions for one candidate."""

    path = "/completions"
    method = "POST"

    def __init__(self, entry: ModelEntry, prompt: Prompt) -> None:
        params = parameters.rename_output_limit(parameters.merged(entry, prompt), "max_tokens")
        if params.get("logprobs") is True:  # the chat form of the same wish
            params = {**params, "logprobs": params.get("top_logprobs", 1)}
        params.pop("top_logprobs", None)
        self.most_output = parameters.most_output(params)
        schema = parameters.schema_of(prompt)
        rest: JsonObject = {
            "model": entry.model,
            **params,
            "json_schema": schema["schema"] if schema else None,
            "grammar": prompt.grammar or params.get("grammar"),
        }
        if entry.stream:
            rest = {**rest, "stream": True, "stream_options": {"include_usage": True}}
        self._rest = parameters.encode_rest(rest)

    def encode(self, rendered: Rendered) -> bytes:
        """Write the text, then what is the same for every request."""
        if not isinstance(rendered, RenderedText):
            raise CannotEncode("a prompt with `messages` can't be sent as a text completion; give it `text`")
        return b'{"prompt":' + msgspec.json.encode(rendered.text) + self._rest

    def reply(self, payload: JsonObject, headers: Headers) -> Reply:
        """Read the first choice's text."""
        choice = first_object(payload, "choices")
        text = text_at(choice, "text")
        if text is None:
            raise Malformed("`choices[0].text` is missing")
        return Reply(
            text=text,
            finish_reason=text_at(choice, "finish_reason"),
            usage=openai_usage(payload),
            logprobs=read_logprobs(choice) if choice.get("logprobs") else (),
            served_model=text_at(payload, "model"),
            fingerprint=text_at(payload, "system_fingerprint"),
            request_id=request_id(headers) or text_at(payload, "id"),
            server_ns=server_ns(payload, headers),
        )

    def parts(self) -> CompletionsParts:
        """Return a collector for a streamed reply."""
        return CompletionsParts()


class CompletionsParts:
    """Collects the chunks of a streamed text completion."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self._finish: str | None = None
        self._usage = Usage()
        self._last: JsonObject = {}
        self._timings: JsonObject = {}

    def add(self, event: str, payload: JsonObject) -> bool:  # noqa: ARG002 (these chunks have no event name)
        """Take one chunk; the one with the usage has no choices."""
        self._last = payload
        if payload.get("usage") is not None:
            self._usage = openai_usage(payload)
        if payload.get("timings") is not None:
            self._timings = {"timings": payload["timings"]}
        if not list_at(payload, "choices"):
            return False
        choice = first_object(payload, "choices")
        self._finish = text_at(choice, "finish_reason") or self._finish
        if choice.get("logprobs"):
            self._logprobs.extend(read_logprobs(choice))
        if text := text_at(choice, "text"):
            self._text.append(text)
        return bool(text)

    def finished(self) -> bool:
        """Tell whether a finish reason came."""
        return self._finish is not None

    def reply(self, headers: Headers) -> Reply:
        """All chunks as one reply."""
        return Reply(
            text="".join(self._text),
            finish_reason=self._finish,
            usage=self._usage,
            logprobs=tuple(self._logprobs),
            served_model=text_at(self._last, "model"),
            fingerprint=text_at(self._last, "system_fingerprint"),
            request_id=request_id(headers) or text_at(self._last, "id"),
            server_ns=server_ns(self._timings, headers),
        )
