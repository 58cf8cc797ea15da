"""Checks that rest on too little: too few cases to pass even without an error, or flipped by noise alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.files.thresholds import Threshold
from harness.judge.checks.metrics import described, figure, label_index, unit_name
from harness.judge.documents.assessment import Check, Trap
from harness.judge.scores.planning import best_provable, smallest_all_pass_n
from harness.judge.scores.threshold_check import meets
from harness.judge.view import View, once
from harness.judge.wording import amount, count, scale_of, singular, sure

_PROVED_BY_CASES = {"accuracy", "better_than_majority", "coverage", "recall", "precision", "specificity"}
_CHEAP = _PROVED_BY_CASES | {"f1", "failures", "unparseable", "refused", "truncated", "latency.within"}


def too_few_cases(view: View, checks: Sequence[Check], policy: Sequence[Threshold]) -> list[Trap]:
    """Name thresholds that these cases could not prove even if all of them were right."""
    found = []
    for check, threshold in zip(checks, policy, strict=True):
        if check.status != "INCONCLUSIVE" or check.metric not in _PROVED_BY_CASES:
            continue
        if not 0 < check.required <= 1 or check.estimate.value is None:
            continue
        cases, things = _cases_for(view.narrowed(threshold.where), threshold)
        fewest = smallest_all_pass_n(check.required, view.confidence)
        if fewest is not None and cases >= fewest:
            continue
        have = count(cases, singular(things), things)
        best = amount(best_provable(cases, view.confidence), "share")
        needs = "no number of cases proves 100%" if fewest is None else f"it takes at least {fewest:,}"
        found.append(
            Trap(
                kind="too_few_cases",
                label=check.label,
                sentence=(
                    f"{check.threshold} can't pass here: {have}, all right, would prove only {best} "
                    f"at {sure(view.confidence)} confidence; {needs}."
                ),
            )
        )
    return found


def _cases_for(view: View, threshold: Threshold) -> tuple[int, str]:
    """Give how many cases a share rests on, and what they are."""
    unit = described(threshold.metric).unit
    label = label_index(view, threshold)
    trials = view.trials
    mine = np.ones(len(trials), dtype=np.bool_)
    if unit == "label cases":
        mine = trials.expected == label
    elif unit == "other cases":
        mine = trials.expected != label
    elif unit == "predictions":
        mine = trials.predicted == label
    name = None if label is None else view.labels[label]
    return len(np.unique(trials.case[mine])), unit_name(unit, name)


def flipped_by_noise(view: View, checks: Sequence[Check], policy: Sequence[Threshold]) -> list[Trap]:
    """Name thresholds that single repeats meet or miss by chance alone."""
    if view.repeats < 2:
        return []
    found = []
    for check, threshold in zip(checks, policy, strict=True):
        if check.metric not in _CHEAP or check.estimate.value is None:
            continue
        values = _per_repeat(view, threshold)
        met = sum(meets(value, threshold.op, check.required) for value in values)
        if met in {0, len(values)}:
            continue
        scale = scale_of(check.metric)
        low, high = (
            amount(end, scale, view.currency, against=check.required) for end in (min(values), max(values))
        )
        found.append(
            Trap(
                kind="noise",
                label=check.label,
                sentence=(
                    f"Noise alone would flip {check.threshold}: {met:,} of {len(values):,} repeats met it, "
                    f"with figures from {low} to {high}."
                ),
            )
        )
    return found


def _per_repeat(view: View, threshold: Threshold) -> list[float]:
    """Give the figure that each repeat alone would have shown."""
    values = [figure(alone.narrowed(threshold.where), threshold).value for alone in _repeats(view)]
    return [value for value in values if value is not None]


@once
def _repeats(view: View) -> list[View]:
    return [
        view.of_trials(np.asarray(view.trials.repeat == repeat, dtype=np.bool_))
        for repeat in range(view.repeats)
    ]
