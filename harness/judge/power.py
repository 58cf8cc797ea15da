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
    """What the cases at hand can do for one threshold."""

    threshold: str
    unit: str  # what is counted: cases, spam cases, spam predictions
    have: int
    needed: (
        int | None
    )  # for 80% power, if the truth is half way from the threshold to perfect; None: none would
    at_least: int | None  # the fewest that prove it, all right
    best_provable: (
        float  # the share that these prove if all are right (for an upper limit: the share they exclude)
    )
    enough: bool
    sentence: str


def power(suite: Suite, thresholds: Sequence[Threshold], cases: Sequence[Case]) -> tuple[PowerRow, ...]:
    """Give a row for each threshold on a share; what is no share of cases can't be planned in this way."""
    rows = (_row(suite, threshold, cases) for threshold in thresholds)
    return tuple(row for row in rows if row is not None)


def _row(suite: Suite, threshold: Threshold, cases: Sequence[Case]) -> PowerRow | None:
    share = _share_needed(threshold)
    counted = _counted(suite, threshold, [case for case in cases if _selected(case, threshold.where)])
    if share is None or counted is None or threshold.baseline != "absolute":
        return None
    have, unit = counted
    needed = planned_n(share, power=POWER, confidence=suite.confidence)
    best = best_provable(have, suite.confidence)
    row = PowerRow(
        threshold=threshold.text,
        unit=unit,
        have=have,
        needed=needed,
        at_least=smallest_all_pass_n(share, suite.confidence),
        best_provable=best if _is_lower_limit(threshold) else 1 - best,
        enough=needed is not None and have >= needed,
        sentence="",
    )
    return msgspec.structs.replace(row, sentence=_sentence(row, threshold, share, suite.confidence))


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


def _sentence(row: PowerRow, threshold: Threshold, share: float, confidence: float) -> str:
    if row.needed is None or row.at_least is None:
        return f"{row.threshold} can't be proved by any number of {row.unit}: ask for less than 100%."
    lower = _is_lower_limit(threshold)
    truth = amount(half_way(share) if lower else 1 - half_way(share), "share")
    have = count(row.have, _one(row.unit), row.unit)
    odds = f"a true {truth} then passes with 80% probability"
    if _is_quantile(threshold):
        odds = f"with {truth} of calls in time it then passes with 80% probability"
    if row.enough:
        return f"{row.threshold}: {have} are enough ({row.needed:,} needed: {odds})."
    missing = row.needed - row.have
    fix = f"add {count(missing, _one(row.unit), row.unit)}: {odds}"
    if row.have >= row.at_least:
        return f"{row.threshold} may stay open with {have}; {fix}."
    best = f"no {'more' if lower else 'less'} than {amount(row.best_provable, 'share')}"
    proves = f"{have} without a miss {verb(row.have, 'proves', 'prove')} {best}"
    wanted = demand(share if lower else 1 - share, "share")
    return (
        f"{row.threshold} can't pass: {proves} at {sure(confidence)} confidence, "
        f"{wanted} takes {row.at_least:,}; {fix}."
    )


def _one(unit: str) -> str:
    if unit.endswith("predictions"):
        return unit.removesuffix("s")
    return unit.replace("cases that are", "case that is").replace("cases", "case")


def lacking(suite: Suite, rows: Sequence[PowerRow]) -> str:
    """Name the cheapest way to make all thresholds provable: the labels that lack cases, and by how many."""
    wanted: dict[str, int] = {}
    for label in suite.labels:
        mine = {f"{named(label)} cases", f"{named(label)} predictions"}
        short = [(row.needed or 0) - row.have for row in rows if row.unit in mine and not row.enough]
        if short and max(short) > 0:
            wanted[label] = max(short)
    general = max(((row.needed or 0) - row.have for row in rows if row.unit == "cases"), default=0)
    rest = general - sum(wanted.values())
    parts = [count(more, f"more {named(label)} case") for label, more in wanted.items()]
    if rest > 0:
        parts.append(count(rest, "more case of any label", "more cases of any label"))
    if not parts:
        return "These cases are enough for every threshold that can be planned."
    return f"To make every threshold provable: {'; '.join(parts)}."
