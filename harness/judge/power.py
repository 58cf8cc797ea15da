"""Before a run: what these cases can prove, how many each threshold needs, and which label lacks cases.

For a share that must reach r, the plan assumes a true value half way from r to perfect, and asks for the
cases at which that passes with 80% probability (exact binomial). Repeats of a case are no new cases, so they
are not counted. Precision rests on predictions: about as many as the label has cases.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from harness.files.cases import Case
from harness.files.suite import Suite
from harness.files.threshold import Threshold
from harness.judge.scores.planning import best_provable, half_way, planned_n, smallest_all_pass_n
from harness.judge.wording import amount, count, demand, named, sure, verb

POWER = 0.8
_QUANTILE = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
_OF_CASES = {"accuracy", "coverage", "failures", "unparseable", "refused", "truncated", "latency.within"}
_OF_LABEL = {
    "recall": "{} cases",
    "f1": "{} cases",
    "precision": "{} predictions",
    "specificity": "cases that are not {}",
}
_REPEATED = {"stability", "flip_rate", "pass"}


class PowerRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the cases at hand can do for one threshold; counts are None where it is no share of cases."""

    threshold: str
    unit: str  # what is counted: cases, spam cases, spam predictions
    have: int | None
    least: int | None  # the fewest that prove it, all right
    needed: int | None  # for 80% power, if the truth is half way from the threshold to perfect
    best: float | None  # what these cases prove of the share if all are right
    sentence: str

    @property
    def enough(self) -> bool:
        """Whether these cases give 80% power."""
        return self.have is not None and self.needed is not None and self.have >= self.needed


def power(suite: Suite, thresholds: Sequence[Threshold], cases: Sequence[Case]) -> tuple[PowerRow, ...]:
    """Give a row for each threshold, in their order."""
    return tuple(_row(suite, threshold, cases) for threshold in thresholds)


def _row(suite: Suite, threshold: Threshold, cases: Sequence[Case]) -> PowerRow:
    share = _share_needed(threshold)
    counted = _counted(suite, threshold, [case for case in cases if _selected(case, threshold.where)])
    if share is None or counted is None or threshold.baseline != "absolute":
        return _unplanned(threshold)
    have, unit = counted
    best = best_provable(have, suite.confidence)
    row = PowerRow(
        threshold=threshold.text,
        unit=unit,
        have=have,
        least=smallest_all_pass_n(share, suite.confidence),
        needed=planned_n(share, power=POWER, confidence=suite.confidence),
        best=best if _is_lower_limit(threshold) else 1 - best,
        sentence="",
    )
    return msgspec.structs.replace(row, sentence=_sentence(row, have, threshold, share, suite.confidence))


def _unplanned(threshold: Threshold) -> PowerRow:
    return PowerRow(
        threshold=threshold.text,
        unit="",
        have=None,
        least=None,
        needed=None,
        best=None,
        sentence=f"{threshold.text} is not a share of cases: it is decided by its interval after the run.",
    )


def _is_lower_limit(threshold: Threshold) -> bool:
    return threshold.op in {">=", ">"} or _is_quantile(threshold)


def _is_quantile(threshold: Threshold) -> bool:
    clock, _, part = threshold.metric.partition(".")
    return clock in {"latency", "ttft"} and part in _QUANTILE


def _share_needed(threshold: Threshold) -> float | None:
    """Give the share of good cases that a threshold demands; None when it is no such demand."""
    if _is_quantile(threshold) and threshold.op in {"<=", "<"}:
        return _QUANTILE[threshold.metric.partition(".")[2]]
    bound = threshold.bound if threshold.op in {">=", ">"} else 1 - threshold.bound
    return bound if 0 < bound <= 1 else None


def _selected(case: Case, where: Sequence[tuple[str, str]]) -> bool:
    return all(name in case.tags if kind == "tag" else name == case.split for kind, name in where)


def _counted(suite: Suite, threshold: Threshold, cases: Sequence[Case]) -> tuple[int, str] | None:
    """Give how many units a threshold rests on, and what they are; None when nobody can tell yet."""
    if threshold.metric in _OF_CASES or _is_quantile(threshold):
        return len(cases), "cases"
    if threshold.metric in _REPEATED:
        return (len(cases), "cases") if suite.repeats > 1 else (0, "cases asked more than once")
    label = threshold.label if threshold.label is not None else suite.positive
    if label is None or threshold.metric not in _OF_LABEL:
        return None
    mine = sum(case.expected == label for case in cases)
    have = len(cases) - mine if threshold.metric == "specificity" else mine
    return have, _OF_LABEL[threshold.metric].format(named(label))


def _sentence(row: PowerRow, n: int, threshold: Threshold, share: float, confidence: float) -> str:
    if row.needed is None or row.least is None or row.best is None:
        return f"{row.threshold} can't be proved by any number of {row.unit}: ask for less than 100%."
    lower = _is_lower_limit(threshold)
    truth = amount(half_way(share) if lower else 1 - half_way(share), "share")
    have = count(n, _one(row.unit), row.unit)
    odds = f"a true {truth} then passes with 80% probability"
    if _is_quantile(threshold):
        odds = f"with {truth} of calls in time it then passes with 80% probability"
    if row.enough:
        return f"{row.threshold}: {have} are enough ({row.needed:,} needed: {odds})."
    fix = f"add {count(row.needed - n, _one(row.unit), row.unit)}: {odds}"
    if n >= row.least:
        return f"{row.threshold} may stay open with {have}; {fix}."
    best = f"{'no more than' if lower else 'only that it is below'} {amount(row.best, 'share')}"
    wanted = demand(share if lower else 1 - share, "share")
    return (
        f"{row.threshold} can't pass: {have} without a miss {verb(n, 'proves', 'prove')} {best} at "
        f"{sure(confidence)} confidence, {wanted} takes {row.least:,}; {fix}."
    )


def _one(unit: str) -> str:
    if unit.endswith("predictions"):
        return unit.removesuffix("s")
    return unit.replace("cases that are", "case that is").replace("cases", "case")


def _short(row: PowerRow) -> int:
    return 0 if row.have is None or row.needed is None else row.needed - row.have


def lacking(suite: Suite, rows: Sequence[PowerRow]) -> str:
    """Name the cheapest way to make all thresholds provable: the labels that lack cases, and by how many."""
    wanted: dict[str, int] = {}
    for label in suite.labels:
        mine = {f"{named(label)} cases", f"{named(label)} predictions"}
        if (short := max((_short(row) for row in rows if row.unit in mine), default=0)) > 0:
            wanted[label] = short
    general = max((_short(row) for row in rows if row.unit == "cases"), default=0)
    rest = general - sum(wanted.values())
    parts = [count(more, f"more {named(label)} case") for label, more in wanted.items()]
    if rest > 0:
        parts.append(count(rest, "more case of any label", "more cases of any label"))
    if not parts:
        return "These cases are enough for every threshold that can be planned."
    return f"To make every threshold provable: {'; '.join(parts)}."
