"""How well the labels are told apart, over the unchanged cases of all splits.

All figures again per tag and per split; the worst tag is named only if it differs by more than noise.

Each tag is compared with the cases that lack it (Fisher's exact test on effective counts), and the p-values
are adjusted for the number of tags (Holm 1979). What the endpoint failed is left out of that.
"""

from collections.abc import Callable

import msgspec
import numpy as np

from harness.judge import NO_LABEL, Classification, Confusion, Estimate, LabelScores, MajorityBaseline, Slice, scores
from harness.judge.scores import Bool, Missing, Patterns, Share
from harness.judge.view import View

BETA = {"recall": 2.0, "precision": 0.5, "balanced": 1.0}  # F-beta by the suite's priority
_FEWEST = 5  # cases: a smaller tag is shown, but not compared
_Compared = tuple[Slice, Share | Missing, Share | Missing]


def judged_classification(view: View) -> Classification:
    """Give every classification figure with its interval."""
    answers, confidence = view.answers, view.confidence
    majority = scores.majority(answers)
    averages = {name: view.resampling.average(name).estimate(confidence) for name in scores.AVERAGES}
    right, failed = int(answers.right.sum()), int(view.failed.sum())
    total = max(len(answers), 1)
    return Classification(
        accuracy=scores.accuracy(answers).estimate(confidence),
        accuracy_worst=right / total,
        accuracy_best=(right + failed) / total,
        coverage=scores.coverage(answers).estimate(confidence),
        majority_baseline=MajorityBaseline(
            label=view.labels[majority.label], share=majority.share, p_value=majority.p_value
        ),
        balanced_accuracy=averages["balanced_accuracy"],
        mcc=averages["mcc"],
        kappa=averages["kappa"],
        macro_f1=averages["macro_f1"],
        averages=averages,
        labels={label: _label(view, index) for index, label in enumerate(view.labels)},
        confusion=_confusion(view),
        at_prevalence=_at_prevalence(view),
        f_beta=_f_beta(view),
        error_cost_per_1000=_error_cost(view),
    )


def _label(view: View, index: int) -> LabelScores:
    told = view.answers.patterns
    cases = int(told.size[told.expected == index].sum())
    figures = {name: of(view.answers, index).estimate(view.confidence) for name, of in scores.OF_LABEL.items()}
    return LabelScores(**figures, support=cases, cases=cases, predicted=int(told.size @ told.counts[:, index]))


def _confusion(view: View) -> Confusion:
    counts = np.asarray(view.answers.confusion(), dtype=np.int64)
    return Confusion(
        rows=view.labels,
        columns=(*view.labels, NO_LABEL),
        counts=tuple(tuple(int(cell) for cell in row) for row in counts),
    )


def _at_prevalence(view: View) -> dict[str, Estimate]:
    """Recompute precision at the production share of each label that the suite gives one for."""
    found = {}
    for label, share in sorted(view.suite.prevalence.items()):
        if label not in view.labels:
            continue
        index = view.labels.index(label)
        recall = scores.recall(view.answers, index)
        found[label] = scores.precision_at(recall, scores.no_alarm(view.answers, index), share).estimate(
            view.confidence
        )
    return found


def _f_beta(view: View) -> Estimate | None:
    if view.positive is None:
        return None
    return view.resampling.fbeta(view.positive, BETA[view.suite.priority]).estimate(view.confidence)


def _error_cost(view: View) -> Estimate | None:
    costs = view.suite.costs
    if costs is None or view.positive is None:
        return None
    cost = scores.error_cost(view.answers, view.positive, missed=costs.missed, false_alarm=costs.false_alarm, per=1000)
    return cost.estimate(view.confidence)


def judged_slices(view: View) -> tuple[Slice, ...]:
    """Give the slices: splits first, then tags, each sorted by name."""
    cases = view.cases
    splits = [_slice(view, "split", name, cases.split == index) for index, name in enumerate(cases.splits)]
    answered = view.answered
    compared = []
    for tag, has in sorted(cases.tags.items()):
        made = _slice(view, "tag", tag, has)
        here = scores.accuracy(answered.answers.of_cases(has))
        rest = scores.accuracy(answered.answers.of_cases(~has))
        compared.append((made, here, rest))
    return (*splits, *_named_worst(view, compared))


def _named_worst(view: View, compared: list[_Compared]) -> list[Slice]:
    """Adjust the p-values of the tags that are large enough, and mark the worst real difference."""
    testable = {
        place: scores.fisher(here, rest)
        for place, (made, here, rest) in enumerate(compared)
        if isinstance(here, Share) and isinstance(rest, Share) and made.cases >= _FEWEST
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
    answers = view.answers.of_cases(has)
    return Slice(
        kind="tag" if kind == "tag" else "split",
        name=name,
        cases=int(np.count_nonzero(has)),
        trials=int(answers.size @ answers.trials),
        accuracy=scores.accuracy(answers).estimate(view.confidence),
        recall=_per_label(view, answers, scores.recall),
        precision=_per_label(view, answers, scores.precision),
    )


def _per_label(view: View, answers: Patterns, score: Callable[[Patterns, int], Share | Missing]) -> dict[str, Estimate]:
    """Give a figure for each label that the slice has or that was answered in it."""
    found = {label: score(answers, index).estimate(view.confidence) for index, label in enumerate(view.labels)}
    return {label: estimate for label, estimate in found.items() if estimate.value is not None}
