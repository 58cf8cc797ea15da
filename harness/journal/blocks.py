"""A journal read in byte ranges, on all cores that this process may use where that pays.

Theory. A range begins and ends at line ends. This process and others of this interpreter read the ranges, whoever is
free the next; the last ones are small, so that all end at a time. What is made of each is given in the order of the
journal. What a reader of a range can't know is the number of its first line: it takes the line's own, and a range
counts only where that is the one due after the range before. On any doubt (a number that does not follow, damage, an
error of what is made, a process that ended) this process reads that range and all after it again, knowing the
numbers: errors and results are those of one core, whatever happened elsewhere.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar, cast

from harness.cores import shared_out, usable
from harness.journal.line import LONGEST_LINE, Event
from harness.journal.reader import Range, open_plain, read_events

RANGE = 32 << 20  # bytes; some 70,000 trials
_LAST, _SMALLEST = 4, 8  # a range is at most a fourth of what is left, and at least an eighth of the first ones
_AT_ONCE = 200  # events that are objects at one time
PAYS = 96 << 20  # bytes of a journal from which processes are started: some 200,000 trials

_T = TypeVar("_T")
_Work = Callable[[Iterable[list[Event]]], _T]
_Bytes = tuple[int, int | None]  # from, and to before; None: to the end of the file, wherever that is by then


class Journal(Iterable[Event]):
    """The events of a journal, in order; `blocks_of` may read it in ranges. Both raise JournalDamaged and OSError."""

    def __init__(self, path: Path, *, cores: int | None = None, range_: int = RANGE, pays: int = PAYS) -> None:
        self._path, self._cores, self._range, self._pays = path, cores or usable(), range_, pays

    def __iter__(self) -> Iterator[Event]:
        return read_events(self._path)

    def blocks(self, work: _Work[_T]) -> Iterator[_T]:
        """Give what is made of each range, in order."""
        ranges = list(self._ranges())
        done, due = 0, cast("int | None", 0)
        if self._cores > 1 and len(ranges) > 1 and ranges[-1][0] + self._range >= self._pays:
            reading = partial(_read, self._path, work)
            with closing(shared_out(reading, ranges, min(self._cores, len(ranges)))) as parts:
                for made in parts:
                    if made is None or made[0] != due:
                        break
                    done, due = done + 1, made[1]
                    yield made[2]
        for begin, end in ranges[done:]:
            events = Range(self._path, begin, end, seq=due)
            yield work(events)
            due = events.due

    def _ranges(self) -> Iterator[_Bytes]:
        """Cut the file at line ends."""
        begin = 0
        with suppress(FileNotFoundError), open_plain(self._path) as journal:
            size = os.fstat(journal.fileno()).st_size
            while begin + (step := self._step(size - begin)) < size:
                journal.seek(begin + step)
                line = journal.readline(LONGEST_LINE + 1)
                end = journal.tell()
                if not line.endswith(b"\n") or end >= size:
                    break
                yield begin, end
                begin = end
        yield begin, None

    def _step(self, left: int) -> int:
        return max(min(self._range, left // _LAST), self._range // _SMALLEST, 1)


def blocks_of(events: Iterable[Event], work: _Work[_T]) -> Iterator[_T]:
    """Give what is made of the events, in their order: of a journal range by range, of others all at once."""
    if isinstance(events, Journal):
        yield from events.blocks(work)
    else:
        remaining = iter(events)
        yield work(iter(lambda: list(islice(remaining, _AT_ONCE)), []))


def _read(path: Path, work: _Work[_T], range_: _Bytes) -> tuple[int | None, int | None, _T]:
    """Give what is made of a range, after the number of its first line and of the line after it."""
    events = Range(path, *range_)
    made = work(events)
    return events.first, events.due, made
