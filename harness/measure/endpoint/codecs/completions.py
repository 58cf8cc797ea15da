"""OpenAI text completions, also llama.cpp's: few-shot as plain text serves small models best."""

from __future__ import annotations

import msgspec

from harness.files.project import ModelEntry
from harness.files.prompts import Prompt, Rendered, RenderedText
from harness.measure.endpoint.codecs import params as parameters
from harness.measure.endpoint.codecs.codec import CannotEncode, request_id, server_ns
from harness.measure.endpoint.codecs.fields import JsonObject, Malformed, first_object, list_at, text_at
from harness.measure.endpoint.codecs.tokens import openai_usage, read_logprobs
from harness.measure.endpoint.transports.hints import Headers
from harness.record import Reply, TokenLogprob, Usage


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
