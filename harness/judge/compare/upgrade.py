"""A prompt on the old model and on a new one -> SWITCH, DON'T SWITCH or INCONCLUSIVE, with the sentences.

SWITCH: the new model meets every threshold and is no worse than the old one by the margin in any headline figure
and for any label. DON'T SWITCH: one of these fails. INCONCLUSIVE: neither. Without right labels the question is
asked of accuracy alone, and only thresholds that need no label are held: where others were asked for, or a label
lost more than chance, it stays open.

A case that was right and is wrong is called broken once it is so again on fresh repeats of both models.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from harness import judge
from harness.files.thresholds import ACCURACY, P95, RECALL, metric_of
from harness.judge import named
from harness.judge.compare.agreement import agreement, lost_for_certain
from harness.judge.compare.cases import answered, fixed_and_broken
from harness.judge.compare.comparing import compare, if_all_decide_so, other_worlds, overall
from harness.judge.compare.gate import ChangedPrompt, no_worse_check, not_asked, threshold_checks
from harness.judge.compare.no_worse import Demand, no_worse
from harness.judge.compare.speed_and_cost import bill, reply_figures
from harness.judge.compare.stopping import pair_as_settled
from harness.judge.compare.telling import comparison_headline, difference_text
from harness.judge.pairs import View, pair

WORST_SLICES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Couple:
    """One prompt on both models, measured."""

    old: View
    new: View
    before: judge.CandidateAssessment  # the old one's
    after: judge.CandidateAssessment


def upgraded(couple: Couple, asked: Demand) -> judge.UpgradedPrompt:
    """Judge one prompt on a new model."""
    old, new = couple.old, couple.new
    made = judge.UpgradedPrompt(
        prompt=new.entry.prompt_name,
        old=old.entry.name,
        new=new.entry.name,
        model=new.entry.model_name,
        verdict="INCONCLUSIVE",
        headline="",
        checks=(),
        went_wrong=couple.after.went_wrong,
        settled=couple.after.settled,
    )
    if couple.after.verdict == "NOT MEASURED":
        told = f"{new.entry.model_name} was never answered: {couple.after.reason}"
        return msgspec.structs.replace(made, verdict="NOT MEASURED", headline=told, not_measured=couple.after.reason)
    if couple.before.verdict == "NOT MEASURED":
        told = f"{old.entry.model_name} was never answered, so there is nothing to hold {new.entry.model_name} against"
        checks = tuple(threshold_checks(_changed(couple, couple.after.checks, None), couple.after.checks))
        told = f"{told}: {couple.before.reason}"
        return msgspec.structs.replace(made, headline=told, checks=checks, not_measured=couple.before.reason)
    return _judged(made, couple, asked)


def _judged(made: judge.UpgradedPrompt, couple: Couple, asked: Demand) -> judge.UpgradedPrompt:
    old, new = couple.old, couple.new
    comparison = compare(old, new, margin=asked.margin)
    held, agreed = couple.after.checks, None
    if new.cases.unlabelled is None:
        decisions = _questions(old, new, asked, comparison)
        comparison = msgspec.structs.replace(comparison, non_inferior=decisions, non_inferior_status=overall(decisions))
        comparison = pair_as_settled(comparison, new)
        decisions = comparison.non_inferior
    else:
        agreed = agreement(old, new, asked)
        decisions = (agreed.accuracy,)
        comparison = _without_labels(comparison, new, decisions)
        held = tuple(check for check in held if metric_of(check.metric).unlabelled)
    checks = (
        *threshold_checks(_changed(couple, held, comparison), held),
        *(no_worse_check(comparison, one, below=old.entry.model_name) for one in decisions),
    )
    unjudged = tuple(check.threshold for check in couple.after.checks if check not in held)
    known = [one for one in comparison.slices if one.difference.value is not None and one.difference.value < 0]
    made = msgspec.structs.replace(
        made,
        checks=checks,
        unjudged=unjudged,
        comparison=comparison,
        replies=reply_figures(pair(old, new), asked.margin),
        worst_slices=tuple(sorted(known, key=lambda one: one.difference.value or 0.0)[:WORST_SLICES]),
        agreement=agreed,
        bill=bill(comparison, new.suite.volume_per_month),
    )
    verdict = _verdict(made, asked.confidence, missing=old.missing + new.missing)
    return told_of(msgspec.structs.replace(made, verdict=verdict))


def _changed(couple: Couple, held: tuple[judge.Check, ...], comparison: judge.Comparison | None) -> ChangedPrompt:
    entry = couple.new.entry
    return ChangedPrompt(
        prompt=entry.prompt_name,
        model=entry.model_name,
        head=held,
        currency=couple.after.cost.currency,
        base=couple.before.checks,
        comparison=comparison,
    )


def _questions(old: View, new: View, asked: Demand, seen: judge.Comparison) -> tuple[judge.NonInferiority, ...]:
    """Ask; leave open what comes out otherwise if one side's failed calls, or both sides', were right."""
    decisions = no_worse(pair(old, new), asked, seen.metric)
    failed = old.lost + new.lost
    if not failed:
        return decisions
    couples = other_worlds(old, new)
    worlds = [{(one.metric, one.label): one for one in no_worse(pair(*both), asked, seen.metric)} for both in couples]
    return tuple(if_all_decide_so(one, [w.get((one.metric, one.label)) for w in worlds], failed) for one in decisions)


def _without_labels(made: judge.Comparison, new: View, decisions: tuple[judge.NonInferiority, ...]) -> judge.Comparison:
    """Keep what can be said without right labels, and the cases whose label is known."""
    without = new.cases.unlabelled
    unknown = set() if without is None else {case for case, no in zip(new.cases.ids, without, strict=True) if no}
    metrics = tuple(one for one in made.metrics if metric_of(one.metric).unlabelled)
    return msgspec.structs.replace(
        made,
        metrics=metrics,
        headline=comparison_headline(metrics, made.paired_cases),
        slices=(),
        non_inferior=decisions,
        non_inferior_status=overall(decisions),
        fixed=tuple(one for one in made.fixed if one.case not in unknown),
        broken=tuple(one for one in made.broken if one.case not in unknown),
        moved=0,
    )


def _verdict(made: judge.UpgradedPrompt, confidence: float, *, missing: int) -> judge.UpgradeVerdict:
    lost = lost_for_certain(made.agreement.labels, 1 - confidence) if made.agreement is not None else []
    verdict = upgrade_verdict(check.status for check in made.checks)
    return "INCONCLUSIVE" if verdict == "SWITCH" and (missing or made.unjudged or lost) else verdict


def upgrade_verdict(statuses: Iterable[judge.Status]) -> judge.UpgradeVerdict:
    """Give the verdict of some checks: all must pass, any may refuse."""
    known = set(statuses)
    return "DON'T SWITCH" if "FAIL" in known else "SWITCH" if known <= {"PASS"} else "INCONCLUSIVE"


def told_of(made: judge.UpgradedPrompt) -> judge.UpgradedPrompt:
    """Add the sentence of one prompt: what decides it, and what comes with it."""
    seen = made.comparison
    if seen is None:
        return made
    if made.verdict == "SWITCH":
        told = _survives(made, seen)
    else:
        fails = made.verdict == "DON'T SWITCH"
        deciding = [check for check in made.checks if check.status == ("FAIL" if fails else "INCONCLUSIVE")]
        deciding.sort(key=lambda check: check.of != "no worse")  # what the change itself does comes first
        why = deciding[0].why if deciding else ""
        if made.agreement is not None and not fails:
            why = _open(made.agreement, made.unjudged)
        cause = judge.what_decides(made.went_wrong)
        many = f"{len(deciding):,} of {judge.count(len(made.checks), 'demand')}"
        what = f"fails {many}" if fails else f"is undecided in {many}" if deciding else "is undecided"
        told = f"{made.prompt} {what}: {cause}{' ' if cause else ''}{why}"
    return msgspec.structs.replace(
        made, headline=f"{told.rstrip()}{not_asked(made.settled)}{_broken(made, seen)}{_beside(made, seen)}"
    )


def _survives(made: judge.UpgradedPrompt, seen: judge.Comparison) -> str:
    thresholds = sum(check.of == "threshold" for check in made.checks)
    met = f", and it meets {'its threshold' if thresholds == 1 else f'all {thresholds:,} thresholds'}"
    accuracy = next((one for one in seen.non_inferior if one.metric == ACCURACY.name), None)
    shown = "" if accuracy is None else f" (accuracy {judge.signed_text(accuracy.difference, 'share', '')})"
    what = "in accuracy" if made.agreement is not None else "in accuracy, in any headline figure or for any label"
    return (
        f"{made.prompt} survives: on {judge.count(seen.paired_cases, 'case')} {made.model} is no worse by more than "
        f"{judge.demand(seen.margin, 'points')} {what}{_of_labels(seen)}{shown}{met if thresholds else ''}."
    )


def _of_labels(seen: judge.Comparison) -> str:
    other = {one.margin for one in seen.non_inferior if one.metric == RECALL.name} - {seen.margin}
    return "".join(f" ({judge.demand(margin, 'points')} in the recall of one)" for margin in other)


def _open(agreed: judge.Agreement, unjudged: Sequence[str]) -> str:
    """Say what keeps it open where labels are missing."""
    told = [agreed.accuracy.sentence]
    lost = [named(one) for one in lost_for_certain(agreed.labels, 1 - agreed.share.confidence)]
    if lost:
        told.append(f"It loses {judge.listed(lost)} for certain, and by how much only labels of all cases tell.")
    if unjudged:
        they = judge.verb(len(unjudged), "needs the label of every case and is", "need the label of every case and are")
        told.append(f"{judge.listed(unjudged, 4)} {they} not judged.")
    return " ".join(told)


def _broken(made: judge.UpgradedPrompt, seen: judge.Comparison) -> str:
    """Say how many cases broke: those that did so again on fresh repeats, where these were asked for."""
    if not seen.broken or made.verdict == "SWITCH":
        return ""
    again, fixed = made.confirmation, f"{len(seen.fixed):,} {judge.verb(len(seen.fixed), 'was', 'were')} fixed"
    if again is None or not again.asked:
        return f" {judge.count(len(seen.broken), 'case')} broke, not yet confirmed by fresh repeats; {fixed}."
    not_asked = len(seen.broken) - again.asked
    beside = f"; {not_asked:,} more were not asked again" if not_asked else ""
    told = judge.count(len(again.confirmed), "case")
    once = f"; {len(again.recovered):,} more only once" if again.recovered else ""
    return f" {told} broke, on fresh repeats too{once}{beside}; {fixed}."


def _beside(made: judge.UpgradedPrompt, seen: judge.Comparison) -> str:
    """Say what it costs and how fast it is, where that is known."""
    paid = f" It {made.bill.told}." if made.bill is not None and made.bill.told else ""
    p95 = seen.metric(P95.name)
    if p95 is None or p95.verdict not in {"better", "worse"}:
        return paid
    return f"{paid} Its p95 changes by {difference_text(p95)}."


def confirmed(
    made: judge.UpgradedPrompt, again: tuple[View, View] | None, run_id: str, why_not: str
) -> judge.UpgradedPrompt:
    """Add what became of the broken cases when both models (old, new) were asked about them again."""
    if made.comparison is None or not made.comparison.broken:
        return made
    asked: set[str] = set()
    broke: set[str] = set()
    if again is not None:
        pairs = pair(*again)
        asked = answered(pairs)
        broke = {change.case for change in fixed_and_broken(pairs, rendered=0)[1]}
    named = [change.case for change in made.comparison.broken if change.case in asked]
    confirmation = judge.Confirmation(
        asked=len(named),
        repeats=0 if again is None else again[1].repeats,
        confirmed=tuple(case for case in named if case in broke),
        recovered=tuple(case for case in named if case not in broke),
        run_id=run_id,
        why_not=why_not,
    )
    return told_of(msgspec.structs.replace(made, confirmation=confirmation))
