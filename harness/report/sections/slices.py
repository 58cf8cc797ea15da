"""The figures again on each tag and split."""

from __future__ import annotations

from harness.judge.documents.assessment import Slice
from harness.report.figures import count, figure, p_value
from harness.report.parts import Cell, Section, Table
from harness.report.sections.pieces import estimate_cell, number_cell

LEAST_CASES = 5  # fewer in a tag say nothing: their interval spans most of the axis


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
