"""From a gate to the texts that its comment, its terminal summary and its test report show."""

import difflib
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness import judge
from harness.files.thresholds import COST_PER_1000, P50, P95, Scale
from harness.report.parts import VERDICT_TONES, Tone, TroubleView
from harness.report.sections import troubles

WORST = 5  # regressions shown in full
_ORDER: tuple[judge.GateStatus, ...] = ("NOT MEASURED", "FAIL", "INCONCLUSIVE", "PASS")
_VERDICTS: dict[judge.GateStatus, judge.Verdict] = {  # what the same would be of a run
    "PASS": "READY",
    "FAIL": "NOT READY",
    "INCONCLUSIVE": "INCONCLUSIVE",
    "NOT MEASURED": "NOT MEASURED",
}
_BESIDE = (P50.name, P95.name, COST_PER_1000.name)
_UNCHANGED = 2  # lines of a prompt around a change


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRow:
    """One check as texts."""

    status: str
    tone: Tone
    name: str
    base: str
    head: str
    change: str  # with its arrow and interval; empty where it is not known
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A case that was right and is wrong."""

    case: str
    expected: str
    text: str
    before: str
    after: str
    reply_before: str
    reply_after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptView:
    """A changed prompt."""

    name: str
    path: str
    status: str
    tone: Tone
    about: str  # changed, new or the same; paired cases
    rows: tuple[GateRow, ...]
    regressions: tuple[Regression, ...]
    broken: int
    fixed: int
    diff: tuple[str, ...]
    shifts: tuple[str, ...]  # what else is different: speed, cost, outcomes, parameters
    notes: tuple[str, ...]
    wrong: tuple[TroubleView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateView:
    """Everything that a reader of a gate sees."""

    title: str
    status: str
    tone: Tone
    headline: str
    next: str  # the one thing to do
    suite: str
    compared: str  # base and head in words
    policy: str
    loud: bool  # the branch was judged by its own policy
    edits: tuple[str, ...]
    deleted: tuple[str, ...]
    prompts: tuple[PromptView, ...]
    cost: str
    reproduce: tuple[str, ...]  # commands
    runs: tuple[str, ...]


def gate_view(gate: judge.Gate) -> GateView:
    """Write a gate as texts, what decided it first."""
    uncommitted = " with uncommitted changes" if gate.uncommitted else ""
    told = {"PASS": "passed", "FAIL": "failed"}.get(gate.status, gate.status.lower())
    own = " --policy head" if gate.policy == "head" else ""
    return GateView(
        title=f"Gate {told}",
        status=gate.status,
        tone=_tone(gate.status),
        headline=judge.sentence(gate.reason) or gate.headline,
        next=_next(gate),
        suite=gate.suite or judge.count(len(gate.suites), "suite"),
        compared=f"{gate.head_commit[:12]}{uncommitted} against {gate.base_ref} ({gate.base_commit[:12]})",
        policy=_policy(gate),
        loud=gate.policy == "head",
        edits=gate.edits,
        deleted=gate.deleted,
        prompts=tuple(_prompt(prompt) for prompt in by_gravity(gate.prompts)),
        cost=_cost(gate),
        reproduce=(
            f"git checkout {gate.head_commit[:12]}",
            f"harness gate {shlex.quote(gate.suite or '--all')} --base {gate.base_commit[:12]}{own}",
        ),
        runs=gate.run_ids or (() if gate.run_id is None else (gate.run_id,)),
    )


def _next(gate: judge.Gate) -> str:
    """Say the one thing to do: mend what broke, add cases, merge; empty where what went wrong says it."""
    first = next(iter(by_gravity(gate.prompts)), None)
    if gate.status == "PASS" or first is None:
        return "Merge it: nothing that was asked is worse." if gate.status == "PASS" else ""
    seen = first.comparison
    if any(row.decides and row.next for row in wrong_of(first)) or gate.status == "NOT MEASURED":
        return ""
    if gate.status == "INCONCLUSIVE":
        return f"Add {more_cases(seen)}, or accept the change with its open checks."
    if seen is None or not seen.broken:
        (worst, *_) = (check.name for check in first.checks if check.status == first.status)
        return f"Mend {first.path}: {worst} does not hold."
    return f"Mend {first.path}: {broke_most(seen)}."


def more_cases(seen: judge.Comparison | None) -> str:
    """Give `cases, to about 1,400 spam cases in all`: what the demand wants that wants most, where it can be told."""
    wanted = [(one.needed_n, one.needed_unit) for one in (seen.non_inferior if seen else ()) if one.needed_n]
    n, unit = max(wanted, default=(0, ""))
    return f"cases, to about {float(f'{n:.2g}'):,.0f} {unit} in all" if n else "cases"


def broke_most(seen: judge.Comparison) -> str:
    """Say what most of the cases that broke became, and name one."""
    was, now, cases = seen.became()[0]
    of = judge.count(len(seen.broken), "broken case")
    return f"{judge.named(was)} became {judge.named(now)} in {len(cases):,} of {of}, such as {cases[0].case}"


def by_gravity(prompts: Sequence[judge.GatedPrompt]) -> list[judge.GatedPrompt]:
    """Sort what decides first."""
    return sorted(prompts, key=lambda one: (_ORDER.index(one.status), one.path, one.model))


def _tone(status: judge.GateStatus) -> Tone:
    return VERDICT_TONES[_VERDICTS[status]]


def _policy(gate: judge.Gate) -> str:
    if gate.policy == "head":
        return "Judged by the policy of this very branch (--policy head): it could have lowered its own bar."
    return f"Judged by the thresholds, labels, cases and prices of {gate.base_ref}."


def _cost(gate: judge.Gate) -> str:
    cost = gate.cost
    served = f"; {judge.count(cost.reused, 'reply', 'replies')} of earlier runs used again" if cost.reused else ""
    if not cost.calls:
        return f"No call was made{served}."
    unpriced = "free" if cost.free else "no price given"
    paid = " and ".join(judge.money(spent, currency) for currency, spent in cost.by_currency.items()) or unpriced
    return f"{judge.count(cost.calls, 'call')}, {paid}{served}."


def _prompt(prompt: judge.GatedPrompt) -> PromptView:
    comparison = prompt.comparison
    rows = sorted(prompt.checks, key=lambda check: _ORDER.index(check.status))
    broken = comparison.broken if comparison is not None else ()
    return PromptView(
        name=f"{prompt.prompt} on {prompt.model}{f' in {prompt.suite}' if prompt.suite else ''}",
        path=prompt.path,
        status=prompt.status,
        tone=_tone(prompt.status),
        about=_about(prompt),
        wrong=wrong_of(prompt),
        rows=tuple(gate_row(check) for check in rows),
        regressions=tuple(
            Regression(
                case=change.case,
                expected=change.expected,
                text=change.text,
                before=_answers(change.base_answers),
                after=_answers(change.head_answers),
                reply_before=next(iter(change.base_replies), ""),
                reply_after=next(iter(change.head_replies), ""),
            )
            for change in broken[:WORST]
        ),
        broken=len(broken),
        fixed=len(comparison.fixed) if comparison is not None else 0,
        diff=_diff(comparison) if comparison is not None else (),
        shifts=tuple(_shifts(comparison)) if comparison is not None and prompt.kind != "same" else (),
        notes=comparison.notes if comparison is not None and prompt.kind != "same" else (),
    )


def wrong_of(prompt: judge.GatedPrompt) -> tuple[TroubleView, ...]:
    """Give what went wrong; of a prompt that passed nothing hangs on it."""
    return troubles(prompt.went_wrong, _VERDICTS[prompt.status])


def _about(prompt: judge.GatedPrompt) -> str:
    if prompt.not_measured:
        return "Not both sides were answered, so nothing is known of the change."
    if prompt.kind == "same":
        what = "It is written otherwise" if set(prompt.changed) - {"prompt"} else "Its file changed"
        return f"{what}, but it sends the same requests for every case: no difference shown."
    if prompt.kind == "new" or prompt.comparison is None:
        return "New on this branch: there is no base version, so only the thresholds count."
    served = ", its replies those of an earlier run" if prompt.reused else ", measured side by side"
    before = prompt.was or "its base version"
    changed = "" if prompt.changed in ((), ("prompt",)) else f" Changed: {', '.join(prompt.changed)}."
    return f"Compared with {before} on {judge.count(prompt.comparison.paired_cases, 'case')}{served}.{changed}"


def gate_row(check: judge.GateCheck) -> GateRow:
    """Write one check as texts."""
    scale, currency = judge.scale_of(check.metric), check.currency or ""
    return GateRow(
        status=check.status,
        tone=_tone(check.status),
        name=check.name,
        base="" if check.base is None else judge.figure_alone(check.base, scale, currency),
        head="" if check.head is None else judge.figure(check.head, scale, currency),
        change=_change(check, scale, currency),
        why=check.why,
    )


def _change(check: judge.GateCheck, scale: Scale, currency: str) -> str:
    estimate = check.difference
    if estimate is None or estimate.value is None:
        return ""
    arrow = "▲ " if estimate.value > 0 else "▼ " if estimate.value < 0 else ""
    low, high = estimate.low, estimate.high
    unsure = low is not None and high is not None and low <= 0 <= high
    meaning = "" if check.gain is None else ", may be chance" if unsure else ", better" if check.gain else ", worse"
    return f"{arrow}{judge.signed_text(estimate, scale, currency)}{meaning}"


def _shifts(comparison: judge.Comparison) -> Iterator[str]:
    """Say what no check may be about: speed and cost that moved, outcomes that are new, parameters."""
    for seen in comparison.metrics:
        if seen.metric in _BESIDE and seen.verdict in {"better", "worse"}:
            yield seen.sentence
    for outcome in comparison.outcomes:
        if outcome.outcome != "label" and outcome.base != outcome.head:
            yield f"{outcome.outcome}: {judge.count(outcome.base, 'trial')} before, {outcome.head:,} now."
    for change in comparison.changes:
        yield f"{change.what}: {change.base} -> {change.head}."


def _answers(answers: dict[str, int]) -> str:
    ordered = sorted(answers.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(label if len(ordered) == 1 else f"{label} ×{n}" for label, n in ordered)


def _diff(comparison: judge.Comparison) -> tuple[str, ...]:
    """Give the prompt's changed lines with their marks; what is equal is only hinted at."""
    before = "".join(part.text for part in comparison.prompt_diff if part.kind != "added")
    after = "".join(part.text for part in comparison.prompt_diff if part.kind != "removed")
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=_UNCHANGED)
    return tuple(lines)[2:]  # without the two names of files
