"""The binomial distribution as the judge needs it: exact bounds, quantiles, and what is known before a run.

Counts may be real-valued. Before a run: the cases that a threshold needs, and what these cases can prove.

Only `scipy.special` is used: it loads in a fraction of the time of `scipy.stats`.
"""

import math
from functools import lru_cache

import numpy as np
from scipy.special import bdtr, bdtrc, bdtrik, betainc, betaincinv, ndtri

from harness.judge.table.packed import Float, Int64

MOST = 10_000_000  # more cases than anyone will label
BLOCK = 100_000
POWER = 0.8


def wilson(p: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Give Wilson's two-sided score interval of a share `p` of `n` (n may be an effective size).

    Wilson (1927): (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n).
    """
    if n <= 0:
        return 0.0, 1.0
    z = float(ndtri((1 + confidence) / 2))
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if p <= 0 else max(0.0, (centre - half) / scale)
    high = 1.0 if p >= 1 else min(1.0, (centre + half) / scale)
    return low, high


def exact_lower(p: float, n: float, confidence: float) -> float:
    """Give the one-sided Clopper-Pearson lower bound of a share.

    Clopper and Pearson (1934), by the beta function so that n may be an effective size (Korn and Graubard
    1998): the (1 - confidence) quantile of Beta(np, n - np + 1).
    """
    hits = p * n
    return 0.0 if hits <= 0 or n <= 0 else float(betaincinv(hits, n - hits + 1, 1 - confidence))


def exact_upper(p: float, n: float, confidence: float) -> float:
    """Give the one-sided Clopper-Pearson upper bound: the mirror of `exact_lower`."""
    return 1 - exact_lower(1 - p, n, confidence)


def clopper_pearson(p: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Give the two-sided exact interval: a one-sided bound on each side at half the error."""
    tail = (1 + confidence) / 2
    return exact_lower(p, n, tail), exact_upper(p, n, tail)


def p_value_above(p: float, n: float, share: float) -> float:
    """Give the one-sided exact p-value of "the true share is above `share`": P(X >= np | n, share).

    Equals scipy's `binomtest(alternative="greater")` for whole counts; real-valued through the beta function.
    """
    hits = p * n
    if hits <= 0:
        return 1.0
    return float(betainc(hits, n - hits + 1, share))


def quantile(q: float, n: int | Int64, p: float) -> Int64:
    """Give the smallest k with P(X <= k) >= q for X ~ Binomial(n, p); elementwise over n."""
    sizes = np.asarray(n, dtype=np.int64)
    if not 0 < p < 1:
        return np.zeros_like(sizes) if p <= 0 else sizes.copy()
    k = np.ceil(bdtrik(q, sizes, p)).astype(np.int64)
    # bdtrik inverts a continuous extension of the distribution; its ceiling can be off by one at ties
    # (the median of an odd n), where the distribution function equals q up to rounding.
    reached = q - 1e-12
    k = np.clip(np.where(_at_most(k - 1, sizes, p) >= reached, k - 1, k), 0, sizes)
    return np.where(_at_most(k, sizes, p) < reached, np.minimum(k + 1, sizes), k)


def _at_most(k: Int64, n: Int64, p: float) -> Float:
    inside = np.clip(k, 0, n)
    return np.where(k < 0, 0.0, np.asarray(bdtr(inside, n, p), dtype=np.float64))


def smallest_all_pass_n(required: float, confidence: float = 0.95) -> int | None:
    """Give the fewest cases that prove "at least `required`" if every one of them is right.

    All n right gives the exact lower bound alpha^(1/n), so n = ln(alpha) / ln(required), rounded up.
    """
    if required <= 0:
        return 1
    if required >= 1:
        return None
    return math.ceil(math.log(1 - confidence) / math.log(required) - 1e-9)


def best_provable(n: int, confidence: float = 0.95) -> float:
    """Give the highest share that n cases can prove: the lower bound when all are right."""
    return 0.0 if n <= 0 else float((1 - confidence) ** (1 / n))


def half_way(required: float) -> float:
    """Give the true value that a plan assumes: half way from the threshold to perfect."""
    return (1 + required) / 2


def passing_power(n: int, required: float, truth: float, confidence: float = 0.95) -> float:
    """Give the probability that n independent cases pass "at least `required`" when `truth` is true.

    Exact: they pass with k or more right, where k is one above the `confidence` quantile of
    Binomial(n, required) (the same rule as the Clopper-Pearson bound).
    """
    return float(_powers(np.array([n], dtype=np.int64), required, truth, confidence)[0]) if n > 0 else 0.0


@lru_cache(1024)  # shares of many labels are alike
def planned_n(
    required: float, *, truth: float | None = None, power: float = POWER, confidence: float = 0.95
) -> int | None:
    """Give how many cases to plan so that a true value of `truth` passes with the wanted power.

    Exact binomial search. Power is a saw-tooth in n; the n given is the first that reaches the wanted power,
    so pass exactly that many. None when `truth` is not above the requirement, or too close to it.
    """
    truth = half_way(required) if truth is None else truth
    if not 0 < required < truth <= 1:
        return None
    step, n = 1, smallest_all_pass_n(required, confidence) or 1
    start = n
    while passing_power(n, required, truth, confidence) < power:
        n += step
        step = max(1, (n - start) // 2)
        if n > MOST:
            return None
    for begin in range(start, n, BLOCK):
        sizes = np.arange(begin, min(begin + BLOCK, n), dtype=np.int64)
        enough = np.flatnonzero(_powers(sizes, required, truth, confidence) >= power)
        if len(enough):
            return int(sizes[enough[0]])
    return n


def _powers(sizes: Int64, required: float, truth: float, confidence: float) -> Float:
    needed = quantile(confidence, sizes, required) + 1
    powers = bdtrc(np.minimum(needed - 1, sizes), sizes, truth)
    return np.asarray(np.where(needed > sizes, 0.0, powers), dtype=np.float64)


def rounded_up(n: int) -> int:
    """Round an estimate of a number of cases up to two figures: 213 -> 220."""
    step: int = 10 ** max(0, len(str(n)) - 2)
    return math.ceil(n / step) * step
