"""Blocks of a report on a terminal: what went wrong, the confusion matrix, a section with its tables."""

from collections.abc import Iterable

from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table as Grid
from rich.text import Text

from harness.report.parts import ConfusionView, Section, TroubleView, shorten
from harness.report.pen import MARKS, STYLES, Pen, indented, laid_out, table_of

_MOST_WORDS = 300
_MOST_REPLY = 160


def troubles_told(title: str, rows: Iterable[TroubleView], pen: Pen, said: str = "") -> Iterable[RenderableType]:
    """Tell each kind in a few lines: what happened, why in the cause's words, two replies, what to do if not `said`."""
    yield pen.text(title, "bold")
    for row in rows:
        yield from _trouble(row, pen, said)


def _trouble(row: TroubleView, pen: Pen, said: str) -> Iterable[RenderableType]:
    decides = f", {row.decides}" if row.decides else ""
    head = Text.assemble(
        pen.text(row.title, "bold"), pen.text(f": {row.many}{decides}"), pen.text(f" [{row.kind}]", "dim")
    )
    yield _behind(pen.text(MARKS[row.tone] if row.tone != "plain" else "-", STYLES[row.tone]), head)
    if row.samples:
        for one in row.samples:
            reply = f"“{shorten(one.reply, _MOST_REPLY)}”" if one.reply else "no text"
            yield indented(pen.text(f"{shorten(one.case, 60)}: {reply}: {one.reason}", "dim"), 4)
    else:
        yield indented(pen.text(shorten(row.words, _MOST_WORDS)), 4)
        if row.case:
            yield indented(pen.text(f"first on case {shorten(row.case, 60)}", "dim"), 4)
    if row.next and row.next != said:
        yield indented(_behind(pen.text("→", "bold"), pen.text(row.next, "bold"), by=0), 4)


def _behind(mark: Text, text: Text, *, by: int = 2) -> RenderableType:
    grid = Grid.grid(padding=(0, 1, 0, 0))
    grid.add_row(mark, text)
    return indented(grid, by)


def matrix_of(confusion: ConfusionView, pen: Pen) -> Iterable[RenderableType]:
    """Draw the matrix where it fits, else name the most frequent errors."""
    yield Text.assemble(pen.text("Confusion matrix", "bold"), pen.text("  rows: expected, columns: read as", "dim"))
    lines = _matrix(confusion, pen)
    if max(cell_len(line.plain) for line in lines) + 2 <= pen.width:
        yield from (indented(line) for line in lines)
    else:
        errors = "the most frequent errors:" if confusion.errors else "there is no error in it."
        yield indented(pen.text(f"Too wide for this terminal; {errors}", "dim"))
        yield from (indented(pen.text(line), 4) for line in confusion.errors)


def _matrix(confusion: ConfusionView, pen: Pen) -> list[Text]:
    rows = [["", *confusion.columns, "total", "recall"]]
    rows += [[r.label, *(c.count for c in r.cells), r.total, r.recall] for r in confusion.rows]
    rows.append(["total", *confusion.totals, confusion.grand_total, ""])
    rows.append(["precision", *confusion.precisions, "", "", ""])
    safe = [[pen.text(shorten(cell, 24)).plain for cell in row] for row in rows]
    widths = [max(cell_len(row[j]) for row in safe) for j in range(len(safe[0]))]
    lines = []
    for i, row in enumerate(safe):
        line = Text(row[0] + " " * (widths[0] - cell_len(row[0])), style="dim" if i > len(confusion.rows) else "")
        for j, cell in enumerate(row[1:], start=1):
            line.append("  " + " " * (widths[j] - cell_len(cell)))
            line.append(cell, style=_matrix_style(confusion, i - 1, j - 1))
        lines.append(line)
    return lines


def _matrix_style(confusion: ConfusionView, i: int, j: int) -> str:
    if not 0 <= i < len(confusion.rows) or j >= len(confusion.columns):
        return "dim"
    cell = confusion.rows[i].cells[j]
    if cell.worst:
        return "bold red"
    return {"right": "green", "wrong": "red", "none": "yellow", "zero": "dim"}[cell.kind]


def section_of(section: Section, pen: Pen) -> Iterable[RenderableType]:
    """Give a section: its sentence, figures, tables and notes."""
    yield ""
    yield pen.text(section.title, "bold")
    if section.lead:
        yield indented(pen.text(section.lead))
    if section.figures:
        grid = laid_out("", "", "")
        for figure in section.figures:
            grid.add_row(pen.text(figure.name), pen.text(figure.text, "bold"), pen.text(figure.hint, "dim"))
        yield indented(grid)
    for table in section.tables:
        yield table_of(table, pen)
    for note in section.notes:
        yield indented(pen.text(note, "dim"))
