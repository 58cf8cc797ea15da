"""The tables of `harness check`: cases by label, what a run would make, what the cases can prove, what leaks."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.judge import LeakFinding
    from harness.judge.checks.ahead import PowerRow
    from harness.judge.leakage.find import Leaks
    from harness.measure.bounds import Bundle, PlanSummary

_MANY = 12  # labels: of more only those with the fewest and the most cases have rows
_ENDS = 3  # rows of either
_SHOWN = 3  # findings of each prompt
_WIDE = 76
_KINDS = {
    "example_in_cases": "{case} is {other} of the prompt",
    "quoted_in_prompt": "{case} stands in the prompt ({other})",
    "dev_in_holdout": "{case} is also in dev, as {other}",
    "label_in_input": "{case} states its own label",
    "conflicting_labels": "{case} and {other} expect different labels",
    "duplicate": "{case} and {other} are the same case twice",
}
OF_A_PROMPT = frozenset({"example_in_cases", "quoted_in_prompt"})  # all else is a fact of the cases


def case_rows(bundle: Bundle) -> list[tuple[str, ...]]:
    """Count the cases of each label in each split; of many labels, those with the fewest and the most."""
    counted = Counter((case.expected, case.split) for case in bundle.cases)
    splits = sorted({split for _, split in counted})
    totals = Counter(case.expected for case in bundle.cases)
    head = ("label", *(split or "no split" for split in splits), "all")

    def row(label: str) -> tuple[str, ...]:
        return (label, *(f"{counted[label, split]:,}" for split in splits), f"{totals[label]:,}")

    labels = bundle.suite.labels
    if len(labels) <= _MANY:
        return [head, *map(row, labels)]
    ranked = sorted(labels, key=lambda label: (totals[label], label))
    between = ranked[_ENDS:-_ENDS]
    ranges = [_range([counted[label, split] for label in between]) for split in splits]
    middle = (f"... {len(between)} more labels", *ranges, _range([totals[label] for label in between]))
    return [head, *map(row, ranked[:_ENDS]), middle, *map(row, ranked[-_ENDS:])]


def _range(values: Sequence[float], written: Callable[[float], str] = "{:,}".format) -> str:
    """Write the least and the largest of some values, once where they look the same."""
    return " to ".join(dict.fromkeys((written(min(values)), written(max(values))))) if values else ""


def _state(row: PowerRow) -> str:
    if not row.provable:
        return "can't pass"
    if row.have is None:
        return "after the run"
    return "enough" if row.enough else "may stay open"


def power_rows(rows: Sequence[PowerRow]) -> list[tuple[str, ...]]:
    """Give each threshold with its cases, what they prove without a miss, and what 80% power takes.

    A threshold that is asked of many labels has one row.
    """
    groups: dict[str, list[PowerRow]] = {}
    for row in rows:
        asked = row.threshold if row.label is None else row.threshold.replace(f"[{row.label}]", "[each label]")
        groups.setdefault(asked, []).append(row)
    shown: list[tuple[str, ...]] = [("threshold", "rests on", "proves at best", "80% power takes", "")]
    for asked, group in groups.items():
        if len(group) > _MANY:
            shown.append((asked, *_of_many(group)))
        else:
            shown += [(row.threshold, *_of_many([row])) for row in group]
    return shown


def _of_many(rows: Sequence[PowerRow]) -> tuple[str, ...]:
    """Give the cells of thresholds that differ in their labels alone."""
    from harness.judge import Things, amount, scale_of

    first = rows[0]
    quantile = scale_of(first.metric) == "seconds"  # what is proved is the share of calls in time
    scale = "share" if quantile else scale_of(first.metric)
    have = [row.have for row in rows if row.have is not None]
    best = _range([row.best for row in rows if row.best is not None], lambda value: amount(value, scale, ""))
    states = Counter(map(_state, rows))
    if len(rows) == 1:
        rests_on, state = "".join(Things(first.one, first.unit).of(n) for n in have), _state(first)
    else:
        rests_on = f"{_range(have)} {'predictions' if first.counts == 'predictions' else 'cases'} each"
        state = ", ".join(f"{n} {state}" for state, n in states.items())
    needed = _range([row.needed for row in rows if row.needed is not None])
    return rests_on, best + (" in time" if quantile and best else ""), needed, state


def candidate_rows(summary: PlanSummary) -> list[tuple[str, ...]]:
    """Say what a run would send to each candidate, and for how much money."""
    rows: list[tuple[str, ...]] = [("candidate", "calls", "tokens in", "tokens out, at most", "money, at most")]
    for one in summary.candidates:
        unknown = "no price of `priority`" if one.priced else "no price given"
        money = unknown if one.money is None else f"{one.currency} {one.money:,.4f}"
        out = "not limited" if one.tokens_out is None else f"{one.tokens_out:,}"
        rows.append((one.name, f"{one.calls:,}", f"about {one.tokens_in:,}", out, money))
    return rows


_WAITS = {
    "batch": "in a batch, which may take 24 hours; latency is measured {sample}",
    "flex": "at the tier flex, where a call may take minutes and latency is that tier's",
}


def waiting_lines(summary: PlanSummary) -> list[str]:
    """Say what waiting buys, candidate by candidate, as far as its price is known."""
    told = []
    sample = f"on {summary.sampled:,} cases that are asked at once" if summary.sampled else "on none"
    for one in summary.candidates:
        sync = f" instead of {one.ways['sync']:,.4f}" if "sync" in one.ways else ""
        told += [
            f"  {one.name}: {one.currency} {money:,.4f}{sync} {_WAITS[way].format(sample=sample)}"
            for way, money in one.ways.items()
            if way in _WAITS
        ]
    return ["", "what waiting buys", *told] if told else []


def columns(rows: list[tuple[str, ...]], width: int | None = None, *, spare: Sequence[int] = ()) -> list[str]:
    """Lay rows out: the first column to the left, the others to the right.

    What is wider than `width` goes without its `spare` columns, one after the other.
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    shown = list(range(len(widths)))
    for one in spare:
        if width is not None and 2 + sum(widths[i] + 2 for i in shown) - 2 > width:
            shown.remove(one)
    first, *others = shown
    return [
        "  ".join(["", row[first].ljust(widths[first]), *(row[i].rjust(widths[i]) for i in others)]).rstrip()
        for row in rows
    ]


def leaks_of(bundle: Bundle) -> dict[str, Leaks]:
    """Give what leaks, by prompt name."""
    from harness.judge.leakage.find import find_leaks, meeting
    from harness.judge.table.cases import case_columns

    labels = bundle.suite.labels
    cases = case_columns(bundle.cases, {label: place for place, label in enumerate(labels)})
    prompts = {c.prompt.name: c.prompt.model_dump(mode="json") for c in bundle.candidates}
    met = meeting(prompts.values(), cases)
    return {name: find_leaks(prompt, cases, labels, met) for name, prompt in prompts.items()}


def leak_lines(found: dict[str, Leaks]) -> list[str]:
    """Write the findings, each with both texts and how alike they are."""
    from harness.judge import count

    lines = ["leakage"]
    everywhere = [f for leaks in found.values() for f in leaks.findings if f.kind not in OF_A_PROMPT]
    shared = list({(f.kind, f.case, f.other_text): f for f in everywhere}.values())
    if shared:
        lines.append("  the cases themselves, whatever the prompt")
        lines += _shown(shared)
    for name, leaks in found.items():
        given = count(len(leaks.cases), "case")
        lines.append(f"  {name}: {given} given away" if leaks.cases else f"  {name}: no case is given away")
        lines += _shown([finding for finding in leaks.findings if finding.kind in OF_A_PROMPT])
    return lines


def _shown(findings: list[LeakFinding]) -> list[str]:
    from harness.judge.leakage.find import LEAKS
    from harness.report.parts import shorten, visible

    findings.sort(key=lambda finding: finding.kind not in LEAKS)
    lines = []
    for finding in findings[:_SHOWN]:
        said = _KINDS[finding.kind].format(case=finding.case, other=finding.other)
        lines.append(f"    {visible(said)}: {100 * finding.similarity:.0f}% alike ({finding.measure})")
        lines += [f"      | {visible(shorten(text, _WIDE))}" for text in (finding.text, finding.other_text)]
    if len(findings) > _SHOWN:
        lines.append(f"    and {len(findings) - _SHOWN:,} more: `harness check --json` lists all")
    return lines


def leak_json(found: dict[str, Leaks]) -> dict[str, Any]:
    """Give the findings as plain data."""
    return {name: {"leaked_cases": len(leaks.cases), "findings": leaks.findings} for name, leaks in found.items()}
