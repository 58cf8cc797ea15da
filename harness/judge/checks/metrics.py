"""The metrics that a threshold can name: how each is computed, written and counted.

A metric's figure is computed on the unchanged cases, narrowed by the threshold's `where`. Latency quantiles
are not here: they are decided by the share of calls within the limit (see `slo.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.files.thresholds import Scale, Threshold
from harness.judge.documents.assessment import OUTCOMES, Outcome
from harness.judge.leakage import section as leakage
from harness.judge.scores import classification, latency, stability
from harness.judge.scores.figure import Figure, Missing, Normal
from harness.judge.scores.proportion import clustered_share
from harness.judge.sections import cost, generalization, robustness
from harness.judge.view import View
from harness.judge.wording import named

NEEDS_BASELINE = "no baseline is set (`harness baseline set RUN` sets one)"

OUTCOME_OF: dict[str, Outcome] = {  # what the share of one outcome is called as a metric
    "failures": "failed",
    "unparseable": "unparseable",
    "refused": "refused",
    "truncated": "truncated",
}

Unit = Literal["cases", "label cases", "other cases", "predictions", "touched"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """How a metric is computed, written, and what its sample size counts."""

    figure: Callable[[View, Threshold], Figure]
    scale: Scale = "share"
    unit: Unit = "cases"


def figure(narrowed: View, threshold: Threshold) -> Figure:
    """Give the figure that a threshold is about; the view is narrowed to the cases that it selects."""
    metric = METRICS.get(threshold.metric)
    if metric is None:
        return Missing(f"{threshold.metric} can't be computed from one run")
    if threshold.where and not len(narrowed.trials):
        chosen = " and ".join(f"{kind}={name}" for kind, name in threshold.where)
        return Missing(f"no case has {chosen}")
    return metric.figure(narrowed, threshold)


def _leaked(view: View, _: Threshold) -> Figure:
    """Count the cases that leak: a fact about these texts, without sampling error."""
    here = set(view.trials.case.tolist())
    leaked = sum(case in here for case in leakage.leaks(view).cases)
    return Normal(float(leaked), len(here), 0.0, "counted")


def described(metric: str) -> Metric:
    """Give how a metric is written and counted; latency quantiles are seconds of calls."""
    return METRICS.get(metric) or _QUANTILE


def label_index(view: View, threshold: Threshold) -> int | None:
    """Give the index of the threshold's label; without one, that of the positive label."""
    if threshold.label is None:
        return view.positive
    return view.labels.index(threshold.label) if threshold.label in view.labels else None


def _per_label(score: Callable[[View, int], Figure]) -> Callable[[View, Threshold], Figure]:
    def compute(view: View, threshold: Threshold) -> Figure:
        label = label_index(view, threshold)
        if label is None:
            what = (
                "the suite has no positive label"
                if threshold.label is None
                else "the suite has no such label"
            )
            return Missing(what)
        return score(view, label)

    return compute


def _outcome(name: Outcome) -> Callable[[View, Threshold], Figure]:
    index = OUTCOMES.index(name)

    def compute(view: View, _: Threshold) -> Figure:
        hits = np.asarray(view.trials.outcome == index, dtype=np.bool_)
        return clustered_share(hits, view.trials.case, why_empty=classification.NO_TRIALS)

    return compute


def _within(view: View, threshold: Threshold) -> Figure:
    if view.trials.recorded and not view.timed.any():
        return Missing("the recorded replies have no latencies")
    return latency.within(view.times(view.trials.caller_ns), view.timed_case, threshold.argument or 0.0)


def unit_name(unit: Unit, label: str | None) -> str:
    """Give what a sample size counts, as a person reads it (plural)."""
    name = named(label) if label is not None else ""
    return {
        "cases": "cases",
        "label cases": f"{name} cases",
        "other cases": f"cases that are not {name}",
        "predictions": f"{name} predictions",
        "touched": f"cases that are {name} or answered so",
    }[unit]


_QUANTILE = Metric(figure=lambda *_: Missing("a quantile is decided by its calls"), scale="seconds")

METRICS: dict[str, Metric] = {
    "accuracy": Metric(figure=lambda view, _: classification.accuracy(view.answers)),
    "coverage": Metric(figure=lambda view, _: classification.coverage(view.answers)),
    "balanced_accuracy": Metric(figure=lambda view, _: view.resampling.balanced_accuracy()),
    "macro_f1": Metric(figure=lambda view, _: view.resampling.macro_f1()),
    "mcc": Metric(figure=lambda view, _: view.resampling.mcc(), scale="number"),
    "kappa": Metric(figure=lambda view, _: view.resampling.kappa(), scale="number"),
    "recall": Metric(
        figure=_per_label(lambda view, label: classification.recall(view.answers, label)), unit="label cases"
    ),
    "precision": Metric(
        figure=_per_label(lambda view, label: classification.precision(view.answers, label)),
        unit="predictions",
    ),
    "specificity": Metric(
        figure=_per_label(lambda view, label: classification.specificity(view.answers, label)),
        unit="other cases",
    ),
    "f1": Metric(
        figure=_per_label(lambda view, label: classification.f1(view.answers, label)), unit="touched"
    ),
    "fbeta": Metric(
        figure=lambda view, threshold: _per_label(
            lambda view, label: view.resampling.fbeta(label, threshold.argument or 1.0)
        )(view, threshold)
    ),
    "better_than_majority": Metric(figure=lambda view, _: classification.accuracy(view.answers)),
    **{metric: Metric(figure=_outcome(outcome)) for metric, outcome in OUTCOME_OF.items()},
    "stability": Metric(figure=lambda view, _: stability.agreement(view.votes)),
    "flip_rate": Metric(figure=lambda view, _: stability.flip_rate(view.votes)),
    "pass": Metric(
        figure=lambda view, threshold: stability.pass_power(
            view.trials.case, view.answers.right, int(threshold.argument or 1)
        )
    ),
    "robustness.drop": Metric(
        figure=lambda view, threshold: robustness.drop(view, threshold.label), scale="points"
    ),
    "robustness.flips": Metric(
        figure=lambda view, threshold: robustness.flips_above_noise(view, threshold.label), scale="points"
    ),
    "generalization.gap": Metric(
        figure=lambda view, threshold: generalization.gap(view, part=bool(threshold.where)), scale="points"
    ),
    "drift.drop": Metric(figure=lambda *_: Missing("a drop needs an earlier run"), scale="points"),
    "leakage": Metric(figure=_leaked, scale="count"),
    "regressions": Metric(figure=lambda *_: Missing(NEEDS_BASELINE), scale="count"),
    "cost_per_1000": Metric(figure=lambda view, _: cost.per_1000(view), scale="money"),
    "cost_per_correct": Metric(figure=lambda view, _: cost.per_correct(view), scale="money"),
    "tokens_per_case": Metric(figure=lambda view, _: cost.tokens_per_case(view), scale="count"),
    "latency.within": Metric(figure=_within),
}
