"""When the verdict of the whole suite is settled before all of its cases were asked.

Theory. Cases are asked in a seeded random order that does not depend on answers, all repeats of a case
together. The suite's total of hits S out of N is then a fixed number, and today's fixed test of the whole
suite cuts it: with K hits or more it passes, with F or fewer it fails. After n cases with s hits the
likelihood of a total is hypergeometric, L(S) = ln C(S, s) + ln C(N - S, n - s) up to a constant, and for a
set A of totals

    ln E_A(n, s) = ln [ (1/|A|) sum_{S in A} exp L(S) ] - max_{S not in A} L(S)

is the evidence that the total lies in A: for each fixed S outside A it is bounded by a mixture of
hypergeometric likelihood ratios under a random order, each a non-negative martingale that begins at 1, so by
Ville (1939) P(E_A ever >= 1/delta) <= delta for every suite whose total lies outside A. It is infinite where
no total outside A is possible any more: curtailment is a special case, and a run that goes to its end gives
the verdict of the whole suite exactly.

What is not a count of hits, but a mean of scores in [0, 1] per case (repeats, stability), is tested by
betting without replacement (Waudby-Smith and Ramdas 2023, "Estimating means of bounded random variables by
betting", section 5): against "the mean of the suite is at most c", with m_i the mean of what is left if the
total were N c,

    E_n = mean over f of prod_i (1 + f (x_i / m_i - 1)),   m_i = (N c - sum_{j<i} x_j) / (N - i + 1).

Looking every few cases, or at each, is equally valid. Nothing here is a statement about a population: that
is the fixed test's, with an error that grows by delta at most.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from harness.judge.scores.binomial import exact_lower, exact_upper
from harness.judge.table.packed import Float, Int64

_PARTS = (0.15, 0.4, 0.8)  # of the answers with a label that it has cases
FRACTIONS = np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9])  # of what may be bet without ruin


class Sure(NamedTuple):
    """The share that is required, and how sure one must be.

    Of a PASS alone, of one among several candidates, and of a FAIL among several checks.
    """

    required: float
    meets: float
    passes: float
    fails: float


@dataclass(frozen=True, slots=True)
class Cuts:
    """What the fixed test makes of each total of hits in N: PASS from `passes`, FAIL up to `fails`.

    `passes` is N + 1 where not even a faultless suite passes, `fails` is -1 where nothing fails.
    """

    n: int
    passes: int
    fails: int


@lru_cache(maxsize=4096)
def cuts(n: int, required: float, confidence: float = 0.95) -> Cuts:
    """Give the cuts of "the share is at least `required`" by the one-sided exact bounds, at n cases."""
    goal = required - 1e-12  # the same slack for rounding as the fixed test has
    passes = _first(n, lambda hits: hits > 0 and exact_lower(hits / n, n, confidence) >= goal)
    open_from = _first(n, lambda hits: exact_upper(hits / max(n, 1), n, confidence) >= goal)
    return Cuts(n, passes, open_from - 1)


def _first(n: int, met: Callable[[int], bool]) -> int:
    """Give the fewest hits for which it holds, n + 1 where it never does; it holds from there on."""
    low, high = 0, n + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if met(middle) else (middle + 1, high)
    return low


def log_e(n: int, total: int, hits: int, low: int, high: int) -> float:
    """Give ln of the evidence that the suite's total of hits lies in [low, high].

    n cases were asked, `hits` of them were hits, and the suite has `total` cases. An empty set has no
    evidence (-inf); one that holds every total that is still possible has all (+inf).
    """
    possible_low, possible_high = hits, total - (n - hits)
    low, high = max(low, 0), min(high, total)
    size = high - low + 1
    if size <= 0 or low > possible_high or high < possible_low:
        return -math.inf
    outside = [
        int(np.clip(_mode(n, total, hits), a, b))
        for a, b in ((possible_low, low - 1), (high + 1, possible_high))
        if a <= b
    ]
    if not outside:
        return math.inf
    inside = np.arange(max(low, possible_low), min(high, possible_high) + 1)
    mixture = log_sum(_likelihood(inside, n, total, hits)) - math.log(size)
    against = max(_ways(s, hits) + _ways(total - s, n - hits) for s in outside)
    return mixture - against


def _mode(n: int, total: int, hits: int) -> int:
    """Give the total that makes the hits likeliest: floor((N + 1) s / n), between the possible ones."""
    best = total if n == 0 else (total + 1) * hits // n
    return min(max(best, hits), total - (n - hits))


def _likelihood(totals: Int64, n: int, total: int, hits: int) -> Float:
    return log_choose(totals, hits) + log_choose(total - totals, n - hits)


def log_choose(n: Int64 | int, k: Int64 | int) -> Float:
    """Give ln C(n, k); both are whole and 0 <= k <= n."""
    a, b = np.asarray(n, dtype=np.float64), np.asarray(k, dtype=np.float64)
    return np.asarray(gammaln(a + 1) - gammaln(b + 1) - gammaln(a - b + 1), dtype=np.float64)


def _ways(n: int, k: int) -> float:
    """Give ln C(n, k) of one pair."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def log_sum(logs: Float) -> float:
    """Give ln of the sum of what has these logarithms; scipy's does more, at ten times the cost of a look."""
    most = float(logs.max())
    return most + math.log(float(np.exp(logs - most).sum()))


def log_e_passes(at: Cuts, n: int, hits: int) -> float:
    """Give ln of the evidence that the whole suite passes."""
    return log_e(n, at.n, hits, at.passes, at.n)


def log_e_cannot_pass(at: Cuts, n: int, hits: int) -> float:
    """Give ln of the evidence that the whole suite does not pass, whatever else it does."""
    return log_e(n, at.n, hits, 0, at.passes - 1)


def log_e_fails(at: Cuts, n: int, hits: int) -> float:
    """Give ln of the evidence that the whole suite fails."""
    return log_e(n, at.n, hits, 0, at.fails)


def log_e_precision(
    n: int, total: int, *, right: int, false: int, sure: Sure, enough: float = -math.inf
) -> tuple[float, float]:
    """Give ln of the evidence that precision passes, and that it can't pass, of the whole suite.

    n of `total` cases were asked; `right` + `false` were answered with the label. How many will be at the end
    is unknown: the evidence is the least over all numbers that are still possible. Where both are less than
    `enough`, they are no more than upper bounds of it.
    """
    seen = right + false
    passes, cannot = math.inf, math.inf
    most = seen + total - n
    for predicted in dict.fromkeys((most, seen, (seen + most) // 2, *range(seen, most))):
        if passes < enough and cannot < enough:
            break
        above, at = cuts(predicted, sure.required, sure.passes), cuts(predicted, sure.required, sure.meets)
        passes = min(passes, log_e(seen, predicted, right, above.passes, predicted))
        cannot = min(cannot, log_e(seen, predicted, right, 0, at.passes - 1))
    return passes, cannot


@lru_cache(maxsize=256)
def cutoff(n: int, required: float, confidence: float = 0.95) -> float:
    """Give the mean of n scores from which the exact lower bound reaches what is required (1 if never)."""
    low, high = required, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if exact_lower(middle, n, confidence) >= required else (middle, high)
    return high


def log_e_mean_above(scores: Float, total: int, bound: float) -> float:
    """Give ln of the evidence that the mean of all `total` scores in [0, 1] is above `bound`.

    `scores` are those of the cases asked so far, in the order in which they were asked. Infinite once their
    sum alone reaches the bound.
    """
    x = np.asarray(scores, dtype=np.float64)
    before = np.concatenate(([0.0], np.cumsum(x)[:-1])) if len(x) else np.zeros(0)
    left = total * bound - before
    if len(x) and float(x.sum()) >= total * bound - 1e-9:
        return math.inf
    mean_left = left / (total - np.arange(len(x)))
    bets = np.log1p(FRACTIONS[:, None] * (x / mean_left - 1))
    return log_sum(bets.sum(axis=1)) - math.log(len(FRACTIONS))


def log_e_mean_below(scores: Float, total: int, bound: float) -> float:
    """Give ln of the evidence that the mean of all `total` scores in [0, 1] is below `bound`."""
    return log_e_mean_above(1 - np.asarray(scores, dtype=np.float64), total, 1 - bound)


def totals_left(n: int, total: int, hits: int, delta: float) -> tuple[int, int]:
    """Give the least and greatest total of hits that the evidence at n cases has not ruled out at `delta`.

    Each total S is tested by the uniform mixture of all totals over L(S); in at most delta of all orders the
    suite's own total is ever ruled out.
    """
    possible = np.arange(hits, total - (n - hits) + 1)
    likelihood = _likelihood(possible, n, total, hits)
    mixture = log_sum(likelihood) - math.log(total + 1)
    kept = possible[mixture - likelihood < -math.log(delta)]
    return int(kept.min()), int(kept.max())


class Look(NamedTuple):
    """What speaks for one check at one look: ln of the evidence that it passes, can't pass, and fails."""

    passes: float
    cannot: float
    fails: float


def look_at_hits(n: int, total: int, hits: int, sure: Sure) -> Look:
    """Weigh `hits` among n of `total` cases, one trial each."""
    above, at, below = (cuts(total, sure.required, each) for each in (sure.passes, sure.meets, sure.fails))
    return Look(log_e_passes(above, n, hits), log_e_cannot_pass(at, n, hits), log_e_fails(below, n, hits))


def look_at_scores(scores: Sequence[float], total: int, repeats: int, sure: Sure) -> Look:
    """Weigh scores in [0, 1] of some of `total` cases with so many repeats each, in the order asked."""
    x = np.asarray(scores, dtype=np.float64)
    return Look(
        log_e_mean_above(x, total, cutoff(total, sure.required, sure.passes)),
        log_e_mean_below(x, total, cutoff(total * repeats, sure.required, sure.meets)),
        log_e_mean_below(x, total, 1 - cutoff(total, 1 - sure.required, sure.fails)),
    )


def look_at_predictions(n: int, total: int, *, right: int, false: int, sure: Sure, enough: float) -> Look:
    """Weigh the predictions of a label among n of `total` cases; whether precision fails is not weighed."""
    return Look(*log_e_precision(n, total, right=right, false=false, sure=sure, enough=enough), -math.inf)


def look_at_ratio(counts: Sequence[Sequence[float]], *, total: int, repeats: int, likely: int, sure: Sure) -> Look:
    """Weigh a label's precision with repeats; whether it fails is not weighed.

    `counts` are those of each asked case, in order: right answers with the label, all answers with it, and lost calls
    that may be one more right answer, or a false alarm. With precision at c, the mean of (right - c answers) / repeats
    + c over all cases is c. The fixed test passes from a c that falls with the answers it rests on, which are worth a
    `repeats`-th of them at least: for some parts of the `likely` number, once they are there, bets are made that
    precision is above the c of that part, each with its share of the error.
    """
    right, given, missed, alarms = np.asarray(counts, dtype=np.float64).reshape(-1, 4).T

    def scores(hits: Float, answers: Float, at: float) -> Float:
        return np.asarray((hits - at * answers) / repeats + at, dtype=np.float64)

    parts = [part for part in (max(1, round(part * likely)) for part in _PARTS) if part * repeats <= given.sum()]
    met = [at for at in (cutoff(part, sure.required, sure.passes) for part in parts) if at < 1]
    seen = [log_e_mean_above(scores(right, given + alarms, at), total, at) for at in met]
    lowest = cutoff(total * repeats, sure.required, sure.meets)
    cannot = log_e_mean_below(scores(right + missed, given + missed, lowest), total, lowest)
    return Look(max(seen, default=-math.inf) - math.log(len(_PARTS)), cannot, -math.inf)
