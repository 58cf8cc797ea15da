"""Lines are read and checked many at a time; how many they are, and what is odd among them, leaves no trace."""

from __future__ import annotations

import zlib
from pathlib import Path

import msgspec
import pytest
from journalled import reply_record, some_events, write_journal

from harness.errors import JournalDamaged
from harness.journal import read_events, reader
from harness.record import Event, Record

JOURNAL = "journal.jsonl"
SIZES = [1, 37, 400, 1 << 16]


def surrogate(number: int) -> Record:
    record = reply_record(number)
    return msgspec.structs.replace(record, outcome=msgspec.structs.replace(record.outcome, text="half \ud83d of it"))


EVENTS: list[Event] = [*some_events(), *map(reply_record, range(40)), surrogate(40), *map(reply_record, range(41, 60))]


def read(path: Path) -> tuple[list[Event], str]:
    """Give what is read, and the error that ends it."""
    found: list[Event] = []
    try:
        found.extend(read_events(path))
    except JournalDamaged as error:
        return found, str(error)
    return found, ""


def line(rest: bytes) -> bytes:
    return b'{"crc":"%08x",%b\n' % (zlib.crc32(rest), rest)


def two_in_one(whole: bytes) -> bytes:
    return line(whole[18:-1] + whole[:-1])


def half(whole: bytes) -> bytes:
    return line(whole[18:-2] + b',"more":[')


@pytest.mark.parametrize("chunk", SIZES)
def test_events_are_the_same_however_many_lines_are_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    write_journal(tmp_path / JOURNAL, EVENTS)
    monkeypatch.setattr(reader, "_CHUNK", chunk)
    assert read(tmp_path / JOURNAL) == (EVENTS, "")


@pytest.mark.parametrize("chunk", SIZES)
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (two_in_one, "its event is not understood"),
        (half, "its event is not understood"),
        (lambda whole: whole.replace(b'"seq":2', b'"seq":3'), "its checksum does not match"),
        (lambda whole: line(whole[18:-1].replace(b'"seq":2', b'"seq":3')), "sequence number 3"),
        (lambda whole: whole.replace(b'"crc":"', b'"crc": "'), "does not begin as a journal line"),
        (lambda whole: b"\n" + whole, "does not begin as a journal line"),
        (lambda whole: line(b'"seq":20,"event":{"type":"header","schema_version":4,"run_id":"r"}}'), "second header"),
    ],
)
def test_the_events_before_a_spoilt_line_are_given_and_then_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, spoil: object, why: str
) -> None:
    path = tmp_path / JOURNAL
    write_journal(path, EVENTS)
    lines = path.read_bytes().splitlines(keepends=True)
    before = sum(map(len, lines[:20]))
    path.write_bytes(b"".join([*lines[:20], spoil(lines[20]), *lines[21:]]))  # type: ignore[operator]
    monkeypatch.setattr(reader, "_CHUNK", chunk)
    events, error = read(path)
    assert events == EVENTS[:19]
    assert f"line 21 (byte {before}) is damaged" in error
    assert why in error
