"""Judges what a gate measured: the run's assessment, a comparison for each pair, one decision."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from harness.files.baselines import read_baselines
from harness.files.branch import FREE, GateBundle, Pair
from harness.judge import GATE_SCHEMA, Assessment, CandidateAssessment, Comparison, Gate, GateCost, GatedPrompt, Trouble
from harness.judge.assess import assess_run, views_of
from harness.judge.checks import from_store
from harness.judge.checks import not_measured as why_not_measured
from harness.judge.compare import ChangedPrompt, compare, decide_prompts, exit_code, gate_reason, gate_status
from harness.judge.view import View
from harness.judge.wording import listed


def judge_gate(
    gate: GateBundle, run: Path | None, *, served: frozenset[str], margin: float
) -> tuple[Gate, Assessment | None]:
    """Decide a gate; without a run, nothing that is sent changed."""
    assessment = None if run is None else _assessed(gate, run)
    candidates = () if assessment is None else assessment.candidates
    known = {one.name: msgspec.structs.replace(one, went_wrong=_from_top(gate, one.went_wrong)) for one in candidates}
    views = {} if run is None else views_of(run)
    judged = []
    for pair in gate.pairs:
        head, base = known.get(pair.head.name), known.get(pair.base.name) if pair.base else None
        comparison = None
        if head is not None and base is not None and "NOT MEASURED" not in {head.verdict, base.verdict}:
            comparison = _compared(views[base.name], views[head.name], margin)
        judged.append(_judged(pair, head, base, served, comparison=comparison))
    prompts = decide_prompts(judged, confidence=gate.bundle.suite.confidence)
    return _gate(gate, prompts, assessment, served, margin), assessment


def _compared(base: View, head: View, margin: float) -> Comparison:
    """Compare both sides; where the base's recording was read from is not a change of the branch."""
    comparison = compare(base, head, margin=margin)
    kept = tuple(change for change in comparison.changes if change.what != "model.replies")
    return msgspec.structs.replace(comparison, changes=kept)


def _judged(
    pair: Pair,
    head: CandidateAssessment | None,
    base: CandidateAssessment | None,
    served: frozenset[str],
    *,
    comparison: Comparison | None,
) -> ChangedPrompt:
    return ChangedPrompt(
        path=pair.path,
        prompt=pair.prompt,
        model=pair.model,
        lines=pair.lines,
        same=pair.same,
        head=None if head is None else head.checks,
        currency=None if head is None else head.cost.currency,
        base=() if base is None else base.checks,
        comparison=comparison,
        reused=pair.base is not None and pair.base.name in served,
        not_measured=_not_measured(head, base),
        went_wrong=_went_wrong(head, base),
        changed=pair.changed,
        was=pair.was,
    )


def _not_measured(head: CandidateAssessment | None, base: CandidateAssessment | None) -> str:
    """Say which side was never answered, and why."""
    told = [
        f"{side}{why_not_measured(one.went_wrong)}"
        for side, one in (("", head), ("Its base version: ", base))
        if one is not None and one.verdict == "NOT MEASURED"
    ]
    return " ".join(told)


def _went_wrong(head: CandidateAssessment | None, base: CandidateAssessment | None) -> tuple[Trouble, ...]:
    """Give what went wrong with head, or with base where it alone was never answered."""
    if head is None:
        return ()
    silent = base is not None and base.verdict == "NOT MEASURED" != head.verdict
    return base.went_wrong if base is not None and silent else head.went_wrong


def _from_top(gate: GateBundle, rows: Sequence[Trouble]) -> tuple[Trouble, ...]:
    """Name the files to change from the top of the repository, as the paths of prompts are."""
    below = gate.root.resolve().relative_to(gate.repository.top)
    return tuple(
        msgspec.structs.replace(row, where=(below / row.where).as_posix()) if row.where else row for row in rows
    )


def _assessed(gate: GateBundle, run: Path) -> Assessment:
    """Judge the run; relative thresholds are held against baselines.yml, else the base version beside it."""
    stored = read_baselines(gate.policy_root).get(gate.bundle.suite.name)
    if stored is not None:
        return assess_run(run, baseline=from_store(stored), trusted=gate.trusts)
    assessment = assess_run(run, trusted=gate.trusts)
    if all(threshold.baseline == "absolute" for threshold in gate.bundle.thresholds):
        return assessment
    heads = {pair.base.name: pair.head.name for pair in gate.pairs if pair.base is not None}
    bases = tuple(
        msgspec.structs.replace(one, name=heads[one.name]) for one in assessment.candidates if one.name in heads
    )
    beside = msgspec.structs.replace(assessment, candidates=bases)
    return assess_run(run, baseline=beside, trusted=gate.trusts)


def _gate(
    gate: GateBundle,
    prompts: Sequence[GatedPrompt],
    assessment: Assessment | None,
    served: frozenset[str],
    margin: float,
) -> Gate:
    status, reason = gate_status(prompts), gate_reason(prompts, gate.base_ref)
    if gate.deleted:
        reason += f" Deleted, so nothing is known of it: {listed(gate.deleted, most=4)}."
    cost = _cost(gate, assessment, served)
    return Gate(
        schema_version=GATE_SCHEMA,
        status=status,
        exit_code=int(exit_code(status, prompts=prompts, complete=assessment is None or assessment.complete)),
        headline=f"{status}: {reason}",
        reason=reason,
        suite=gate.suite,
        base_ref=gate.base_ref,
        base_commit=gate.base_commit,
        head_commit=gate.head_commit,
        uncommitted=gate.uncommitted,
        policy=gate.policy,
        thresholds=tuple(threshold.text for threshold in gate.bundle.thresholds),
        margin=margin,
        prompts=tuple(prompts),
        edits=gate.edits,
        deleted=gate.deleted,
        cost=cost,
        run_id=None if assessment is None else assessment.run_id,
        currency=cost.currency,
    )


def _calls(one: CandidateAssessment) -> int:
    """Count what was sent; the refused first calls of a candidate that was ended early left no record."""
    refused = sum(row.count for row in one.went_wrong if row.share is None)
    return max(one.latency.attempts + one.latency.warmup_calls, refused)


def _cost(gate: GateBundle, assessment: Assessment | None, served: frozenset[str]) -> GateCost:
    candidates = () if assessment is None else assessment.candidates
    own = [one for one in candidates if one.name not in served]
    paid: dict[str, float] = {}
    for one in own:
        if one.cost.total is not None:
            paid[one.cost.currency] = paid.get(one.cost.currency, 0.0) + one.cost.total
    currency = next(iter(paid)) if len(paid) == 1 else None
    kinds = {c.model.endpoint for c in gate.bundle.candidates if c.name in {one.name for one in own}}
    return GateCost(
        calls=sum(_calls(one) for one in own),
        reused=sum(one.trials for one in candidates if one.name in served),
        money=None if currency is None else paid[currency],
        currency=currency,
        priced=bool(paid),
        by_currency=paid,
        free=kinds <= FREE,
    )
