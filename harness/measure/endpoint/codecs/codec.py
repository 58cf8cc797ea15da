"""A codec speaks one protocol: a rendered prompt to a request body, a response to a reply or a failure.

A codec is made once per candidate: whatever is the same for all requests is resolved and encoded then. It is
pure: no clock, no network. Its readers may raise `Malformed`; `decode` and `StreamReader` turn that, error
objects inside a 200 and every other status into a `Failure`, in one place.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from harness.files.prompts import Rendered
from harness.measure.endpoint import failure_map
from harness.measure.endpoint.codecs.fields import JsonObject, Malformed, number_at, object_at, parse_object
from harness.measure.endpoint.secrets import short
from harness.measure.endpoint.transports.hints import Headers
from harness.record import Failure, Reply


class CannotEncode(Exception):
    """A rendered prompt can't be carried by this protocol; the message says why."""


class StreamParts(Protocol):
    """Collects the events of one streamed reply."""

    def add(self, event: str, payload: JsonObject) -> bool:
        """Take one event; true when it brought content. May raise `Malformed`."""
        ...

    def finished(self) -> bool:
        """Whether the protocol's own sign of completeness was seen."""
        ...

    def reply(self, headers: Headers) -> Reply:
        """Return the complete reply. May raise `Malformed`."""
        ...


class Codec(Protocol):
    """One protocol for one candidate."""

    path: str  # appended to the base URL
    method: str
    most_output: int  # tokens that may be generated at most, for tokens/min

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
    """Read one complete response; never raises, whatever the body holds."""
    if not 200 <= status < 300:
        if failure_map.is_content_filter(status, body):
            return Reply(text="", finish_reason="content_filter", request_id=request_id(headers))
        return failure_map.from_status(status, body, headers.get("location"))
    try:
        payload = parse_object(body)
        if (error := payload.get("error")) is not None and error != "":
            return failure_map.from_error_object(error, status)
        return codec.reply(payload, headers)
    except Malformed as problem:
        return Failure(kind="invalid_reply", message=short(str(problem)), status=status)


def request_id(headers: Headers) -> str | None:
    """Return the id by which the provider's support finds this request."""
    return headers.get("x-request-id") or headers.get("request-id") or headers.get("apim-request-id")


def server_ns(payload: JsonObject, headers: Headers) -> int | None:
    """Return the processing time that the server itself reports; a nonsensical one counts as none."""
    try:
        timings = object_at(payload, "timings")  # llama.cpp
        if timings is not None:
            millis = (number_at(timings, "prompt_ms") or 0.0) + (number_at(timings, "predicted_ms") or 0.0)
        else:
            millis = float(
                headers.get("openai-processing-ms") or headers.get("x-envoy-upstream-service-time") or -1.0
            )
    except (Malformed, ValueError):
        return None
    return round(millis * 1e6) if 0 <= millis < 1e9 else None
