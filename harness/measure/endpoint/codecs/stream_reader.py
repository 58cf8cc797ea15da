"""A streamed reply, from its first byte to its sign of completeness: complete or failed, nothing between.

The clock of a stream: every event that brings content is stamped with the arrival of the chunk that completed
it. The reply is complete when the protocol says so (a finish reason); `[DONE]` alone is not enough, and after
the finish reason only the usage may still follow.
"""

from __future__ import annotations

from harness.measure.endpoint import failure_map
from harness.measure.endpoint.codecs.codec import StreamParts
from harness.measure.endpoint.codecs.fields import JsonObject, Malformed, parse_object
from harness.measure.endpoint.codecs.sse import Event, EventParser
from harness.measure.endpoint.secrets import short
from harness.measure.endpoint.transports.hints import Headers
from harness.record import Failure, Reply

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
