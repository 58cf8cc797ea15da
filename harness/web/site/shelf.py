"""The indexes of the runs that were looked at last: built in a thread, kept, and read on when a run grew."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

from harness.errors import HarnessError
from harness.record import ORIGINAL
from harness.web.index import Basis, CaseFilter, IndexReader, RunIndex, Selection, basis_of, select
from harness.web.site.results import RunFolder

_MOST_RUNS = 3
_MOST_SELECTIONS = 12  # of one run
_MOST_BASES = 4
_K = TypeVar("_K")
_V = TypeVar("_V")
PATIENCE_S = 0.4  # how long a page waits for an index before it says how far it is
AT_ONCE = 4 << 20  # bytes of journal that a request reads itself: a small run has no page that waits
Begin: TypeAlias = Callable[[Callable[[], None]], object]


def in_a_thread(work: Callable[[], None]) -> None:
    """Begin what outlasts a request, and do not wait for it."""
    threading.Thread(target=work, name="viewer", daemon=True).start()


@dataclass(frozen=True, slots=True)
class ReadSoFar:
    """How much of a journal has been read."""

    read: int
    size: int

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return min(1.0, self.read / self.size) if self.size else 1.0


class JournalMissing(HarnessError):
    """A run without a journal: nothing was sent."""


class Recent(Generic[_K, _V]):
    """The last few values by key. Two threads may make the same one at once; that is harmless."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[_K, _V] = OrderedDict()

    def give(self, key: _K, make: Callable[[], _V]) -> _V:
        """Give the value of a key, made now if it is not there."""
        with self._lock:
            found = self._values.get(key)
        if found is None:
            found = make()
        with self._lock:
            self._values[key] = found
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return found


class IndexAnswers:
    """An index with what was asked of it lately."""

    def __init__(self, index: RunIndex) -> None:
        self.index = index
        self.bases: Recent[tuple[str, str], Basis] = Recent(_MOST_BASES)
        self.selections: Recent[CaseFilter, Selection] = Recent(_MOST_SELECTIONS)


@dataclass(slots=True, eq=False)
class _Shelved:
    """One run's reader and what it last made; `lock` guards the reader."""

    journal: Path
    identity: tuple[int, int]
    reader: IndexReader
    lock: threading.Lock = field(default_factory=threading.Lock)
    ready: threading.Event = field(default_factory=threading.Event)
    answers: IndexAnswers | None = None  # replaced as a whole: answers always belong to their index
    error: HarnessError | None = None
    read: int = 0  # bytes, while it is being read
    size: int = -1  # of the journal when it was last read

    def read_on(self) -> None:
        """Read what is new; one thread does, the others wait for it."""
        with self.lock:
            size = self.journal.stat().st_size
            if size == self.size:
                return
            try:
                index = self.reader.read_on(self._tell)
                answers = IndexAnswers(index)
                if index.candidates:  # what the first page needs, before it is asked for
                    place = (index.candidates[0], ORIGINAL)
                    answers.bases.give(place, lambda: basis_of(index, *place))
                self.answers = answers
            except HarnessError as error:
                self.error = error
            except Exception as error:  # else whoever asks would wait for ever
                self.error = HarnessError(f"{self.journal} can't be read: {error}")
            finally:
                self.size = size
                self.ready.set()

    @property
    def index(self) -> RunIndex | None:
        """What was last made."""
        return None if self.answers is None else self.answers.index

    def _tell(self, read: int) -> None:
        self.read = read


class Shelf:
    """Gives the index of a run, or how far the reading is."""

    def __init__(self, *, patience_s: float = PATIENCE_S, at_once: int = AT_ONCE, begin: Begin = in_a_thread) -> None:
        self._patience_s = patience_s
        self._at_once = at_once
        self._begin = begin
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, _Shelved] = OrderedDict()

    def index(self, run: RunFolder) -> RunIndex | ReadSoFar:
        """Give the index as of now. Raises JournalMissing, JournalDamaged."""
        shelved = self._shelved(run)
        size = shelved.journal.stat().st_size
        if size != shelved.size:
            read = 0 if shelved.index is None else shelved.index.read_bytes
            if size - read <= self._at_once:
                shelved.read_on()
            elif not shelved.lock.locked():
                self._begin(shelved.read_on)
        if shelved.index is None:
            shelved.ready.wait(self._patience_s)
        if shelved.error is not None:
            raise shelved.error
        return shelved.index or ReadSoFar(shelved.read, size)

    def selection(self, run: RunFolder, index: RunIndex, wanted: CaseFilter) -> Selection:
        """Give the matching cases; those of the last questions are kept. Raises KeyError."""
        with self._lock:
            shelved = self._runs.get(run.name)
        kept = None if shelved is None else shelved.answers
        if kept is None or kept.index is not index:  # it has been read on since the page began
            kept = IndexAnswers(index)
        place = (wanted.candidate, wanted.variant)
        basis = kept.bases.give(place, lambda: basis_of(index, *place))
        return kept.selections.give(wanted, lambda: select(index, wanted, basis))

    def _shelved(self, run: RunFolder) -> _Shelved:
        journal = run.journal
        if journal is None:
            raise JournalMissing(f"run {run.name} has no journal: nothing was sent")
        status = journal.stat()
        identity = (status.st_dev, status.st_ino)
        with self._lock:
            shelved = self._runs.get(run.name)
            if shelved is not None and not _replaced(shelved, identity, status):
                self._runs.move_to_end(run.name)
                return shelved
            shelved = _Shelved(journal, identity, _reader(run, journal))
            self._runs[run.name] = shelved
            while len(self._runs) > _MOST_RUNS:
                self._runs.popitem(last=False)
            return shelved


def _reader(run: RunFolder, journal: Path) -> IndexReader:
    try:
        return IndexReader(journal, run.manifest())
    except ValueError as error:  # pydantic's; its text names the field
        raise HarnessError(f"the suite in {run.name}/manifest.json can't be read: {error}") from None


def _replaced(shelved: _Shelved, identity: tuple[int, int], status: os.stat_result) -> bool:
    """Tell whether the file is another one by now, was cut back, or could not be read and changed since."""
    if shelved.identity != identity or status.st_size < shelved.size:
        return True
    return shelved.error is not None and status.st_size != shelved.size
