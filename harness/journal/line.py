"""One line of a journal: encode an event, check and decode a line."""

import json
import re
import struct
import zlib
from typing import TypeAlias

import msgspec

from harness.record import Batch, CaseRow, Event, Interference, Pace, Record, Refused, Session, Stopped, Waiting

# 2 added the event `refused`, 3 `settled`, 4 `batch` and `waiting`: an older reader would call their lines damaged.
SCHEMA_VERSION = 4

LONGEST_LINE = 64 << 20  # bytes: eight times the largest body of a reply, which JSON's escapes make longer

BEGIN = b'{"crc":"'  # what no line holds elsewhere: within a string its quotes are escaped
PREFIX = 18  # len(b'{"crc":"9a0b3c11",')

_SEQ = PREFIX + len(b'"seq":')


class Header(msgspec.Struct, frozen=True, kw_only=True, tag="header"):
    """The first event of every journal."""

    schema_version: int
    run_id: str


AnyEvent: TypeAlias = Header | CaseRow | Session | Pace | Refused | Stopped | Batch | Waiting | Interference | Record


class _Line(msgspec.Struct, frozen=True, gc=False):
    seq: int
    event: AnyEvent


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Line).decode
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


class NotALine(Exception):
    """Why some bytes are not a line of a journal; the reader adds where they stand."""


def encode_line(seq: int, event: Event | Header) -> bytes:
    """Encode with sequence number and checksum, LF included."""
    rest = _ascii(_Line(seq, event))[1:]
    return b'{"crc":"%08x",%b\n' % (zlib.crc32(rest), rest)


def check_line(line: bytes) -> None:
    """Raise NotALine unless the line is whole: shape, checksum, LF."""
    if not line.endswith(b"\n"):
        raise NotALine("it has no line end")
    if line[:8] != BEGIN or line[16:PREFIX] != b'",':
        raise NotALine("it does not begin as a journal line")
    if line[8:16] != b"%08x" % zlib.crc32(line[PREFIX:-1]):
        raise NotALine("its checksum does not match its content")


def whole_of(lines: list[bytes]) -> int:
    """Give how many lines are whole before the first that is not; their LF was taken."""
    sums = struct.pack(f">{len(lines)}I", *map(zlib.crc32, [line[PREFIX:] for line in lines])).hex("|", 4)
    heads = '{"crc":"' + sums.replace("|", '",{"crc":"') + '",'
    if b"".join([line[:PREFIX] for line in lines]) == heads.encode():  # one comparison for the usual case
        return len(lines)
    return next((n for n, line in enumerate(lines) if len(lines) == 1 or not whole_of([line])), 0)


def decode_lines(lines: list[bytes], seq: int) -> list[Event] | None:
    """Decode checked lines that are due from a number on; None where one of them wants a closer look."""
    try:
        decoded = list(map(_decode, lines))
    except (msgspec.DecodeError, UnicodeError):
        return None
    if [line.seq for line in decoded] != list(range(seq, seq + len(lines))):
        return None
    events = [line.event for line in decoded]
    return events if seq and Header not in set(map(type, events)) else None  # type: ignore[return-value]


def decode_line(line: bytes, seq: int) -> Event | Header:
    """Decode a checked line and compare its sequence number."""
    try:
        decoded = _decode(line)
    except (msgspec.DecodeError, UnicodeError):
        decoded = _decode_slowly(line)
    if decoded.seq != seq:
        raise NotALine(f"it has sequence number {decoded.seq} where {seq} was due")
    return decoded.event


def sequence_of(line: bytes) -> int:
    """Give the sequence number that a checked line says of itself."""
    digits = line[_SEQ : line.find(b",", _SEQ)]
    if line[PREFIX:_SEQ] != b'"seq":' or not digits.isdigit():
        raise NotALine("it has no sequence number")
    return int(digits)


def _ascii(line: _Line) -> bytes:
    try:
        encoded = _encode(line)
    except UnicodeEncodeError:  # a lone surrogate: JSON can escape it, UTF-8 can't hold it
        return json.dumps(msgspec.to_builtins(line), separators=(",", ":")).encode("ascii")
    if encoded.isascii():
        return encoded
    # Outside strings JSON is ASCII, so every other character may be escaped where it stands.
    return _NOT_ASCII.sub(lambda m: json.dumps(m.group())[1:-1], encoded.decode()).encode("ascii")


def _decode_slowly(line: bytes) -> _Line:
    """Decode lone surrogates too, which msgspec refuses."""
    try:
        return msgspec.convert(json.loads(line), _Line)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise NotALine(f"its event is not understood ({error})") from None
