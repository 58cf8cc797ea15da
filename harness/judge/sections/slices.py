"""All figures again per tag and per split; the worst tag is named only if it differs by more than noise.

Each tag is compared with the cases that lack it (Fisher's exact test on effective counts), and the p-values
are adjusted for the number of tags (Holm 1979).
"""

from collections.abc import Callable

import msgspec
import numpy as np

from harness.judge import Estimate, Slice, scores
from harness.judge.scores import Answers, Missing, Share
from harness.judge.table.columns import Bool
from harness.judge.view import View

FEWEST = 5  # cases: a smaller tag is shown, but not compared


def slices_section(view: View) -> tuple[Slice, ...]:
    """Give the slices: splits first, then tags, each sorted by name."""
    cases, case = view.cases, view.trials.case
    splits = [_slice(view, "split", name, cases.split == index) for index, name in enumerate(cases.splits)]
    compared = []
    for tag, has in sorted(cases.tags.items()):
        made = _slice(view, "tag", tag, has)
        inside = np.asarray(has[case], dtype=np.bool_)
        here = scores.accuracy(view.answers.where(inside))
        rest = scores.accuracy(view.answers.where(~inside))
        compared.append((made, here, rest))
    return (*splits, *_named_worst(view, compared))


_Compared = tuple[Slice, Share | Missing, Share | Missing]


def _named_worst(view: View, compared: list[_Compared]) -> list[Slice]:
    """Adjust the p-values of the tags that are large enough, and mark the worst real difference."""
    testable = {
        place: scores.fisher(here, rest)
        for place, (made, here, rest) in enumerate(compared)
        if isinstance(here, Share) and isinstance(rest, Share) and made.cases >= FEWEST
    }
    adjusted = dict(zip(testable, scores.holm(list(testable.values())), strict=True))
    alpha = 1 - view.confidence
    lower = [
        (here.p, place)
        for place, (_, here, rest) in enumerate(compared)
        if isinstance(here, Share) and isinstance(rest, Share) and here.p < rest.p and adjusted.get(place, 1.0) < alpha
    ]
    worst = min(lower)[1] if lower else None
    return [
        msgspec.structs.replace(made, p_value=adjusted.get(place), worst=place == worst)
        for place, (made, _, _) in enumerate(compared)
    ]


def _slice(view: View, kind: str, name: str, has: Bool) -> Slice:
    keep = np.asarray(has[view.trials.case], dtype=np.bool_)
    answers = view.answers.where(keep)
    return Slice(
        kind="tag" if kind == "tag" else "split",
        name=name,
        cases=int(np.count_nonzero(has)),
        trials=len(answers),
        accuracy=scores.accuracy(answers).estimate(view.confidence),
        recall=_per_label(view, answers, scores.recall),
        precision=_per_label(view, answers, scores.precision),
    )


def _per_label(view: View, answers: Answers, score: Callable[[Answers, int], Share | Missing]) -> dict[str, Estimate]:
    """Give a figure for each label that the slice has or that was answered in it."""
    found = {label: score(answers, index).estimate(view.confidence) for index, label in enumerate(view.labels)}
    return {label: estimate for label, estimate in found.items() if estimate.value is not None}
