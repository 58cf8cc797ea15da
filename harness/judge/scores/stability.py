"""Whether the same request gets the same answer: figures over the repeats of a case.

An answer is an integer code: a label, or -1 for no label (a reply without a label is an answer of its own;
callers may give failures, refusals and the like further codes). Cases with a single trial say nothing about
stability and are left out; every figure counts cases as the unit.

Then agreement beyond chance, and how much a repeat adds: kappa, alpha, ICC and the design effect.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import binom

from harness.judge.scores.answers import numbered, runs_of, unique_rows
from harness.judge.scores.figure import AT_ONCE, Bool, Drawn, Figure, Float, Int16, Int32, Int64, Missing, Normal
from harness.judge.scores.proportion import Share, share_of_counts
from harness.judge.scores.resample import DRAWS, EXACT_CASES

ONE_REPEAT = "no case was asked twice, and only repeats show stability"
ONE_ANSWER = "all repeats of all cases gave one answer: agreement by chance is certain"


@dataclass(frozen=True)
class Votes:
    """How often each answer was given: one row per case that was asked twice or more."""

    counts: Int32 | Int64  # cases x codes
    codes: Int64  # the answer of each column
    case: Int64  # the case of each row
    told: int | None = None  # codes from here on are no answers: by chance, too, they agree with nothing

    @classmethod
    def of(cls, case: Int32 | Int64, answer: Int16 | Int32 | Int64, told: int | None = None) -> "Votes":
        """Count the answers of each case."""
        ids, place = numbered(case)
        codes, column = numbered(answer)
        width = len(codes)
        place *= width
        place += column
        counts = np.bincount(place, minlength=len(ids) * width).reshape(len(ids), width).astype(np.int32)
        repeated = counts.sum(axis=1) > 1
        return cls(counts if repeated.all() else counts[repeated], codes.astype(np.int64), ids[repeated], told)

    @cached_property
    def repeats(self) -> Int64:
        """Trials of each case."""
        return np.asarray(self.counts.sum(axis=1), dtype=np.int64)

    @cached_property
    def kinds(self) -> tuple[Int64, Int64]:
        """The distinct rows of counts, and how many cases have each."""
        return unique_rows(self.counts)

    @cached_property
    def agreeing(self) -> Float:
        """The share of agreeing pairs of each case: sum_c C(n_ic, 2) / C(n_i, 2)."""
        n = self.repeats
        same = (self.counts * (self.counts.astype(np.int64) - 1)).sum(axis=1)
        return np.asarray(same / np.maximum(n * (n - 1), 1), dtype=np.float64)


def _mean_share(per_case: Float, groups: int) -> Share | Missing:
    """Give the mean of per-case shares as a share clustered by case; `groups` is what one case can add."""
    return share_of_counts(per_case * groups, np.full(len(per_case), groups), why_empty=ONE_REPEAT)


def agreement(votes: Votes) -> Share | Missing:
    """Give the mean pairwise agreement, the metric `stability`; its n counts pairs of repeats.

    Unbiased for the chance that two repeats agree, whatever the number of repeats (Atil et al. 2024 use
    TAR, which falls as repeats are added).
    """
    return _mean_share(votes.agreeing, _pairs(votes))


def flip_rate(votes: Votes) -> Share | Missing:
    """Give 1 - agreement: how often two repeats of a case differ."""
    return _mean_share(1 - votes.agreeing, _pairs(votes))


def _pairs(votes: Votes) -> int:
    most = int(votes.repeats.max()) if len(votes.counts) else 0
    return most * (most - 1) // 2


def all_same(case: Int32 | Int64, answer: Int16 | Int32 | Int64) -> Share | Missing:
    """Give TARr@N (codes of raw replies) or TARa@N (codes of labels): cases whose N answers are all alike.

    Atil et al. (2024), total agreement rate. There may be as many different replies as trials, so answers
    are not counted: all are alike where the least code is the greatest.
    """
    _, least, greatest, asked = ends_of(case, answer)
    repeated = asked > 1
    alike = (least == greatest)[repeated]
    return share_of_counts(alike, np.ones(len(alike)), why_empty=ONE_REPEAT)


_Numbers = Int16 | Int32 | Int64


def ends_of(case: Int32 | Int64, answer: _Numbers) -> tuple[Int32 | Int64, _Numbers, _Numbers, Int64]:
    """Give the cases, the least and the greatest of the answers to each, and how many these are."""
    if (case[1:] < case[:-1]).any():
        order = np.argsort(case, kind="stable")
        case, answer = case[order], answer[order]
    starts, asked = runs_of(case)
    least, greatest = (of.reduceat(answer, starts) if len(starts) else answer for of in (np.minimum, np.maximum))
    return case[starts], least, greatest, asked


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
    entropy = np.empty(len(votes.counts))
    for begin in range(0, len(entropy), AT_ONCE):
        part = slice(begin, begin + AT_ONCE)
        share = votes.counts[part] / votes.repeats[part, None]
        entropy[part] = (share * np.log2(share, out=np.zeros_like(share), where=share > 0)).sum(axis=1)
    return abs(float(entropy.mean()))


def least_stable(votes: Votes, most: int = 20) -> list[int]:
    """Give the cases whose repeats agree least, worst first; only those that do not agree fully."""
    agreeing = votes.agreeing
    moved = np.flatnonzero(agreeing < 1)
    order = moved[np.lexsort((votes.case[moved], agreeing[moved]))]
    return [int(case) for case in votes.case[order[:most]]]


def fleiss_kappa(votes: Votes, *, seed: int) -> Figure:
    """Give Fleiss' kappa (1971) with a bootstrap interval by case; needs as many repeats for every case."""
    if len(votes.counts) == 0:
        return Missing(ONE_REPEAT)
    if len(np.unique(votes.repeats)) > 1:
        return Missing("cases have different numbers of repeats: see Krippendorff's alpha", len(votes.counts))
    return _bootstrapped(votes, _fleiss, seed)


def krippendorff_alpha(votes: Votes, *, seed: int) -> Figure:
    """Give Krippendorff's alpha for nominal answers, for any numbers of repeats, with a bootstrap by case.

    Krippendorff (2011): alpha = 1 - D_o / D_e from the coincidence matrix; a case with n_i answers adds
    n_ic n_ik / (n_i - 1) to coincidences.
    """
    if len(votes.counts) == 0:
        return Missing(ONE_REPEAT)
    return _bootstrapped(votes, _alpha, seed)


def _fleiss(agreeing: Float, counts: Float, trials: Float, cases: Float) -> Float:
    """Take sums over cases: of pairwise agreement, of answers (..., codes), of trials, and their number."""
    share = counts / trials[..., None]
    return _beyond_chance(agreeing / cases, (share**2).sum(axis=-1))


def _alpha(weighted: Float, counts: Float, trials: Float, cases: Float) -> Float:
    del cases
    chance = (counts * (counts - 1)).sum(axis=-1) / (trials * (trials - 1))
    return _beyond_chance(weighted / trials, chance)


def _beyond_chance(observed: Float, chance: Float) -> Float:
    room = 1 - chance
    certain = room <= 1e-12
    return np.asarray(np.where(certain, np.nan, (observed - chance) / np.where(certain, 1, room)))


def _bootstrapped(votes: Votes, statistic: Callable[..., Float], seed: int) -> Figure:
    """Resample cases (Rubin 1981), with half a case each that agrees and that does not, of the usual answers.

    Without these a run in which all agreed would claim an interval of width zero. All that the statistics need
    are sums over cases, so a draw is one matrix product. Above `EXACT_CASES` cases: linearised by each sum.
    """
    kinds, size = votes.kinds
    patterns = Votes(kinds, votes.codes, np.arange(len(kinds)))
    trials = patterns.repeats.astype(np.float64)
    agreeing = patterns.agreeing * (trials if statistic is _alpha else 1.0)
    given = kinds if votes.told is None else kinds[:, votes.codes < votes.told]
    sums = np.column_stack([agreeing, trials, np.ones(len(kinds)), given])

    def of(total: Float) -> Float:
        return statistic(total[..., 0], total[..., 3:], total[..., 1], total[..., 2])

    observed = size.astype(np.float64) @ sums
    value = float(of(observed))
    cases = int(size.sum())
    if not math.isfinite(value):
        return Missing(ONE_ANSWER, cases)
    if cases > EXACT_CASES:
        step = np.diag(np.maximum(observed, 1.0) * 1e-6)
        slope = (of(observed + step) - of(observed - step)) / (2 * np.diag(step))
        influence = (sums - observed / cases) @ slope
        return Normal(value, cases, math.sqrt(float(size @ influence**2)), "linearised by case", ceiling=1.0)
    imagined = np.vstack([observed, observed]) / cases
    imagined[:, 0] = [imagined[0, 1] if statistic is _alpha else 1.0, 0.0]
    shape = np.concatenate([size, [0.5, 0.5]])
    weights = np.random.default_rng(seed).standard_gamma(shape, size=(DRAWS, len(shape)))
    draws = of(weights * (cases / weights.sum(axis=1, keepdims=True)) @ np.vstack([sums, imagined]))
    # A draw in which every case gave one answer agrees perfectly.
    return Drawn(value, cases, np.sort(np.where(np.isfinite(draws), draws, 1.0)), "bootstrap by case")


@dataclass(frozen=True, slots=True)
class Clustering:
    """How alike the repeats of a case are, and what that costs."""

    icc: float
    design_effect: float  # trials / independent trials worth as much


def clustering(case: Int32 | Int64, right: Bool) -> Clustering | None:
    """Give ICC(1) of right answers and the design effect 1 + (m - 1) ICC.

    Shrout and Fleiss (1979): (MSB - MSW) / (MSB + (m0 - 1) MSW) of the one-way analysis of variance, m0 the
    mean cluster size adjusted for unequal ones. None when no case was repeated or the answers never vary.
    """
    trials = np.bincount(case)
    hits = np.bincount(case, weights=right)[trials > 0]
    trials = trials[trials > 0]
    n, groups = float(trials.sum()), len(trials)
    if groups < 2 or n <= groups:
        return None
    share = hits / trials
    within = float((trials * share * (1 - share)).sum()) / (n - groups)
    between = float((trials * (share - hits.sum() / n) ** 2).sum()) / (groups - 1)
    size = (n - float((trials**2).sum()) / n) / (groups - 1)
    spread = between + (size - 1) * within
    if spread <= 0:
        return None
    icc = (between - within) / spread
    return Clustering(icc, max(0.0, 1 + (n / groups - 1) * icc))
