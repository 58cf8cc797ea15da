"""Whether what holds on dev, where a prompt is tuned, holds on cases that nobody tuned to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.judge.assessment import Generalization, SplitGap
from harness.judge.scores import classification
from harness.judge.scores.answers import Answers
from harness.judge.scores.combined import difference
from harness.judge.scores.drift import fisher
from harness.judge.scores.figure import Figure, Missing
from harness.judge.scores.proportion import Share
from harness.judge.view import View

DEV, HOLDOUT = "dev", "holdout"


def other_split(view: View) -> str | None:
    """Give the split that dev is held against: holdout where there is one, else the first other one."""
    others = [split for split in view.cases.splits if split != DEV]
    if DEV not in view.cases.splits or not others:
        return None
    return HOLDOUT if HOLDOUT in others else others[0]


def gap(view: View) -> Figure:
    """Give accuracy on dev minus accuracy on the other split."""
    other = other_split(view)
    if other is None:
        return Missing("the cases have no dev split and another one")
    return difference(
        classification.accuracy(_split(view, DEV)), classification.accuracy(_split(view, other))
    )


def _split(view: View, name: str) -> Answers:
    return view.answers.where(view.has((("split", name),)))


def generalization_section(view: View) -> Generalization | None:
    """Give the gaps of accuracy and of each label's recall and precision; None without splits."""
    other = other_split(view)
    if other is None:
        return None
    dev, held = _split(view, DEV), _split(view, other)
    scores: dict[str, Callable[[Answers], Share | Missing]] = {"accuracy": classification.accuracy}
    for index, label in enumerate(view.labels):
        if view.positive is not None and index != view.positive:
            continue
        scores[f"recall[{label}]"] = lambda answers, index=index: classification.recall(answers, index)  # type: ignore[misc]
        scores[f"precision[{label}]"] = lambda answers, index=index: classification.precision(answers, index)  # type: ignore[misc]
    gaps = tuple(_gap(view, metric, score(dev), other, score(held)) for metric, score in scores.items())
    cases = [len(np.unique(answers.case)) for answers in (dev, held)]
    return Generalization(
        gap=gap(view).estimate(view.confidence),
        gaps=gaps,
        note=f"{cases[0]:,} dev cases against {cases[1]:,} {other} cases",
    )


def _gap(view: View, metric: str, dev: Share | Missing, other: str, held: Share | Missing) -> SplitGap:
    tested = isinstance(dev, Share) and isinstance(held, Share)
    return SplitGap(
        metric=metric,
        dev=dev.estimate(view.confidence),
        other_split=other,
        other=held.estimate(view.confidence),
        gap=difference(dev, held).estimate(view.confidence),
        p_value=fisher(dev, held) if tested else None,  # type: ignore[arg-type]
    )
