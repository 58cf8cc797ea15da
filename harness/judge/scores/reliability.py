"""Agreement of repeats beyond chance, and how much a repeat adds: kappa, alpha, ICC and the design effect."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.judge.scores.answers import unique_rows
from harness.judge.scores.figure import Drawn, Figure, Missing, Normal
from harness.judge.scores.resample import DRAWS, EXACT_CASES
from harness.judge.scores.stability import ONE_REPEAT, Votes
from harness.judge.table.columns import Bool, Float, Int32, Int64

ONE_ANSWER = "all repeats of all cases gave one answer: agreement by chance is certain"


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
    del trials
    share = counts / counts.sum(axis=-1, keepdims=True)
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
    """Resample cases; all that the statistics need are sums over cases, so a draw is one matrix product.

    Above `EXACT_CASES` cases: linearised, by differences with respect to each sum.
    """
    kinds, size = unique_rows(votes.counts)
    patterns = Votes(kinds, votes.codes, np.arange(len(kinds)))
    trials = patterns.repeats.astype(np.float64)
    agreeing = patterns.agreeing() * (trials if statistic is _alpha else 1.0)
    sums = np.column_stack([agreeing, trials, np.ones(len(kinds)), kinds])

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
    weights = np.random.default_rng(seed).multinomial(cases, size / cases, size=DRAWS)
    draws = of(weights.astype(np.float64) @ sums)
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
