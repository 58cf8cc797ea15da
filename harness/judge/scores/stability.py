"""Whether the same request gets the same answer: figures over the repeats of a case.

An answer is an integer code: a label, or -1 for no label (a reply without a label is an answer of its own;
callers may give failures, refusals and the like further codes). Cases with a single trial say nothing about
stability and are left out; every figure counts cases as the unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import binom

from harness.judge.scores.figure import Missing
from harness.judge.scores.proportion import Share, share_of_counts
from harness.judge.table.columns import Bool, Float, Int16, Int32, Int64

ONE_REPEAT = "every case was asked once, and only repeats show stability"


@dataclass(frozen=True, slots=True)
class Votes:
    """How often each answer was given: one row per case that was asked twice or more."""

    counts: Int64  # cases x codes
    codes: Int64  # the answer of each column
    case: Int64  # the case of each row

    @classmethod
    def of(cls, case: Int32 | Int64, answer: Int16 | Int32 | Int64) -> Votes:
        """Count the answers of each case."""
        ids, row = np.unique(case, return_inverse=True)
        codes, column = np.unique(answer, return_inverse=True)
        width = len(codes)
        counts = np.bincount(row * width + column, minlength=len(ids) * width).reshape(len(ids), width)
        repeated = counts.sum(axis=1) > 1
        return cls(counts[repeated], codes.astype(np.int64), ids[repeated].astype(np.int64))

    @property
    def repeats(self) -> Int64:
        """Trials of each case."""
        return np.asarray(self.counts.sum(axis=1), dtype=np.int64)

    def agreeing(self) -> Float:
        """Give the share of agreeing pairs of each case: sum_c C(n_ic, 2) / C(n_i, 2)."""
        n = self.repeats
        same = (self.counts * (self.counts - 1)).sum(axis=1)
        return np.asarray(same / np.maximum(n * (n - 1), 1), dtype=np.float64)


def _mean_share(per_case: Float, groups: int) -> Share | Missing:
    """Give the mean of per-case shares as a share clustered by case; `groups` is what one case can add."""
    return share_of_counts(per_case * groups, np.full(len(per_case), groups), why_empty=ONE_REPEAT)


def agreement(votes: Votes) -> Share | Missing:
    """Give the mean pairwise agreement, the metric `stability`; its n counts pairs of repeats.

    Unbiased for the chance that two repeats agree, whatever the number of repeats (Atil et al. 2024 use
    TAR, which falls as repeats are added).
    """
    return _mean_share(votes.agreeing(), _pairs(votes))


def flip_rate(votes: Votes) -> Share | Missing:
    """Give 1 - agreement: how often two repeats of a case differ."""
    return _mean_share(1 - votes.agreeing(), _pairs(votes))


def _pairs(votes: Votes) -> int:
    most = int(votes.repeats.max()) if len(votes.counts) else 0
    return most * (most - 1) // 2


def all_same(case: Int32 | Int64, answer: Int16 | Int32 | Int64) -> Share | Missing:
    """Give TARr@N (codes of raw replies) or TARa@N (codes of labels): cases whose N answers are all alike.

    Atil et al. (2024), total agreement rate. There may be as many different replies as trials, so answers
    are not counted: all are alike where the least code is the greatest.
    """
    order = np.lexsort((answer, case))
    ids, starts, asked = np.unique(case[order], return_index=True, return_counts=True)
    if len(ids) == 0:
        return Missing(ONE_REPEAT)
    ranked = answer[order]
    alike = ranked[starts] == ranked[starts + asked - 1]
    repeated = asked > 1
    return share_of_counts(alike[repeated], np.ones(np.count_nonzero(repeated)), why_empty=ONE_REPEAT)


def flips(votes: Votes) -> list[tuple[int, int, float, int]]:
    """Give (answer, other answer, share of all pairs of repeats, pairs that differ so), commonest first."""
    n = votes.repeats
    total = int((n * (n - 1) // 2).sum())
    counted = votes.counts.astype(np.float64)  # whole numbers far below 2^53, and a fast product
    together = counted.T @ counted
    found = [
        (int(votes.codes[a]), int(votes.codes[b]), int(together[a, b]) / total, int(together[a, b]))
        for a in range(len(votes.codes))
        for b in range(a + 1, len(votes.codes))
        if together[a, b]
    ]
    return sorted(found, key=lambda flip: (-flip[3], flip[0], flip[1]))


def flip_rates(votes: Votes) -> dict[tuple[int, int], float]:
    """Give, for each answer, how often another repeat of the same case gives each other answer instead.

    Over ordered pairs of repeats: pairs (a, b) / pairs whose first is a. "spam -> ham 3.1%" means that of the
    repeats beside a `spam`, 3.1% say `ham`.
    """
    counted = votes.counts.astype(np.float64)
    together = counted.T @ counted - np.diag(counted.sum(axis=0))
    beside = (counted * (votes.repeats[:, None] - 1)).sum(axis=0)
    return {
        (int(votes.codes[a]), int(votes.codes[b])): float(together[a, b] / beside[a])
        for a in range(len(votes.codes))
        for b in range(len(votes.codes))
        if a != b and together[a, b]
    }


def right_per_case(case: Int32 | Int64, right: Bool) -> tuple[Int64, Int64]:
    """Give how many trials of each case were right, and how many there were."""
    trials = np.bincount(case)
    hits = np.bincount(case, weights=right)
    present = trials > 0
    return np.rint(hits[present]).astype(np.int64), trials[present]


def pass_power(case: Int32 | Int64, right: Bool, k: int) -> Share | Missing:
    """Give pass^k, the chance that k repeats of a case are all right: mean C(c_i, k) / C(n_i, k).

    Yao et al. (2024, tau-bench). Cases with fewer than k trials are left out.
    """
    hits, trials = right_per_case(case, right)
    enough = trials >= k
    hits, trials = hits[enough], trials[enough]
    why = f"no case was asked {k} times"
    if len(hits) == 0:
        return Missing(why)
    groups = max(1, round(float(binom(trials.max(), k))))
    all_right = np.asarray(binom(hits, k) / binom(trials, k), dtype=np.float64)
    return share_of_counts(all_right * groups, np.full(len(hits), groups), why_empty=why)


def best_and_worst(case: Int32 | Int64, right: Bool) -> tuple[float, float] | None:
    """Give the accuracy if each case's best repeat had been the only one, and its worst."""
    hits, trials = right_per_case(case, right)
    if len(hits) == 0:
        return None
    return float((hits > 0).mean()), float((hits == trials).mean())


def mean_entropy(votes: Votes) -> float | None:
    """Give the mean entropy (bits) of the answers of a case: 0 when all repeats agree."""
    if len(votes.counts) == 0:
        return None
    share = votes.counts / votes.repeats[:, None]
    logs = np.log2(share, out=np.zeros_like(share), where=share > 0)
    return abs(float(-(share * logs).sum(axis=1).mean()))


def least_stable(votes: Votes, most: int = 20) -> list[int]:
    """Give the cases whose repeats agree least, worst first; only those that do not agree fully."""
    agreeing = votes.agreeing()
    order = np.lexsort((votes.case, agreeing))
    return [int(votes.case[i]) for i in order[:most] if agreeing[i] < 1]
