"""A codec speaks one protocol: a rendered prompt to a request body, a response to a reply or a failure.

A codec is made once per candidate: whatever is the same for all requests is resolved and encoded then. It is
pure: no clock, no network. Its readers may raise `Malformed`; `decode` and `StreamReader` turn that, error
objects inside a 200 and every other status into a `Failure`, in one place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from harness.files.prompts import Rendered
from harness.measure.endpoint import failure_map
from harness.measure.endpoint.codecs.fields import JsonObject, Malformed, number_at, object_at, parse_object
from harness.measure.endpoint.contract import Headers
from harness.measure.endpoint.secrets import short
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


_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name (`message` unless the server gave one) and its data."""

    name: str
    data: bytes


class EventParser:
    """Feed it bytes; it gives the events that they complete."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._searched = 0  # no line end before this place of `_pending`
        self._started = False
        self._name = ""
        self._lines: list[bytes] = []

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes."""
        self._pending += chunk
        events = []
        for line in self._whole_lines():
            event = self._take(line)
            if event is not None:
                events.append(event)
        return events

    def _whole_lines(self) -> list[bytes]:
        lines: list[bytes] = []
        start, buffer = 0, self._pending
        for end in _LINE_END.finditer(buffer, self._searched):
            if end.end() == len(buffer) and end.group() == b"\r":
                break  # the LF that belongs to it may come with the next chunk
            lines.append(bytes(buffer[start : end.start()]))
            start = end.end()
        rest = len(buffer) - start
        self._searched = max(0, rest - 1)
        del buffer[:start]
        if lines and not self._started:
            self._started = True
            lines[0] = lines[0].removeprefix(_BOM)
        return lines

    def _take(self, line: bytes) -> Event | None:
        if not line:
            name, lines = self._name or "message", self._lines
            self._name, self._lines = "", []
            return Event(name, b"\n".join(lines)) if lines else None
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._lines.append(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
        return None


_MOST_TOKENS = 4096  # arrival times kept; a classifier's reply has a handful


class StreamReader:
    """The sink of one streamed exchange."""

    def __init__(self, parts: StreamParts) -> None:
        self._parts = parts
        self._events = EventParser()
        self._failure: Failure | None = None
        self._done = False
        self.tokens_ns: list[int] = []

    def __call__(self, chunk: bytes, at_ns: int) -> bool:
        """Take a chunk that arrived at this offset; true when the stream is over for us."""
        return any(self._take(event, at_ns) for event in self._events.feed(chunk))

    def outcome(self, status: int, headers: Headers) -> Reply | Failure:
        """Return what became of the stream, after its end."""
        if self._failure is not None:
            return self._failure
        if not self._parts.finished():
            said = "said that it was done" if self._done else "ended"
            return Failure(
                kind="stream_cut", message=f"the stream {said} before its finish reason came", status=status
            )
        try:
            return self._parts.reply(headers)
        except Malformed as problem:
            return _invalid(problem, status)

    def _take(self, event: Event, at_ns: int) -> bool:
        if event.data == b"[DONE]":
            self._done = True
            return True
        try:
            payload = parse_object(event.data)
            if (error := _error_in(event, payload)) is not None:
                self._failure = failure_map.from_error_object(error, None)
                return True
            if self._parts.add(event.name, payload) and len(self.tokens_ns) < _MOST_TOKENS:
                self.tokens_ns.append(at_ns)
        except Malformed as problem:
            self._failure = _invalid(problem, None)
            return True
        return False


def _error_in(event: Event, payload: JsonObject) -> object:
    """Return the error that an event reports, in whichever place its protocol puts it."""
    if (error := payload.get("error")) is not None:
        return error
    if event.name == "error" or payload.get("type") == "error":
        return payload
    response = payload.get("response")  # OpenAI's Responses: `response.failed`
    return response.get("error") if isinstance(response, dict) else None


def _invalid(problem: Malformed, status: int | None) -> Failure:
    return Failure(kind="invalid_reply", message=short(f"bad chunk: {problem}"), status=status)
