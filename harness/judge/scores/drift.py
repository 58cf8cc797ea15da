"""Stability over time: whether this run is worse than the last one, or than its history."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.judge.documents import Status
from harness.judge.scores.combined import Combined, difference
from harness.judge.scores.figure import Missing
from harness.judge.scores.proportion import Share


def fisher(first: Share, second: Share) -> float:
    """Give Fisher's exact two-sided p-value of "both shares are equal", on effective counts (rounded)."""
    from scipy.stats import fisher_exact

    table = []
    for share in (first, second):
        n = max(1, round(share.effective_n()))
        hits = round(share.p * n)
        table.append([hits, n - hits])
    return float(fisher_exact(np.asarray(table)).pvalue)


@dataclass(frozen=True, slots=True)
class Drop:
    """Now minus before, and whether that is a big drop."""

    status: Status
    change: Combined | Missing


def no_big_drop(
    now: Share | Missing, before: Share | Missing, *, margin: float, confidence: float = 0.95
) -> Drop:
    """Decide "no big drop": FAIL when now - before may be below -margin and is certainly below 0.

    By Newcombe's two-sided interval. PASS when its lower bound is at or above -margin, INCONCLUSIVE when the
    interval is too wide to say either (it reaches below -margin and above 0).
    """
    change = difference(now, before)
    if isinstance(change, Missing):
        return Drop("INCONCLUSIVE", change)
    interval = change.estimate(confidence)
    assert interval.low is not None
    assert interval.high is not None
    if interval.low >= -margin:
        return Drop("PASS", change)
    return Drop("FAIL" if interval.high < 0 else "INCONCLUSIVE", change)


@dataclass(frozen=True, slots=True)
class Cusum:
    """The chart's statistic after each run, and the first run (position) that signals a worsening."""

    path: tuple[float, ...]
    limit: float
    signal: int | None


def cusum(
    errors: Sequence[float],
    trials: Sequence[float],
    *,
    usual: float,
    worse: float,
    limit: float | None = None,
) -> Cusum:
    """Follow a series of runs for a rise of the error rate from `usual` to `worse`.

    Bernoulli CUSUM (Reynolds and Stoumbos 1999), one step a run: S = max(0, S + x ln(p1/p0) +
    (n - x) ln((1-p1)/(1-p0))), a signal when S >= limit. `trials` should be effective sizes. The default
    limit, ln(100), keeps the chance of a false signal before S returns to 0 below 1% (Wald's bound).
    """
    usual = min(max(usual, 1e-4), 1 - 2e-4)
    worse = min(max(worse, usual + 1e-4), 1 - 1e-4)
    limit = math.log(100) if limit is None else limit
    wrong, right = math.log(worse / usual), math.log((1 - worse) / (1 - usual))
    path: list[float] = []
    statistic = 0.0
    for x, n in zip(errors, trials, strict=True):
        statistic = max(0.0, statistic + x * wrong + (n - x) * right)
        path.append(statistic)
    above = np.flatnonzero(np.asarray(path) >= limit)
    return Cusum(tuple(path), limit, int(above[0]) if len(above) else None)
