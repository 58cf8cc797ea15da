"""Precision against recall where replies carry a score: curves with bands, average precision, ROC AUC.

Trials are called positive at or above a score threshold; sweeping it over the distinct scores gives both
curves. Bands and intervals come from a bootstrap by case, all repeats of a case together. Above `DRAWN_CASES`
cases G, a random m = `DRAWN_CASES` of them are resampled and the spread of the draws is scaled by sqrt(m/G).

Where to put the score threshold is chosen on dev and judged on holdout, never on the same cases.
"""

from dataclasses import dataclass

import numpy as np

from harness.judge.scores.figure import Bool, Drawn, Figure, Float, Int32, Int64, Missing
from harness.judge.scores.proportion import Share, clustered_share

DRAWS = 2_000
DRAWN_CASES = 5_000
GRID = np.linspace(0.0, 1.0, 51)
BOTH_NEEDED = "scores are needed for cases of this label and for others"
_BINS = 10


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
        ends = _ends(scored.score[order])
        hit = scored.positive[order].astype(np.float64)
        return cls._from(scored.score[order][ends], hit, 1 - hit, ends)

    @classmethod
    def _from(cls, score: Float, hit: Float, alarm: Float, ends: Int64) -> "Sweep":
        true_positive = np.cumsum(hit)[ends]
        false_positive = np.cumsum(alarm)[ends]
        return cls(score, true_positive, false_positive, float(true_positive[-1]), float(false_positive[-1]))

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


def _ends(ordered: Float) -> Int64:
    """Give the last position of each run of equal scores."""
    return np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True])


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

    average_precision: Figure
    roc_auc: Figure
    pr: Curve | None  # x recall, y the best threshold's precision at that recall
    roc: Curve | None  # x false alarm rate, y recall


def tradeoffs(scored: Scored, *, seed: int, confidence: float = 0.95, draws: int = DRAWS) -> Tradeoffs:
    """Give both curves and areas with their bands and intervals."""
    if not scored.both:
        missing = Missing(BOTH_NEEDED, len(scored))
        return Tradeoffs(missing, missing, None, None)
    whole = Sweep.of(scored)
    observed = (_pr_at(whole), _roc_at(whole))
    areas, bands, scale = _resampled(scored, seed, draws)
    values = (whole.average_precision(), whole.roc_auc())
    method = f"bootstrap by case, {len(areas):,} draws"
    figures = []
    for value, drawn in zip(values, areas.T, strict=True):
        spread = np.clip(value + (drawn - np.median(drawn)) * scale, 0, 1) if scale < 1 else drawn
        figures.append(Drawn(value, len(scored), np.sort(spread), method))
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    curves = []
    for seen, band in zip(observed, bands, strict=True):
        low, high = np.quantile(band, tails, axis=0)
        low, high = (seen + (edge - seen) * scale for edge in (low, high))
        curves.append(Curve(GRID, seen, np.minimum(low, seen), np.maximum(high, seen)))
    return Tradeoffs(figures[0], figures[1], curves[0], curves[1])


def _resampled(scored: Scored, seed: int, draws: int) -> tuple[Float, tuple[Float, Float], float]:
    """Give areas (draws x 2), curves on the grid (draws x grid each), and the scale of their spread."""
    rng = np.random.default_rng(seed)
    ids, row = np.unique(scored.case, return_inverse=True)
    cases, scale = len(ids), 1.0
    if cases > DRAWN_CASES:
        chosen = np.sort(rng.permutation(cases)[:DRAWN_CASES])
        keep = np.isin(row, chosen)
        scored, scale = scored.where(keep), float(np.sqrt(DRAWN_CASES / cases))
        ids, row = np.unique(scored.case, return_inverse=True)
        cases = len(ids)
    order = np.argsort(-scored.score, kind="stable")
    ordered, hit, row = scored.score[order], scored.positive[order].astype(np.float64), row[order]
    ends = _ends(ordered)
    areas = np.empty((draws, 2))
    bands = (np.empty((draws, len(GRID))), np.empty((draws, len(GRID))))
    for i in range(draws):
        weight = np.bincount(rng.integers(0, cases, cases), minlength=cases)[row].astype(np.float64)
        sweep = Sweep._from(ordered[ends], weight * hit, weight * (1 - hit), ends)
        if sweep.positives == 0 or sweep.negatives == 0:
            areas[i], bands[0][i], bands[1][i] = 0.0, 0.0, 0.0
            continue
        areas[i] = sweep.average_precision(), sweep.roc_auc()
        bands[0][i], bands[1][i] = _pr_at(sweep), _roc_at(sweep)
    return areas, bands, scale


def _pr_at(sweep: Sweep) -> Float:
    """Give the precision of the highest threshold that reaches each recall of the grid."""
    at = np.searchsorted(sweep.recall, GRID - 1e-12)
    return sweep.precision[np.minimum(at, len(sweep.recall) - 1)]


def _roc_at(sweep: Sweep) -> Float:
    """Give the recall at each false alarm rate of the grid, straight between thresholds."""
    return np.interp(GRID, np.r_[0.0, sweep.false_alarm_rate], np.r_[0.0, sweep.recall])


def reliability(confidence: Float, right: Bool, bins: int = _BINS) -> tuple[tuple[float, float, int], ...]:
    """Give (mean confidence, share right, count) of each equal-width bin that holds something.

    Bin j of [0, 1] is [j/bins, (j+1)/bins), the last one closed.
    """
    mean, share, count = _binned(confidence, right, bins)
    return tuple((float(m), float(s), int(n)) for m, s, n in zip(mean, share, count, strict=True) if n > 0)


def expected_calibration_error(confidence: Float, right: Bool, bins: int = _BINS) -> float | None:
    """Give ECE = sum over bins of n_b/n |share right - mean confidence| (Naeini et al. 2015)."""
    if len(confidence) == 0:
        return None
    mean, share, count = _binned(confidence, right, bins)
    return float((count * np.abs(share - mean)).sum() / len(confidence))


def brier(confidence: Float, right: Bool) -> float | None:
    """Give the mean squared distance between confidence and outcome (Brier 1950)."""
    return None if len(confidence) == 0 else float(((confidence - right) ** 2).mean())


def _binned(confidence: Float, right: Bool, bins: int) -> tuple[Float, Float, Float]:
    # The nudge puts .3 (stored as .29999...) into the bin that starts at .3.
    place = np.clip((confidence * bins + 1e-9).astype(np.int64), 0, bins - 1)
    count = np.bincount(place, minlength=bins).astype(np.float64)
    mean = np.bincount(place, weights=confidence, minlength=bins) / np.maximum(count, 1)
    share = np.bincount(place, weights=right, minlength=bins) / np.maximum(count, 1)
    return mean, share, count


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
