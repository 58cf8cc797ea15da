"""Whether what holds on dev, where a prompt is tuned, holds on cases that nobody tuned to."""

import numpy as np

from harness.files.thresholds import BALANCED_ACCURACY
from harness.judge import Estimate, Generalization, SplitGap, count, listed, scores
from harness.judge.history.section import judged_new_data, lab_gap, lab_run, share_gap
from harness.judge.scores import Figure, Missing, Patterns, Resampling, Share
from harness.judge.view import DEV, HOLDOUT, View


def other_split(view: View) -> str | None:
    """Give the split that dev is held against: holdout where there is one, else the first other one."""
    return next(iter(_others(view)), None)


def gap(view: View, *, part: bool = False) -> Figure:
    """Give accuracy on dev minus that on the other split; for new data, the suite's minus this.

    Of a `part` of the cases the suite's own run says nothing: it is known as a whole.
    """
    lab = None if part else lab_run(view)
    if lab is not None:
        return lab_gap(view, lab)
    other = other_split(view)
    if other is None:
        return Missing("the cases have no dev split and another one")
    return scores.difference(scores.accuracy(_split(view, DEV)), scores.accuracy(_split(view, other)))


def _split(view: View, name: str) -> Patterns:
    return view.answers.of_cases(view.cases.having((("split", name),)))


def judged_generalization(view: View) -> Generalization | None:
    """Give the gaps of dev to each other split, and of the suite to new data; None where there is neither."""
    new = judged_new_data(view)
    others = _others(view)
    if new is None and not others:
        return None
    gaps = tuple(made for other in others for made in _gaps(view, other))
    return Generalization(
        gap=gap(view).estimate(view.confidence),
        gaps=gaps,
        note=f"{_size(view, DEV)} against {listed([_size(view, other) for other in others])}." if others else "",
        new_data=new,
    )


def _others(view: View) -> list[str]:
    """Give the splits that dev is held against, holdout first; none without dev."""
    if DEV not in view.cases.splits:
        return []
    return sorted((s for s in view.cases.splits if s != DEV), key=lambda split: (split != HOLDOUT, split))


def _size(view: View, split: str) -> str:
    n = np.count_nonzero(view.cases.split == view.cases.splits.index(split))
    return count(int(n), f"{split} case")


def _gaps(view: View, other: str) -> list[SplitGap]:
    """Compare accuracy, balanced accuracy, and each label's recall and precision."""
    dev, held = _split(view, DEV), _split(view, other)
    both = zip(scores.shares(dev).items(), scores.shares(held).values(), strict=True)
    gaps = [share_gap(metric, _estimated(view, one), _estimated(view, two), other) for (metric, one), two in both]
    name, drawn = BALANCED_ACCURACY.name, (Resampling.of(answers, seed=view.suite.seed) for answers in (dev, held))
    here, there = (each.average(name).estimate(view.confidence) for each in drawn)
    apart = scores.apart(here, there)
    unequal = SplitGap(metric=name, dev=here, other_split=other, other=there, gap=apart, p_value=None)
    return [gaps[0], unequal, *gaps[1:]]


def _estimated(view: View, share: Share | Missing) -> tuple[Share | Missing, Estimate]:
    return share, share.estimate(view.confidence)
