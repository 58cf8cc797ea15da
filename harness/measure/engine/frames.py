"""What a child process and its parent say to each other over pipes: length-prefixed MessagePack frames."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from harness import errors
from harness.errors import HarnessError
from harness.measure.engine.contract import Outcome
from harness.measure.interference import Load
from harness.record import CaseRow, Event, Interference, Pace, Record, Session

_LENGTH = struct.Struct("<I")


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """The last frame of a child."""

    load: Load
    cut_off: int
    error: str = ""  # name of a class of errors.py
    message: str = ""
    fix: str = ""


Frame: TypeAlias = CaseRow | Session | Pace | Interference | Record | Ended

_encode = msgspec.msgpack.Encoder().encode
_decode: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)


def to_frame(event: Event | Ended) -> bytes:
    """Encode with its length in front."""
    body = _encode(event)
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Take bytes and yield the frames that are whole now."""
        self._rest += chunk
        start = 0
        while len(self._rest) - start >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._rest, start)
            end = start + _LENGTH.size + size
            if end > len(self._rest):
                break
            yield _decode.decode(bytes(self._rest[start + _LENGTH.size : end]))
            start = end
        del self._rest[:start]


def to_ended(outcome: Outcome) -> Ended:
    """Describe how an engine ended, for the parent."""
    error = outcome.error
    return Ended(
        load=outcome.load,
        cut_off=outcome.cut_off,
        error=type(error).__name__ if error is not None else "",
        message=error.message if error is not None else "",
        fix=error.fix if error is not None else "",
    )


def error_of(ended: Ended) -> HarnessError | None:
    """Make the child's error again."""
    if not ended.error:
        return None
    kind = getattr(errors, ended.error, errors.RunIncomplete)
    made: HarnessError = kind(ended.message, fix=ended.fix)
    return made
