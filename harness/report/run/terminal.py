"""The report on a terminal: what a person wants first, or with `full` everything."""

from collections.abc import Iterable

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from harness.judge import Assessment
from harness.report import parts
from harness.report.pen import MARKS, STYLES, Pen, bulleted, indented, laid_out, table_of, written
from harness.report.run.troubles import troubles_told
from harness.report.run.view import run_view
from harness.rundir import Manifest

_STATUS = {"PASS": "PASS", "FAIL": "FAIL", "INCONCLUSIVE": "INCONCLUSIVE"}


def terminal_report(
    assessment: Assessment, manifest: Manifest | None = None, *, console: Console | None = None, full: bool = False
) -> str:
    """Give the report as text for stdout: its width, colours and encoding decide, or those of `console`."""
    target = console or Console(emoji=False)
    return written(_report(run_view(assessment, manifest), Pen(target), full=full), target)


def _report(view: parts.ReportView, pen: Pen, *, full: bool) -> Iterable[RenderableType]:
    for warning in view.warnings:
        yield pen.text("! " + warning, "yellow")
    if view.several:
        yield ""
        yield _verdict(view.verdict, view.tone, view.suite, pen)
        yield indented(pen.text(view.headline))
    if view.leaderboard:
        yield ""
        yield _leaderboard(view, pen)
        if view.standing:
            yield from _standing(view.standing, pen, full=full)
    best = next((c for c in view.candidates if not c.unshown), None)
    for candidate in view.candidates:
        yield ""
        yield from _candidate(candidate, view, pen)
        if full or candidate is best:  # of the others, what went wrong is enough
            yield from _summaries(candidate, pen, full=full)
    if view.mislabelled:
        yield ""
        yield from _group(view.mislabelled, pen) if full else [_names(view.mislabelled, pen)]
    if full:
        yield from _section(view.reproduce, pen)
    if view.several:  # the last word is the run's, not its worst candidate's
        yield ""
        yield _verdict(view.verdict, view.tone, view.suite, pen)
    yield ""


def _verdict(verdict: str, tone: parts.Tone, subject: str, pen: Pen) -> Text:
    badge = pen.text(f" {verdict} ", STYLES[tone] + " reverse")
    return Text.assemble(badge, "  ", pen.text(subject, "bold"))


def _title(title: str, pen: Pen) -> Text:
    return pen.text(title, "bold")


def _leaderboard(view: parts.ReportView, pen: Pen) -> RenderableType:
    wide = pen.width >= 110
    more = ("Balanced", "p95", "Per 1,000", "Stability") if wide else ("p95", "Per 1,000")
    grid = laid_out("Candidate", "Verdict", "Accuracy", *more)
    for row in view.leaderboard:
        rest = (row.balanced, row.p95, row.cost, row.stability) if wide else (row.p95, row.cost)
        grid.add_row(
            pen.text(row.name, "bold" if row.standing in {"recommended", "nearest"} else ""),
            pen.text(f"{MARKS[row.tone]} {row.verdict}", STYLES[row.tone]),
            pen.text(row.accuracy.text),
            *(pen.text(figure.value) for figure in rest),
        )
    return indented(grid)


def _standing(standing: parts.StandingView, pen: Pen, *, full: bool) -> Iterable[RenderableType]:
    yield ""
    yield indented(pen.text(standing.recommendation, "bold"))
    for sentence in (standing.differences, standing.front, standing.weakest):
        if sentence:
            yield bulleted("-", sentence, pen)
    if full:
        yield table_of(standing.duels, pen)


def _candidate(c: parts.CandidateView, view: parts.ReportView, pen: Pen) -> Iterable[RenderableType]:
    subject = c.name if view.several else f"{view.suite}: {c.name}"
    yield _verdict(c.verdict, c.tone, subject, pen)
    yield indented(pen.text(c.headline))
    yield indented(pen.text(c.summary, "dim"))
    if c.deciding:
        yield ""
        yield from troubles_told("What went wrong", c.deciding, pen)
    if c.unshown:
        yield ""
        yield indented(pen.text(c.unshown, "dim"))
    if c.checks:
        yield ""
        yield _title(f"Checks: {c.tally}", pen)
        yield _checks(c.checks, pen)
    if c.beside:
        yield ""
        yield from troubles_told("What went wrong, and does not decide", c.beside, pen)
    if c.traps:
        yield ""
        yield _title("Mind", pen)
        for trap in c.traps:
            yield bulleted("!", trap, pen)
    if c.confusion:
        yield ""
        yield from _confusion(c.confusion, pen)


def _checks(checks: tuple[parts.CheckRow, ...], pen: Pen) -> RenderableType:
    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    for row in checks:
        mark = pen.text(f"{MARKS[row.tone]} {_STATUS[row.status]}", STYLES[row.tone])
        grid.add_row(mark, pen.text(row.threshold), pen.text(row.seen))
    reasons = [row for row in checks if row.status != "PASS" and row.why]
    blocks: list[RenderableType] = [indented(grid)]
    if reasons:
        blocks.append("")
    blocks += [_reason(row, pen) for row in reasons]
    return Group(*blocks)


def _reason(row: parts.CheckRow, pen: Pen) -> RenderableType:
    grid = Grid.grid(padding=(0, 1, 0, 0))
    grid.add_row(pen.text(f"  {MARKS[row.tone]}", STYLES[row.tone]), pen.text(row.why))
    return grid


def _confusion(confusion: parts.ConfusionView, pen: Pen) -> Iterable[RenderableType]:
    yield Text.assemble(_title("Confusion matrix", pen), pen.text("  rows: expected, columns: read as", "dim"))
    lines = _matrix(confusion, pen)
    if max(cell_len(line.plain) for line in lines) + 2 <= pen.width:
        yield from (indented(line) for line in lines)
    else:
        yield indented(pen.text("Too wide for this terminal; the most frequent errors:", "dim"))
        yield from (indented(pen.text(line), 4) for line in confusion.errors)
    yield indented(pen.text(confusion.worst, "dim"))


def _matrix(confusion: parts.ConfusionView, pen: Pen) -> list[Text]:
    """Draw the matrix with plain characters, recall at the right and precision below."""
    rows = [["", *confusion.columns, "total", "recall"]]
    rows += [[r.label, *(c.count for c in r.cells), r.total, r.recall] for r in confusion.rows]
    rows.append(["total", *confusion.totals, confusion.grand_total, ""])
    rows.append(["precision", *confusion.precisions, "", "", ""])
    safe = [[pen.text(parts.shorten(cell, 24)).plain for cell in row] for row in rows]
    widths = [max(cell_len(row[j]) for row in safe) for j in range(len(safe[0]))]
    lines = []
    for i, row in enumerate(safe):
        line = Text(row[0] + " " * (widths[0] - cell_len(row[0])), style="dim" if i > len(confusion.rows) else "")
        for j, cell in enumerate(row[1:], start=1):
            line.append("  " + " " * (widths[j] - cell_len(cell)))
            line.append(cell, style=_matrix_style(confusion, i - 1, j - 1))
        lines.append(line)
    return lines


def _matrix_style(confusion: parts.ConfusionView, i: int, j: int) -> str:
    if not 0 <= i < len(confusion.rows) or j >= len(confusion.columns):
        return "dim"
    cell = confusion.rows[i].cells[j]
    if cell.worst:
        return "bold red"
    return {"right": "green", "wrong": "red", "none": "yellow", "zero": "dim"}[cell.kind]


def _summaries(c: parts.CandidateView, pen: Pen, *, full: bool) -> Iterable[RenderableType]:
    if full:
        for section in c.sections:
            yield from _section(section, pen)
        for group in c.notable:
            yield ""
            yield from _group(group, pen)
        return
    yield ""
    for table in c.labels.tables if c.labels else ():
        yield table_of(_columns(table, 3), pen)
    yield ""
    yield _leads(c, pen)
    yield from _worth_a_look(c, pen)


def _columns(table: parts.Table, upto: int) -> parts.Table:
    """Keep the first columns of a table; the rest is for `full`."""
    return parts.Table(title="", head=table.head[:upto], rows=tuple(row[:upto] for row in table.rows))


def _leads(c: parts.CandidateView, pen: Pen) -> RenderableType:
    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    wanted = (c.latency, c.stability, c.history, c.robustness, c.generalization, c.leakage, c.cost)
    for section in wanted:
        if section is not None and section.lead:
            grid.add_row(pen.text(section.link, "bold"), pen.text(section.lead))
    if c.measurement is not None and c.measurement.lead:
        grid.add_row(pen.text("Timing", "bold"), pen.text(c.measurement.lead))
    return grid


def _worth_a_look(c: parts.CandidateView, pen: Pen) -> Iterable[RenderableType]:
    if not c.notable:
        return
    yield ""
    yield _title("Cases to look at", pen)
    for group in c.notable:
        yield _names(group, pen)


def _names(group: parts.NotableGroup, pen: Pen) -> RenderableType:
    names = ", ".join(row.case for row in group.rows[:6])
    more = ", ..." if len(group.rows) > 6 else ""
    return bulleted("-", f"{group.title}: {names}{more}", pen)


def _group(group: parts.NotableGroup, pen: Pen) -> Iterable[RenderableType]:
    yield _title(group.title, pen)
    for row in group.rows:
        yield bulleted("-", f"{row.case}: expected {row.expected}, got {row.got}", pen)
        yield indented(pen.text(parts.shorten(row.text, 300), "dim"), 4)
        yield indented(pen.text("reply: " + parts.shorten(row.reply, 300), "dim"), 4)


def _section(section: parts.Section, pen: Pen) -> Iterable[RenderableType]:
    yield ""
    yield _title(section.title, pen)
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
