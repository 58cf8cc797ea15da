"""What all pages draw from: the results, and what was read of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar, cast

from harness.errors import HarnessError
from harness.web.results import Results, RunFolder
from harness.web.shelf import Shelf
from harness.web.summaries import RunSummary, Summaries

_T = TypeVar("_T")
_MOST_MADE = 8


class NotFound(HarnessError):
    """There is nothing under this address."""


class Made:
    """The last few things that took long to make, by what they were made of; made once, by one thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: OrderedDict[object, object] = OrderedDict()

    def once(self, key: object, make: Callable[[], _T]) -> _T:
        """Give what was made of this key, or make it."""
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            self._made.move_to_end(key)
            while len(self._made) > _MOST_MADE:
                self._made.popitem(last=False)
            return cast("_T", self._made[key])


class Site:
    """The state of a viewer: all of it can be made again from the results folder."""

    def __init__(self, results: Results, *, shelf: Shelf | None = None) -> None:
        self.results = results
        self.summaries = Summaries()
        self.shelf = shelf or Shelf()
        self.reports = Made()
        self.comparisons = Made()

    def run(self, name: str) -> RunFolder:
        """Find a run. Raises NotFound."""
        folder = self.results.run(name)
        if folder is None:
            raise NotFound(f"there is no run {name!r} here", fix="The list of runs has those that there are.")
        return folder

    def all_runs(self) -> list[RunSummary]:
        """Sum up every run, newest first."""
        return [self.summaries.of(folder) for folder in self.results.runs()]
