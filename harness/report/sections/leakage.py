"""Whether the prompt, or another split, gives cases away."""

from harness.judge import Leakage
from harness.report.parts import Cell, Section, Table, count, if_any, number, number_cell

MAX_ROWS = 20
BETWEEN_CASES = frozenset({"dev_in_holdout", "conflicting_labels", "duplicate"})  # kinds whose other is a case


def leakage_section(leakage: Leakage) -> Section:
    """Say which cases the prompt, or another split, gives away."""
    lead = "No case is given away by the prompt or shared between splits."
    if leakage.leaked_cases or leakage.findings:
        lead = " ".join(_leaks(leakage))
    rows = tuple(
        (
            Cell(finding.kind.replace("_", " ")),
            Cell(finding.case, kind="code", cases={"id": finding.case}),
            Cell(finding.other, kind="code", cases={"id": finding.other} if finding.kind in BETWEEN_CASES else None),
            number_cell(f"{number(finding.similarity, 'share')} {finding.measure}".strip()),
            Cell(finding.text, kind="code"),
            Cell(finding.other_text, kind="code"),
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
            *if_any("Accuracy with leaked cases", leakage.accuracy_with, "share"),
            *if_any("Accuracy without", leakage.accuracy_without, "share"),
        ),
        tables=tuple(
            table
            for table in (
                Table(head=head, rows=rows, note=f"{more:,} more." if more > 0 else ""),
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
            Cell(word.label, kind="code"),
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
