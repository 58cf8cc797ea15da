"""Before a run: what these cases can prove, how many each threshold needs, and which label lacks cases.

For a share that must reach r, the plan assumes a true value half way from r to perfect, and asks for the
cases at which that passes with 80% probability (exact binomial; other figures: see `power_model`). Repeats of
a case are no new cases, so they are not counted. Precision rests on predictions: about as many as the label
has cases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from harness.files.case import Case
from harness.files.suite import Suite
from harness.files.thresholds import Threshold, metric_of
from harness.judge.power.model import SamplePlan, average_plan, difference_plan
from harness.judge.scores.planning import POWER, best_provable, half_way, planned_n, smallest_all_pass_n
from harness.judge.wording import amount, count, demand, named, scale_of, singular, sure, verb

WITH = " with "  # stands before the filter in a unit: spam cases with tag=short

_OF_CASES = {
    "accuracy",
    "coverage",
    "failures",
    "unparseable",
    "refused",
    "truncated",
    "latency.within",
    "better_than_majority",
}
_OF_LABEL = {
    "recall": "{} cases",
    "f1": "{} cases",
    "precision": "{} predictions",
    "specificity": "cases that are not {}",
}
_REPEATED = {"stability", "flip_rate", "pass"}
_AFTERWARDS = {
    "drift.drop": "it depends on the earlier runs",
    "regressions": "it depends on the baseline",
    "leakage": "it is counted, not sampled",
    "cost_per_1000": "it depends on what calls cost",
    "cost_per_correct": "it depends on what calls cost",
    "tokens_per_case": "it depends on the replies",
    "latency.max": "it is the slowest call of the run",
    "ttft.max": "it is the slowest call of the run",
}


class PowerRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the cases at hand can do for one threshold; counts are None where nobody can tell yet."""

    threshold: str
    metric: str
    unit: str  # what is counted: cases, spam cases, spam predictions
    have: int | None
    least: int | None  # the fewest that prove it, all right
    needed: int | None  # for 80% power, if the truth is half way from the threshold to perfect
    best: float | None  # what these cases prove of the figure if all are right
    sentence: str
    provable: bool = True  # whether these cases can pass it at all, were every answer right

    @property
    def enough(self) -> bool:
        """Whether these cases give 80% power."""
        return (
            self.provable and self.have is not None and self.needed is not None and self.have >= self.needed
        )


def power(suite: Suite, thresholds: Sequence[Threshold], cases: Sequence[Case]) -> tuple[PowerRow, ...]:
    """Give a row for each threshold, in their order."""
    accuracy = max(
        (half_way(t.bound) for t in thresholds if t.metric == "accuracy" and t.baseline == "absolute"),
        default=None,
    )
    return tuple(_row(suite, threshold, cases, accuracy) for threshold in thresholds)


def _row(suite: Suite, threshold: Threshold, cases: Sequence[Case], accuracy: float | None) -> PowerRow:
    chosen = [case for case in cases if _selected(case, threshold.where)]
    if threshold.baseline != "absolute":
        return _unplanned(threshold, "it depends on the baseline")
    if threshold.metric == "better_than_majority":
        threshold = replace(threshold, bound=_majority(chosen))
    share, counted = _share_needed(threshold), _counted(suite, threshold, chosen)
    if share is not None and counted is not None:
        chosen_by = " and ".join(f"{kind}={name}" for kind, name in threshold.where)
        have, unit = counted
        return _of_share(suite, threshold, share, (have, f"{unit}{WITH}{chosen_by}" if chosen_by else unit))
    plan = average_plan(suite, threshold, chosen, _truth(threshold))
    plan = plan or difference_plan(suite, threshold, chosen, accuracy)
    if plan is None:
        return _unplanned(threshold, _AFTERWARDS.get(threshold.metric, "nobody can tell yet"))
    return _of_model(suite, threshold, plan, len(chosen))


def _majority(cases: Sequence[Case]) -> float:
    return max(Counter(case.expected for case in cases).values(), default=0) / max(len(cases), 1)


def _of_share(suite: Suite, threshold: Threshold, share: float, counted: tuple[int, str]) -> PowerRow:
    have, unit = counted
    best = best_provable(have, suite.confidence)
    if threshold.metric == "f1":
        best = 2 * best / (1 + best)
    least = smallest_all_pass_n(share, suite.confidence)
    row = PowerRow(
        threshold=threshold.text,
        metric=threshold.metric,
        unit=unit,
        have=have,
        least=least,
        needed=planned_n(share, truth=_truth_as_share(threshold), power=POWER, confidence=suite.confidence),
        best=best if _is_lower_limit(threshold) else 1 - best,
        sentence="",
        provable=least is not None and have >= least,
    )
    return msgspec.structs.replace(row, sentence=_sentence(row, have, threshold, suite.confidence))


def _of_model(suite: Suite, threshold: Threshold, plan: SamplePlan, have: int) -> PowerRow:
    provable = plan.best is None or plan.best >= threshold.bound
    row = PowerRow(
        threshold=threshold.text,
        metric=threshold.metric,
        unit="cases",
        have=have,
        least=None,
        needed=plan.needed,
        best=plan.best,
        sentence="",
        provable=provable,
    )
    odds = plan.assumed
    known = count(have, "case")
    if plan.needed is None:
        told = f"{row.threshold} can't be proved by any number of cases: leave it some room."
    elif not provable and plan.best is not None:
        best = amount(
            plan.best, scale_of(threshold.metric), threshold.currency or "", against=threshold.bound
        )
        told = (
            f"{row.threshold} can't pass: {known} without a miss {verb(have, 'proves', 'prove')} "
            f"no more than {best} at {sure(suite.confidence)} confidence; "
            f"{_add(row.needed, have, 'cases')}: {odds}."
        )
    elif row.enough:
        told = f"{row.threshold}: {known} are enough (about {plan.needed:,} needed: {odds})."
    else:
        told = f"{row.threshold} may stay open with {known}; {_add(row.needed, have, 'cases')}: {odds}."
    return msgspec.structs.replace(row, sentence=told)


def _add(needed: int | None, have: int, unit: str) -> str:
    return f"add {count(max(1, (needed or 0) - have), singular(unit), unit)}"


def _unplanned(threshold: Threshold, why: str) -> PowerRow:
    return PowerRow(
        threshold=threshold.text,
        metric=threshold.metric,
        unit="",
        have=None,
        least=None,
        needed=None,
        best=None,
        sentence=f"{threshold.text} can't be planned: {why}.",
    )


def _is_lower_limit(threshold: Threshold) -> bool:
    return threshold.op in {">=", ">"} or _is_quantile(threshold)


def _is_quantile(threshold: Threshold) -> bool:
    return _share_in_time(threshold) < 1


def _share_in_time(threshold: Threshold) -> float:
    """Give the share of calls that a quantile wants in time; 1 for the slowest, and for other metrics."""
    return metric_of(threshold.metric).quantile or 1.0


def _share_needed(threshold: Threshold) -> float | None:
    """Give the share of good cases that a threshold demands; None when it is no such demand."""
    if _is_quantile(threshold) and threshold.op in {"<=", "<"}:
        return _share_in_time(threshold)
    bound = threshold.bound if threshold.op in {">=", ">"} else 1 - threshold.bound
    if threshold.metric == "f1":  # F1 = 2J / (1 + J), and J is a share of the cases that have to do with it
        bound = bound / (2 - bound)
    return bound if 0 < bound <= 1 else None


def _selected(case: Case, where: Sequence[tuple[str, str]]) -> bool:
    return all(name in case.tags if kind == "tag" else name == case.split for kind, name in where)


def _counted(suite: Suite, threshold: Threshold, cases: Sequence[Case]) -> tuple[int, str] | None:
    """Give how many units a threshold rests on, and what they are; None when it is no share of cases."""
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


def _truth_as_share(threshold: Threshold) -> float | None:
    """Give the planned truth of F1 on the scale of J; None for others: half way on their own scale."""
    truth = half_way(threshold.bound)
    return truth / (2 - truth) if threshold.metric == "f1" else None


def _truth(threshold: Threshold) -> str:
    return amount(half_way(threshold.bound), scale_of(threshold.metric), threshold.currency or "")


def _sentence(row: PowerRow, n: int, threshold: Threshold, confidence: float) -> str:
    if row.needed is None or row.least is None or row.best is None:
        return f"{row.threshold} can't be proved by any number of {row.unit}: {_perfection(threshold)}."
    lower = _is_lower_limit(threshold)
    truth = _truth(threshold) if lower else amount(threshold.bound / 2, "share")
    about = "about " if "predictions" in row.unit else ""
    have = about + count(n, singular(row.unit), row.unit)
    odds = f"a true {truth} then passes with 80% probability"
    if _is_quantile(threshold):
        in_time = amount(half_way(_share_in_time(threshold)), "share")
        odds = f"with {in_time} of calls in time it then passes with 80% probability"
    if row.enough:
        return f"{row.threshold}: {have} {verb(n, 'is', 'are')} enough ({row.needed:,} needed: {odds})."
    fix = f"{_add(row.needed, n, row.unit)}: {odds}"
    if row.provable:
        return f"{row.threshold} may stay open with {have}; {fix}."
    best = f"{'no more than' if lower else 'only that it is below'} {amount(row.best, 'share')}"
    return (
        f"{row.threshold} can't pass: {have} without a miss {verb(n, 'proves', 'prove')} {best} at "
        f"{sure(confidence)} confidence, {_wanted(threshold)} takes {row.least:,}; {fix}."
    )


def _perfection(threshold: Threshold) -> str:
    return "ask for less than 100%" if threshold.op in {">=", ">"} else "allow more than 0%"


def _wanted(threshold: Threshold) -> str:
    if _is_quantile(threshold):
        return demand(_share_in_time(threshold), "share")
    return demand(threshold.bound, "share")
