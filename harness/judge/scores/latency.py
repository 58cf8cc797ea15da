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
from dataclasses import dataclass

import numpy as np

from harness.files.thresholds import Op
from harness.judge.documents import Estimate, undefined
from harness.judge.scores.binomial import quantile
from harness.judge.scores.figure import Missing
from harness.judge.scores.proportion import Decision, Share, clustered_share, decide
from harness.judge.table.columns import NONE, Bool, Float, Int32, Int64

CENSORED = math.inf


def seconds(ns: Int64, failed: Bool) -> Float:
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


def quantile_estimate(times: Float, case: Int32 | Int64, q: float, confidence: float = 0.95) -> Estimate:
    """Give a quantile (seconds) with its two-sided interval from order statistics.

    `low` or `high` is None where there are too few calls to bound that side, or where the bound is a failure.
    q = 1 is the slowest call seen: a fact about this run, without an interval.
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
    effective = _effective(times, case, value, tail)
    low_rank, high_rank = _ranks(effective, n, q, confidence)
    ordered = np.sort(times)
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
