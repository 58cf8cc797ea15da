"""The figures of a judged run by the names that thresholds write: what baselines.yml keeps of it."""

from __future__ import annotations

from collections.abc import Iterator

from harness.files.baselines import StoredBaseline, StoredCandidate, StoredFigure
from harness.judge.checks.metrics import OUTCOME_OF
from harness.judge.documents.assessment import Assessment, CandidateAssessment
from harness.judge.documents.estimate import Estimate
from harness.rundir import Manifest

_DIGITS = 9


def figures_of(candidate: CandidateAssessment) -> dict[str, Estimate]:
    """Give every figure that has a value, by the name that a threshold would write; sorted."""
    found = {name: estimate for name, estimate in _figures(candidate) if estimate.value is not None}
    return dict(sorted(found.items()))


def _figures(c: CandidateAssessment) -> Iterator[tuple[str, Estimate]]:
    for check in c.checks:
        if check.metric not in {"drift.drop", "regressions"}:
            yield check.name, check.estimate
    yield from _quality(c)
    for clock, quantiles in (("latency", c.latency.caller), ("ttft", c.latency.ttft)):
        for quantile in quantiles:
            part = "max" if quantile.q >= 1 else f"p{100 * quantile.q:g}"
            yield f"{clock}.{part}", quantile.estimate
    yield "stability", c.stability.agreement
    yield "flip_rate", c.stability.flip_rate
    for k, estimate in c.stability.pass_k.items():
        yield f"pass^{k}", estimate
    yield "cost per 1000", c.cost.per_1000
    yield "cost per correct", c.cost.per_correct
    if c.robustness is not None:
        yield "robustness.drop", c.robustness.drop
        for one in c.robustness.perturbations:
            yield f"robustness.drop[{one.name}]", one.accuracy_drop
            yield f"robustness.flips[{one.name}]", one.flips_above_noise
    if c.generalization is not None:
        yield "generalization.gap", c.generalization.gap


def _quality(c: CandidateAssessment) -> Iterator[tuple[str, Estimate]]:
    scores = c.classification
    for name in ("accuracy", "coverage", "balanced_accuracy", "macro_f1", "mcc", "kappa"):
        yield name, getattr(scores, name)
    for label, of_label in scores.labels.items():
        for name in ("precision", "recall", "f1", "specificity"):
            yield f"{name}[{label}]", getattr(of_label, name)
    for part in c.slices:
        where = f" where {part.kind}={part.name}"
        yield f"accuracy{where}", part.accuracy
        for name, of_labels in (("recall", part.recall), ("precision", part.precision)):
            for label, estimate in of_labels.items():
                yield f"{name}[{label}]{where}", estimate
    for metric, outcome in OUTCOME_OF.items():
        if c.trials:
            yield metric, Estimate(value=c.outcomes.get(outcome, 0) / c.trials, n=c.trials)


def to_store(assessment: Assessment, manifest: Manifest, *, now_utc: str) -> StoredBaseline:
    """Give what baselines.yml keeps of a judged run."""
    entries = {entry.name: entry for entry in manifest.candidates}
    return StoredBaseline(
        run=assessment.run_id,
        set_utc=now_utc,
        suite_digest=manifest.suite_digest,
        git_commit=manifest.git_commit,
        confidence=assessment.confidence,
        candidates={
            one.name: StoredCandidate(
                prompt=one.prompt,
                model=one.model,
                prompt_digest=entries[one.name].prompt_digest,
                model_digest=entries[one.name].model_digest,
                currency=one.cost.currency if one.cost.priced else None,
                figures={name: _stored(estimate) for name, estimate in figures_of(one).items()},
            )
            for one in assessment.candidates
        },
    )


def _stored(estimate: Estimate) -> StoredFigure:
    value, low, high = (
        None if bound is None else float(f"{bound:.{_DIGITS}g}")
        for bound in (estimate.value, estimate.low, estimate.high)
    )
    assert value is not None
    return StoredFigure(value=value, n=estimate.n, low=low, high=high)
