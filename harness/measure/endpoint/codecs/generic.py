"""Any JSON service over HTTP (`endpoint: http`): a templated body, JSON pointers to what is wanted.

harness.yml is trusted, so its templates are; case inputs are data that fill them and are never parsed.
Templates see the inputs of the case, and, unless an input has that name, `prompt` (the rendered text) and
`messages`.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
from jinja2 import StrictUndefined, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from harness.measure.endpoint.codecs import params as parameters
from harness.measure.endpoint.codecs.books import Books, Headers, request_id, server_ns, with_thoughts_beside
from harness.measure.endpoint.codecs.fields import JsonObject, Malformed, value_at
from harness.measure.endpoint.codecs.message import finish_of, may_be_empty
from harness.measure.endpoint.codecs.params import ModelEntry, Rendered, UsageError
from harness.record import Reply, Usage

Fill: TypeAlias = Callable[[JsonObject], Any]

DEFAULT_BODY = {"prompt": "{{ prompt }}"}
# Where services say why a reply ended, unless the entry's `finish` says it: Cohere, Ollama, Bedrock, Gemini, watsonx,
# DashScope. One that was cut or held back must not look whole because nobody wrote that.
_FINISH_PLACES = (
    *("/finish_reason", "/done_reason", "/stopReason", "/stop_reason", "/candidates/0/finishReason"),
    *("/results/0/stop_reason", "/choices/0/finish_reason", "/output/choices/0/finish_reason"),
)


class GenericCodec:
    """A JSON service as one entry of harness.yml describes it."""

    path = ""

    def __init__(self, name: str, entry: ModelEntry) -> None:
        if entry.reply is None:
            raise UsageError(
                f"models.{name}: no `reply`", fix="Name the place of the label by a JSON pointer: `reply: /label`."
            )
        self.method: str = entry.method
        self.most_output = parameters.most_output(entry.params)
        self._reply, self._score, self._usage = entry.reply, entry.score, dict(entry.usage)
        self._finish = entry.finish
        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
        try:
            self._fill = _compile(DEFAULT_BODY if entry.body is None else entry.body, environment)
        except TemplateError as error:
            raise UsageError(f"models.{name}.body: {error}", fix="Correct the template in harness.yml.") from None

    def encode(self, rendered: Rendered) -> bytes:
        """Fill the body's templates."""
        messages = parameters.spoken(rendered)
        values = {"prompt": "\n\n".join(each["content"] for each in messages), "messages": messages}
        try:
            filled = self._fill({**values, **rendered.inputs})
        except TemplateError as error:
            raise parameters.CannotEncode(f"`body` of harness.yml: {error}") from None
        except Exception as error:  # a template that a person wrote is never a fault of the harness
            raise parameters.CannotEncode(f"`body` of harness.yml: {type(error).__name__}: {error}") from None
        return msgspec.json.encode(filled)

    def usual(self, body: bytes, headers: Headers) -> Reply | None:
        """Read what is no object: a list, as classifiers give it (Hugging Face), or a label alone (`reply: ""`)."""
        try:
            whole = None if body[:1] == b"{" else msgspec.json.decode(body)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            return None
        return None if whole is None else self.reply(whole, headers)

    def reply(self, payload: object, headers: Headers) -> Reply:
        """Follow the pointers."""
        books = Books()
        read = {key: value_at(payload, place) for key, place in self._usage.items()}
        counts = {str(key): books.count(value, f"usage.{key}") for key, value in read.items()}
        thought = counts.pop("reasoning", None)
        usage = msgspec.convert(counts, Usage)
        places = _FINISH_PLACES if self._finish is None else (self._finish,)
        finish = next((said for place in places if (said := value_at(payload, place)) is not None), None)
        found = value_at(payload, self._reply)
        if found is None and value_at(payload, "/promptFeedback/blockReason"):  # Gemini's filter of prompts
            finish = "content_filter"
        ended = finish_of({"finish_reason": finish}, {}, books)
        left_nothing = found is None and may_be_empty(ended)
        return Reply(
            text="" if left_nothing else _as_text(found, self._reply),
            finish_reason=ended,
            usage=with_thoughts_beside(usage, thought) if thought else usage,
            score=None if self._score is None else books.number(value_at(payload, self._score), "score"),
            request_id=request_id(headers),
            server_ns=server_ns(payload if isinstance(payload, dict) else {}, headers),
            odd=books.odd,
        )


def template_variables(body: object) -> set[str]:
    """Return the names that a body's templates use, `prompt` and `messages` left out."""
    if isinstance(body, str):
        try:
            parsed = ImmutableSandboxedEnvironment().parse(body)
            return meta.find_undeclared_variables(parsed) - {"prompt", "messages"}
        except TemplateError:
            return set()  # who makes the codec is told
    if isinstance(body, dict):
        return set().union(*(template_variables(value) for value in body.values()))
    if isinstance(body, (list, tuple)):
        return set().union(*(template_variables(value) for value in body))
    return set()


def _compile(written: object, environment: ImmutableSandboxedEnvironment) -> Fill:
    """Turn a body as written into a function of the values; only texts with a template cost anything."""
    if isinstance(written, str):
        if "{" not in written:
            return lambda _values: written
        return environment.from_string(written).render
    if isinstance(written, dict):
        members = {str(key): _compile(value, environment) for key, value in written.items()}
        return lambda values: {key: fill(values) for key, fill in members.items()}
    if isinstance(written, (list, tuple)):
        items = [_compile(value, environment) for value in written]
        return lambda values: [fill(values) for fill in items]
    return lambda _values: written


def _as_text(value: object, pointer: str) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        raise Malformed(f"the reply has nothing at {pointer}")
    # A label may be a number or a boolean there; an object is left to the suite's own reply rule.
    return msgspec.json.encode(value).decode()
