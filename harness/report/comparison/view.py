"""From a comparison to the one view that every renderer of it renders: all figures written as text."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal, cast

from harness import judge
from harness.files.thresholds import metric_of
from harness.report.comparison.parts import CaseView, ComparisonView, DifferenceRow, QuestionRow, Unpaired
from harness.report.gate.view import broke_most, more_cases
from harness.report.parts import (
    STATUS_TONES,
    Cases,
    Cell,
    ConfusedRow,
    Picture,
    SampleCase,
    Table,
    Tone,
    interval_picture,
    percent_of,
)

TONES: dict[judge.DifferenceVerdict, Tone] = {
    "better": "pass",
    "worse": "fail",
    "no difference shown": "plain",
    "can't tell": "inconclusive",
}
IDS_SHOWN = 12


def comparison_view(comparison: judge.Comparison) -> ComparisonView:
    """Write every figure of a comparison as text."""
    c = comparison
    shown = [m for m in c.metrics if m.difference.value is not None]
    groups = c.became()
    group_of = {id(one): n for n, (_, _, cases) in enumerate(groups) for one in cases}
    return ComparisonView(
        base=c.base.name,
        head=c.head.name,
        base_run=c.base.run_id,
        head_run=c.head.run_id,
        verdict=_verdict(c.metrics),
        headline=c.headline,
        next=_next(c),
        tone=_VERDICT_TONES[_verdict(c.metrics)],
        facts=_facts(c),
        notes=c.notes,
        margin=judge.demand(c.margin, "points"),
        questions=tuple(
            QuestionRow(
                name=one.name,
                status=one.status,
                tone=STATUS_TONES[one.status],
                sentence=one.sentence,
                difference=judge.signed_text(one.difference, "points", ""),
            )
            for one in c.non_inferior
        ),
        question_status=c.non_inferior_status,
        question_tone=STATUS_TONES[c.non_inferior_status],
        headline_rows=tuple(_row(m) for m in shown if m.family == "headline"),
        detail_rows=tuple(_row(m) for m in shown if m.family == "detail"),
        slice_rows=tuple(_row(m) for m in c.slices if m.difference.value is not None),
        uncompared=tuple(m.sentence for m in c.metrics if m.difference.value is None),
        typical=_typical(c),
        became=tuple(_became(groups, len(c.broken))),
        broken=tuple(CaseView.of(one, group_of[id(one)]) for one in c.broken),
        fixed=tuple(CaseView.of(one, -1) for one in c.fixed),
        moved=_moved(c.moved),
        outcomes=_outcomes(c.outcomes),
        prompt_diff=c.prompt_diff if any(word.kind != "same" for word in c.prompt_diff) else (),
        prompt_note=_prompt_note(c),
        changes=_changes(c),
        unpaired=tuple(_unpaired(c)),
        method=_method(c),
    )


_VERDICT_TONES: dict[str, Tone] = {
    "WORSE": "fail",
    "BETTER AND WORSE": "fail",
    "BETTER": "pass",
    "CAN'T TELL": "inconclusive",
    "NO DIFFERENCE SHOWN": "plain",
}


def _verdict(metrics: Sequence[judge.MetricDifference]) -> str:
    """Say in a word how the candidate stands to the baseline: by the headline figures, where they differ."""
    verdicts = {m.verdict for m in metrics if m.family == "headline"}
    if not verdicts & {"better", "worse"}:
        verdicts |= {m.verdict for m in metrics} & {"better", "worse"}
    if {"better", "worse"} <= verdicts:
        return "BETTER AND WORSE"
    for verdict, told in (("worse", "WORSE"), ("better", "BETTER"), ("can't tell", "CAN'T TELL")):
        if verdict in verdicts:
            return told
    return "NO DIFFERENCE SHOWN"


def _next(c: judge.Comparison) -> str:
    """Say the one thing to do: take one of them, weigh them, mend what broke, or ask what was not answered."""
    if not c.paired_cases:
        return "Measure both on the same cases: none was answered by both."
    worse, better = ([m.name for m in c.metrics if m.verdict == one] for one in ("worse", "better"))
    undecided = [one for one in c.non_inferior if one.status != "PASS"]
    if undecided and all(one.depends_on for one in undecided) and set(worse) <= {"failures"}:
        return f"Send the failed calls again (`harness resume RUN --failed`) before you take {c.head.name}."
    failed = c.non_inferior_status == "FAIL"
    if failed or _verdict(c.metrics) == "WORSE":
        why = broke_most(c) if c.broken and failed else f"it is worse in {judge.listed(worse, 3)}"
        return f"Keep {c.base.name}, or mend {c.head.name}: {why}."
    if _verdict(c.metrics) == "BETTER AND WORSE":
        return f"Weigh what is worse ({judge.listed(worse, 3)}) against what is better ({judge.listed(better, 3)})."
    if c.non_inferior_status == "PASS":
        return (
            f"Take {c.head.name}." if better else "Either will do: the candidate is no worse by more than the margin."
        )
    unsure = judge.listed([one.name for one in undecided], 3)
    return f"Add {more_cases(c)} before you take {c.head.name}: {unsure} may have lost more than the margin."


def _became(groups: Sequence[tuple[str, str, list[judge.CaseChange]]], broken: int) -> Iterable[ConfusedRow]:
    for n, (was, now, cases) in enumerate(groups):
        yield ConfusedRow(
            expected=was,
            read_as=now,
            many=judge.count(len(cases), "case"),
            share=percent_of(len(cases), broken),
            size=len(cases) / len(groups[0][2]),
            on=judge.count(len(cases), "case"),
            samples=tuple(
                SampleCase(case=one.case, text=one.text, reply=next(iter(one.head_replies), "")) for one in cases[:2]
            ),
            cases={"became": str(n)},
        )


def _row(m: judge.MetricDifference) -> DifferenceRow:
    scale = cast("judge.Scale", m.scale)
    difference = str(judge.signed_text(m.difference, scale, m.currency))
    return DifferenceRow(
        name=m.name,
        base=judge.figure_text(m.base, scale, m.base_currency),
        head=judge.figure_text(m.head, scale, m.currency),
        difference=difference,
        verdict=m.verdict,
        tone=TONES[m.verdict],
        sentence=m.sentence,
        meaning=m.meaning,
        picture=_picture(m, difference),
        cases=metric_of(m.metric).cases(m.label, m.where),
    )


def _picture(m: judge.MetricDifference, text: str) -> Picture | None:
    """Draw the difference around 0: each metric on its own axis, as wide as its interval needs."""
    low, high = m.difference.low, m.difference.high
    if low is None or high is None:
        return None
    reach = 1.1 * max(abs(low), abs(high), m.matters) or 1.0
    margin = f", margin {judge.demand(m.matters, cast('judge.Scale', m.scale), m.currency)}" if m.matters else ""
    made = interval_picture(m.difference, f"{m.name}: {text}, {m.verdict}{margin}", axis=(-reach, reach))
    wanted: Literal["above", "below"] = "above" if m.higher_is_better else "below"
    return made and replace(made, threshold=0.0, wanted=wanted, tone=TONES[m.verdict], within=m.matters)


def _facts(c: judge.Comparison) -> str:
    parts = [f"{judge.count(c.paired_cases, 'case')} paired"]
    if c.paired_by_digest:
        parts[0] += f" ({c.paired_by_digest:,} of them by their text, under another id)"
    parts.append(f"repeats {c.base.repeats} and {c.head.repeats}" if c.base.repeats != c.head.repeats else "")
    parts.append(f"{judge.count(len(c.broken), 'case')} broken, {len(c.fixed):,} fixed")
    parts.append(f"{judge.sure(c.confidence)} confidence")
    return " · ".join(part for part in parts if part)


def _typical(c: judge.Comparison) -> str:
    if c.typical_shift is None or c.typical_shift.shift.value is None:
        return ""
    shift = c.typical_shift.shift
    value = shift.value or 0.0
    if value == 0 or (shift.low is not None and shift.high is not None and shift.low <= 0 <= shift.high):
        told = judge.signed_text(shift, "seconds", "")
        return f"A case typically takes as long as before, as far as can be told: Hodges-Lehmann shift {told}."
    faster = "slower" if value > 0 else "faster"
    share = "" if c.typical_shift.share is None else f", {judge.amount(abs(c.typical_shift.share), 'share')}"
    span = ""
    if shift.low is not None and shift.high is not None:
        ends = [judge.signed(end, "seconds", "") for end in (shift.low, shift.high)]
        span = f"; {ends[0]} to {ends[1]}"
    return f"A case is typically {judge.seconds(abs(value))} {faster}{share} (Hodges-Lehmann shift{span})."


def _moved(moved: int) -> str:
    if not moved:
        return ""
    verb = "is" if moved == 1 else "are"
    return (
        f"{judge.count(moved, 'more case')} {verb} right more or less often than before, without changing sides: "
        "that is mostly the noise of repeats."
    )


def _outcomes(changes: Sequence[judge.OutcomeChange]) -> Table | None:
    if not any(change.base != change.head or change.new or change.gone for change in changes):
        return None
    rows = tuple(
        (
            Cell(change.outcome),
            Cell(f"{change.base:,}", kind="number", cases=_ended("base", change)),
            Cell(f"{change.head:,}", kind="number", cases=_ended("head", change)),
            Cell(_ids(change.new), cases=_ended("head", change)),
            Cell(_ids(change.gone), cases=_ended("base", change)),
        )
        for change in changes
    )
    head = ("Outcome", "Baseline", "Candidate", "New in these cases", "Gone from these")
    return Table(head=head, rows=rows)


def _ended(side: str, change: judge.OutcomeChange) -> Cases:
    """Name the cases of a side with trials that ended so."""
    return {"side": side, "outcome": change.outcome}


def _ids(ids: Sequence[str]) -> str:
    return judge.listed(ids, IDS_SHOWN) if ids else ""


def _prompt_note(c: judge.Comparison) -> str:
    if any(word.kind != "same" for word in c.prompt_diff):
        return ""
    if not c.prompt_diff:
        return "The prompts are not known: another tool sent them."
    if c.same_prompt:
        return "Both sides sent the same prompt."
    return "The words of the two prompts are the same; what differs is listed under changes."


def _changes(c: judge.Comparison) -> Table | None:
    rows = [(change.what, change.base, change.head) for change in c.changes]
    if c.base.run_id != c.head.run_id:
        measured = ("measured", _when(c.base.created_utc), _when(c.head.created_utc))
        commits = ("git commit", c.base.git_commit or "none", c.head.git_commit or "none")
        rows += [(what, one, two) for what, one, two in (measured, commits) if one != two]
    if not rows:
        return None
    cells = tuple((Cell(what), Cell(one, kind="code"), Cell(two, kind="code")) for what, one, two in rows)
    return Table(head=("What", "Baseline", "Candidate"), rows=cells)


def _when(created_utc: str) -> str:
    """Write a time to the second: `2026-11-24 09:15:02 UTC`."""
    return f"{created_utc[:19].replace('T', ' ')} UTC" if created_utc[19:] else created_utc


def _unpaired(c: judge.Comparison) -> Iterable[Unpaired]:
    for side, what, ids in (
        ("base", "only in the baseline", c.unpaired_base),
        ("head", "only in the candidate", c.unpaired_head),
        ("head", "edited since, so not the same question", c.edited),
        ("head", "with another expected label now, which counts for both", c.relabelled),
    ):
        if ids:
            told, rest = f"{judge.count(len(ids), 'case')} {what}", max(0, len(ids) - IDS_SHOWN)
            yield Unpaired(told=told, ids=tuple(ids[:IDS_SHOWN]), side=side, rest=rest)


def _method(c: judge.Comparison) -> str:
    return (
        "Differences are candidate minus baseline over paired cases. Shares: Tango's score interval, McNemar's mid-p "
        "(with repeats: clustered by case). F1, precision, MCC, latency quantiles: the same resampled cases "
        "on both sides. Better and worse are Holm-adjusted within the headline figures and within the "
        "details: if nothing had changed, any of either would be called worse in at most "
        f"{judge.sure((1 - c.confidence) / 2)} of comparisons. Of latency and cost, less than a tenth is not "
        "looked for."
    )
