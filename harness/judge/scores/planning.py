"""What can be known before a run: the cases that a threshold needs, and what these cases can prove."""

import math

import numpy as np
from scipy.special import bdtrc

from harness.judge.scores.binomial import MOST, Float, Int64, quantile

BLOCK = 100_000
POWER = 0.8


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
