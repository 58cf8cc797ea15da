"""How much slower or faster one candidate is than another on the same cases."""

from __future__ import annotations

import math

import numpy as np

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
    if len(differences) == 0:
        return None
    ordered = np.sort(differences)
    if len(ordered) > WALSH:
        ordered = ordered[((np.arange(WALSH) + 0.5) * len(ordered) / WALSH).astype(np.int64)]
    i, j = np.triu_indices(len(ordered))
    return float(np.median((ordered[i] + ordered[j]) / 2))


def typical_shift(
    first: Float, first_case: Int32 | Int64, second: Float, second_case: Int32 | Int64
) -> float | None:
    """Give the Hodges-Lehmann shift of first - second (seconds), each case's median on either side.

    Cases that one side lacks, or whose median is a failure on either side, are left out.
    """
    one, two = _medians(first, first_case), _medians(second, second_case)
    both = sorted(one.keys() & two.keys())
    return hodges_lehmann(np.array([one[case] - two[case] for case in both]))


def _medians(times: Float, case: Int32 | Int64) -> dict[int, float]:
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
