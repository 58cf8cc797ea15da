"""How much slower or faster one candidate is than another on the same cases."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from harness.judge.scores.estimate import Estimate, undefined
from harness.judge.scores.figure import Drawn, Figure, Missing
from harness.judge.scores.latency import quantile_of
from harness.judge.table import Bool, Float, Int32, Int64

DRAWS = 2_000
MOST_DRAWN = 40_000_000  # resampled trials in all, which bounds the time
CELLS = 2_000_000  # resampled trials at once, which bounds the memory
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
    """Give quantile(first) - quantile(second) in seconds, cases resampled in pairs."""
    return quantile_differences(first, first_case, second, second_case, (q,), seed=seed)[0]


def quantile_differences(
    first: Float,
    first_case: Int32 | Int64,
    second: Float,
    second_case: Int32 | Int64,
    quantiles: Sequence[float],
    *,
    seed: int,
) -> list[Figure]:
    """Give quantile(first) - quantile(second) for several quantiles from the same resampled cases.

    Both sides are cut down to the cases they share. A draw whose quantile is a failure on one side has no
    finite difference and is left out; undefined when more than 1 in 20 draws are, or the value itself is.
    """
    both = np.intersect1d(first_case, second_case)
    sides = [_side(first, first_case, both), _side(second, second_case, both)]
    drawn = _drawn(sides, len(both), quantiles, seed) if len(both) else np.empty((0, len(quantiles)))
    return [_difference(sides, drawn[:, place], len(both), q) for place, q in enumerate(quantiles)]


def _difference(sides: list[tuple[Float, Int64]], drawn: Float, cases: int, q: float) -> Figure:
    one, two = (quantile_of(times, q) for times, _ in sides)
    if one is None or two is None:
        why = "no case is on both sides" if cases == 0 else f"p{100 * q:g} falls among failed calls"
        return Missing(why, cases)
    finite = np.sort(drawn[np.isfinite(drawn)])
    if len(finite) < 0.95 * len(drawn):
        return Missing(f"too many failed calls to bound p{100 * q:g}", cases)
    return Drawn(one - two, cases, finite, f"paired bootstrap by case, {len(drawn):,} draws")


def _side(times: Float, case: Int32 | Int64, both: Int32 | Int64) -> tuple[Float, Int64]:
    """Give the times of the shared cases, rising, and the place of each one's case in `both`."""
    keep: Bool = np.isin(case, both)
    times, row = times[keep], np.searchsorted(both, case[keep])
    order = np.argsort(times, kind="stable")
    return times[order], row[order].astype(np.int64)


def _drawn(sides: list[tuple[Float, Int64]], cases: int, quantiles: Sequence[float], seed: int) -> Float:
    """Give draws x quantiles of first - second; nan where a side's quantile is a failure."""
    rng = np.random.default_rng(seed)
    widest = max(len(times) for times, _ in sides)
    draws = max(200, min(DRAWS, MOST_DRAWN // (len(sides[0][0]) + len(sides[1][0]))))
    at_once = max(1, CELLS // max(widest, cases))
    made = []
    for start in range(0, draws, at_once):
        rows = min(at_once, draws - start)
        chosen = rng.integers(0, cases, (rows, cases)) + np.arange(rows)[:, None] * cases
        weight = np.bincount(chosen.ravel(), minlength=rows * cases).reshape(rows, cases).astype(np.int32)
        one, two = (_weighted_quantiles(times, weight[:, row], quantiles) for times, row in sides)
        finite = np.isfinite(one) & np.isfinite(two)
        made.append(np.subtract(one, two, out=np.full(one.shape, np.nan), where=finite))
    return np.concatenate(made)


def _weighted_quantiles(ordered: Float, weight: Int32, quantiles: Sequence[float]) -> Float:
    """Give, for each row of weights, the quantiles of the rising times by inverted CDF."""
    reached = np.cumsum(weight, axis=1)
    total = reached[:, -1]
    found = np.empty((len(weight), len(quantiles)))
    for place, q in enumerate(quantiles):
        rank = np.maximum(1, np.ceil(q * total - 1e-9).astype(np.int64))
        found[:, place] = ordered[(reached < rank[:, None]).sum(axis=1)]
    return found
