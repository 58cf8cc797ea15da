"""Each headline metric in each repeat: what a run that asks every case once could have said."""

import math
from typing import TypeAlias

import numpy as np

from harness.files.thresholds import ACCURACY, BALANCED_ACCURACY, MACRO_F1, MCC, P95, PRECISION, RECALL, Metric
from harness.judge import Spread, scores
from harness.judge.scores import Answers
from harness.judge.table.columns import Float
from harness.judge.view import View

_Of: TypeAlias = tuple[Metric, str | None]  # a metric, and the label that it is of
FOLLOWED = (BALANCED_ACCURACY, MACRO_F1, MCC)
MOST_LABELS = 12  # of more labels only the averaged metrics are followed


def spread_over_repeats(view: View) -> tuple[Spread, ...]:
    """Give the headline metrics in each repeat, with their range and standard deviation."""
    rows: dict[_Of, list[float | None]] = {}
    times, _ = view.times(view.trials.caller_ns)
    timed_repeat = view.trials.repeat[view.timed]
    for repeat in range(view.repeats):
        part = view.answers.where(np.asarray(view.trials.repeat == repeat, dtype=np.bool_))
        for of, value in _metrics(view, part).items():
            rows.setdefault(of, []).append(value)
        rows.setdefault((P95, None), []).append(_p95(times[timed_repeat == repeat]))
    return tuple(_spread(of, values) for of, values in rows.items())


def _metrics(view: View, part: Answers) -> dict[_Of, float | None]:
    confusion = part.confusion().astype(np.float64)
    values: dict[_Of, float | None] = {(ACCURACY, None): scores.accuracy(part).value}
    values |= {(metric, None): _finite(scores.AVERAGES[metric.name].of(confusion)) for metric in FOLLOWED}
    labels = range(len(view.labels)) if view.positive is None else (view.positive,)
    if len(labels) <= MOST_LABELS:
        for place in labels:
            name = view.labels[place]
            values[RECALL, name] = scores.recall(part, place).value
            values[PRECISION, name] = scores.precision(part, place).value
    return values


def _p95(times: Float) -> float | None:
    value = scores.quantile_of(times, P95.quantile or 1.0) if len(times) else None
    return value if value is not None and math.isfinite(value) else None


def _finite(value: Float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _spread(of: _Of, values: list[float | None]) -> Spread:
    metric, label = of
    known = [value for value in values if value is not None]
    return Spread(
        metric=metric.name if label is None else f"{metric.name}[{label}]",
        values=tuple(values),
        low=min(known, default=None),
        high=max(known, default=None),
        deviation=float(np.std(known, ddof=1)) if len(known) > 1 else None,
        scale=metric.scale,
    )
