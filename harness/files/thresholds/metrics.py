"""The metrics that thresholds may name: how each is written, what it is measured in, and what it needs.

A row says everything that can be said of a metric without a run; `judge/checks/metrics.py` extends the rows
by how each is computed, explained and planned. Whoever asks something of a metric asks its row.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

Plain: TypeAlias = Literal["share", "points", "number", "seconds", "count"]  # written without a currency
Scale: TypeAlias = Plain | Literal["money"]
Selector: TypeAlias = Literal["none", "label", "perturbation"]
Argument: TypeAlias = Literal["none", "seconds", "beta", "power"]
Counted: TypeAlias = Literal["cases", "label cases", "other cases", "predictions", "touched"]
Clock: TypeAlias = Literal["latency", "ttft"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric."""

    name: str  # as in Threshold.metric
    spelling: str = ""  # where it is not the name
    scale: Scale = "share"
    selector: Selector = "none"
    argument: Argument = "none"
    higher_is_better: bool = True
    counts: Counted = "cases"  # what its sample size counts
    clock: Clock | None = None  # which time of a call it is about
    quantile: float | None = None  # of that time
    outcome: str | None = None  # of which it is the share of trials
    repeated: bool = False  # needs cases that were asked more than once
    splits: bool = False  # needs dev and another split
    earlier: bool = False  # needs an earlier run

    @property
    def written(self) -> str:
        """Its spelling in a threshold, without selector and argument."""
        return self.spelling or self.name


_lower = partial(Metric, higher_is_better=False)
QUANTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99, "max": 1.0}
_CLOCKS: tuple[Clock, ...] = ("latency", "ttft")

_ALL = (
    Metric(name="accuracy"),
    Metric(name="balanced_accuracy"),
    Metric(name="macro_f1"),
    Metric(name="weighted_f1"),
    Metric(name="micro_f1"),
    Metric(name="coverage"),
    Metric(name="stability", repeated=True),
    _lower(name="failures", outcome="failed"),
    _lower(name="unparseable", outcome="unparseable"),
    _lower(name="refused", outcome="refused"),
    _lower(name="truncated", outcome="truncated"),
    _lower(name="flip_rate", repeated=True),
    Metric(name="precision", selector="label", counts="predictions"),
    Metric(name="recall", selector="label", counts="label cases"),
    Metric(name="specificity", selector="label", counts="other cases"),
    Metric(name="f1", selector="label", counts="touched"),
    Metric(name="fbeta", selector="label", argument="beta"),
    Metric(name="mcc", scale="number"),
    Metric(name="kappa", scale="number"),
    *(
        _lower(name=f"{clock}.{part}", scale="seconds", clock=clock, quantile=q)
        for clock in _CLOCKS
        for part, q in QUANTILES.items()
    ),
    Metric(name="latency.within", argument="seconds", clock="latency"),
    Metric(name="pass", argument="power"),
    _lower(name="robustness.drop", scale="points", selector="perturbation"),
    _lower(name="robustness.flips", scale="points", selector="perturbation", repeated=True),
    _lower(name="generalization.gap", scale="points", splits=True),
    _lower(name="drift.drop", scale="points", earlier=True),
    _lower(name="leakage", scale="count"),
    _lower(name="regressions", scale="count", earlier=True),
    _lower(name="cost_per_1000", spelling="cost per 1000", scale="money"),
    _lower(name="cost_per_correct", spelling="cost per correct", scale="money"),
    _lower(name="tokens_per_case", spelling="tokens per case", scale="count"),
)

METRICS: dict[str, Metric] = {metric.written: metric for metric in _ALL}
SPELLINGS: dict[str, Metric] = METRICS | {metric.name: metric for metric in _ALL}
BETTER_THAN_MAJORITY = Metric(name="better_than_majority", spelling="accuracy > majority")
_BY_NAME = {metric.name: metric for metric in (*_ALL, BETTER_THAN_MAJORITY)}


def metric_of(name: str) -> Metric:
    """Give the row of a metric by its name; one that is not known here is taken for a share."""
    return _BY_NAME.get(name) or SPELLINGS.get(name) or Metric(name=name)


def written(metric: str) -> str:
    """Spell a metric as a threshold does: `cost per 1000` for `cost_per_1000`."""
    return metric_of(metric).written
