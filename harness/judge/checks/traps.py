"""The ways in which figures mislead, named in words when they occur.

Nothing here decides a check: a trap says how to read what was decided.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.special import ndtri

from harness import judge
from harness.files.thresholds import BALANCED_ACCURACY, KAPPA, Threshold
from harness.judge import scores
from harness.judge.checks.thin import TOO_FEW, Thin, flipped_by_noise, said_once, too_few_cases
from harness.judge.scores import NONE
from harness.judge.sections.notable import TELLS_APART
from harness.judge.view import HOLDOUT, Float, View, lost

LARGE_MAJORITY = 0.7
LOW_RECALL = 0.5
ONE_SIDED = 0.9
FEWEST_ERRORS = 10
UNSEEN = 0.0005  # of a share: less is not printed
_PARADOX: Final = "accuracy_paradox"


def traps_of(view: View, checks: Sequence[judge.Check], policy: Sequence[Threshold]) -> tuple[judge.Trap, ...]:
    """Give the traps of one candidate; `checks` are those of `policy`, in its order."""
    found = _found(view, checks, policy)
    if view.lost:  # no trap is laid by what nobody answered: the answers alone must show it, too
        shown = {(trap.kind, trap.label): trap for trap in _found(view.of_trials(~lost(view.trials)), checks, policy)}
        found = [trap for trap in found if trap.kind == TOO_FEW or (trap.kind, trap.label) in shown]
        found = [_of_answers(shown[trap.kind, trap.label]) if trap.kind == _PARADOX else trap for trap in found]
    return tuple(dict.fromkeys(said_once(found)))


def _of_answers(trap: judge.Trap | Thin) -> judge.Trap:
    told = f"Of what was answered, {trap.sentence[0].lower()}{trap.sentence[1:]}"
    return judge.Trap(kind=trap.kind, label=trap.label, sentence=told)


def _found(view: View, checks: Sequence[judge.Check], policy: Sequence[Threshold]) -> list[judge.Trap | Thin]:
    return [
        *_second_look(view),
        *_accuracy_paradox(view),
        *too_few_cases(view, checks, policy),
        *_never_predicted(view),
        *_one_sided(view),
        *_prevalence(view),
        *flipped_by_noise(view, checks, policy),
    ]


def _second_look(view: View) -> list[judge.Trap]:
    """Say how sure the checks of a second look have to be, and what that keeps."""
    before, sure, kept = view.manifest.second_look, 1 - view.error, scores.TWO_LOOKS * (1 - view.confidence)
    if before is None:
        return []
    told = f"{before.cases:,} of these {len(view.cases):,} cases were looked at before, in {before.to}: checks are made"
    told += f" at {judge.sure(sure)} confidence, so that both looks together pass what is not so in at most"
    return [judge.Trap(kind="second_look", sentence=f"{told} {judge.sure(kept)} of runs.")]


def _share(value: float) -> str:
    return judge.amount(value, "share")


def _accuracy_paradox(view: View) -> list[judge.Trap]:
    """Name an accuracy that says little: no better than one constant answer, or blind to a label."""
    accuracy = scores.accuracy(view.answers)
    majority = scores.majority(view.answers)
    if accuracy.value is None or len(view.labels) < 2 or majority.p_value is None or majority.share >= 1:
        return []
    always = f"always answering {judge.named(view.labels[majority.label])} would score {_share(majority.share)}"
    balanced = view.resampling.average(BALANCED_ACCURACY.name).value
    beside = "" if balanced is None else f" Balanced accuracy is {_share(balanced)}."
    if majority.p_value >= 1 - view.confidence:
        worse = "worse" if accuracy.value < majority.share else "no better"
        worse = "not shown to be better" if accuracy.value > majority.share else worse
        compared = f"is {worse} than a constant answer"
        if (view.resampling.average(KAPPA.name).value or 0.0) > TELLS_APART:
            compared = "says little here"  # a rare label is found, at the frequent one's cost
        told = f"Accuracy {_share(accuracy.value)} {compared}: {always}.{beside}"
        return [judge.Trap(kind=_PARADOX, sentence=told)]
    blind = [
        label
        for index, label in enumerate(view.labels)
        if index != majority.label
        and (recall := scores.recall(view.answers, index).value) is not None
        and recall < LOW_RECALL
    ]
    if majority.share < LARGE_MAJORITY or not blind:
        return []
    names = judge.listed([judge.named(label) for label in blind])
    told = f"Accuracy {_share(accuracy.value)} hides that most {names} cases are missed: {always}.{beside}"
    return [judge.Trap(kind=_PARADOX, sentence=told)]


def _never_predicted(view: View) -> list[judge.Trap]:
    """Name labels that have cases but were never answered."""
    found = []
    for index, label in enumerate(view.labels):
        mine = view.trials.expected == index
        cases = scores.distinct(view.trials.case[mine])
        if cases and not (view.trials.predicted == index).any():
            though = f"{judge.count(cases, 'case')} {judge.verb(cases, 'expects', 'expect')} it"
            told = f"No reply was ever {judge.named(label)}, though {though}."
            found.append(judge.Trap(kind="never_predicted", label=label, sentence=told))
    return found


def _one_sided(view: View) -> list[judge.Trap]:
    """Name a label that nearly all wrong answers have in common."""
    wrong = ~view.answers.right & (view.trials.predicted != NONE)
    total = int(wrong.sum())
    if total < FEWEST_ERRORS:
        return []
    gained = np.bincount(view.trials.predicted[wrong], minlength=len(view.labels))
    most = int(gained.argmax())
    if gained[most] < ONE_SIDED * total:
        return []
    name = judge.named(view.labels[most])
    told = f"Errors go one way: {int(gained[most]):,} of {judge.count(total, 'wrong answer')} were {name}."
    return [judge.Trap(kind="one_sided_errors", label=view.labels[most], sentence=told)]


def _prevalence(view: View) -> list[judge.Trap]:
    """Name a suite whose share of a label is far from production's, with precision as it would be there."""
    found = []
    for label, production in sorted(view.suite.prevalence.items()):
        if label not in view.labels or not len(view.trials):
            continue
        index = view.labels.index(label)
        here = float((view.trials.expected == index).mean())
        if here == 0 or production <= 0 or 0.5 <= here / production <= 2:
            continue
        precision = scores.precision(view.answers, index).estimate(view.confidence)
        there = scores.precision_at(
            scores.recall(view.answers, index), scores.no_alarm(view.answers, index), production
        ).estimate(view.confidence)
        found.append(
            judge.Trap(kind="prevalence", label=label, sentence=_shift(label, here, production, precision, there))
        )
    return found


def _shift(label: str, here: float, production: float, precision: judge.Estimate, there: judge.Estimate) -> str:
    outside = judge.demand(production, "share")
    told = f"{_share(here)} of these cases are {judge.named(label)}, but {outside} in production."
    if precision.value is None or there.value is None:
        return f"{told} No reply was {judge.named(label)}, so nothing is known of precision[{label}] there."
    would_be = f"precision[{label}] would be {judge.figure(there, 'share')}"
    if _share(there.value) == _share(precision.value) and there.low is not None and there.high is not None:
        span = f"{_share(there.low)} to {_share(there.high)}"
        return f"{told} There, precision[{label}] could be anything from {span}."
    return f"{told} There, {would_be} instead of {_share(precision.value)}."


def best_of_many(views: Sequence[View], best: View) -> tuple[judge.Trap, ...]:
    """Say by how much the choice of the best flatters its accuracy, and what confirms it.

    Of k equal candidates the best lies E[max of k] standard errors above the truth (normal order statistics, Blom
    1958); what chance moves is their differences, case by case, for they share the cases.
    """
    apart = [_per_case(best) - _per_case(view) for view in views if view is not best]
    cases, k = len(best.cases), len(views)
    if not apart or cases < 2:
        return ()
    spread = float(np.sqrt(np.mean([each.var(ddof=1) for each in apart]) / (2 * cases)))
    flattery = float(ndtri((k - 0.375) / (k + 0.25))) * spread
    if flattery < UNSEEN:
        return ()
    held = HOLDOUT in best.cases.splits
    how = f"Choose by the other splits, and let {HOLDOUT} confirm it." if held else judge.CONFIRM
    told = f"It is the best of {k:,} candidates on these same cases: such a choice flatters accuracy by about"
    told += f" {judge.demand(round(flattery, 3), 'points')}. {how}"
    return (judge.Trap(kind="best_of_many", sentence=told),)


def _per_case(view: View) -> Float:
    trials = np.bincount(view.trials.case, minlength=len(view.cases))
    hits = np.bincount(view.trials.case, weights=view.answers.right, minlength=len(view.cases))
    return np.asarray(hits / np.maximum(trials, 1), dtype=np.float64)


def no_information(views: Sequence[View]) -> tuple[judge.Trap, ...]:
    """Name a suite on which every candidate is perfect, or on which all give the same answers."""
    if not views or not len(views[0].trials) or any(view.missing for view in views):
        return ()
    all_of_them = "Both candidates" if len(views) == 2 else f"All {len(views):,} candidates"
    who = "The candidate is" if len(views) == 1 else f"{all_of_them} are"
    if all(view.answers.right.all() for view in views):
        told = f"{who} right in every trial: only harder cases could show a weakness."
        return (judge.Trap(kind="no_information", sentence=told),)
    if len(views) < 2:
        return ()
    first = views[0].trials.predicted
    if all(np.array_equal(first, view.trials.predicted) for view in views[1:]):
        told = f"{all_of_them} gave the same answers: this suite can't tell them apart."
        return (judge.Trap(kind="no_information", sentence=told),)
    return ()
