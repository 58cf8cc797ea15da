"""What all pages draw from: the results, and what was read of them."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar, cast

from harness.web.site.results import Results, RunFolder
from harness.web.site.shelf import PATIENCE_S, Begin, HarnessError, Shelf, in_a_thread
from harness.web.site.summaries import RunSummary, Summaries


class Closes(Protocol):
    """What is closed when it is no longer needed."""

    def close(self) -> None:
        """End it."""


_T = TypeVar("_T")
_C = TypeVar("_C", bound=Closes)
_MOST_MADE = 8


class NotFound(HarnessError):
    """There is nothing under this address."""


@dataclass(slots=True, eq=False)
class _Making:
    """Something that a thread makes; `done` is set when it has a value or an error."""

    done: threading.Event = field(default_factory=threading.Event)
    value: object = None
    error: Exception | None = None

    def make(self, make: Callable[[], object]) -> None:
        try:
            self.value = make()
        except Exception as error:  # whatever it is, whoever asked gets it
            self.error = error
        finally:
            self.done.set()


class Made:
    """The last few things that took long to make, by what they were made of; each is made once."""

    def __init__(self, *, begin: Begin = in_a_thread) -> None:
        self._begin = begin
        self._lock = threading.Lock()
        self._made: OrderedDict[object, _Making] = OrderedDict()

    def soon(self, key: object, make: Callable[[], _T], *, patience_s: float | None) -> _T | None:
        """Give what was made of this key, or begin to make it; None while that outlasts the patience.

        Whatever went wrong while it was made is raised, and it is made anew when it is asked for again.
        """
        with self._lock:
            making = self._made.get(key)
            if making is None:
                making = self._made[key] = _Making()
                self._begin(partial(making.make, make))
            self._made.move_to_end(key)
            while len(self._made) > _MOST_MADE:
                self._made.popitem(last=False)
        if not making.done.wait(patience_s):
            return None
        if making.error is not None:
            with self._lock:
                self._made.pop(key, None)
            raise making.error
        return cast("_T", making.value)

    def once(self, key: object, make: Callable[[], _T]) -> _T:
        """Give what was made of this key, however long it takes."""
        return cast("_T", self.soon(key, make, patience_s=None))


class Site:
    """The state of a viewer: all of it can be made again from the results folder."""

    def __init__(self, results: Results, *, patience_s: float = PATIENCE_S, begin: Begin = in_a_thread) -> None:
        self.results = results
        self.patience_s = patience_s
        self.summaries = Summaries()
        self.shelf = Shelf(patience_s=patience_s, begin=begin)
        self.reports = Made()
        self.comparisons = Made(begin=begin)
        self._lent: ExitStack | None = None
        self._kept: dict[object, Any] = {}

    @contextmanager
    def lending(self) -> Iterator[None]:
        """Keep what takes a process of its own, while many pages are made, and end it then."""
        with ExitStack() as self._lent:
            yield
        self._lent = None
        self._kept.clear()

    @contextmanager
    def lent(self, key: object, make: Callable[[], _C]) -> Iterator[_C]:
        """Give what was made of this key; it is closed at once unless it is kept."""
        if self._lent is None:
            with closing(make()) as made:
                yield made
            return
        if key not in self._kept:
            self._kept[key] = self._lent.enter_context(closing(make()))
        yield self._kept[key]

    def run(self, name: str) -> RunFolder:
        """Find a run. Raises NotFound."""
        folder = self.results.run(name)
        if folder is None:
            raise NotFound(f"there is no run {name!r} here", fix="The list of runs has those that there are.")
        return folder

    def all_runs(self) -> list[RunSummary]:
        """Sum up every run, newest first."""
        return [self.summaries.of(folder) for folder in self.results.runs()]
