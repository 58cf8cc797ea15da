"""Where to put the score threshold: chosen on dev, judged on holdout, never on the same cases."""

from dataclasses import dataclass

import numpy as np

from harness.judge.scores.figure import Missing
from harness.judge.scores.proportion import Share, clustered_share
from harness.judge.scores.tradeoff import Scored, Sweep
from harness.judge.table.columns import Bool, Float


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
