"""Latency quantiles and service levels without any assumption about the distribution.

Theory. The rank of the true q-quantile among n independent times is Binomial(n, q), so order statistics bound
it. "p95 <= T" at 95% confidence passes iff X_(r) <= T with r = BinomInv(.95; n, .95) + 1, which is the same
rule as "the one-sided Clopper-Pearson lower bound on the share of calls within T is at least .95": both say
that at least r calls were within T. With fewer than 59 calls r > n and p95 can't be certified.

Failed and timed-out trials took longer than anyone waited: they enter as `inf` (right-censored), are over any
limit and never dropped. A quantile that falls among them is undefined.

Repeats of a case share the case's length and difficulty. The share within T is clustered by case (see
`proportion`), and order statistics use the effective number of calls of the share below the quantile, ranks
scaled back to the observed calls (Woodruff 1952).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from harness.judge.scores.binomial import quantile
from harness.judge.scores.figure import NONE, Bool, Drawn, Estimate, Figure, Float, Int32, Int64, Missing, undefined
from harness.judge.scores.proportion import Decision, Op, Share, clustered_share, decide

CENSORED = math.inf
_DRAWS = 2_000
MOST_DRAWN = 40_000_000  # resampled trials in all, which bounds the time
CELLS = 2_000_000  # resampled trials at once, which bounds the memory
WALSH = 2_000


def in_seconds(ns: Int64, failed: Bool) -> Float:
    """Turn nanoseconds into seconds; failed or never-sent trials become infinite."""
    times = np.asarray(ns, dtype=np.float64) / 1e9
    times[failed | (ns == NONE)] = CENSORED
    return times


def quantile_of(times: Float, q: float) -> float | None:
    """Give the q-quantile by inverted CDF, the smallest time that a share q of calls doesn't exceed.

    None when there are no times or when it falls among the failures.
    """
    if len(times) == 0:
        return None
    rank = max(1, math.ceil(q * len(times) - 1e-9))
    value = float(np.partition(times, rank - 1)[rank - 1])
    return value if math.isfinite(value) else None


def quantile_estimate(
    times: Float, case: Int32 | Int64, q: float, confidence: float = 0.95, *, ordered: Float | None = None
) -> Estimate:
    """Give a quantile (seconds) with its two-sided interval from order statistics.

    `low` or `high` is None where there are too few calls to bound that side, or where the bound is a failure.
    q = 1 is the slowest call seen: a fact about this run, without an interval. `ordered` are the same times, sorted.
    """
    n = len(times)
    if n == 0:
        return undefined("no call was timed", confidence=confidence)
    value = quantile_of(times, q)
    if value is None:
        failed = int(np.count_nonzero(~np.isfinite(times)))
        why = f"{failed:,} of {n:,} calls failed or timed out, and p{100 * q:g} falls among them"
        return undefined(why, n=n, confidence=confidence)
    if q >= 1:
        return Estimate(value=value, n=n, confidence=confidence, method="slowest call seen")
    tail = (1 + confidence) / 2
    effective, ordered = _effective(times, case, value, tail), np.sort(times) if ordered is None else ordered
    low_rank, high_rank = _ranks(effective, n, q, confidence)
    return Estimate(
        value=value,
        n=n,
        low=_at(ordered, low_rank),
        high=_at(ordered, high_rank),
        confidence=confidence,
        method="order statistics" if effective == n else "order statistics, clustered by case",
    )


def _effective(times: Float, case: Int32 | Int64, at: float, tail: float) -> int:
    share = clustered_share(times <= at, case)
    assert isinstance(share, Share)
    return max(1, math.floor(share.effective_n(tail) + 1e-9))


def _ranks(effective: int, n: int, q: float, confidence: float) -> tuple[int, int]:
    """Give the 1-based ranks among n that bound the quantile; 0 or n + 1 where there is none."""
    tail = (1 - confidence) / 2
    low = int(quantile(tail, effective, q))
    high = int(quantile(1 - tail, effective, q)) + 1
    if effective == n:
        return low, high
    scaled_high = n + 1 if high > effective else math.ceil(high * n / effective)
    return math.floor(low * n / effective), scaled_high


def _at(ordered: Float, rank: int) -> float | None:
    if not 1 <= rank <= len(ordered):
        return None
    value = float(ordered[rank - 1])
    return value if math.isfinite(value) else None


def within(times: Float, case: Int32 | Int64, limit_s: float) -> Share | Missing:
    """Give the share of calls done within a limit, clustered by case; failures are over any limit."""
    inside = np.asarray((times <= limit_s) & np.isfinite(times), dtype=np.bool_)
    return clustered_share(inside, case, why_empty="no call was timed")


def slo_rank(n: int, q: float, confidence: float = 0.95) -> int | None:
    """Give r: the r-th fastest of n calls must be within the limit; None when n calls can't certify it."""
    rank = int(quantile(confidence, n, q)) + 1
    return rank if rank <= n else None


@dataclass(frozen=True, slots=True)
class SloDecision:
    """A latency requirement held against the calls.

    `bound_s` is the time of the call that decides (the r-th fastest), None where too few calls or a failure
    leave no bound; `share` is how many calls were within the limit; `needed_n` counts cases.
    """

    decision: Decision
    share: Share | Missing
    bound_s: float | None


def slo_check(
    times: Float, case: Int32 | Int64, *, q: float, limit_s: float, op: Op = "<=", confidence: float = 0.95
) -> SloDecision:
    """Decide "the q-quantile is within the limit" through the share of calls within it.

    `bound_s` is from the calls' own order statistics and, with repeats, from the effective number of calls.
    """
    if op in {">", ">="}:
        share = within(times, case, limit_s)
        return SloDecision(decide(share, "<=", q, confidence), share, None)
    at_most = limit_s if op == "<=" else math.nextafter(limit_s, -math.inf)
    share = within(times, case, at_most)
    decision = decide(share, ">=", q, confidence)
    bound = _bound(times, share, q, confidence)
    if decision.status == "PASS" and (bound is None or bound > at_most):
        bound = float(times[times <= at_most].max())  # ranks of clustered calls are whole, their n_eff is not
    return SloDecision(decision, share, bound)


def _bound(times: Float, share: Share | Missing, q: float, confidence: float) -> float | None:
    if isinstance(share, Missing):
        return None
    n = len(times)
    effective = max(1, math.floor(share.effective_n(confidence) + 1e-9))
    rank = slo_rank(effective, q, confidence)
    return None if rank is None else _at(np.sort(times), math.ceil(rank * n / effective))


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
    first: "tuple[TimedSide, Float]", second: "tuple[TimedSide, Float]", cases: int, q: float
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
    def of(cls, times: Float, case: Int32 | Int64, both: Int32 | Int64) -> "TimedSide":
        """Keep the trials of the shared cases."""
        keep: Bool = np.isin(case, both)
        kept, row = times[keep], np.searchsorted(both, case[keep])
        order = np.argsort(kept, kind="stable")
        return cls(kept[order], row[order].astype(np.int64))


def slower_cases(first: TimedSide, second: TimedSide, cases: int, q: float) -> Float:
    """Give by how much more of a case's calls are beyond the quantile of all calls on the first side.

    If both sides are alike, each case is as likely to show the opposite.
    """
    limit = quantile_of(np.concatenate([first.times, second.times]), q)
    shares = []
    for side in (first, second):
        late = np.bincount(side.place, weights=side.times > (math.inf if limit is None else limit), minlength=cases)
        shares.append(late / np.maximum(np.bincount(side.place, minlength=cases), 1))
    return np.asarray(shares[0] - shares[1], dtype=np.float64)


def quantile_draws(sides: Sequence[TimedSide], cases: int, quantiles: Sequence[float], *, seed: int) -> list[Float]:
    """Give each side's quantiles (draws x quantiles, by inverted CDF) over the same resampled cases."""
    rng = np.random.default_rng(seed)
    draws = max(200, min(_DRAWS, MOST_DRAWN // sum(len(side.times) for side in sides)))
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
