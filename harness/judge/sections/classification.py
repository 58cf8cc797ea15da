"""How well the labels are told apart, over the unchanged cases of all splits."""

import numpy as np

from harness.judge import NO_LABEL, Classification, Confusion, Estimate, LabelScores, MajorityBaseline, scores
from harness.judge.view import View

BETA = {"recall": 2.0, "precision": 0.5, "balanced": 1.0}  # F-beta by the suite's priority


def classification_section(view: View) -> Classification:
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
    figures = scores.label_figures(view.answers, index)
    return LabelScores(
        precision=figures.precision.estimate(view.confidence),
        recall=figures.recall.estimate(view.confidence),
        f1=figures.f1.estimate(view.confidence),
        specificity=figures.specificity.estimate(view.confidence),
        support=figures.cases,
        cases=figures.cases,
        predicted=figures.predicted,
    )


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
        specificity = scores.specificity(view.answers, index)
        found[label] = scores.precision_at(recall, specificity, share).estimate(view.confidence)
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
