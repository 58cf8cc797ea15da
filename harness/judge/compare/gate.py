"""Comparisons and checks of a branch -> one decision and one exit code.

Each changed prompt is held against the thresholds, and against its base version with a margin. FAIL: a
threshold failed, or head is worse than base for certain and maybe by more than the margin. PASS: everything
passed. INCONCLUSIVE: neither; the cases prove neither. NOT MEASURED: one side was never answered.

"Everything must pass" is an intersection-union test and needs no correction. "Any regression blocks" is many
chances to be wrong, so the p-values of all regressions of all prompts are adjusted together (Holm), and those of all
missed thresholds: with nothing changed, a gate over any number of prompts fails for a regression in at most 5% of runs,
and prompts that meet their thresholds fail for a threshold in at most 5%.

A prompt that sends the same requests as before is not judged: whatever is true of it was true before.
"""

from collections.abc import Iterable, Sequence

import msgspec

from harness import judge
from harness.errors import Exit
from harness.files.thresholds import metric_of
from harness.judge.checks import by_chance
from harness.judge.scores import holm

_SEVERITY: tuple[judge.GateStatus, ...] = ("PASS", "INCONCLUSIVE", "FAIL", "NOT MEASURED")
_CODES = {
    "PASS": Exit.READY,
    "INCONCLUSIVE": Exit.INCONCLUSIVE,
    "FAIL": Exit.NOT_READY,
    "NOT MEASURED": Exit.ENDPOINT_UNUSABLE,
}
_BY_CHANCE = " Among all prompts of this gate one such loss may be chance (Holm)."


class ChangedPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one changed prompt; nothing but its place where nothing had to be measured."""

    path: str = ""
    prompt: str
    model: str
    lines: tuple[int, int] | None = None
    same: bool = False
    head: tuple[judge.Check, ...] | None = None  # thresholds held against head; None where it was not measured
    currency: str | None = None  # of head's price
    base: tuple[judge.Check, ...] = ()  # the same thresholds held against base
    comparison: judge.Comparison | None = None
    reused: bool = False
    not_measured: str = ""  # why, where one side was never answered: then nothing is known of the change
    went_wrong: tuple[judge.Trouble, ...] = ()  # of head; of base, where only that was never answered
    changed: tuple[str, ...] = ()
    was: str = ""
    settled: judge.SettledEarly | None = None


def decide_prompts(judged: Sequence[ChangedPrompt], *, confidence: float) -> tuple[judge.GatedPrompt, ...]:
    """Decide each changed prompt."""
    firm = _firm_regressions(judged, 1 - confidence)
    judged = _with_firm_misses(judged, 1 - confidence)
    return tuple(_decided(one, firm[place]) for place, one in enumerate(judged))


def _with_firm_misses(judged: Sequence[ChangedPrompt], alpha: float) -> list[ChangedPrompt]:
    """Leave open the misses of thresholds that are not certain among those of all prompts (Holm)."""
    every = [check for one in judged for check in (() if one.same else one.head or ())]
    alone = {id(every[place]) for place in by_chance(every, alpha)[0]}

    def told(check: judge.Check) -> judge.Check:
        why = f"{check.why} Among all prompts of this gate one such miss may be chance (Holm)."
        return msgspec.structs.replace(check, status="INCONCLUSIVE", why=why) if id(check) in alone else check

    return [
        msgspec.structs.replace(one, head=None if one.head is None else tuple(told(check) for check in one.head))
        for one in judged
    ]


def gate_status(prompts: Sequence[judge.GatedPrompt]) -> judge.GateStatus:
    """Give the gravest status of all prompts; PASS where there is none."""
    return _worst(prompt.status for prompt in prompts)


def _worst(statuses: Iterable[judge.GateStatus]) -> judge.GateStatus:
    return max(statuses, key=_SEVERITY.index, default="PASS")


def exit_code(status: judge.GateStatus, *, complete: bool, prompts: Sequence[judge.GatedPrompt] = ()) -> Exit:
    """Give the exit code of a gate."""
    undecided = [c for p in prompts if p.status == "INCONCLUSIVE" for c in p.checks if c.status == p.status]
    by_failures = status == "INCONCLUSIVE" and undecided and all(check.depends_on for check in undecided)
    if status != "NOT MEASURED" and (not complete or by_failures):
        return Exit.INCOMPLETE
    return _CODES[status]


def gate_reason(prompts: Sequence[judge.GatedPrompt], base_ref: str) -> str:
    """Say what decided it."""
    if not prompts:
        return f"no prompt, model or reply rule changed since {base_ref}."
    status = gate_status(prompts)
    if status == "NOT MEASURED":
        without = [one for one in prompts if one.status == "NOT MEASURED"]
        beside = [one for one in prompts if one.status == "FAIL"]
        told = [f"{_named(one)} was NOT MEASURED: {one.headline}" for one in without[:3]]
        told += [f"{_named(one)} FAILS: {one.headline}" for one in beside[:3]]
        return " ".join(told)
    measured = [prompt for prompt in prompts if prompt.kind != "same"]
    if not measured:
        if len(prompts) == 1:
            return "no difference shown: the changed prompt sends the same requests as before."
        return f"no difference shown: all {len(prompts):,} changed prompts send the same requests as before."
    if status == "PASS":
        return f"{_held(measured)}, and every threshold is met."
    decisive = [prompt for prompt in measured if prompt.status == status]
    named = "; ".join(f"{_named(prompt)}: {prompt.headline}" for prompt in decisive[:3])
    more = f"; and {len(decisive) - 3:,} more" if len(decisive) > 3 else ""
    return f"{named}{more}"


def _named(one: judge.GatedPrompt) -> str:
    return f"{one.prompt} on {one.model}{f' in {one.suite}' if one.suite else ''}"


def _held(prompts: Sequence[judge.GatedPrompt]) -> str:
    """Say how prompts that passed stand to their base versions; a new one has none."""
    changed = [prompt for prompt in prompts if prompt.kind != "new"]
    new = len(prompts) - len(changed)
    if not changed:
        return f"{_what(prompts)} new"
    held = f"{_what(changed)} no worse than before"
    return f"{held}, {new:,} {judge.verb(new, 'is', 'are')} new" if new else held


def _what(prompts: Sequence[judge.GatedPrompt]) -> str:
    """Name what a branch changed, with its verb: where no prompt is among that, the model or the rule."""
    if len(prompts) > 1:
        return f"{len(prompts):,} changed prompts are"
    changed = prompts[0].changed or ("prompt",)
    return f"the changed {judge.listed(changed)} {judge.verb(len(changed), 'is', 'are')}"


def _firm_regressions(judged: Sequence[ChangedPrompt], alpha: float) -> list[set[int]]:
    """Tell of each prompt which losses stay certain when the losses of all prompts are adjusted together."""
    places, p_values = [], []
    for i, one in enumerate(judged):
        for j, asked in enumerate(one.comparison.non_inferior if one.comparison and not one.same else ()):
            if asked.p_worse is not None:
                places.append((i, j))
                p_values.append(asked.p_worse)
    firm: list[set[int]] = [set() for _ in judged]
    for (i, j), p in zip(places, holm(p_values), strict=True):
        if p < alpha:
            firm[i].add(j)
    return firm


def _decided(one: ChangedPrompt, firm: set[int]) -> judge.GatedPrompt:
    made = judge.GatedPrompt(
        path=one.path,
        prompt=one.prompt,
        model=one.model,
        kind="changed",
        lines=one.lines,
        status="NOT MEASURED",
        headline=one.not_measured,
        checks=(),
        comparison=None,
        reused=one.reused,
        not_measured=one.not_measured,
        went_wrong=one.went_wrong,
        changed=one.changed,
        was=one.was,
        settled=one.settled,
    )
    if one.not_measured and not one.same:
        return made
    kind: judge.GatedKind = "same" if one.same else "new" if one.comparison is None else "changed"
    comparison = one.comparison
    checks = [] if one.same or one.head is None else threshold_checks(one, one.head)
    if comparison is not None and not one.same and one.head is not None:
        asked = enumerate(comparison.non_inferior)
        checks += [no_worse_check(comparison, each, firm=place in firm) for place, each in asked]
    status = _worst(check.status for check in checks)
    if comparison is not None and one.reused:  # one side's times were measured on another day
        comparison = msgspec.structs.replace(
            comparison,
            metrics=tuple(m for m in comparison.metrics if metric_of(m.metric).clock is None),
            typical_shift=None,
            notes=(*comparison.notes, "Latency is not compared: the baseline's replies are those of an earlier run."),
        )
    headline = f"{_headline(status, kind, checks, comparison, one.went_wrong)}{not_asked(one.settled)}"
    return msgspec.structs.replace(
        made, kind=kind, status=status, headline=headline, checks=tuple(checks), comparison=comparison, not_measured=""
    )


def not_asked(early: judge.SettledEarly | None) -> str:
    """Say that the rest was not asked, as a sentence behind another; nothing where all cases were asked."""
    told = judge.settled(early)
    return f" S{told[1:]}; the rest was not asked." if told else ""


def threshold_checks(one: ChangedPrompt, head: tuple[judge.Check, ...]) -> list[judge.GateCheck]:
    """Give each threshold on head, with what base has."""
    before: dict[str, judge.Check] = {check.threshold: check for check in one.base}
    return [_threshold(one, check, before.get(check.threshold)) for check in head]


def _threshold(one: ChangedPrompt, check: judge.Check, old: judge.Check | None) -> judge.GateCheck:
    seen = None
    if one.comparison is not None and not check.part:
        seen = one.comparison.metric(check.metric, check.label)
    timed = one.reused and metric_of(check.metric).clock is not None
    why = check.why
    if check.status == "FAIL" and old is not None and old.status == "FAIL":
        why += " The base version misses it, too."
    return judge.GateCheck(
        of="threshold",
        name=check.threshold,
        metric=check.metric,
        label=check.label,
        status=check.status,
        base=None if old is None or timed else old.estimate,
        head=check.estimate,
        difference=None if seen is None or timed else seen.difference,
        gain=None if seen is None or timed else _gain(seen),
        why=why,
        currency=one.currency,
        depends_on=check.depends_on,
    )


def no_worse_check(
    comparison: judge.Comparison, asked: judge.NonInferiority, *, firm: bool = True, below: str = "baseline"
) -> judge.GateCheck:
    """Give the check of one question; `below` names what it is held against."""
    seen = comparison.metric(asked.metric, asked.label)
    name = metric_of(asked.metric).of_label(asked.label)
    doubtful = asked.status == "FAIL" and not firm
    return judge.GateCheck(
        of="no worse",
        name=f"{name} at most {judge.demand(asked.margin, 'points')} below {below}",
        metric=asked.metric,
        label=asked.label,
        status="INCONCLUSIVE" if doubtful else asked.status,
        base=None if seen is None else seen.base,
        head=None if seen is None else seen.head,
        difference=asked.difference,
        gain=None if seen is None else _gain(seen),
        why=f"{asked.sentence}{_BY_CHANCE}" if doubtful else asked.sentence,
        currency=comparison.currency,
        depends_on=asked.depends_on,
    )


def _gain(seen: judge.MetricDifference) -> bool | None:
    value = seen.difference.value
    return None if not value else (value > 0) == seen.higher_is_better


def _headline(
    status: judge.GateStatus,
    kind: judge.GatedKind,
    checks: Sequence[judge.GateCheck],
    comparison: judge.Comparison | None,
    troubles: Sequence[judge.Trouble],
) -> str:
    """Say why first, where it hangs on what went wrong; then the checks that decided."""
    if kind == "same":
        return "no difference shown: it sends the same requests as before."
    if status == "PASS":
        told = f"all {judge.count(len(checks), 'check')} passed" if checks else "there is no check"
        return f"{told}; {comparison.headline}" if comparison is not None else f"{told}."
    decisive = [check.name for check in checks if check.status == status]
    what = "failed" if status == "FAIL" else "not decided yet"
    cause = judge.what_decides(troubles)
    told = f"{judge.count(len(decisive), 'check')} of {len(checks):,} {what}: {judge.listed(decisive, most=4)}"
    told = f"{cause} {told}" if cause else told
    broken = comparison.broken if comparison is not None and status == "FAIL" else ()
    if broken:
        named = judge.listed([change.case for change in broken], most=5)
        return f"{told}. {judge.count(len(broken), 'case')} broken: {named}."
    return f"{told}."
