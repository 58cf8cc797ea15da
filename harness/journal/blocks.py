"""A journal read in byte ranges, on all cores that this process may use where that pays.

Theory. A range begins and ends at line ends. Other processes of this interpreter read the ranges and send what was
made of each back, in the order of the journal. What such a process can't know is the number of its first line: it
takes the line's own, and a range counts only where that is the one due after the range before. On any doubt (a
number that does not follow, damage, an error of what is made, a process that ended) this process reads that range
and all after it itself, knowing the numbers: errors and results are those of one core, whatever happened elsewhere.
"""

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from harness.journal.line import LONGEST_LINE, Event
from harness.journal.reader import open_plain, read_events, read_range

RANGE = 32 << 20  # bytes; some 70,000 trials
PAYS = 96 << 20  # bytes of a journal from which processes are started: some 200,000 trials
MOST_CORES = 8  # one process joins what they read, and has enough of that many

_T = TypeVar("_T")
_Work = Callable[[Iterator[Event]], _T]


class Journal(Iterable[Event]):
    """The events of a journal, in order; `blocks_of` may read it in ranges. Both raise JournalDamaged and OSError."""

    def __init__(self, path: Path, *, cores: int | None = None, range_: int = RANGE, pays: int = PAYS) -> None:
        self.path, self._range, self._pays = path, range_, pays
        self._cores = cores or min(_cores(), MOST_CORES)

    def __iter__(self) -> Iterator[Event]:
        return read_events(self.path)

    def blocks(self, work: _Work[_T]) -> Iterator[_T]:
        """Give what is made of each range, in order."""
        ranges = deque(self._ranges())
        due = 0
        if self._cores > 1 and len(ranges) > 1 and ranges[-1][0] >= self._pays - self._range:
            with _Crew(self.path, work, min(self._cores, len(ranges))) as crew:
                for made in crew.each(list(ranges)):
                    if made is None or made[0] != due:
                        break
                    due = made[1]
                    ranges.popleft()
                    yield made[2]
        for begin, end in ranges:
            events = read_range(self.path, begin, end, seq=due)
            yield work(events)
            due = events.due

    def _ranges(self) -> Iterator[tuple[int, int | None]]:
        """Cut the file at line ends; the last range goes on to the end of the file, wherever that is by then."""
        begin = 0
        with suppress(FileNotFoundError), open_plain(self.path) as journal:
            size = os.fstat(journal.fileno()).st_size
            while begin + self._range < size:
                journal.seek(begin + self._range)
                line = journal.readline(LONGEST_LINE + 1)
                end = journal.tell()
                if not line.endswith(b"\n") or end >= size:
                    break
                yield begin, end
                begin = end
        yield begin, None


def blocks_of(events: Iterable[Event], work: _Work[_T]) -> Iterator[_T]:
    """Give what is made of the events, in their order: of a journal range by range, of others all at once."""
    if isinstance(events, Journal):
        yield from events.blocks(work)
    else:
        yield work(iter(events))


def _cores() -> int:
    """Give how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Crew(ExitStack, Generic[_T]):
    """Processes of this interpreter that each make something of ranges of one journal."""

    def __init__(self, path: Path, work: _Work[_T], size: int) -> None:
        super().__init__()
        self._task = pickle.dumps((path, work))
        self._free: deque[subprocess.Popen[bytes]] = deque()
        self._size = size

    def each(self, ranges: list[tuple[int, int | None]]) -> Iterator[tuple[int, int, _T] | None]:
        """Give of each range, in order, the number of its first line, of the line after it, and what was made.

        None where that failed, for whatever reason. At most two ranges for each process are held at a time.
        """
        threads = self.enter_context(ThreadPoolExecutor(self._size))
        for _ in range(self._size):
            self._free.append(self._started())
        waiting: deque[Future[tuple[int, int, _T] | None]] = deque()
        left = deque(ranges)
        while left or waiting:
            while left and len(waiting) < 2 * self._size:
                waiting.append(threads.submit(self._made, left.popleft()))
            yield waiting.popleft().result()

    def _started(self) -> "subprocess.Popen[bytes]":
        child = subprocess.Popen(  # noqa: S603 (this interpreter, and this file)
            [sys.executable, "-I", "-c", f"from {__name__} import child; child()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"OPENBLAS_NUM_THREADS": "1"},
            process_group=0,  # Ctrl-C is the parent's to hear
        )
        self.callback(_end, child)
        return child

    def _made(self, range_: tuple[int, int | None]) -> tuple[int, int, _T] | None:
        child = self._free.popleft()  # there are as many as threads
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            if self._task:
                pass
            _send(child.stdin, (self._task, range_))
            return _received(child.stdout)  # type: ignore[no-any-return]
        except (OSError, EOFError, pickle.UnpicklingError):
            return None
        finally:
            self._free.append(child)


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.kill()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    child.wait()


def _send(pipe: IO[bytes], what: object) -> None:
    pickle.dump(what, pipe, protocol=5)
    pipe.flush()


def _received(pipe: IO[bytes]) -> Any:  # noqa: ANN401 - what the other side of our own pipe sent
    return pickle.load(pipe)  # noqa: S301 (from our own process, nothing from a file)


def child() -> None:
    """Make something of one range after the other, as a process of a `_Crew`; ends with its pipe."""
    while True:
        try:
            task, (begin, end) = _received(sys.stdin.buffer)
        except EOFError:
            return
        made: object = None
        with suppress(Exception):  # whoever asks reads the range again, and meets the same
            path, work = pickle.loads(task)  # noqa: S301 (as above)
            events = read_range(path, begin, end)
            made = work(events)
            made = (events.first, events.due, made)
        _send(sys.stdout.buffer, made)
