"""Whether the figures hold: on leaked cases and on slices."""

from __future__ import annotations

from harness.judge.assessment import Leakage, Slice
from harness.report.figures import count, figure, number, p_value
from harness.report.parts import Cell, Section, Table
from harness.report.sections.pieces import estimate_cell, named, number_cell

MAX_ROWS = 20
LEAST_CASES = 5  # fewer in a tag say nothing: their interval spans most of the axis


def leakage_section(leakage: Leakage) -> Section:
    """Say which cases the prompt, or another split, gives away."""
    lead = "No case is given away by the prompt or shared between splits."
    if leakage.leaked_cases or leakage.findings:
        lead = " ".join(_leaks(leakage))
    rows = tuple(
        (
            Cell(text=finding.kind.replace("_", " ")),
            Cell(text=finding.case, kind="code"),
            Cell(text=finding.other, kind="code"),
            number_cell(f"{number(finding.similarity, 'share')} {finding.measure}".strip()),
            Cell(text=finding.text, kind="code"),
            Cell(text=finding.other_text, kind="code"),
        )
        for finding in leakage.findings[:MAX_ROWS]
    )
    head = ("Kind", "Case", "Other", "Alike", "Text", "Other text")
    more = len(leakage.findings) - len(rows)
    return Section(
        key="leakage",
        title="Leakage",
        lead=lead,
        figures=(
            *named("Accuracy with leaked cases", leakage.accuracy_with, "share"),
            *named("Accuracy without", leakage.accuracy_without, "share"),
        ),
        tables=tuple(
            table
            for table in (
                Table(title="", head=head, rows=rows, note=f"{more:,} more." if more > 0 else ""),
                _label_words(leakage),
            )
            if table.rows
        ),
        notes=(leakage.note,) if leakage.note else (),
    )


def _label_words(leakage: Leakage) -> Table:
    """Give how often a label stands as a word in the inputs that expect it, and in the others."""
    rows = tuple(
        (
            Cell(text=word.label, kind="code"),
            number_cell(f"{word.own:,} of {word.of_own:,}"),
            number_cell(f"{word.others:,} of {word.of_others:,}"),
        )
        for word in sorted(leakage.label_words, key=lambda word: (-word.own, word.label))[:MAX_ROWS]
    )
    return Table(
        title="Label words in inputs",
        head=("Word", "In its own cases", "In other cases"),
        rows=rows,
        note="A word that stands mostly in its own cases gives them away; each use of it may be innocent.",
        folded=True,
    )


def _leaks(leakage: Leakage) -> list[str]:
    """Say how many cases test memory, and which pairs of cases are merely alike."""
    n = leakage.leaked_cases
    given = "1 case is given away: it tests" if n == 1 else f"{n:,} cases are given away: they test"
    told = [f"{given} memory, not judgement." if n else "No case is given away."]
    for cases, other in (
        (leakage.duplicates, "another of the same split"),
        (leakage.conflicts, "another that has a different label"),
    ):
        if cases:
            nearly = "nearly repeats" if cases == 1 else "nearly repeat"
            told.append(f"{count(cases, 'case')} {nearly} {other}.")
    return told


def slices_section(slices: tuple[Slice, ...], *, positive: str | None) -> Section | None:
    """Give the figures again on each tag and split; name one only if it differs by more than noise."""
    if not slices:
        return None
    worst = [s for s in slices if s.worst]
    lead = "No tag or split differs from the rest by more than chance explains."
    if worst:
        lead = "Worse than the rest by more than chance explains: " + ", ".join(
            f"{s.kind} {s.name} with {figure(s.accuracy, 'share')}" for s in worst
        )
        lead += "."
    listed = [s for s in slices if s.kind == "split" or s.worst or s.cases >= LEAST_CASES]
    rows = tuple(
        (
            Cell(text=f"{s.kind} {s.name}", tone="fail" if s.worst else "plain"),
            number_cell(count(s.cases)),
            estimate_cell(s.accuracy, "share", axis=True),
            *_of_positive(s, positive),
            number_cell(p_value(s.p_value)),
        )
        for s in listed
    )
    extra = (f"Recall of {positive}", f"Precision of {positive}") if positive else ()
    head = ("Slice", "Cases", "Accuracy", *extra, "p")
    small = len(slices) - len(listed)
    note = f"{count(small, 'tag')} with fewer than {LEAST_CASES} cases: in report.json." if small else ""
    table = Table(title="", head=head, rows=rows, note=note)
    return Section(key="slices", title="Slices", lead=lead, tables=(table,) if rows else ())


def _of_positive(s: Slice, positive: str | None) -> tuple[Cell, ...]:
    if not positive:
        return ()
    return tuple(
        estimate_cell(scores[positive], "share") if positive in scores else Cell(text="")
        for scores in (s.recall, s.precision)
    )
