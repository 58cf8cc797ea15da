"""Before a run: what these cases can prove of each threshold, and which label lacks cases.

Cases are the unit, repeats add none. The plan assumes a true value half way from the threshold to perfect and
asks for 80% power at the stated confidence (exact binomial; see scores/planning.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from harness.files.suite import Suite
from harness.files.threshold import Threshold
from harness.judge.scores.planning import best_provable, half_way, planned_n, smallest_all_pass_n
from harness.record import CaseRow

_SHARES = {"accuracy", "coverage", "stability", "pass", "latency.within"}
_BAD_SHARES = {"failures", "unparseable", "refused", "truncated", "flip_rate"}
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


class PowerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One threshold before a run. Counts are None where the metric is not a share of cases."""

    threshold: str
    unit: str  # what is counted: cases, spam cases, spam predictions
    have: int | None
    least: int | None  # the fewest that prove it when all are right
    needed: int | None  # for 80% power
    best: float | None  # the share that these cases can prove at best
    sentence: str


class _Demand(msgspec.Struct, frozen=True, kw_only=True):
    required: float  # the share that must be right
    have: int
    unit: str


def power(suite: Suite, thresholds: Sequence[Threshold], cases: Sequence[CaseRow]) -> tuple[PowerRow, ...]:
    """Say for each threshold what these cases can prove; one row a threshold, in their order."""
    return tuple(_row(threshold, _demand(threshold, cases), suite) for threshold in thresholds)


def _row(threshold: Threshold, demand: _Demand | None, suite: Suite) -> PowerRow:
    if demand is None:
        sentence = f"{threshold.text}: not a share of cases; decided by its interval after the run."
        return PowerRow(
            threshold=threshold.text,
            unit="",
            have=None,
            least=None,
            needed=None,
            best=None,
            sentence=sentence,
        )
    least = smallest_all_pass_n(demand.required, suite.confidence)
    needed = planned_n(demand.required, confidence=suite.confidence)
    return PowerRow(
        threshold=threshold.text,
        unit=demand.unit,
        have=demand.have,
        least=least,
        needed=needed,
        best=best_provable(demand.have, suite.confidence),
        sentence=f"{threshold.text}: {_sentence(demand, least, needed)}",
    )


def _sentence(demand: _Demand, least: int | None, needed: int | None) -> str:
    have = f"{demand.have:,} {_counted(demand.unit, demand.have)}"
    if least is None:
        return f"no number of cases can prove a share of {demand.required:.0%}."
    if demand.have < least:
        more = least - demand.have
        return (
            f"can't be proved: {have}, and it takes {least:,} without a miss. "
            f"Add at least {more:,} {_counted(demand.unit, more)}{_planned(needed)}."
        )
    if needed is None or demand.have >= needed:
        return f"{have} will do, if the true value is {half_way(demand.required):.1%} or better."
    more = needed - demand.have
    return (
        f"{have} may not settle it: plan {needed:,} ({more:,} more) "
        f"for a true value of {half_way(demand.required):.1%}."
    )


def _planned(needed: int | None) -> str:
    return f"; plan {needed:,} to allow for some" if needed is not None else ""


def _counted(unit: str, n: int) -> str:
    return unit.removesuffix("s") if n == 1 else unit


def _demand(threshold: Threshold, cases: Sequence[CaseRow]) -> _Demand | None:
    inside = [case for case in cases if _inside(case, threshold.where)]
    metric, label = threshold.metric, threshold.label
    if threshold.baseline != "absolute":
        return None
    if metric in _SHARES:
        return _Demand(required=threshold.bound, have=len(inside), unit="cases")
    if metric in _BAD_SHARES:
        return _Demand(required=1 - threshold.bound, have=len(inside), unit="cases")
    clock, _, quantile = metric.partition(".")
    if clock in ("latency", "ttft") and quantile in _QUANTILES:
        return _Demand(required=_QUANTILES[quantile], have=len(inside), unit="cases")
    of_label = sum(case.expected == label for case in inside)
    match metric:
        case "recall":
            return _Demand(required=threshold.bound, have=of_label, unit=f"{label} cases")
        case "precision":  # as many predictions as cases: what a good prompt would make
            return _Demand(required=threshold.bound, have=of_label, unit=f"{label} predictions")
        case "specificity":
            return _Demand(required=threshold.bound, have=len(inside) - of_label, unit="other cases")
        case _:
            return None


def _inside(case: CaseRow, where: tuple[tuple[str, str], ...]) -> bool:
    return all(value in case.tags if key == "tag" else value == case.split for key, value in where)
