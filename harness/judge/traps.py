"""The ways in which figures mislead, named in words when they occur.

Nothing here decides a check: a trap says how to read what was decided.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.judge.assessment import Check, Trap
from harness.judge.scores import classification
from harness.judge.scores.estimate import Estimate
from harness.judge.scores.planning import best_provable, smallest_all_pass_n
from harness.judge.scores.prevalence import precision_at
from harness.judge.table import NONE
from harness.judge.view import View
from harness.judge.wording import amount, count, demand, listed, named, sure, verb

LARGE_MAJORITY = 0.7
LOW_RECALL = 0.5
ONE_SIDED = 0.9
FEWEST_ERRORS = 10


def traps_of(view: View, checks: Sequence[Check]) -> tuple[Trap, ...]:
    """Give the traps of one candidate."""
    found = [
        *_accuracy_paradox(view),
        *_too_few_cases(view, checks),
        *_never_predicted(view),
        *_one_sided(view),
        *_prevalence(view),
        *_noise(view, checks),
    ]
    return tuple(dict.fromkeys(found))


def _share(value: float) -> str:
    return amount(value, "share")


def _accuracy_paradox(view: View) -> list[Trap]:
    """Name an accuracy that says little: no better than one constant answer, or blind to a label."""
    accuracy = classification.accuracy(view.answers)
    majority = classification.majority(view.answers)
    if accuracy.value is None or len(view.labels) < 2 or majority.p_value is None or majority.share >= 1:
        return []
    always = f"always answering {named(view.labels[majority.label])} would score {_share(majority.share)}"
    balanced = view.resampling.balanced_accuracy().value
    beside = "" if balanced is None else f" Balanced accuracy is {_share(balanced)}."
    if majority.p_value >= 1 - view.confidence:
        kind = (
            "is not shown to be better than a constant answer"
            if accuracy.value > majority.share
            else ("is no better than a constant answer")
        )
        return [
            Trap(
                kind="accuracy_paradox",
                sentence=f"Accuracy {_share(accuracy.value)} {kind}: {always}.{beside}",
            )
        ]
    blind = [
        label
        for index, label in enumerate(view.labels)
        if index != majority.label
        and (recall := classification.recall(view.answers, index).value) is not None
        and recall < LOW_RECALL
    ]
    if majority.share < LARGE_MAJORITY or not blind:
        return []
    names = listed([named(label) for label in blind])
    told = f"Accuracy {_share(accuracy.value)} hides that most {names} cases are missed: {always}.{beside}"
    return [Trap(kind="accuracy_paradox", sentence=told)]


def _too_few_cases(view: View, checks: Sequence[Check]) -> list[Trap]:
    """Name thresholds that these cases could not prove even if all of them were right."""
    found = []
    for check in checks:
        if check.status != "INCONCLUSIVE" or check.op not in {">=", ">"} or not 0 < check.required <= 1:
            continue
        cases, what = _cases_for(view, check)
        if what is None:
            continue
        fewest = smallest_all_pass_n(check.required, view.confidence)
        best = best_provable(cases, view.confidence)
        if fewest is not None and cases >= fewest:
            continue
        needs = (
            f"it takes at least {fewest:,}"
            if fewest is not None
            else "no number of cases proves a share of 100%"
        )
        found.append(
            Trap(
                kind="too_few_cases",
                label=check.label,
                sentence=(
                    f"{check.threshold} can't pass here: {count(cases, what)}, all right, would prove only "
                    f"{_share(best)} at {sure(view.confidence)} confidence; {needs}."
                ),
            )
        )
    return found


def _cases_for(view: View, check: Check) -> tuple[int, str | None]:
    """Give how many cases a share rests on, and what they are; None for other metrics."""
    cases = len(np.unique(view.trials.case))
    if " where " in check.threshold:
        return 0, None
    if check.metric in {"accuracy", "coverage"}:
        return cases, "case"
    if check.metric == "recall" and check.label in view.labels:
        mine = view.trials.expected == view.labels.index(check.label)
        return len(np.unique(view.trials.case[mine])), f"{named(check.label)} case"
    return 0, None


def _never_predicted(view: View) -> list[Trap]:
    """Name labels that have cases but were never answered."""
    found = []
    for index, label in enumerate(view.labels):
        mine = view.trials.expected == index
        cases = len(np.unique(view.trials.case[mine]))
        if cases and not (view.trials.predicted == index).any():
            though = f"{count(cases, 'case')} {verb(cases, 'expects', 'expect')} it"
            told = f"No reply was ever {named(label)}, though {though}."
            found.append(Trap(kind="never_predicted", label=label, sentence=told))
    return found


def _one_sided(view: View) -> list[Trap]:
    """Name a label that nearly all wrong answers have in common."""
    wrong = ~view.answers.right & (view.trials.predicted != NONE)
    total = int(wrong.sum())
    if total < FEWEST_ERRORS:
        return []
    gained = np.bincount(view.trials.predicted[wrong], minlength=len(view.labels))
    most = int(gained.argmax())
    if gained[most] < ONE_SIDED * total:
        return []
    name = named(view.labels[most])
    told = f"Errors go one way: {int(gained[most]):,} of {count(total, 'wrong answer')} were {name}."
    return [Trap(kind="one_sided_errors", label=view.labels[most], sentence=told)]


def _prevalence(view: View) -> list[Trap]:
    """Name a suite whose share of a label is far from production's, with precision as it would be there."""
    found = []
    for label, production in sorted(view.suite.prevalence.items()):
        if label not in view.labels or not len(view.trials):
            continue
        index = view.labels.index(label)
        here = float((view.trials.expected == index).mean())
        if here == 0 or production <= 0 or 0.5 <= here / production <= 2:
            continue
        precision = classification.precision(view.answers, index).estimate(view.confidence)
        there = precision_at(
            classification.recall(view.answers, index),
            classification.specificity(view.answers, index),
            production,
        ).estimate(view.confidence)
        found.append(
            Trap(kind="prevalence", label=label, sentence=_shift(label, here, production, precision, there))
        )
    return found


def _shift(label: str, here: float, production: float, precision: Estimate, there: Estimate) -> str:
    told = (
        f"{_share(here)} of the trials are {named(label)}, but {demand(production, 'share')} in production."
    )
    if precision.value is None or there.value is None or there.low is None or there.high is None:
        return f"{told} Precision there can't be computed from these answers."
    low, high = _share(there.low)[:-1], _share(there.high)[:-1]
    return (
        f"{told} There, precision[{label}] would be {_share(there.value)} ({low} to {high}) "
        f"instead of {_share(precision.value)}."
    )


def _noise(view: View, checks: Sequence[Check]) -> list[Trap]:
    """Name thresholds that single repeats meet or miss by chance alone."""
    if view.repeats < 2:
        return []
    found = []
    for check in checks:
        values = _per_repeat(view, check)
        met = sum(_meets(value, check) for value in values)
        if not values or met in {0, len(values)}:
            continue
        found.append(
            Trap(
                kind="noise",
                label=check.label,
                sentence=(
                    f"Noise alone would flip {check.threshold}: {met:,} of {len(values):,} repeats met it, "
                    f"from {_share(min(values))} to {_share(max(values))}."
                ),
            )
        )
    return found


def _per_repeat(view: View, check: Check) -> list[float]:
    """Give accuracy, or a label's recall or precision, in each repeat; empty for other metrics."""
    if " where " in check.threshold:
        return []
    index = view.labels.index(check.label) if check.label in view.labels else None
    values = []
    for repeat in range(view.repeats):
        part = view.answers.where(np.asarray(view.trials.repeat == repeat, dtype=np.bool_))
        if check.metric == "accuracy":
            values.append(classification.accuracy(part).value)
        elif check.metric == "recall" and index is not None:
            values.append(classification.recall(part, index).value)
        elif check.metric == "precision" and index is not None:
            values.append(classification.precision(part, index).value)
    return [value for value in values if value is not None]


def _meets(value: float, check: Check) -> bool:
    match check.op:
        case ">=":
            return value >= check.required - 1e-12
        case ">":
            return value > check.required
        case "<=":
            return value <= check.required + 1e-12
        case _:
            return value < check.required


def no_information(views: Sequence[View]) -> tuple[Trap, ...]:
    """Name a suite on which every candidate is perfect, or on which all give the same answers."""
    if not views or not len(views[0].trials):
        return ()
    who = "The candidate is" if len(views) == 1 else f"All {len(views):,} candidates are"
    if all(view.answers.right.all() for view in views):
        return (
            Trap(
                kind="no_information",
                sentence=f"{who} right in every trial: only harder cases could show a weakness.",
            ),
        )
    if len(views) < 2:
        return ()
    first = views[0].trials.predicted
    if all(np.array_equal(first, view.trials.predicted) for view in views[1:]):
        told = f"All {len(views):,} candidates gave the same answers: this suite can't tell them apart."
        return (Trap(kind="no_information", sentence=told),)
    return ()
