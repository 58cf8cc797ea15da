"""Integers as they were read -> the sorted columns of each candidate, complete to the plan.

Rows are sorted and names are sorted, so that the order of reading leaves no trace. Of two records of one
trial the later counts; a planned trial without a record becomes a row with outcome `failed`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from harness.errors import JournalDamaged
from harness.judge.assessment import OUTCOMES
from harness.judge.table import NONE, CaseColumns, Float, Int16, Int64, TrialColumns
from harness.record import CaseRow

NOT_RUN = "not run: the run ended before this trial"
_FAILED = OUTCOMES.index("failed")

# One integer per record and column, in this order; `Rows.numbers` holds them row after row.
NUMBERS = (
    "case",
    "variant",
    "repeat",
    "predicted",
    "outcome",
    "caller_ns",
    "service_ns",
    "ttft_ns",
    "queue_ns",
    "rate_limit_ns",
    "backoff_ns",
    "retry_ns",
    "own_ns",
    "attempts",
    "sent_at",
    "in_flight",
    "tokens_in",
    "tokens_out",
    "tokens_cached",
    "reply",
    "served",
    "fingerprint",
)
COLUMN = {name: index for index, name in enumerate(NUMBERS)}
_NARROW: dict[str, npt.DTypeLike] = {
    "case": np.int32,
    "variant": np.int16,
    "repeat": np.int16,
    "predicted": np.int16,
    "outcome": np.int8,
    "attempts": np.int16,
    "in_flight": np.int32,
    "reply": np.int32,
    "served": np.int16,
    "fingerprint": np.int16,
}


@dataclass(slots=True)
class Names:
    """Distinct strings, numbered as they come."""

    index: dict[str, int] = field(default_factory=dict)

    def number(self, name: str) -> int:
        """Give the number of a name, a new one for a new name."""
        return self.index.setdefault(name, len(self.index))

    def optional(self, name: str | None) -> int:
        """Give the number of a name, NONE where there is none."""
        return NONE if name is None else self.number(name)


@dataclass(slots=True)
class Rows:
    """The records of one candidate while they are read."""

    numbers: array[int] = field(default_factory=lambda: array("q"))
    scores: array[float] = field(default_factory=lambda: array("d"))
    replies: Names = field(default_factory=Names)
    served: Names = field(default_factory=Names)
    fingerprints: Names = field(default_factory=Names)
    recorded: bool = False
    warmup_calls: int = 0
    warmup_tokens: list[int] = field(default_factory=lambda: [0, 0, 0])


def case_columns(rows: Iterable[CaseRow], label: dict[str, int]) -> CaseColumns:
    """Give the cases as columns, sorted by id."""
    cases = sorted(rows, key=lambda case: case.id)
    for case in cases:
        if case.expected not in label:
            raise JournalDamaged(
                f"case {case.id!r} expects {case.expected!r}, which is not a label of the suite"
            )
    splits = tuple(sorted({case.split for case in cases if case.split}))
    split = {name: index for index, name in enumerate(splits)}
    tags = sorted({tag for case in cases for tag in case.tags})
    return CaseColumns(
        ids=tuple(case.id for case in cases),
        expected=np.array([label[case.expected] for case in cases], dtype=np.int16),
        split=np.array([split.get(case.split, NONE) for case in cases], dtype=np.int16),
        splits=splits,
        tags={tag: np.array([tag in case.tags for case in cases], dtype=np.bool_) for tag in tags},
        texts=tuple(_one_line(case.inputs) for case in cases),
        inputs=tuple(case.inputs for case in cases),
    )


def _one_line(inputs: dict[str, str]) -> str:
    if len(inputs) == 1:
        (text,) = inputs.values()
        return " ".join(text.split())
    return " · ".join(f"{name}: {' '.join(text.split())}" for name, text in inputs.items())


@dataclass(slots=True, kw_only=True)
class Columns:
    """Turns the rows of each candidate into sorted columns over the same cases and variants."""

    cases: CaseColumns
    case_row: Int64  # number in order of reading -> row in CaseColumns
    variants: tuple[str, ...]
    repeats: int

    def held(self, rows: Rows) -> tuple[Int64, Float]:
        """Sort the records of one candidate; of two records of one trial the later stays."""
        numbers = np.frombuffer(rows.numbers, dtype=np.int64).reshape(-1, len(NUMBERS)).copy()
        scores = np.frombuffer(rows.scores, dtype=np.float64).copy()
        numbers[:, COLUMN["case"]] = self.case_row[numbers[:, COLUMN["case"]]]
        for name, names in (
            ("reply", rows.replies),
            ("served", rows.served),
            ("fingerprint", rows.fingerprints),
        ):
            _sort_names(numbers[:, COLUMN[name]], names)
        keys = [
            numbers[:, COLUMN[name]]
            for name in ("reply", "caller_ns", "sent_at", "repeat", "case", "variant")
        ]
        order = np.lexsort(keys)
        numbers, scores = numbers[order], scores[order]
        identity = self._identity(numbers)
        last = np.concatenate([identity[1:] != identity[:-1], np.ones(min(1, len(identity)), dtype=np.bool_)])
        return numbers[last], scores[last]

    def _identity(self, numbers: Int64) -> Int64:
        width = max(self.repeats, int(numbers[:, COLUMN["repeat"]].max(initial=0)) + 1)
        pair = numbers[:, COLUMN["variant"]] * len(self.cases) + numbers[:, COLUMN["case"]]
        return np.asarray(pair * width + numbers[:, COLUMN["repeat"]], dtype=np.int64)

    def planned(self, held: Iterable[tuple[Int64, Float]]) -> Int64:
        """Give (variant, case, repeat) of every trial that each candidate should have, sorted.

        Every case in its original form, every repeat; a variant of a case counts as planned when any
        candidate has a record of it (a perturbation that changes nothing in a text makes no trial).
        """
        n = len(self.cases)
        everything = [np.stack(list(_grid([0], range(n), range(self.repeats))), axis=1)]
        places = [COLUMN["variant"], COLUMN["case"], COLUMN["repeat"]]
        everything += [numbers[:, places] for numbers, _ in held]
        rows = np.concatenate(everything)
        width = int(rows[:, 2].max(initial=0)) + 1
        flat = np.unique((rows[:, 0] * n + rows[:, 1]) * width + rows[:, 2])
        pair = flat // width
        return np.stack([pair // max(n, 1), pair % max(n, 1), flat % width], axis=1)

    def trials(self, rows: Rows, numbers: Int64, scores: Float, planned: Int64) -> TrialColumns:
        """Give the columns of one candidate, with a `failed` row for every planned trial that was not run."""
        full, given = self._fill(numbers, planned)
        missing = given < 0
        if missing.any():
            full[missing, COLUMN["reply"]] = rows.replies.number(NOT_RUN)
        score = np.full(len(full), np.nan)
        score[~missing] = scores[given[~missing]]
        at = full[:, COLUMN["sent_at"]]
        started = at[at != NONE].min(initial=np.iinfo(np.int64).max)
        full[:, COLUMN["sent_at"]] = np.where(at == NONE, NONE, (at - started) * 1000)
        columns = {
            name: full[:, index].astype(_NARROW.get(name, np.int64), copy=True)
            for name, index in COLUMN.items()
        }
        in_, out, cached = rows.warmup_tokens
        return TrialColumns(
            **columns,
            variants=self.variants,
            expected=self.cases.expected[full[:, COLUMN["case"]]],
            score=score,
            replies=tuple(rows.replies.index),
            served_models=tuple(rows.served.index),
            fingerprints=tuple(rows.fingerprints.index),
            recorded=rows.recorded,
            warmup_calls=rows.warmup_calls,
            warmup_tokens=(in_, out, cached),
            not_run=missing if missing.any() else None,
        )

    def _fill(self, numbers: Int64, planned: Int64) -> tuple[Int64, Int64]:
        """Lay the records over the plan; give the full rows, and for each the record it came from or NONE."""
        width = int(planned[:, 2].max(initial=0)) + 1
        n = len(self.cases)
        wanted = (planned[:, 0] * n + planned[:, 1]) * width + planned[:, 2]
        places = [COLUMN["variant"], COLUMN["case"], COLUMN["repeat"]]
        mine = numbers[:, places]
        place = np.searchsorted(wanted, (mine[:, 0] * n + mine[:, 1]) * width + mine[:, 2])
        full = np.full((len(planned), len(NUMBERS)), NONE, dtype=np.int64)
        for name in (
            "queue_ns",
            "rate_limit_ns",
            "backoff_ns",
            "retry_ns",
            "own_ns",
            "attempts",
            "in_flight",
        ):
            full[:, COLUMN[name]] = 0
        full[:, COLUMN["outcome"]] = _FAILED
        full[:, places] = planned
        full[place] = numbers
        given = np.full(len(planned), NONE, dtype=np.int64)
        given[place] = np.arange(len(numbers))
        return full, given


def _grid(*axes: Sequence[int]) -> Iterator[Int64]:
    for axis in np.meshgrid(*(np.asarray(axis, dtype=np.int64) for axis in axes), indexing="ij"):
        yield axis.ravel()


def _sort_names(column: Int64, names: Names) -> None:
    """Renumber a column so that its names are sorted, whatever the order of reading was."""
    ordered = sorted(names.index)
    place: Int16 | Int64 = np.empty(len(ordered) + 1, dtype=np.int64)
    place[-1] = NONE  # NONE indexes from the end
    for rank, name in enumerate(ordered):
        place[names.index[name]] = rank
    column[:] = place[column]
    names.index = {name: rank for rank, name in enumerate(ordered)}
