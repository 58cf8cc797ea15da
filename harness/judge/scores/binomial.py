"""The binomial distribution as the judge needs it: real-valued counts, exact bounds and quantiles.

Only `scipy.special` is used: it loads in a fraction of the time of `scipy.stats`.
"""

import math

import numpy as np
from scipy.special import bdtr, bdtrik, betainc, betaincinv, ndtri

from harness.judge.table.packed import Float, Int64

MOST = 10_000_000  # more cases than anyone will label


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
