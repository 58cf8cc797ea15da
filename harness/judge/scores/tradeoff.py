"""Precision against recall where replies carry a score: curves with bands, average precision, ROC AUC.

Trials are called positive at or above a score threshold; sweeping it over the distinct scores gives both curves.
Intervals have a closed form over the cases of either kind, repeats of a case counted once: a bootstrap claims a width
of zero where the scores separate perfectly, and held average precision in 82% of suites of 10 + 10.

Where to put the score threshold is chosen on dev and judged on holdout, never on the same cases.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from harness.judge.scores.figure import Bool, Estimate, Float, Int32, Int64, Missing, distinct, undefined
from harness.judge.scores.proportion import Share, clustered_share, wilson

GRID = np.linspace(0.0, 1.0, 51)
BOTH_NEEDED = "scores are needed for cases of this label and for others"


@dataclass(frozen=True, slots=True)
class Scored:
    """Trials with a finite score of the positive label; one entry per trial."""

    score: Float
    positive: Bool  # what the case expects
    case: Int32 | Int64

    def __len__(self) -> int:
        return len(self.score)

    def where(self, keep: Bool) -> "Scored":
        """Keep some trials."""
        return Scored(self.score[keep], self.positive[keep], self.case[keep])

    @property
    def both(self) -> bool:
        """Whether there are positives and others."""
        return bool(self.positive.any() and not self.positive.all())


@dataclass(frozen=True, slots=True)
class Sweep:
    """Counts at each distinct score, highest first: what is called positive at or above it."""

    score: Float
    true_positive: Float
    false_positive: Float
    positives: float
    negatives: float

    @classmethod
    def of(cls, scored: Scored) -> "Sweep":
        """Sweep the threshold over all distinct scores."""
        order = np.argsort(-scored.score, kind="stable")
        ordered = scored.score[order]
        ends = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True])  # the last of each run of equal scores
        hit = scored.positive[order].astype(np.float64)
        found, alarms = np.cumsum(hit)[ends], np.cumsum(1 - hit)[ends]
        return cls(scored.score[order][ends], found, alarms, float(found[-1]), float(alarms[-1]))

    @property
    def precision(self) -> Float:
        """Precision at each threshold; 1 where a resample calls nothing positive."""
        called = self.true_positive + self.false_positive
        return np.divide(self.true_positive, called, out=np.ones(len(called)), where=called > 0)

    @property
    def recall(self) -> Float:
        """Recall at each threshold, rising."""
        return self.true_positive / self.positives

    @property
    def false_alarm_rate(self) -> Float:
        """1 - specificity at each threshold, rising."""
        return self.false_positive / self.negatives

    def average_precision(self) -> float:
        """Give sum (R_k - R_{k-1}) P_k, without interpolation (as scikit-learn)."""
        return float(np.diff(self.recall, prepend=0.0) @ self.precision)

    def roc_auc(self) -> float:
        """Give the area under the ROC curve by trapezoids: a positive outscores another, ties half."""
        return float(np.trapezoid(np.r_[0.0, self.recall], np.r_[0.0, self.false_alarm_rate]))


@dataclass(frozen=True, slots=True)
class Curve:
    """Points with a pointwise two-sided band."""

    x: Float
    y: Float
    low: Float
    high: Float


@dataclass(frozen=True, slots=True)
class Tradeoffs:
    """What the scores say of one label."""

    average_precision: Estimate
    roc_auc: Estimate
    pr: Curve | None  # x recall, y the best threshold's precision at that recall
    roc: Curve | None  # x false alarm rate, y recall


def tradeoffs(scored: Scored, *, confidence: float = 0.95) -> Tradeoffs:
    """Give both curves and areas with their bands and intervals."""
    if not scored.both:
        missing = undefined(BOTH_NEEDED, n=len(scored), confidence=confidence)
        return Tradeoffs(missing, missing, None, None)
    whole = Sweep.of(scored)
    positives = distinct(scored.case[scored.positive])
    others = distinct(scored.case[~scored.positive])
    area, precision = whole.roc_auc(), whole.average_precision()
    ends = wilson(precision, positives, confidence), _auc_ends(area, positives, others, confidence)
    methods = "Wilson over positive cases", "Hanley and McNeil, score interval (Newcombe 2006)"
    areas = [
        Estimate(value=value, n=len(scored), low=low, high=high, confidence=confidence, method=method)
        for value, (low, high), method in zip((precision, area), ends, methods, strict=True)
    ]
    # Of a point both coordinates are uncertain: each has half of the error.
    half = (1 + confidence) / 2
    found = _ends_of(whole.recall, positives, half)
    alarms = _ends_of(whole.false_alarm_rate, others, half)
    right = _ends_of(
        whole.precision, np.maximum((whole.true_positive + whole.false_positive) * positives / whole.positives, 1), half
    )
    seen = np.interp(GRID, np.r_[0.0, whole.false_alarm_rate], np.r_[0.0, whole.recall])  # straight between thresholds
    roc = _band(alarms, found, seen, rising=True)
    return Tradeoffs(areas[0], areas[1], _band(found, right, _pr_at(whole), rising=False), roc)


def _auc_ends(area: float, positives: int, others: int, confidence: float) -> tuple[float, float]:
    """Give the areas whose own Hanley-McNeil (1982) standard error reaches the one seen (Newcombe 2006, method 5).

    Never of width zero: where the scores separate perfectly the true area may still be less than 1.
    """
    z, n = float(ndtri((1 + confidence) / 2)), (positives + others) / 2

    def apart(at: float) -> bool:
        more = 2 * n - 1 - (3 * n - 3) / ((2 - at) * (1 + at))
        return abs(at - area) > z * math.sqrt(max(at * (1 - at) * more, 0.0) / (positives * others))

    ends = []
    for far in (0.0, 1.0):
        out, inside = far, area
        for _ in range(50):
            middle = (out + inside) / 2
            out, inside = (middle, inside) if apart(middle) else (out, middle)
        ends.append(inside)
    return ends[0], ends[1]


def _ends_of(shares: Float, n: Float | int, confidence: float) -> tuple[Float, Float]:
    """Give the Wilson interval of each share of n."""
    z2 = float(ndtri((1 + confidence) / 2)) ** 2
    centre, scale = shares + z2 / (2 * n), 1 + z2 / n
    half = np.sqrt(z2 * (shares * (1 - shares) / n + z2 / (4 * n * n)))
    return np.clip((centre - half) / scale, 0, 1), np.clip((centre + half) / scale, 0, 1)


def _band(x: tuple[Float, Float], y: tuple[Float, Float], seen: Float, *, rising: bool) -> Curve:
    """Give a pointwise band: of each x, what thresholds that lie left and right of it for certain show of y.

    Where there is none, on either side, the band is open to 0 or 1.
    """
    left = np.searchsorted(x[1], GRID, side="right")  # thresholds that are certainly no further than x
    right = np.searchsorted(x[0], GRID, side="left")  # from this one on they are certainly no less
    below, above = np.r_[0.0, y[0], 0.0], np.r_[1.0, y[1], 1.0]
    low = below[left] if rising else below[right + 1]
    high = above[right + 1] if rising else above[left]
    return Curve(GRID, seen, np.minimum(low, seen), np.maximum(high, seen))


def _pr_at(sweep: Sweep) -> Float:
    """Give the precision of the highest threshold that reaches each recall of the grid."""
    at = np.searchsorted(sweep.recall, GRID - 1e-12)
    return sweep.precision[np.minimum(at, len(sweep.recall) - 1)]


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """What a score threshold yields on some cases: positive at or above it."""

    precision: Share | Missing
    recall: Share | Missing


def best_precision(scored: Scored, recall: float) -> float | None:
    """Give the threshold with the highest precision among those with at least this recall.

    Ties go to the higher recall. None when the scores can't reach it (or there is nothing to choose from).
    """
    if not scored.both:
        return None
    sweep = Sweep.of(scored)
    return _best(sweep, sweep.precision, sweep.recall >= recall - 1e-12)


def best_recall(scored: Scored, precision: float) -> float | None:
    """Give the threshold with the highest recall among those with at least this precision.

    Ties go to the higher precision.
    """
    if not scored.both:
        return None
    sweep = Sweep.of(scored)
    allowed = sweep.precision >= precision - 1e-12
    if not allowed.any():
        return None
    most = sweep.recall[allowed].max()
    return _best(sweep, sweep.precision, allowed & (sweep.recall >= most))


def lowest_cost(scored: Scored, *, missed: float, false_alarm: float) -> float | None:
    """Give the threshold with the lowest cost of errors; ties go to the higher recall.

    "Call nothing positive" is no threshold on a score and isn't offered.
    """
    if not scored.both:
        return None
    sweep = Sweep.of(scored)
    cost = (sweep.positives - sweep.true_positive) * missed + sweep.false_positive * false_alarm
    return _best(sweep, -cost, np.ones(len(cost), dtype=np.bool_))


def _best(sweep: Sweep, merit: Float, allowed: Bool) -> float | None:
    at = np.flatnonzero(allowed)
    if len(at) == 0:
        return None
    best = at[merit[at] >= merit[at].max() - 1e-12]
    return float(sweep.score[best[-1]])


def judge_at(scored: Scored, threshold: float) -> AtThreshold:
    """Give precision and recall at a threshold, each with its interval clustered by case."""
    called = scored.score >= threshold
    hits = scored.positive & called
    return AtThreshold(
        precision=clustered_share(hits[called], scored.case[called], why_empty="no score reaches this threshold"),
        recall=clustered_share(
            hits[scored.positive], scored.case[scored.positive], why_empty="no case expects this label"
        ),
    )
