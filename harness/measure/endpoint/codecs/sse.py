"""Server-sent events: a push parser over bytes, in any chunking, with CR, LF or CRLF line ends.

Follows the WHATWG definition: comments and unknown fields are dropped, several `data` lines join with LF, an
event without data is none, an event that is not closed by an empty line is none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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
