"""Server-sent events, as they are sent: what a stream's bytes spell, and what became of the stream.

A stream is known by its form, not by its content type: proxies name either as the other. A JSON body that
comes where events were asked for is read as the unstreamed reply that it is, events that come as a plain body
are read as a stream. Comments, pings, blank data, an unknown field, a last event without its blank line, and
an error in place of data (llama.cpp's `error:` line, Ollama's bare JSON) are all met in the wild.
"""

import re
from dataclasses import dataclass

from harness.measure.endpoint.codecs.codec import (
    Codec,
    Failure,
    Headers,
    Reply,
    StreamingCodec,
    decode,
    of_error,
    short,
)
from harness.measure.endpoint.codecs.fields import BOM, ErrorInReply, JsonObject, Malformed, parse_object
from harness.measure.endpoint.provider_errors import error_of

_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class StreamEvent:
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

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        """Take the next bytes."""
        self._pending += chunk
        events = []
        for line in self._whole_lines():
            event = self._take(line)
            if event is not None:
                events.append(event)
        return events

    def rest(self) -> list[StreamEvent]:
        """Return the event that the end of the stream left without its blank line."""
        return self.feed(b"\n\n") if self._pending or self._lines else []

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
            lines[0] = lines[0].removeprefix(BOM)
        return lines

    def _take(self, line: bytes) -> StreamEvent | None:
        if not line:
            name, lines = self._name or "message", self._lines
            self._name, self._lines = "", []
            return StreamEvent(name, b"\n".join(lines)) if lines else None
        if line.startswith(b"{") and not self._lines:
            return StreamEvent(self._name or "message", line)
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._lines.append(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
        elif field == b"error":
            self._name = "error"
            self._lines.append(value)
        return None


_PINGS = frozenset({"ping", "keepalive", "keep-alive", "heartbeat"})
_MOST_TOKENS = 4096  # arrival times kept; a classifier's reply has a handful


class StreamReader:
    """The sink of one streamed exchange."""

    def __init__(self, codec: StreamingCodec) -> None:
        self._codec = codec
        self._parts = codec.parts()
        self._events = EventParser()
        self._start: bytearray | None = bytearray()  # until it tells whether this is JSON or a stream of events
        self._json: bytearray | None = None
        self._ended_by: ErrorInReply | Malformed | None = None
        self._done = False
        self.tokens_ns: list[int] = []

    def __call__(self, chunk: bytes, at_ns: int) -> bool | None:
        """Take a chunk that arrived at this offset; true when the stream is over for us, None before any content."""
        if self._json is not None:
            self._json += chunk
            return False
        if self._start is not None:
            self._start += chunk
            begun = bytes(self._start).lstrip(BOM + b" \t\r\n")
            if not begun:
                return None
            if begun[:1] in (b"{", b"[", b"<"):  # one JSON document, or a page in its place
                self._json = self._start
                return False
            chunk, self._start = bytes(self._start), None
        over = any(self._take(event, at_ns) for event in self._events.feed(chunk))
        return over or (False if self.tokens_ns else None)

    def outcome(self, status: int, headers: Headers) -> Reply | Failure:
        """Return what became of the stream, after its end."""
        if self._json is not None:
            return decode(self._codec, status, headers, bytes(self._json))
        if self._ended_by is None and not self._done:
            any(self._take(event, None) for event in self._events.rest())
        try:
            if self._ended_by is not None:
                raise self._ended_by
            if not self._parts.finished(done=self._done):
                return _cut(status, done=self._done)
            return self._parts.reply(headers)
        except Malformed as problem:
            return Failure(kind="invalid_reply", message=short(f"bad chunk: {problem}"), status=status)
        except ErrorInReply as ended:
            return of_error(ended.error, status, headers)

    def _take(self, event: StreamEvent, at_ns: int | None) -> bool:
        said = event.data.strip()
        if said == b"[DONE]":
            self._done = True
            return True
        if said in (b"", b"null") or event.name in _PINGS:
            return False
        try:
            payload = parse_object(said)
            if error := _error_in(event, payload):
                raise ErrorInReply(error)
            kind = payload.get("type")
            brought = self._parts.add(kind if kind and isinstance(kind, str) else event.name, payload)
        except (Malformed, ErrorInReply) as problem:
            self._ended_by = problem
            return True
        if brought and at_ns is not None and len(self.tokens_ns) < _MOST_TOKENS:
            self.tokens_ns.append(at_ns)
        return False


def is_events(body: bytes) -> bool:
    """Tell whether a whole body is a stream of events, whatever its content type says."""
    return body.lstrip(BOM + b" \t\r\n").startswith((b"data:", b"event:", b"id:", b"retry:", b":"))


def decode_whole(codec: Codec, status: int, headers: Headers, body: bytes) -> Reply | Failure:
    """Read one complete response, which may be a stream of events that came as a plain body."""
    if body[:1] == b"{" or not (200 <= status < 300 and is_events(body) and isinstance(codec, StreamingCodec)):
        return decode(codec, status, headers, body)
    reader = StreamReader(codec)
    reader(body, 0)
    return reader.outcome(status, headers)


def _cut(status: int, *, done: bool) -> Failure:
    said = "said that it was done" if done else "ended"
    return Failure(kind="stream_cut", message=f"the stream {said} before its finish reason came", status=status)


def _error_in(event: StreamEvent, payload: JsonObject) -> object:
    """Return the error that an event reports, in whichever place its protocol puts it."""
    if error := error_of(payload):
        return error
    if event.name == "error" or payload.get("type") == "error":
        return payload
    response = payload.get("response")  # OpenAI's Responses: `response.failed`
    return response.get("error") if isinstance(response, dict) else None
