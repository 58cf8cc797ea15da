"""The expected and the given label of each trial, and the confusion matrix they make.

The matrix has one more column than rows, `no label`: a trial that ended without a label is a miss for its
expected label and stays in every denominator.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.judge.table.packed import Bool, Float, Int16, Int32, Int64

_SMALL = 65_536
_WIDEST = 1 << 62


@dataclass(frozen=True)
class Answers:
    """Trials as labels; three arrays of one length, and the suite's labels (never those of the replies).

    `expected` is the same for all trials of a case; `predicted` is -1 where a trial has no label.
    """

    case: Int32 | Int64
    expected: Int16
    predicted: Int16
    labels: tuple[str, ...]

    @classmethod
    def of(
        cls, case: Sequence[int], expected: Sequence[int], predicted: Sequence[int], labels: Sequence[str]
    ) -> "Answers":
        """Make answers from plain sequences."""
        return cls(
            np.asarray(case, dtype=np.int32),
            np.asarray(expected, dtype=np.int16),
            np.asarray(predicted, dtype=np.int16),
            tuple(labels),
        )

    def __len__(self) -> int:
        return len(self.case)

    def where(self, keep: Bool) -> "Answers":
        """Keep some trials."""
        return Answers(self.case[keep], self.expected[keep], self.predicted[keep], self.labels)

    @property
    def right(self) -> Bool:
        """Which trials were answered with the expected label."""
        return np.asarray(self.expected == self.predicted, dtype=np.bool_)

    def confusion(self) -> Int64:
        """Count trials by expected label (rows) and answer (columns; the last is `no label`)."""
        k = len(self.labels)
        return np.bincount(self.cells(), minlength=k * (k + 1)).reshape(k, k + 1)

    def cells(self) -> Int64:
        """Give each trial's place in the flattened confusion matrix."""
        k = len(self.labels)
        column = np.where(self.predicted < 0, k, self.predicted)
        return self.expected.astype(np.int64) * (k + 1) + column

    @cached_property
    def patterns(self) -> "Patterns":
        """The cases, grouped with those whose trials were answered in the same way."""
        return self._grouped(self._by_case[1])

    def of_cases(self, has: Bool) -> "Patterns":
        """Group some cases only; `has` marks them among all of the run."""
        ids, answered, _ = self._by_case
        return self._grouped(answered[has[ids]])

    @cached_property
    def _by_case(self) -> tuple[Int32 | Int64, Int64, int]:
        """Give the cases; how each was answered: label and counts, as digits of one number if it holds them; its base.

        Numbers are in the order of their digits, so that both ways sort alike.
        """
        case, expected, predicted = self.case, self.expected, self.predicted
        if (case[1:] < case[:-1]).any():
            order = np.argsort(case, kind="stable")
            case, expected, predicted = case[order], expected[order], predicted[order]
        start, asked = runs_of(case)
        ids, label = case[start], expected[start].astype(np.int64)
        k, base = len(self.labels), int(asked.max(initial=0)) + 1
        if not len(ids) or k * base ** (k + 1) < _WIDEST:
            counted = np.add.reduceat(_digits(k, base)[predicted], start) if len(start) else label
            return ids, label * base ** (k + 1) + counted, base
        place = np.repeat(np.arange(len(ids)) * (k + 1), asked) + np.where(predicted < 0, k, predicted)
        counts = np.bincount(place, minlength=len(ids) * (k + 1)).reshape(len(ids), k + 1)
        return ids, np.column_stack([label, counts]), 0

    def _grouped(self, answered: Int64) -> "Patterns":
        k, base = len(self.labels), self._by_case[2]
        if not base:
            kinds, size = unique_rows(answered)
            return Patterns(kinds[:, 0], kinds[:, 1:], size, self.labels)
        kinds, size = np.unique(answered, return_counts=True)
        counts = kinds[:, None] // _digits(k, base) % base
        return Patterns(kinds // base ** (k + 1), counts, size.astype(np.int64), self.labels)


def _digits(labels: int, base: int) -> Int64:
    """Give what a trial answered with each label, or with none, adds to the number of its case."""
    return np.array([base ** (labels - column) for column in range(labels + 1)], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Patterns:
    """The distinct ways in which cases were answered.

    Row j: `size[j]` cases expect label `expected[j]` and had `counts[j]` trials per answer. Resampling cases
    is the same as drawing how often each pattern occurs, and there are far fewer patterns than cases.
    """

    expected: Int64
    counts: Int64  # patterns x (labels + 1)
    size: Int64
    labels: tuple[str, ...] = ()

    @classmethod
    def grouped(cls, expected: Int64, counts: Int64) -> "Patterns":
        """Group rows (one per case) that are alike, in lexicographic order."""
        kinds, size = unique_rows(np.column_stack([expected, counts]))
        return cls(kinds[:, 0], kinds[:, 1:], size)

    @property
    def patterns(self) -> "Patterns":
        """Itself: what asks answers for their patterns may be given these."""
        return self

    @property
    def trials(self) -> Int64:
        """Trials of a case of each pattern."""
        return np.asarray(self.counts.sum(axis=1), dtype=np.int64)

    @property
    def cases(self) -> int:
        """How many cases there are in all."""
        return int(self.size.sum())

    def confusion(self, labels: int) -> Float:
        """Add the cases up to the confusion matrix."""
        counts = np.zeros((labels, labels + 1))
        np.add.at(counts, self.expected, self.counts * self.size[:, None])
        return counts


def runs_of(case: Int32 | Int64) -> tuple[Int64, Int64]:
    """Give where the trials of each case begin, and how many they are; sorted by case."""
    start = np.flatnonzero(np.concatenate([np.ones(min(1, len(case)), np.bool_), case[1:] != case[:-1]]))
    return start, np.diff(start, append=len(case))


def numbered(values: Int16 | Int32 | Int64) -> tuple[Int64, Int64]:
    """Give the distinct values in order, and the place of each value among them; the places may be written on.

    As `np.unique` gives them, without its sorting where values are sorted already (cases are), or few small numbers.
    """
    if not len(values):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    if (values[1:] >= values[:-1]).all():
        first = np.concatenate([[True], values[1:] != values[:-1]])
        place = np.cumsum(first, dtype=np.int64)
        place -= 1
        return values[first].astype(np.int64), place
    low = int(values.min())
    if int(values.max()) - low > _SMALL:
        ids, place = np.unique(values, return_inverse=True)
        return ids.astype(np.int64), place.astype(np.int64)
    shifted = values.astype(np.int64)
    shifted -= low
    present = np.bincount(shifted) > 0
    return np.flatnonzero(present) + low, (np.cumsum(present) - 1)[shifted]


def unique_rows(rows: Int32 | Int64) -> tuple[Int64, Int64]:
    """Give the distinct rows in lexicographic order and how often each occurs.

    Many times faster than `np.unique(axis=0)`, which compares rows as opaque bytes.
    """
    if len(rows) == 0:
        return rows.astype(np.int64), np.zeros(0, dtype=np.int64)
    order = np.lexsort(rows.T[::-1])
    ranked = rows[order]
    starts = np.concatenate([[True], (ranked[1:] != ranked[:-1]).any(axis=1)])
    at = np.flatnonzero(starts)
    size = np.diff(np.concatenate([at, [len(rows)]]))
    return ranked[at].astype(np.int64), size
