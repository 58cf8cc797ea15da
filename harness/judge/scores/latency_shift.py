"""How much slower or faster one candidate is than another on the same cases."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri

from harness.judge.scores.estimate import Estimate, undefined
from harness.judge.scores.figure import Drawn, Figure, Missing
from harness.judge.scores.latency import quantile_of
from harness.judge.table import Bool, Float, Int32, Int64

DRAWS = 2_000
MOST_DRAWN = 40_000_000  # resampled trials in all, which bounds the time
WALSH = 2_000


def hodges_lehmann(differences: Float) -> float | None:
    """Give the Hodges-Lehmann shift (1963): the median of the means of all pairs, each with itself too.

    Above `WALSH` differences their evenly spaced quantiles stand for them.
    """
    return None if len(differences) == 0 else float(np.median(_walsh(differences)))


def hodges_lehmann_estimate(differences: Float, confidence: float = 0.95) -> Estimate:
    """Give the shift with the interval that Wilcoxon's signed-rank test does not reject (Lehmann 1963).

    Its ends are the averages of rank k and M + 1 - k among the M = n(n+1)/2, with
    k = M/2 - z sqrt(n(n+1)(2n+1)/24) (Hollander and Wolfe 1999, section 3.3); None where n is too
    small for any k.
    """
    n = len(differences)
    if n == 0:
        return undefined("no case has a latency on both sides", confidence=confidence)
    averages = np.sort(_walsh(differences))
    pairs = n * (n + 1) / 2
    k = pairs / 2 - float(ndtri((1 + confidence) / 2)) * math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    at = math.floor(k / pairs * len(averages))
    return Estimate(
        value=float(np.median(averages)),
        n=n,
        low=float(averages[at - 1]) if at >= 1 else None,
        high=float(averages[len(averages) - at]) if at >= 1 else None,
        confidence=confidence,
        method="Hodges-Lehmann, paired by case",
    )


def _walsh(differences: Float) -> Float:
    """Give the means of all pairs, each with itself too."""
    ordered = np.sort(differences)
    if len(ordered) > WALSH:
        ordered = ordered[((np.arange(WALSH) + 0.5) * len(ordered) / WALSH).astype(np.int64)]
    i, j = np.triu_indices(len(ordered))
    return np.asarray((ordered[i] + ordered[j]) / 2, dtype=np.float64)


def typical_shift(
    first: Float, first_case: Int32 | Int64, second: Float, second_case: Int32 | Int64
) -> float | None:
    """Give the Hodges-Lehmann shift of first - second (seconds), each case's median on either side.

    Cases that one side lacks, or whose median is a failure on either side, are left out.
    """
    return shift_of_medians(case_medians(first, first_case), case_medians(second, second_case)).value


def shift_of_medians(
    first: dict[int, float], second: dict[int, float], *, confidence: float = 0.95
) -> Estimate:
    """Give the shift of first - second with its interval, over the cases that both have."""
    both = sorted(first.keys() & second.keys())
    differences = np.array([first[case] - second[case] for case in both], dtype=np.float64)
    return hodges_lehmann_estimate(differences, confidence)


def case_medians(times: Float, case: Int32 | Int64) -> dict[int, float]:
    """Give the (lower) median of each case's times; cases whose median is a failure are left out."""
    order = np.lexsort((times, case))
    ids, start, size = np.unique(case[order], return_index=True, return_counts=True)
    middle = times[order][start + (size - 1) // 2]
    return {int(i): float(t) for i, t in zip(ids, middle, strict=True) if math.isfinite(t)}


def quantile_difference(
    first: Float,
    first_case: Int32 | Int64,
    second: Float,
    second_case: Int32 | Int64,
    q: float,
    *,
    seed: int,
) -> Figure:
    """Give quantile(first) - quantile(second) in seconds, cases resampled in pairs.

    Both sides are cut down to the cases they share. A draw whose quantile is a failure on one side has no
    finite difference and is left out; undefined when more than 1 in 20 draws are, or the value itself is.
    """
    both = np.intersect1d(first_case, second_case)
    sides = [_side(first, first_case, both), _side(second, second_case, both)]
    values = [quantile_of(times, q) for times, _ in sides]
    if values[0] is None or values[1] is None:
        why = "no case is on both sides" if len(both) == 0 else f"p{100 * q:g} falls among failed calls"
        return Missing(why, len(both))
    rng = np.random.default_rng(seed)
    trials = len(sides[0][0]) + len(sides[1][0])
    draws = max(200, min(DRAWS, MOST_DRAWN // trials))
    drawn = np.empty(draws)
    for i in range(draws):
        weight = np.bincount(rng.integers(0, len(both), len(both)), minlength=len(both))
        one, two = (_weighted_quantile(times, weight[row], q) for times, row in sides)
        drawn[i] = one - two if math.isfinite(one) and math.isfinite(two) else math.nan
    finite = drawn[np.isfinite(drawn)]
    if len(finite) < 0.95 * draws:
        return Missing(f"too many failed calls to bound p{100 * q:g}", len(both))
    return Drawn(
        values[0] - values[1], len(both), np.sort(finite), f"paired bootstrap by case, {draws:,} draws"
    )


def _side(times: Float, case: Int32 | Int64, both: Int32 | Int64) -> tuple[Float, Int64]:
    """Give the times of the shared cases, rising, and the place of each one's case in `both`."""
    keep: Bool = np.isin(case, both)
    times, row = times[keep], np.searchsorted(both, case[keep])
    order = np.argsort(times, kind="stable")
    return times[order], row[order].astype(np.int64)


def _weighted_quantile(ordered: Float, weight: Int64, q: float) -> float:
    reached = np.cumsum(weight)
    rank = max(1, math.ceil(q * int(reached[-1]) - 1e-9))
    return float(ordered[np.searchsorted(reached, rank)])
