"""Figures of several shares: differences of two groups, costs of two kinds of error, precision in production.

Theory: MOVER (Zou and Donner 2008). With shares p_k, their own bounds (l_k, u_k) and weights w_k, a bound of
theta = sum w_k p_k lies at theta -+ sqrt(sum of squared distances), each distance w_k (p_k - l_k) towards
the bound's side. For w = (1, -1) and Wilson bounds this is Newcombe's (1998) method 10. Because each share
has its own bounds the interval keeps a width at 0 and 1, where a standard error vanishes.

Stability over time: whether this run is worse than the last one, or than its history. Then precision where the
label is rarer or more common in production than in the suite.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from harness.judge.scores.answers import Answers
from harness.judge.scores.figure import Estimate, Figure, Float, Int64, Missing, Status, two_sided, undefined
from harness.judge.scores.proportion import Share, share_of_counts


@dataclass(frozen=True, slots=True)
class Combined:
    """A weighted sum of independent shares; `n` counts all their trials."""

    shares: tuple[Share, ...]
    weights: tuple[float, ...]
    n: int
    method: str

    @property
    def value(self) -> float | None:
        """The weighted sum."""
        return self._sum()

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """Give the sum with its two-sided interval."""
        return two_sided(self, confidence, self.method)

    def lower(self, confidence: float = 0.95) -> float | None:
        """Give the one-sided lower bound."""
        return self._sum() - self._distance(confidence, -1)

    def upper(self, confidence: float = 0.95) -> float | None:
        """Give the one-sided upper bound."""
        return self._sum() + self._distance(confidence, 1)

    def _sum(self) -> float:
        return sum(w * share.p for w, share in zip(self.weights, self.shares, strict=True))

    def _distance(self, confidence: float, side: int) -> float:
        squares = 0.0
        for weight, share in zip(self.weights, self.shares, strict=True):
            low, high = share.wilson(2 * confidence - 1)
            bound = high if weight * side > 0 else low
            squares += (weight * (bound - share.p)) ** 2
        return math.sqrt(squares)


def difference(first: Share | Missing, second: Share | Missing) -> Combined | Missing:
    """Give first - second for two separate groups of cases, by Newcombe's method 10."""
    for share in (first, second):
        if isinstance(share, Missing):
            return share
    assert isinstance(first, Share)
    assert isinstance(second, Share)
    return Combined((first, second), (1.0, -1.0), first.n + second.n, "Newcombe")


def apart(first: Estimate, second: Estimate) -> Estimate:
    """Give first - second for figures of any kind of two separate groups, by their own intervals (MOVER)."""
    n = first.n + second.n
    if first.value is None or second.value is None:
        return undefined(first.why_undefined or second.why_undefined or "it has no value", n=n)
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return undefined("it has no interval", n=n)
    value = first.value - second.value
    return Estimate(
        value=value,
        n=n,
        low=value - math.hypot(first.value - first.low, second.high - second.value),
        high=value + math.hypot(first.high - first.value, second.value - second.low),
        confidence=first.confidence,
        method="MOVER",
    )


def error_cost(
    answers: Answers, positive: int, *, missed: float, false_alarm: float, per: int = 1
) -> Combined | Missing:
    """Give the expected cost of errors per `per` cases: (FN c_FN + FP c_FP) / n * per.

    The interval combines those of the two error shares (MOVER), so a run without errors still has an upper
    bound on what errors may cost.
    """
    told, why = answers.patterns, "no trial was measured"
    expects, says = told.expected == positive, told.counts[:, positive]
    misses = share_of_counts(np.where(expects, told.trials - says, 0), told.trials, told.size, why_empty=why)
    alarms = share_of_counts(np.where(expects, 0, says), told.trials, told.size, why_empty=why)
    if isinstance(misses, Missing) or isinstance(alarms, Missing):
        return Missing(why)
    shares: tuple[Share, ...] = (misses, alarms)
    return Combined(shares, (missed * per, false_alarm * per), misses.n, "cost of both kinds of error, MOVER")


def break_even_score(*, missed: float, false_alarm: float) -> float | None:
    """Give the probability above which calling it positive is cheaper: c_FP / (c_FP + c_FN) (Elkan 2001)."""
    total = missed + false_alarm
    return false_alarm / total if total > 0 else None


def fisher(first: Share, second: Share) -> float:
    """Give Fisher's exact two-sided p-value of "both shares are equal", on effective counts (rounded).

    Sums the tables with these margins that are no likelier than the one seen, ties within 1e-7 as in R.
    """
    n, m = (max(1, round(share.effective_n())) for share in (first, second))
    hits = round(first.p * n)
    total = hits + round(second.p * m)
    k = np.arange(max(0, total - m), min(n, total) + 1)
    logs = _log_choose(n, k) + _log_choose(m, total - k)
    weights = np.exp(logs - logs.max())
    seen = weights[hits - k[0]]
    return float(min(1.0, weights[weights <= seen * (1 + 1e-7)].sum() / weights.sum()))


def _log_choose(n: int, k: Int64) -> Float:
    chosen: Float = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return chosen


@dataclass(frozen=True, slots=True)
class Drop:
    """Now minus before, and whether that is a big drop."""

    status: Status
    change: Combined | Missing


def no_big_drop(
    now: Share | Missing, before: Share | Missing, *, margin: float, confidence: float = 0.95, sure: float = 0.975
) -> Drop:
    """Decide "no big drop": FAIL when now - before may be below -margin and is certainly below 0.

    PASS when the lower end of Newcombe's two-sided interval is at or above -margin; FAIL when it is not, and the
    one-sided bound that is so `sure` is below 0; else INCONCLUSIVE.
    """
    change = difference(now, before)
    if isinstance(change, Missing):
        return Drop("INCONCLUSIVE", change)
    interval = change.estimate(confidence)
    assert interval.low is not None
    if interval.low >= -margin:
        return Drop("PASS", change)
    return Drop("FAIL" if (change.upper(sure) or 0.0) < 0 else "INCONCLUSIVE", change)


@dataclass(frozen=True, slots=True)
class Cusum:
    """The chart's statistic after each run, and the first run (position) that signals a worsening."""

    path: tuple[float, ...]
    limit: float
    signal: int | None


def cusum(errors: Sequence[float], trials: Sequence[float], *, usual: float, worse: float) -> Cusum:
    """Follow a series of runs for a rise of the error rate from `usual` to `worse`.

    Bernoulli CUSUM (Reynolds and Stoumbos 1999), one step a run: S = max(0, S + x ln(p1/p0) +
    (n - x) ln((1-p1)/(1-p0))), a signal when S >= limit. `trials` should be effective sizes. The limit, ln(100),
    keeps the chance of a false signal before S returns to 0 below 1% (Wald's bound).
    """
    usual = min(max(usual, 1e-4), 1 - 2e-4)
    worse = min(max(worse, usual + 1e-4), 1 - 1e-4)
    limit = math.log(100)
    wrong, right = math.log(worse / usual), math.log((1 - worse) / (1 - usual))
    path: list[float] = []
    statistic = 0.0
    for x, n in zip(errors, trials, strict=True):
        statistic = max(0.0, statistic + x * wrong + (n - x) * right)
        path.append(statistic)
    above = np.flatnonzero(np.asarray(path) >= limit)
    return Cusum(tuple(path), limit, int(above[0]) if len(above) else None)


@dataclass(frozen=True, slots=True)
class AtPrevalence:
    """Precision (PPV) at a production share, from recall and the share of other cases that raise no false alarm.

    Bayes: PPV = TPR pi / (TPR pi + FPR (1 - pi)), which falls with the ratio FPR / TPR. Its bounds are those of that
    ratio from the exact ones of both rates (MOVER-R, Donner and Zou 2012): neither end is missed in more than its part.
    """

    recall: Share
    no_alarm: Share
    prevalence: float

    @property
    def value(self) -> float | None:
        """Precision at the production share."""
        return _ppv(self.recall.p, 1 - self.no_alarm.p, self.prevalence)

    @property
    def n(self) -> int:
        """The trials that the two rates rest on."""
        return self.recall.n + self.no_alarm.n

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """Give the precision with its two-sided interval."""
        return two_sided(self, confidence, "MOVER of exact bounds, at production prevalence")

    def lower(self, confidence: float = 0.95) -> float | None:
        """Give the one-sided lower bound."""
        found, alarm = self.recall.p, 1 - self.no_alarm.p
        least, most = self.recall.lower(confidence) or 0.0, 1 - (self.no_alarm.lower(confidence) or 0.0)
        below = least * (2 * found - least)
        if below <= 0:
            return 0.0
        root = math.sqrt(max((found * alarm) ** 2 - most * (2 * alarm - most) * below, 0.0))
        return self._at((found * alarm + root) / below)

    def upper(self, confidence: float = 0.95) -> float | None:
        """Give the one-sided upper bound."""
        found, alarm = self.recall.p, 1 - self.no_alarm.p
        most, least = self.recall.upper(confidence) or 0.0, 1 - (self.no_alarm.upper(confidence) or 0.0)
        above = least * (2 * alarm - least)
        root = math.sqrt(max((found * alarm) ** 2 - above * most * (2 * found - most), 0.0))
        return self._at(above / (found * alarm + root)) if above > 0 else 1.0

    def _at(self, ratio: float) -> float:
        """Give precision where false alarms are so many times as likely as hits."""
        return self.prevalence / (self.prevalence + ratio * (1 - self.prevalence))


def _ppv(found: float, alarm: float, prevalence: float) -> float | None:
    caught = found * prevalence
    wrong = alarm * (1 - prevalence)
    return caught / (caught + wrong) if caught + wrong > 0 else None


def precision_at(recall: Share | Missing, no_alarm: Share | Missing, prevalence: float) -> Figure:
    """Give precision at a production share of the label.

    The other labels keep the proportions they have in the suite.
    """
    for share in (recall, no_alarm):
        if isinstance(share, Missing):
            return share
    assert isinstance(recall, Share)
    assert isinstance(no_alarm, Share)
    if not 0 < prevalence < 1:
        return Missing("a production share of 0% or 100% leaves nothing to tell apart", recall.n)
    if recall.p == 0 and no_alarm.p == 1:
        return Missing("no reply was read as this label", recall.n + no_alarm.n)
    return AtPrevalence(recall, no_alarm, prevalence)
