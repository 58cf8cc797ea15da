"""The metrics that thresholds may name: how each is written, its unit, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Unit: TypeAlias = Literal["share", "coefficient", "difference", "seconds", "money", "count"]
Selector: TypeAlias = Literal["none", "label", "perturbation"]
Argument: TypeAlias = Literal["none", "seconds", "beta", "power"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric. `written` is its spelling in a threshold, without selector and argument."""

    name: str  # as in Threshold.metric
    written: str
    unit: Unit = "share"
    selector: Selector = "none"
    argument: Argument = "none"
    higher_is_better: bool = True


_SHARES = ("accuracy", "balanced_accuracy", "macro_f1", "coverage", "stability")
_BAD_SHARES = ("failures", "unparseable", "refused", "truncated", "flip_rate")
_PER_LABEL = ("precision", "recall", "specificity", "f1")
QUANTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99, "max": 1.0}

_ALL = (
    *(Metric(name=name, written=name) for name in _SHARES),
    *(Metric(name=name, written=name, higher_is_better=False) for name in _BAD_SHARES),
    *(Metric(name=name, written=name, selector="label") for name in _PER_LABEL),
    Metric(name="fbeta", written="fbeta", selector="label", argument="beta"),
    Metric(name="mcc", written="mcc", unit="coefficient"),
    Metric(name="kappa", written="kappa", unit="coefficient"),
    *(
        Metric(name=f"{clock}.{q}", written=f"{clock}.{q}", unit="seconds", higher_is_better=False)
        for clock in ("latency", "ttft")
        for q in QUANTILES
    ),
    Metric(name="latency.within", written="latency.within", argument="seconds"),
    Metric(name="pass", written="pass", argument="power"),
    Metric(
        name="robustness.drop",
        written="robustness.drop",
        unit="difference",
        selector="perturbation",
        higher_is_better=False,
    ),
    Metric(
        name="robustness.flips",
        written="robustness.flips",
        unit="difference",
        selector="perturbation",
        higher_is_better=False,
    ),
    Metric(
        name="generalization.gap", written="generalization.gap", unit="difference", higher_is_better=False
    ),
    Metric(name="drift.drop", written="drift.drop", unit="difference", higher_is_better=False),
    Metric(name="leakage", written="leakage", unit="count", higher_is_better=False),
    Metric(name="regressions", written="regressions", unit="count", higher_is_better=False),
    Metric(name="cost_per_1000", written="cost per 1000", unit="money", higher_is_better=False),
    Metric(name="cost_per_correct", written="cost per correct", unit="money", higher_is_better=False),
    Metric(name="tokens_per_case", written="tokens per case", unit="count", higher_is_better=False),
)

METRICS: dict[str, Metric] = {metric.written: metric for metric in _ALL}
SPELLINGS: dict[str, Metric] = METRICS | {metric.name: metric for metric in _ALL}


def written(metric: str) -> str:
    """Spell a metric as a threshold does: `cost per 1000` for `cost_per_1000`."""
    return SPELLINGS[metric].written if metric in SPELLINGS else metric


BETTER_THAN_MAJORITY = "better_than_majority"  # written `accuracy > majority`
