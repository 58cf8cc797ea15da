"""The ways in which figures mislead, named in words when they occur.

Nothing here decides a check: a trap says how to read what was decided.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.files.thresholds import Threshold
from harness.judge.checks.fragile import flipped_by_noise, too_few_cases
from harness.judge.documents.assessment import Check, Trap
from harness.judge.documents.estimate import Estimate
from harness.judge.scores import classification
from harness.judge.scores.prevalence import precision_at
from harness.judge.sections.notable import TELLS_APART
from harness.judge.table.columns import NONE
from harness.judge.view import View
from harness.judge.wording import amount, count, demand, figure, listed, named, verb

LARGE_MAJORITY = 0.7
LOW_RECALL = 0.5
ONE_SIDED = 0.9
FEWEST_ERRORS = 10


def traps_of(view: View, checks: Sequence[Check], policy: Sequence[Threshold]) -> tuple[Trap, ...]:
    """Give the traps of one candidate; `checks` are those of `policy`, in its order."""
    found = [
        *_accuracy_paradox(view),
        *too_few_cases(view, checks, policy),
        *_never_predicted(view),
        *_one_sided(view),
        *_prevalence(view),
        *flipped_by_noise(view, checks, policy),
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
        compared = _compared(accuracy.value, majority.share)
        if (view.resampling.kappa().value or 0.0) > TELLS_APART:
            compared = "says little here"  # a rare label is found, at the frequent one's cost
        told = f"Accuracy {_share(accuracy.value)} {compared}: {always}.{beside}"
        return [Trap(kind="accuracy_paradox", sentence=told)]
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


def _compared(accuracy: float, constant: float) -> str:
    if accuracy > constant:
        return "is not shown to be better than a constant answer"
    return f"is {'worse' if accuracy < constant else 'no better'} than a constant answer"


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
        f"{_share(here)} of these cases are {named(label)}, but {demand(production, 'share')} in production."
    )
    if precision.value is None or there.value is None:
        return f"{told} No reply was {named(label)}, so nothing is known of precision[{label}] there."
    would_be = f"precision[{label}] would be {figure(there, 'share')}"
    if _share(there.value) == _share(precision.value) and there.low is not None and there.high is not None:
        span = f"{_share(there.low)} to {_share(there.high)}"
        return f"{told} There, precision[{label}] could be anything from {span}."
    return f"{told} There, {would_be} instead of {_share(precision.value)}."


def no_information(views: Sequence[View]) -> tuple[Trap, ...]:
    """Name a suite on which every candidate is perfect, or on which all give the same answers."""
    if not views or not len(views[0].trials):
        return ()
    all_of_them = "Both candidates" if len(views) == 2 else f"All {len(views):,} candidates"
    who = "The candidate is" if len(views) == 1 else f"{all_of_them} are"
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
        told = f"{all_of_them} gave the same answers: this suite can't tell them apart."
        return (Trap(kind="no_information", sentence=told),)
    return ()
