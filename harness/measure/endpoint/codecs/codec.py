"""A codec speaks one protocol: a rendered prompt to a request body, a response to a reply or a failure.

A codec is made once per candidate: whatever is the same for all requests is resolved and encoded then. It is
pure: no clock, no network. Its readers may raise `Malformed` and `ErrorInReply`; `decode` and `StreamReader`
turn those, error objects inside a 200 and every other status into a `Failure`.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from harness.files.prompt import Rendered
from harness.measure.endpoint import failure_map
from harness.measure.endpoint.codecs.books import Headers, request_id
from harness.measure.endpoint.codecs.fields import ErrorInReply, JsonObject, Malformed, parse_object
from harness.measure.endpoint.provider_errors import error_of
from harness.measure.endpoint.secrets import short
from harness.record import Failure, Reply


class StreamParts(Protocol):
    """Collects the events of one streamed reply."""

    def add(self, event: str, payload: JsonObject) -> bool:
        """Take one event; true when it brought content. May raise `Malformed`, `ErrorInReply`."""
        ...

    def finished(self, *, done: bool) -> bool:
        """Whether the reply is whole; `done`: the stream said `[DONE]`, as unstreamed replies end."""
        ...

    def reply(self, headers: Headers) -> Reply:
        """Return the complete reply. May raise `Malformed`."""
        ...


class Codec(Protocol):
    """One protocol for one candidate."""

    path: str  # appended to the base URL
    method: str
    most_output: int  # tokens that may be generated at most, for tokens/min

    @property
    def usual(self) -> Callable[[bytes, Headers], Reply | None] | None:
        """What reads a 200 that is as most are in one step; gives None for any other."""
        ...

    def encode(self, rendered: Rendered) -> bytes:
        """Return the request body. Raises `CannotEncode`."""
        ...

    def reply(self, payload: JsonObject, headers: Headers) -> Reply:
        """Return the reply of a 200's JSON object. May raise `Malformed`."""
        ...


@runtime_checkable
class StreamingCodec(Codec, Protocol):
    """A protocol that can also stream."""

    def parts(self) -> StreamParts:
        """Return a new, empty collector."""
        ...


def decode(codec: Codec, status: int, headers: Headers, body: bytes) -> Reply | Failure:
    """Read one complete response that is JSON; never raises, whatever the body holds."""
    if not 200 <= status < 300:
        reply = _said_in_error(failure_map.error_in(body), headers) if 400 <= status < 500 else None
        return failure_map.from_status(status, body, headers.get("location")) if reply is None else reply
    try:
        if codec.usual is not None and (reply := codec.usual(body, headers)) is not None:
            return reply
        payload = parse_object(body)
        if error := error_of(payload):
            raise ErrorInReply(error)
        return codec.reply(payload, headers)
    except Malformed as problem:
        return _no_reply(problem, status, headers, body)
    except ErrorInReply as ended:
        return of_error(ended.error, status, headers)


def _no_reply(problem: Malformed, status: int, headers: Headers, body: bytes) -> Reply | Failure:
    """Return what a 200 means that holds no reply: by its own code, where it names one in place of an `error`."""
    error = failure_map.error_in(body) or {}
    if (reply := _said_in_error(error, headers)) is not None:
        return reply
    said = f"{problem}: {failure_map.told_by(body)}".removesuffix(": ")
    return Failure(kind=failure_map.kind_said(error) or "invalid_reply", message=short(said), status=status)


def of_error(error: object, status: int | None, headers: Headers) -> Reply | Failure:
    """Return what an error object in place of an answer means: a failure, or an answer that was withheld."""
    reply = _said_in_error(error, headers)
    return failure_map.from_error_object(error, status) if reply is None else reply


def _said_in_error(error: object, headers: Headers) -> Reply | None:
    """Return the reply of a filter that stopped the prompt, or what Groq's check of schemas and tools held back.

    Both are what the model made of the prompt, an outcome and not a failure.
    """
    said = error.get("failed_generation") if isinstance(error, dict) else None
    if isinstance(said, str):
        cut = said.startswith("max completion tokens reached")
        return Reply(text="" if cut else said, finish_reason="length" if cut else None, request_id=request_id(headers))
    words = failure_map.filter_s_words(error)
    if words is None:
        return None
    return Reply(text="", finish_reason="content_filter", refusal=short(words) or None, request_id=request_id(headers))
