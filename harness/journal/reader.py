"""Read a journal: events in order, the torn tail left out, damage refused."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import msgspec

from harness.errors import JournalDamaged, StorageFailed
from harness.journal.line import (
    BEGIN,
    LONGEST_LINE,
    SCHEMA_VERSION,
    Batch,
    Event,
    Header,
    Interference,
    NotALine,
    Record,
    Session,
    Waiting,
    check_line,
    decode_line,
    decode_lines,
    sequence_of,
    whole_of,
)

_CHUNK = 1 << 16  # bytes: their lines and events stay in the cache of a core
_TAIL = 4096  # bytes in which the lines stand that end a session
_LISTED: Any = Session | Interference | Batch | Waiting | Record


@dataclass(frozen=True, slots=True)
class Recovery:
    """What `recover` found: where whole lines end, how many there are, where the torn bytes went."""

    offset: int
    lines: int
    torn: Path | None


def read_events(path: Path) -> Iterator[Event]:
    """Yield every event after the header in order; stops before a torn tail.

    Raises JournalDamaged, naming line and byte offset, at anything else that is wrong.
    """
    for events in Range(path, 0, None, seq=0):
        yield from events


class Placed(NamedTuple):
    """An event and where its line stands, so that it can be read again alone."""

    seq: int
    offset: int
    length: int
    event: Event | Header


def read_placed(path: Path, *, seq: int = 0, offset: int = 0) -> Iterator[Placed]:
    """Yield the events from a line on, header included, as `read_events` does: for following a live run."""
    for first, begin, lines in _whole_lines(path, first=seq, offset=offset):
        at = begin
        for number, line in enumerate(lines, first):
            yield Placed(number, at, len(line) + 1, _decoded(path, number, at, line))
            at += len(line) + 1


def read_at(path: Path, places: Iterable[tuple[int, int, int]]) -> Iterator[Event | Header]:
    """Yield single events by (sequence, byte offset, length); JournalDamaged where it is another line."""
    with open_plain(path) as journal:
        for seq, offset, length in places:
            journal.seek(offset)
            line = journal.read(length)
            try:
                check_line(line)
            except NotALine as why:
                raise _damaged(path, seq, offset, str(why)) from None
            yield _decoded(path, seq, offset, line)


class Range:
    """The events of the lines from one byte to before another (None: to the end of the file), many at a time.

    Each of those bytes begins a line. `seq` is the number that is due for the first line; without it the line's own is
    taken. `first` is that number, `due` the one that is due after what was read. As `read_events` else.
    """

    def __init__(self, path: Path, begin: int, end: int | None, *, seq: int | None = None) -> None:
        self._path, self._begin, self._end = path, begin, end
        self.first = self.due = seq if begin else 0

    def __iter__(self) -> Iterator[list[Event]]:
        for _, offset, lines in _whole_lines(self._path, first=self.due or 0, offset=self._begin, end=self._end):
            if self.due is None:
                self.first = self.due = sequence_of(lines[0])
            events = decode_lines(lines, self.due)
            if events is None:
                yield from self._one_by_one(lines, self.due, offset)
            else:
                yield events
            self.due += len(lines)

    def _one_by_one(self, lines: list[bytes], seq: int, offset: int) -> Iterator[list[Event]]:
        """Give the events of lines among which is a header, one that msgspec does not take, or damage after them."""
        events: list[Event] = []
        try:
            for number, line in enumerate(lines, seq):
                event = _decoded(self._path, number, offset, line)
                offset += len(line) + 1
                if not isinstance(event, Header):
                    events.append(event)
        except JournalDamaged:
            yield events
            raise
        yield events


def iter_records(path: Path, *, warmup: bool = False) -> Iterator[Record]:
    """Yield the records of trials in the order in which they ended; warm-up calls only when asked for."""
    for event in read_events(path):
        if isinstance(event, Record) and (warmup or not event.warmup):
            yield event


def is_finished(path: Path) -> bool:
    """Tell from its last line alone whether a journal ends with a finished session."""
    last = next(_from_the_end(path), None)
    return isinstance(last, Session) and last.event == "finished"


def waits_for(path: Path) -> Waiting | None:
    """Tell from its last lines alone whether a journal waits for what was bought; nothing of it is checked."""
    for event in _from_the_end(path):
        if isinstance(event, Waiting):
            return event
        if not isinstance(event, Session | Interference | Batch) or getattr(event, "event", "") == "finished":
            break
    return None


def _from_the_end(path: Path) -> Iterator[Event]:
    """Yield the last events of a journal, the last first, as far as they are whole."""
    try:
        with open_plain(path) as journal:
            size = journal.seek(0, os.SEEK_END)
            journal.seek(max(0, size - _TAIL))
            lines = journal.read().rstrip(b"\n").split(b"\n")
        for line in reversed(lines):
            event = msgspec.json.decode(line)["event"]
            yield msgspec.convert(event, _LISTED)
    except (OSError, msgspec.MsgspecError, UnicodeError, KeyError, TypeError):
        return


def recover(path: Path) -> Recovery:
    """Set a torn tail aside and cut the journal to its whole lines; only under the run's lock."""
    end = lines = 0
    for seq, offset, some in _whole_lines(path):
        end, lines = offset + sum(map(len, some)) + len(some), seq + len(some)
    size = path.stat().st_size
    if size == end:
        return Recovery(end, lines, None)
    try:
        torn = _set_aside(path, end)
        with path.open("rb+") as journal:
            journal.truncate(end)
            os.fsync(journal.fileno())
    except OSError as error:
        raise StorageFailed(
            f"{path}: the torn last line could not be set aside: {error.strerror}",
            fix="Make room or allow writing there, then resume.",
        ) from error
    return Recovery(end, lines, torn)


def _whole_lines(
    path: Path, *, first: int = 0, offset: int = 0, end: int | None = None
) -> Iterator[tuple[int, int, list[bytes]]]:
    """Yield (sequence, byte offset, lines without LF) of lines whose checksums are right; the file's last may be torn.

    Many at a time, so that little is done for each. The file ends where it ended when it was opened: a run that goes on
    may still write what follows.
    """
    with _opened(path) as journal:
        size, rest = os.fstat(journal.fileno()).st_size, b""
        journal.seek(offset)
        while chunk := journal.read(_most(rest, None if end is None else end - offset)):
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            if len(lines[0] if lines else rest) >= LONGEST_LINE:
                raise _damaged(path, first, offset, f"it is longer than {LONGEST_LINE:,} bytes")
            whole = lines[: whole_of(lines)]
            if whole:
                yield first, offset, whole
            first, offset = first + len(whole), offset + sum(map(len, whole)) + len(whole)
            if len(whole) == len(lines):
                continue
            line = lines[len(whole)] + b"\n"
            if offset + len(line) >= size and BEGIN not in line[1:]:
                return
            try:
                check_line(line)
            except NotALine as why:
                raise _damaged(path, first, offset, str(why)) from None
        if BEGIN in rest[1:]:
            raise _damaged(path, first, offset, "another line begins in it")


def _most(rest: bytes, left: int | None) -> int:
    """Give how many bytes to read behind the rest of a line: ever more, so that a long line is not copied too often."""
    most = min(_CHUNK + len(rest), LONGEST_LINE + 1 - len(rest))
    return most if left is None else min(most, left - len(rest))


def _decoded(path: Path, seq: int, offset: int, line: bytes) -> Event | Header:
    """Decode a whole line; the first one, and no other, is a header."""
    try:
        event = decode_line(line, seq)
    except NotALine as why:
        raise _damaged(path, seq, offset, str(why)) from None
    if seq == 0:
        _check_header(path, event)
    elif isinstance(event, Header):
        raise _damaged(path, seq, offset, "it is a second header")
    return event


def open_plain(path: Path, *, buffering: int = -1) -> BufferedReader:
    """Open a file of a run, whose folder may come from elsewhere: no link, device or pipe. Raises OSError."""
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, "it is not a plain file", str(path))
    return cast("BufferedReader", os.fdopen(number, "rb", buffering=buffering))


def _opened(path: Path) -> BinaryIO:
    try:
        return open_plain(path, buffering=0)
    except FileNotFoundError:
        raise JournalDamaged(
            f"{path} is missing: what was measured is gone.", fix="Restore it from a copy, or start a new run."
        ) from None


def _set_aside(path: Path, offset: int) -> Path:
    n = 1
    while (torn := path.with_name(f"{path.stem}.torn-{n}")).exists():
        n += 1
    with open_plain(path) as journal, torn.open("xb") as aside:
        journal.seek(offset)
        while chunk := journal.read(_CHUNK):
            aside.write(chunk)
        aside.flush()
        os.fsync(aside.fileno())
    return torn


def _check_header(path: Path, event: Event | Header) -> None:
    if not isinstance(event, Header):
        raise _damaged(path, 0, 0, "it is not a header")
    if event.schema_version > SCHEMA_VERSION:
        raise JournalDamaged(
            f"{path}: written by a newer harness (journal schema {event.schema_version}, "
            f"this one reads up to {SCHEMA_VERSION}).",
            fix="Upgrade prompt-readiness and try again.",
        )


def _damaged(path: Path, seq: int, offset: int, why: str) -> JournalDamaged:
    return JournalDamaged(
        f"{path}: line {seq + 1} (byte {offset}) is damaged: {why}.",
        fix="Restore the file from a copy, or start a new run; nothing is skipped silently.",
    )
