"""Tests of "first is not worse than second by a margin": Tango's score, and exact ones for few pairs too.

Theory. Of n pairs, b are gains (only the first was right) and c are losses. Tango's score statistic orders all
outcomes (b, c) by how much they speak against "first - second <= least"; the p-value is the largest chance,
over the unknown share q of losses, of an outcome at least as extreme as the one seen (Hsueh, Liu and Chen
2001). q is looked for in its Clopper-Pearson interval of 1 - GAMMA, and GAMMA is added to the p-value (Berger and
Boos 1994), so that the error is at most alpha however many pairs there are. The score statistic alone passes
a true loss of the margin too often where losses are few: with 52 pairs and 5 points in 6.9%.
"""

import math

import numpy as np
from scipy.special import bdtrc, betaincinv, gammaln, ndtr, xlog1py, xlogy

from harness.judge.table.packed import Float, Int64

GAMMA = 1e-3
_POINTS = 24  # of q, closest together where losses are fewest
_COUNTED = 12  # cases: all 4,096 ways are counted
_FLIPS = 20_000
_CELLS = 4_000_000  # signs at once, which bounds the memory
_FEW = 20  # draws: of fewer the tail is bounded
STEPS = 24  # of the search for a bound: to a hundred-thousandth of a point


def tango_z(b: float, c: float, n: float, delta: float) -> float:
    """Give Tango's (1998) score statistic for "first - second = delta"; counts may be effective.

    z = (b - c - n d) / sqrt(n (2 q + d (1 - d))), q the restricted maximum-likelihood estimate of the chance
    that only the second is right: the larger root of 2n q^2 + (-b - c + (2n - b + c) d) q - c d (1 - d) = 0,
    written for d = first - second.
    """
    linear = -b - c + (2 * n - b + c) * delta
    root = math.sqrt(max(0.0, linear * linear + 8 * n * c * delta * (1 - delta)))
    q = (root - linear) / (4 * n)
    variance = n * (2 * q + delta * (1 - delta))
    if variance <= 0:
        gap = b - c - n * delta
        return 0.0 if abs(gap) < 1e-12 else math.copysign(math.inf, gap)
    return (b - c - n * delta) / math.sqrt(variance)


def tango_bound(b: float, c: float, n: float, z: float) -> float:
    """Give the delta at which the score statistic is z (z > 0: lower bound, z < 0: upper), by bisection."""
    low, high = -1.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if tango_z(b, c, n, middle) > z else (low, middle)
    return (low + high) / 2


def p_not_above(gains: int, losses: int, pairs: int, least: float) -> float:
    """Give the p-value of "first - second is at most `least`"; small where it lies above for certain."""
    if pairs <= 0:
        return 1.0
    low = 0.0 if losses == 0 else float(betaincinv(losses, pairs - losses + 1, GAMMA / 2))
    high = 1.0 if losses == pairs else float(betaincinv(losses + 1, pairs - losses, 1 - GAMMA / 2))
    most_lost = (1 - least) / 2  # more losses leave no room for the gains that would make up for them
    if low > most_lost:
        return 1.0
    low, high = max(low, -least), min(high, most_lost)
    if low > high:  # fewer losses than the hypothesis takes
        return GAMMA
    q = low + (high - low) * np.linspace(0.0, 1.0, _POINTS) ** 2
    most = min(pairs, math.ceil(pairs * high + 8 * math.sqrt(pairs * high) + 10))
    lost = np.arange(most + 1, dtype=np.int64)
    needed = _fewest_gains(lost, pairs, least, tango_z(gains, losses, pairs, least))
    possible = needed <= pairs - lost
    lost, needed = lost[possible, None], needed[possible, None]
    chance = np.clip((q + least) / np.maximum(1 - q, 1e-300), 0.0, 1.0)
    beyond = np.where(needed <= 0, 1.0, bdtrc(np.maximum(needed - 1, 0), pairs - lost, chance))
    log_ways = gammaln(pairs + 1) - gammaln(lost + 1) - gammaln(pairs - lost + 1)
    weight = np.exp(log_ways + xlogy(lost, q) + xlog1py(pairs - lost, -q))
    return min(1.0, float((weight * beyond).sum(axis=0).max()) + GAMMA)


def _fewest_gains(lost: Int64, pairs: int, least: float, z: float) -> Int64:
    """Give for each number of losses the fewest gains whose score is as high as z; pairs + 1 where none are."""
    low, high = np.zeros_like(lost), np.maximum(pairs - lost, 0) + 1
    for _ in range(pairs.bit_length() + 1):
        middle = (low + high) // 2
        enough = _scores(middle, lost, pairs, least) >= z - 1e-9
        low, high = np.where(enough, low, np.minimum(middle + 1, high)), np.where(enough, middle, high)
    return np.asarray(np.where(high > pairs - lost, pairs + 1, high), dtype=np.int64)


def _scores(gains: Int64, losses: Int64, n: int, delta: float) -> Float:
    """Give `tango_z` of many outcomes at once."""
    linear = -gains - losses + (2 * n - gains + losses) * delta
    root = np.sqrt(np.maximum(0.0, linear * linear + 8 * n * losses * delta * (1 - delta)))
    variance = n * (2 * (root - linear) / (4 * n) + delta * (1 - delta))
    gap = gains - losses - n * delta
    with np.errstate(divide="ignore", invalid="ignore"):
        score = gap / np.sqrt(np.maximum(variance, 0.0))
    return np.asarray(np.where(np.abs(gap) < 1e-12, 0.0, score), dtype=np.float64)


def lower_bound(gains: int, losses: int, pairs: int, confidence: float) -> float:
    """Give the largest `least` that first - second is shown to be above, one-sided."""
    if pairs <= 0:
        return -1.0
    low, high = -1.0, tango_bound(gains, losses, pairs, 1e-9)
    for _ in range(STEPS):
        middle = (low + high) / 2
        shown = p_not_above(gains, losses, pairs, middle) <= 1 - confidence
        low, high = (middle, high) if shown else (low, middle)
    return low


def p_flips(added: Float) -> float:
    """Give the p-value of "losses weigh no more than gains" from what each case adds: small where they do.

    Were both sides alike, each case that moved would have moved the other way with the same chance, whatever its
    weight (Fisher 1935): the share of all ways to turn their signs whose sum is no higher. Counted for few cases, drawn
    for many; where the draws see too little of the tail it is bounded: P(sum >= t sd) <= 3.18 Phi(-t) (Pinelis 1994).
    """
    moved = added[np.abs(added) > 1e-9 * np.abs(added).max(initial=0.0)]
    weight, total = np.abs(moved), float(moved.sum())
    if total >= 0:
        return 1.0
    if np.ptp(weight) <= 1e-6 * weight.max():
        return p_sign(int(np.count_nonzero(moved > 0)), int(np.count_nonzero(moved < 0)))
    if len(moved) <= _COUNTED:
        ways = (np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved)) & 1) * 2 - 1
        return float(np.mean(ways @ weight <= total + 1e-9 * weight.sum()))
    draws = min(_FLIPS, max(_CELLS // len(moved), 1_000))
    signs = np.random.default_rng(_FLIPS).integers(0, 2, (draws, len(moved)), dtype=np.int8) * 2 - 1
    beyond = int(np.count_nonzero(signs @ weight <= total))
    bound = 3.18 * float(ndtr(total / math.sqrt(float(weight @ weight))))
    return (beyond + 1) / (_FLIPS + 1) if beyond >= _FEW else min(1.0, bound)


def p_sign(gains: int, losses: int) -> float:
    """Give the p-value of "losses are no likelier than gains": the exact sign test of those that differ."""
    return 1.0 if losses == 0 else float(bdtrc(losses - 1, gains + losses, 0.5))
