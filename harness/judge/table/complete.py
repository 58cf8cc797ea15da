"""The columns of each candidate, sorted, and how many trials of the plan they lack.

Rows are sorted and names are sorted, so that the order of reading leaves no trace. Of two records of one
trial the later counts; a planned trial without a record has no row, for nobody failed it.

A trial is identified by one number, (variant * cases + case) * width + repeat, so that sorting by it sorts by
variant, case and repeat.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from harness.files.case import PROMPT_LEVEL
from harness.judge.table.columns import NONE, Bool, CaseColumns, Failure, Int64, TrialColumns, Why
from harness.judge.table.intake import KINDS, Numbers, Part, Usage, add_usage, said
from harness.judge.table.packed import Column, Grown, Keys, Rows, packed, spread

# Columns that index names, and what TrialColumns calls these; those whose order of reading leaves no trace.
_NAMED = {
    "reply": "replies",
    "why": "whys",
    "served": "served_models",
    "fingerprint": "fingerprints",
    "tier": "tiers",
    "odd": "odd_fields",
    "retried": "retries",
    "ending": "unknown_endings",
}
_SORTED = [name for name in _NAMED if name not in {"odd", "retried", "ending"}]
_Named = TypeVar("_Named", str, Why)


@dataclass(slots=True, kw_only=True)
class Gathered:
    """The parts of one candidate's records, in the order of the journal."""

    names: dict[str, Numbers[Any]] = field(default_factory=lambda: {name: Numbers() for name in _NAMED})
    failures: dict[str, Failure] = field(default_factory=dict)  # by what `replies` says of them
    most_repeats: int = 0
    recorded: bool = False
    warmup_calls: int = 0
    warmup_usage: dict[str | None, Usage] = field(default_factory=dict)  # by service tier
    _seen: set[Failure] = field(default_factory=set)
    _cases: deque[Keys] = field(default_factory=deque)
    _columns: dict[str, Grown] = field(default_factory=lambda: {name: Grown(kind) for name, kind in KINDS.items()})

    def add(self, part: Part, variants: Sequence[int]) -> None:
        """Add a part; `variants` are the numbers of what it calls a variant."""
        names: dict[str, Sequence[int]] = {"variant": variants}
        names |= {name: [self.names[name][each] for each in part.names[name]] for name in _NAMED}
        for name, numbers in names.items():
            number = np.array([*numbers, NONE], dtype=KINDS[name])  # NONE indexes from the end
            part.columns[name] = number[part.columns[name]]
        for name, column in part.columns.items():
            self._columns[name].add(packed(column), part.rows)
        for failure in part.failures:
            if failure not in self._seen:
                self._seen.add(failure)
                self.failures[said(failure)] = failure
        self._cases.append(part.cases)
        self.most_repeats = max(self.most_repeats, part.most_repeats)
        self.recorded = self.recorded or part.recorded
        self.warmup_calls += part.warmup_calls
        for usage in part.warmup_usage.values():
            add_usage(self.warmup_usage, usage)

    def place(self, cases: Rows) -> list[bytes]:
        """Find the row of each record's case; gives the keys of those that are nowhere."""
        unknown: set[bytes] = set()
        while self._cases:
            keys = self._cases.popleft()
            row = cases.of(keys)
            unknown.update(keys[row < 0].tolist())
            self._columns["case"].add(packed(row.astype(np.int32)), len(keys))
        return sorted(unknown)

    def columns(self) -> dict[str, Column]:
        """Give all columns, packed, in the order of the journal; ends the gathering."""
        return {name: self._columns.pop(name).whole() for name in KINDS}


@dataclass(frozen=True, slots=True)
class _Held:
    """The records of one candidate, sorted by trial, one a trial."""

    columns: dict[str, Column]
    trial: Int64
    sent_again: int  # records that a later one of the same trial replaced


@dataclass(slots=True, kw_only=True)
class Columns:
    """Sorts and completes the columns of each candidate over the same cases and variants."""

    cases: CaseColumns
    variants: tuple[str, ...]
    repeats: int
    width: int = 1  # more than any repeat

    def held(self, gathered: Gathered) -> _Held:
        """Sort the records of one candidate; of two records of one trial the later in the journal stays."""
        columns = gathered.columns()
        for name in _SORTED:
            columns[name] = _sorted_names(columns[name], gathered.names[name])
        trial = self._trial(*(columns[name] for name in ("variant", "case", "repeat")))
        order = np.argsort(trial)
        ordered = trial[order]
        again = int(np.count_nonzero(ordered[1:] == ordered[:-1]))
        if again:
            last = np.append(ordered[1:] != ordered[:-1], True)
            order, ordered = np.argsort(trial, kind="stable")[last], ordered[last]
        for name, column in columns.items():
            columns[name] = spread(column[:1], len(order)) if column.strides == (0,) else column[order]
        return _Held(columns, ordered, again)

    def _trial(self, variant: Column, case: Column, repeat: Column) -> Int64:
        pair = variant.astype(np.int64) * len(self.cases) + case
        return np.asarray(pair * self.width + repeat, dtype=np.int64)

    def planned(self, held: Iterable[_Held]) -> Int64:
        """Give every trial that each candidate should have, sorted.

        Every case in its original form, every repeat; a variant of a case counts as planned when any
        candidate has a record of it (a perturbation that changes nothing in a text makes no trial). Whether a
        change of the prompt makes trials hangs on the prompt: `trials` leaves those of other candidates out.
        """
        first = np.arange(len(self.cases), dtype=np.int64) * self.width
        originals = (first[:, None] + np.arange(self.repeats)).ravel()
        most = len(self.cases) * self.width
        more = [one.trial[(one.trial >= most) | (one.trial % self.width >= self.repeats)] for one in held]
        return np.unique(np.concatenate([originals, *more])) if any(map(len, more)) else originals

    def all_original(self, held: _Held) -> bool:
        """Tell whether a candidate was asked every case in its original form, every repeat."""
        return int(np.count_nonzero(held.trial < len(self.cases) * self.width)) >= len(self.cases) * self.repeats

    def trials(self, gathered: Gathered, held: _Held, planned: Int64) -> TrialColumns:
        """Give the columns of one candidate, and how many of the planned trials were not run."""
        columns = held.columns
        at = columns["sent_at"].astype(np.int64)
        sent = at != NONE
        at -= at[sent].min(initial=np.iinfo(np.int64).max)
        at *= 1000
        at[~sent] = NONE
        columns["sent_at"] = at
        expected = self.cases.expected[columns["case"]]
        names = {of: tuple(gathered.names[name]) for name, of in _NAMED.items()}
        return TrialColumns(
            **columns,  # type: ignore[arg-type]
            **names,  # type: ignore[arg-type]
            variants=self.variants,
            expected=expected,
            failures=gathered.failures,
            recorded=gathered.recorded,
            warmup_calls=gathered.warmup_calls,
            warmup_usage=tuple(gathered.warmup_usage.values()),
            not_run=int(self._own(planned, held).sum()) - len(held.trial),
        )

    def _own(self, planned: Int64, held: _Held) -> Bool:
        """Tell which planned trials concern a candidate.

        Not those of an order that its prompt lacks, nor repeats beyond the planned ones, which others got from whoever
        measured elsewhere.
        """
        has = np.bincount(held.columns["variant"], minlength=len(self.variants)).astype(np.bool_)
        absent = [k for k, name in enumerate(self.variants) if name in PROMPT_LEVEL and not has[k]]
        own = np.ones(len(planned), dtype=np.bool_)
        if absent:
            own = ~np.isin(planned // max(self.width * len(self.cases), 1), absent)
        more = np.flatnonzero(planned % self.width >= self.repeats)
        own[more[~np.isin(planned[more], held.trial)]] = False
        return own


def _sorted_names(column: Column, names: Numbers[_Named]) -> Column:
    """Renumber a column so that its names are sorted, whatever the order of reading was."""
    ordered = sorted(names)
    place = np.empty(len(ordered) + 1, dtype=column.dtype)
    place[-1] = NONE  # NONE indexes from the end
    place[[names[name] for name in ordered]] = np.arange(len(ordered), dtype=column.dtype)
    names.clear()
    names.update((name, rank) for rank, name in enumerate(ordered))
    if column.strides == (0,) and len(column):
        return spread(place[column[:1]], len(column))
    return np.asarray(place[column])
