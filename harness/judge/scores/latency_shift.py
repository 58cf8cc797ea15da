"""How much slower or faster one candidate is than another on the same cases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from harness.judge.documents import Estimate, undefined
from harness.judge.scores.figure import Drawn, Figure, Missing
from harness.judge.scores.latency import quantile_of
from harness.judge.table.columns import Bool, Float, Int32, Int64

DRAWS = 2_000
MOST_DRAWN = 40_000_000  # resampled trials in all, which bounds the time
CELLS = 2_000_000  # resampled trials at once, which bounds the memory
WALSH = 2_000


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


def typical_shift(first: Float, first_case: Int32 | Int64, second: Float, second_case: Int32 | Int64) -> float | None:
    """Give the Hodges-Lehmann shift of first - second (seconds), each case's median on either side.

    Cases that one side lacks, or whose median is a failure on either side, are left out.
    """
    return shift_of_medians(case_medians(first, first_case), case_medians(second, second_case)).value


def shift_of_medians(first: dict[int, float], second: dict[int, float], *, confidence: float = 0.95) -> Estimate:
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
    sides = [TimedSide.of(first, first_case, both), TimedSide.of(second, second_case, both)]
    if not len(both):
        return [Missing("no case is on both sides") for _ in quantiles]
    one, two = quantile_draws(sides, len(both), quantiles, seed=seed)
    return [
        difference_of_draws((sides[0], one[:, place]), (sides[1], two[:, place]), len(both), q)
        for place, q in enumerate(quantiles)
    ]


def difference_of_draws(
    first: tuple[TimedSide, Float], second: tuple[TimedSide, Float], cases: int, q: float
) -> Figure:
    """Give the difference of a quantile from both sides' draws of it, made from the same cases."""
    one, two = (quantile_of(side.times, q) for side, _ in (first, second))
    if one is None or two is None:
        return Missing(f"p{100 * q:g} falls among failed calls", cases)
    finite = np.isfinite(first[1]) & np.isfinite(second[1])
    drawn = np.sort(first[1][finite] - second[1][finite])
    if len(drawn) < 0.95 * len(finite):
        return Missing(f"too many failed calls to bound p{100 * q:g}", cases)
    return Drawn(one - two, cases, drawn, f"paired bootstrap by case, {len(finite):,} draws")


@dataclass(frozen=True, slots=True)
class TimedSide:
    """One candidate's times on the shared cases, rising, and the place of each one's case among them."""

    times: Float
    place: Int64

    @classmethod
    def of(cls, times: Float, case: Int32 | Int64, both: Int32 | Int64) -> TimedSide:
        """Keep the trials of the shared cases."""
        keep: Bool = np.isin(case, both)
        kept, row = times[keep], np.searchsorted(both, case[keep])
        order = np.argsort(kept, kind="stable")
        return cls(kept[order], row[order].astype(np.int64))


def quantile_draws(sides: Sequence[TimedSide], cases: int, quantiles: Sequence[float], *, seed: int) -> list[Float]:
    """Give each side's quantiles (draws x quantiles, by inverted CDF) over the same resampled cases."""
    rng = np.random.default_rng(seed)
    draws = max(200, min(DRAWS, MOST_DRAWN // sum(len(side.times) for side in sides)))
    at_once = max(1, CELLS // max(cases, *(len(side.times) for side in sides)))
    made: list[list[Float]] = [[] for _ in sides]
    for start in range(0, draws, at_once):
        rows = min(at_once, draws - start)
        chosen = rng.integers(0, cases, (rows, cases)) + np.arange(rows)[:, None] * cases
        weight = np.bincount(chosen.ravel(), minlength=rows * cases).reshape(rows, cases).astype(np.int32)
        for side, found in zip(sides, made, strict=True):
            found.append(_weighted_quantiles(side.times, weight[:, side.place], quantiles))
    return [np.concatenate(found) for found in made]


def _weighted_quantiles(ordered: Float, weight: Int32, quantiles: Sequence[float]) -> Float:
    """Give, for each row of weights, the quantiles of the rising times by inverted CDF."""
    reached = np.cumsum(weight, axis=1)
    total = reached[:, -1]
    found = np.empty((len(weight), len(quantiles)))
    for place, q in enumerate(quantiles):
        rank = np.maximum(1, np.ceil(q * total - 1e-9).astype(np.int64))
        found[:, place] = ordered[(reached < rank[:, None]).sum(axis=1)]
    return found
