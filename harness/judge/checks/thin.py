"""Thresholds that these cases leave in the air: too few to prove one, or met by one repeat and missed by the next.

A suite of many labels has few cases of each, so what holds of more than three labels is said once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from harness import judge
from harness.files.thresholds import Threshold, metric_of
from harness.judge import scores
from harness.judge.checks.ahead.rows import of_f1, of_share
from harness.judge.checks.metrics import GAUGES, Asked
from harness.judge.checks.metrics import figure as figure_of
from harness.judge.view import View

TOO_FEW: Final = "too_few_cases"  # the number of cases, whatever was answered
_MOST_ALONE = 3
_EACH = {"predictions": "predictions", "other cases": "other cases"}


class Thin(NamedTuple):
    """The trap of one threshold, and what it has in common with those of other labels."""

    kind: str
    label: str | None
    sentence: str  # said alone
    demand: str  # the threshold without its label
    told: str  # what is said of each of them, at the end
    each: str = "cases"
    cases: int = 0
    proves: float = 0.0  # by so many cases, all right


def said_once(found: Iterable[judge.Trap | Thin]) -> Iterator[judge.Trap]:
    """Give the traps in their order; those that differ only in a label as one, if they are many."""
    found = list(found)
    alike: dict[tuple[str, ...], list[Thin]] = {}
    for trap in found:
        if isinstance(trap, Thin):
            alike.setdefault((trap.kind, trap.demand, trap.told), []).append(trap)
    for trap in found:
        if isinstance(trap, judge.Trap):
            yield trap
            continue
        group = alike[trap.kind, trap.demand, trap.told]
        if trap.label is None or len(group) <= _MOST_ALONE:
            yield judge.Trap(kind=trap.kind, label=trap.label, sentence=trap.sentence)
        elif trap is group[0]:
            yield judge.Trap(kind=trap.kind, sentence=_together(group))


def _together(group: Sequence[Thin]) -> str:
    kind, demand, told, each = group[0].kind, group[0].demand, group[0].told, group[0].each
    labels = f"{len(group):,} labels ({judge.listed([judge.named(trap.label or '') for trap in group], 3)})"
    if kind != TOO_FEW:
        return f"Noise alone would flip {demand} of {labels}: {told}."
    fewest, most = min(trap.cases for trap in group), max(trap.cases for trap in group)
    span = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    best = judge.amount(max(trap.proves for trap in group), "share")
    told = f"{span} {each} each, all right, would prove at most {best} {told}"
    return f"{demand} can't pass here for {labels}: {told} each."


def too_few_cases(view: View, checks: Sequence[judge.Check], policy: Sequence[Threshold]) -> list[Thin]:
    """Name thresholds that these cases could not prove even if all of them were right."""
    found = []
    for check, threshold in zip(checks, policy, strict=True):
        asked = Asked(view=view.narrowed(threshold.where), threshold=threshold)
        if check.status != "INCONCLUSIVE" or view.missing or view.stopped or not _is_share_right(asked):
            continue  # more were to come
        if not 0 < check.required <= 1 or check.estimate.value is None:
            continue
        cases = _cases_for(asked)
        fewest = scores.smallest_all_pass_n(check.required, asked.confidence)
        if fewest is not None and cases >= fewest:
            continue
        proves = scores.best_provable(cases, asked.confidence)
        needs = "no number of cases proves 100%" if fewest is None else f"it takes at least {fewest:,}"
        told = f"at {judge.sure(asked.confidence)} confidence; {needs}"
        found.append(
            Thin(
                kind=TOO_FEW,
                label=check.label,
                sentence=f"{check.threshold} can't pass here: {asked.things.of(cases)}, all right, would prove only "
                f"{judge.amount(proves, 'share')} {told}.",
                demand=_of_any_label(threshold),
                told=told,
                each=_EACH.get(asked.metric.counts, "cases"),
                cases=cases,
                proves=proves,
            )
        )
    return found


def _of_any_label(threshold: Threshold) -> str:
    return replace(threshold, label=None).figure + threshold.text.removeprefix(threshold.name)


def _is_share_right(asked: Asked) -> bool:
    """Tell whether the metric is a plain share of right answers."""
    plain = GAUGES[asked.threshold.metric].plan is of_share
    return plain and asked.metric.higher_is_better and asked.metric.clock is None


def _cases_for(asked: Asked) -> int:
    """Give how many cases a share rests on."""
    trials, label = asked.view.trials, asked.label
    mine = np.ones(len(trials), dtype=np.bool_)
    match asked.metric.counts:
        case "label cases":
            mine = trials.expected == label
        case "other cases":
            mine = trials.expected != label
        case "predictions":
            mine = trials.predicted == label
        case _:
            pass
    return scores.distinct(trials.case[mine])


def flipped_by_noise(view: View, checks: Sequence[judge.Check], policy: Sequence[Threshold]) -> list[Thin]:
    """Name thresholds that single repeats meet or miss by chance alone."""
    if view.repeats < 2 or view.missing or view.stopped:  # a repeat that was cut short was of other cases
        return []
    asked = [
        (check, threshold)
        for check, threshold in zip(checks, policy, strict=True)
        if GAUGES[check.metric].plan in {of_share, of_f1} and check.estimate.value is not None
    ]
    found = []
    for (check, threshold), values in zip(asked, _per_repeat(view, [one for _, one in asked]), strict=True):
        met = sum(scores.meets(value, threshold.op, check.required) for value in values)
        if met in {0, len(values)}:
            continue
        scale = metric_of(check.metric).scale
        low, high = (
            judge.amount(end, scale, view.currency, against=check.required) for end in (min(values), max(values))
        )
        found.append(
            Thin(
                kind="noise",
                label=check.label,
                sentence=f"Noise alone would flip {check.threshold}: {met:,} of {len(values):,} repeats met it, "
                f"with figures from {low} to {high}.",
                demand=_of_any_label(threshold),
                told=f"of {len(values):,} repeats some met it and some did not",
            )
        )
    return found


def _per_repeat(view: View, thresholds: Sequence[Threshold]) -> list[list[float]]:
    """Give the figures that each repeat alone would have shown; one repeat at a time is in memory."""
    found: list[list[float]] = [[] for _ in thresholds]
    for repeat in np.flatnonzero(np.bincount(view.trials.repeat)) if thresholds else ():
        alone = view.of_trials(np.asarray(view.trials.repeat == repeat, dtype=np.bool_))
        for values, threshold in zip(found, thresholds, strict=True):
            value = figure_of(Asked(view=alone.narrowed(threshold.where), threshold=threshold)).value
            if value is not None:
                values.append(value)
    return found
