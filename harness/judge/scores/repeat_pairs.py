"""What pairs of repeats that differ have in common: sent among many calls, or answered by two models.

A pair is two repeats of one case. Whether pairs of one kind differ more often than pairs of another is a
difference of two shares clustered by case (Newcombe). A case may have pairs of both kinds; taking the kinds
as independent then makes the interval wider than it need be: "it explains flips" is never said lightly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.judge.scores.figure import Missing
from harness.judge.scores.proportion import Share, share_of_counts
from harness.judge.table.columns import Bool, Int32, Int64

FARTHEST = 8  # repeats apart: with 1,000 repeats of a case all pairs would be half a million


@dataclass(frozen=True, slots=True)
class RepeatPairs:
    """Pairs of repeats: rows of the two trials, of what case, and whether their answers differ."""

    first: Int64
    second: Int64
    case: Int64
    differ: Bool

    @classmethod
    def of(cls, case: Int32 | Int64, answer: Int64) -> RepeatPairs:
        """Pair the repeats of each case; rows must be sorted by case."""
        firsts, seconds = [], []
        for apart in range(1, FARTHEST + 1):
            rows = np.flatnonzero(case[apart:] == case[:-apart]) if apart < len(case) else np.empty(0, np.int64)
            if len(rows) == 0:
                break
            firsts.append(rows)
            seconds.append(rows + apart)
        none = np.empty(0, dtype=np.int64)
        first = np.concatenate([none, *firsts])
        second = np.concatenate([none, *seconds])
        differ = np.asarray(answer[first] != answer[second], dtype=np.bool_)
        return cls(first, second, np.asarray(case[first], dtype=np.int64), differ)

    def where(self, keep: Bool) -> RepeatPairs:
        """Keep some pairs."""
        return RepeatPairs(self.first[keep], self.second[keep], self.case[keep], self.differ[keep])

    def differing(self) -> Share | Missing:
        """Give the share of pairs that differ, clustered by case."""
        if len(self.case) == 0:
            return Missing("there is no such pair of repeats")
        hits, pairs = np.bincount(self.case, weights=self.differ), np.bincount(self.case)
        return share_of_counts(hits, pairs, why_empty="there is no such pair of repeats")


def balanced_cut(values: Int64) -> int | None:
    """Give the value that splits values into two groups (up to it, above it) of sizes as equal as can be."""
    distinct, sizes = np.unique(values, return_counts=True)
    if len(distinct) < 2:
        return None
    below = np.cumsum(sizes)[:-1]
    return int(distinct[:-1][np.argmin(np.abs(below - len(values) / 2))])
