"""Judges what a gate measured: the run's assessment, a comparison for each pair, one decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec

from harness import judge
from harness.cli.measured import stopper_of
from harness.errors import EndpointUnusable
from harness.files.baselines import read_baselines
from harness.files.branch import FREE, GateBundle, Pair
from harness.judge.assess import View, assess_run, views_of
from harness.judge.checks import Stopper, from_store
from harness.judge.checks import not_measured as why_not_measured
from harness.judge.compare import (
    ChangedPrompt,
    beside,
    compare,
    decide_prompts,
    exit_code,
    gate_reason,
    gate_rule,
    gate_status,
    pair_as_settled,
)

_Side: TypeAlias = judge.CandidateAssessment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One suite of a gate, measured; without a run nothing that is sent changed."""

    gate: GateBundle
    margin: float
    run: Path | None = None
    served: frozenset[str] = frozenset()  # candidates whose replies are those of earlier runs
    ended: EndpointUnusable | None = None  # nobody answered


def judge_gates(held: Sequence[Held], *, together: bool) -> tuple[judge.Gate, list[judge.Assessment | None]]:
    """Decide the suites of a branch as one: a loss must be certain among all of their prompts (Holm)."""
    assessments = [None if one.run is None else _assessed(one.gate, one.run) for one in held]
    views = [{} if one.run is None else views_of(one.run) for one in held]
    judged = [_judged_of(*each) for each in zip(held, assessments, views, strict=True)]
    strictest = max(one.gate.bundle.suite.confidence for one in held)
    decided = iter(decide_prompts([prompt for prompts in judged for prompt in prompts], confidence=strictest))
    prompts = [
        msgspec.structs.replace(next(decided), suite=one.gate.suite if together else "")
        for one, mine in zip(held, judged, strict=True)
        for _ in mine
    ]
    return _gate(held, prompts, assessments, _cost(held, assessments, views), together=together), assessments


def _judged_of(held: Held, assessment: judge.Assessment | None, views: Mapping[str, View]) -> list[ChangedPrompt]:
    gate = held.gate
    candidates = () if assessment is None else assessment.candidates
    known = {one.name: one for one in candidates}
    judged = []
    for pair in gate.pairs:
        head, base = known.get(pair.head.name), known.get(pair.base.name) if pair.base else None
        comparison = None
        if head is not None and base is not None and "NOT MEASURED" not in {head.verdict, base.verdict}:
            comparison = pair_as_settled(_compared(views[base.name], views[head.name], held.margin), views[head.name])
        judged.append(_judged(pair, head, base, held.served, comparison=comparison))
    return judged


def _compared(base: View, head: View, margin: float) -> judge.Comparison:
    """Compare both sides; where the base's recording was read from is not a change of the branch."""
    comparison = compare(base, head, margin=margin)
    kept = tuple(change for change in comparison.changes if change.what != "model.replies")
    return msgspec.structs.replace(comparison, changes=kept)


def _judged(
    pair: Pair, head: _Side, base: _Side, served: frozenset[str], *, comparison: judge.Comparison | None
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
        settled=_settled(head, base),
    )


def _settled(head: _Side, base: _Side) -> judge.SettledEarly | None:
    early, other = (None if one is None else one.settled for one in (head, base))
    if early is None or other is None:
        return early
    money = None if None in {early.saved, other.saved} else (early.saved or 0.0) + (other.saved or 0.0)
    calls = early.saved_calls + other.saved_calls
    both: judge.SettledEarly = msgspec.structs.replace(early, saved_calls=calls, saved=money)
    return both


def stopper_for(found: Sequence[GateBundle], gate: GateBundle, margin: float) -> Stopper | None:
    """Give who says when a pair of a gate is settled, among all that the gate asks; None where all is asked."""
    suite = gate.bundle.suite
    asked = [pair for each in found for pair in each.pairs if pair.base is not None and not pair.same]
    rule = gate_rule(
        margin,
        confidence=suite.confidence,
        questions=3 * len(asked),  # accuracy, and two more at most
        strictest=max(each.bundle.suite.confidence for each in found),
    )
    pairs = {pair.head.name: pair.base.name if pair.base else None for pair in gate.pairs if not pair.same}
    recalls = () if suite.positive is None else (suite.positive,)
    return stopper_of(gate.bundle, beside(pairs, suite.labels, recalls, suite.repeats, rule))


def _not_measured(head: _Side, base: _Side) -> str:
    told = [
        f"{side}{why_not_measured(one.went_wrong)}"
        for side, one in (("", head), ("Its base version: ", base))
        if one is not None and one.verdict == "NOT MEASURED"
    ]
    return " ".join(told)


def _went_wrong(head: _Side, base: _Side) -> tuple[judge.Trouble, ...]:
    """Give what went wrong with head, or with base where it alone was never answered."""
    if head is None:
        return ()
    silent = base is not None and base.verdict == "NOT MEASURED" != head.verdict
    return base.went_wrong if base is not None and silent else head.went_wrong


def _assessed(gate: GateBundle, run: Path) -> judge.Assessment:
    """Judge the run; relative thresholds are held against baselines.yml, else the base version beside it."""
    stored = read_baselines(gate.policy_root).get(gate.bundle.suite.name)
    if stored is not None:
        return assess_run(run, baseline=from_store(stored), trusted=gate.trusts)
    assessment = assess_run(run, trusted=gate.trusts)
    if all(threshold.baseline == "absolute" for threshold in gate.bundle.thresholds):
        return assessment
    known = {one.name: one for one in assessment.candidates}
    couples = [(pair.head.name, pair.base.name) for pair in gate.pairs if pair.base is not None]
    bases = tuple(msgspec.structs.replace(known[base], name=head) for head, base in couples if base in known)
    beside = msgspec.structs.replace(assessment, candidates=bases)
    return assess_run(run, baseline=beside, trusted=gate.trusts)


def _gate(
    held: Sequence[Held],
    prompts: Sequence[judge.GatedPrompt],
    assessments: Sequence[judge.Assessment | None],
    cost: judge.GateCost,
    *,
    together: bool,
) -> judge.Gate:
    first, gates = held[0].gate, [one.gate for one in held]
    status, reason = gate_status(prompts), gate_reason(prompts, first.base_ref)
    deleted = tuple(dict.fromkeys(path for gate in gates for path in gate.deleted))
    if deleted:
        reason += f" Deleted, so nothing is known of it: {judge.listed(deleted, most=4)}."
    complete = all(one is None or one.complete for one in assessments)
    runs = tuple(one.run_id for one in assessments if one is not None)
    return judge.Gate(
        schema_version=judge.GATE_SCHEMA,
        status=status,
        exit_code=_code(held, int(exit_code(status, prompts=prompts, complete=complete))),
        headline=f"{status}: {reason}",
        reason=reason,
        suite="" if together else first.suite,
        base_ref=first.base_ref,
        base_commit=first.base_commit,
        head_commit=first.head_commit,
        uncommitted=first.uncommitted,
        policy="head" if all(gate.policy == "head" for gate in gates) else "base",
        thresholds=tuple(dict.fromkeys(each.text for gate in gates for each in gate.bundle.thresholds)),
        margin=min(one.margin for one in held),
        prompts=tuple(prompts),
        edits=tuple(
            dict.fromkeys(f"{gate.suite}: {edit}" if together else edit for gate in gates for edit in gate.edits)
        ),
        deleted=deleted,
        cost=cost,
        run_id=runs[0] if runs else None,
        currency=cost.currency,
        suites=tuple(gate.suite for gate in gates) if together else (),
        run_ids=runs,
    )


def _code(held: Sequence[Held], judged: int) -> int:
    """Let an endpoint that ended a suite early count before what was judged of it."""
    return max([judged, *(int(one.ended.exit_code) for one in held if one.ended is not None)])


def _calls(one: judge.CandidateAssessment, view: View) -> int:
    """Count what was sent, variants too; the refused first calls of a candidate that was ended early left no record."""
    refused = sum(row.count for row in one.went_wrong if row.share is None)
    return max(int(view.every_trial.attempts.sum()) + one.latency.warmup_calls, refused)


def _cost(
    held: Sequence[Held], assessments: Sequence[judge.Assessment | None], views: Sequence[Mapping[str, View]]
) -> judge.GateCost:
    every = [
        (one, each, seen[each.name])
        for one, made, seen in zip(held, assessments, views, strict=True)
        for each in (() if made is None else made.candidates)
    ]
    own = [(one.gate, each) for one, each, _ in every if each.name not in one.served]
    paid: dict[str, float] = {}
    for _, each in own:
        if each.cost.total is not None:
            paid[each.cost.currency] = paid.get(each.cost.currency, 0.0) + each.cost.total
    currency = next(iter(paid)) if len(paid) == 1 else None
    kinds = {c.model.endpoint for gate, each in own for c in gate.bundle.candidates if c.name == each.name}
    return judge.GateCost(
        calls=sum(_calls(each, view) for one, each, view in every if each.name not in one.served),
        reused=sum(len(view.every_trial) for one, each, view in every if each.name in one.served),
        money=None if currency is None else paid[currency],
        currency=currency,
        priced=bool(paid),
        by_currency=paid,
        free=kinds <= FREE,
    )
