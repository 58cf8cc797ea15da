"""The figure of an earlier assessment that a relative threshold refers to."""

from __future__ import annotations

from harness.files.threshold import Threshold
from harness.judge.assessment import Assessment, CandidateAssessment
from harness.judge.scores.estimate import Estimate
from harness.judge.sentences import name_of
from harness.judge.view import View


def counterpart(baseline: Assessment, view: View) -> CandidateAssessment | None:
    """Find a baseline's candidate for this one: the same, else the same prompt, else its only one."""
    same = [candidate for candidate in baseline.candidates if candidate.name == view.entry.name]
    prompt = [candidate for candidate in baseline.candidates if candidate.prompt == view.entry.prompt_name]
    for found in (same, prompt):
        if len(found) == 1:
            return found[0]
    return baseline.candidates[0] if len(baseline.candidates) == 1 else None


def baseline_value(baseline: Assessment, view: View, threshold: Threshold) -> float | None:
    """Give the baseline's value of a threshold's metric; None where it has none."""
    candidate = counterpart(baseline, view)
    if candidate is None:
        return None
    name = name_of(threshold)
    for check in candidate.checks:
        if check.threshold.rsplit(check.op, 1)[0].strip() == name:
            return check.estimate.value
    if threshold.where:
        return None
    estimate = _in_tree(candidate, threshold)
    return None if estimate is None else estimate.value


def _in_tree(candidate: CandidateAssessment, threshold: Threshold) -> Estimate | None:
    scores = candidate.classification
    clock, _, part = threshold.metric.partition(".")
    if clock in {"latency", "ttft"}:
        quantiles = candidate.latency.ttft if clock == "ttft" else candidate.latency.caller
        wanted = (
            1.0 if part == "max" else float(part.removeprefix("p")) / 100 if part[1:].isdecimal() else None
        )
        return next((quantile.estimate for quantile in quantiles if quantile.q == wanted), None)
    if threshold.label is not None and threshold.label in scores.labels:
        found = getattr(scores.labels[threshold.label], threshold.metric, None)
        return found if isinstance(found, Estimate) else None
    places: dict[str, Estimate | None] = {
        "accuracy": scores.accuracy,
        "coverage": scores.coverage,
        "balanced_accuracy": scores.balanced_accuracy,
        "macro_f1": scores.macro_f1,
        "mcc": scores.mcc,
        "kappa": scores.kappa,
        "stability": candidate.stability.agreement,
        "flip_rate": candidate.stability.flip_rate,
        "cost_per_1000": candidate.cost.per_1000,
        "cost_per_correct": candidate.cost.per_correct,
        "robustness.drop": candidate.robustness.drop if candidate.robustness else None,
        "generalization.gap": candidate.generalization.gap if candidate.generalization else None,
    }
    return places.get(threshold.metric)
