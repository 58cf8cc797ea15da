"""The report on a terminal: what a person wants first, or with `full` everything."""

from collections.abc import Iterable, Mapping

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from harness.judge import Assessment, CandidateAssessment, NextStep, figure_text, listed
from harness.report import parts
from harness.report.pen import (
    MARKS,
    STYLES,
    Pen,
    badge,
    bulleted,
    indented,
    laid_out,
    stdout_console,
    table_of,
    written,
)
from harness.report.run.blocks import matrix_of, section_of, troubles_told
from harness.report.run.view import Manifest, run_view

_MOST_CHECKS = 12  # in the order of the policy; of more those that did not pass come first, until `full`
_MOST_TRAPS = 6  # before `full`
_MOST_REASONS = 3  # of checks that did not pass, before `full`
_ROOMY = 100  # columns from which the table of candidates has intervals, p95 and cost
_NARROW = 60  # columns below which checks are no table
_LEAST_ROOM = 16  # columns for the checks; with fewer it is no table


def terminal_report(
    assessment: Assessment,
    manifest: Manifest | None = None,
    *,
    console: Console | None = None,
    full: bool = False,
    page: str = "",
) -> str:
    """Give the report as text for stdout: its width, colours and encoding decide, or those of `console`.

    The best candidate is shown whole, of the others what they fail at; `full` shows all of all. The last line
    is the verdict and `page`, where the report is to be read.
    """
    target = console or stdout_console()
    return written(_report(run_view(assessment, manifest), assessment, Pen(target), full=full, page=page), target)


def _report(
    view: parts.ReportView, assessment: Assessment, pen: Pen, *, full: bool, page: str
) -> Iterable[RenderableType]:
    best = next((c for c in view.candidates if not c.unshown), view.candidates[0] if view.candidates else None)
    for warning in view.warnings:
        yield pen.text("! " + warning, "yellow")
    if view.several:
        yield ""
        yield badge(view.verdict, view.tone, view.suite, pen)
        yield indented(pen.text(view.headline))
        yield from _next(assessment.next_step, pen)
        yield ""
        yield _candidates(view, {c.name: c for c in assessment.candidates}, pen)
        named = assessment.leaderboard.recommended if assessment.leaderboard else ""
        if view.standing and (full or view.verdict == "READY" or best is None or named != best.name):
            yield from _standing(view.standing, pen, full=full)
    for candidate in view.candidates:
        if full or candidate is best:
            yield ""
            judged = next(c for c in assessment.candidates if c.name == candidate.name)
            yield from _candidate(candidate, judged, view, pen, full=full)
            yield from _sections(candidate, pen) if full else _in_short(candidate, judged, pen)
    if view.mislabelled:
        yield ""
        yield from _group(view.mislabelled, pen) if full else [bulleted("-", _named(view.mislabelled), pen)]
    if full:
        yield from section_of(view.reproduce, pen)
    yield ""
    yield from _last(view, pen, page)


def _last(view: parts.ReportView, pen: Pen, page: str) -> Iterable[RenderableType]:
    """Say the verdict, which is the run's and not its worst candidate's, and where the report is."""
    said, where = badge(view.verdict, view.tone, view.suite, pen), pen.text(page)
    where.no_wrap = True  # a path in pieces can't be copied
    if page and cell_len(said.plain) + cell_len(where.plain) + 2 > pen.width:
        yield where
    elif page:
        said = Text.assemble(said, "  ", where)
    yield said


def _candidates(view: parts.ReportView, judged: Mapping[str, CandidateAssessment], pen: Pen) -> RenderableType:
    """Give one line a candidate, best first, with what it fails at."""
    shown = sorted(view.candidates, key=lambda c: bool(c.unshown))  # those that were not measured last
    board = {row.key: row for row in view.leaderboard}
    roomy = pen.width >= _ROOMY
    priced = roomy and any(c.cost.priced for c in judged.values())
    head = ("Candidate", "Verdict", "Accuracy", *(["p95"] if roomy else []), *(["Per 1,000"] if priced else []))
    rows = [_told(c, judged[c.name], board.get(c.key), roomy=roomy)[: len(head)] for c in shown]
    taken = sum(2 + max(cell_len(pen.text(cell).plain) for cell in column) for column in zip(head, *rows, strict=True))
    room = pen.width - taken - 4
    if room < _LEAST_ROOM:  # too narrow for a table
        lines = (f"{c.name}: {c.verdict}: {_fails_at(c, judged[c.name])}" for c in shown)
        marks = ((MARKS[c.tone], STYLES[c.tone]) for c in shown)
        return Group(*(bulleted(mark, line, pen, style) for line, (mark, style) in zip(lines, marks, strict=True)))
    grid = laid_out(*head, "Checks")
    for i, (c, cells) in enumerate(zip(shown, rows, strict=True)):
        styles = ("bold" if not i else "", STYLES[c.tone], *[""] * len(cells))
        written_cells = (pen.text(cell, style) for cell, style in zip(cells, styles, strict=False))
        grid.add_row(*written_cells, pen.text(_fails_at(c, judged[c.name], room)))
    return indented(grid)


def _told(
    c: parts.CandidateView, judged: CandidateAssessment, row: parts.LeaderRow | None, *, roomy: bool
) -> tuple[str, ...]:
    verdict = f"{MARKS[c.tone]} {c.verdict}"
    if c.unshown:
        return (c.name, verdict, "", "", "")
    accuracy = figure_text(judged.classification.accuracy, "share")
    rest = ("", "") if row is None else (row.p95.value, row.cost.value)  # the only one that was measured has no row
    return (c.name, verdict, str(accuracy) if roomy else accuracy.value, *rest)


def _fails_at(c: parts.CandidateView, judged: CandidateAssessment, room: int | None = None) -> str:
    """Name the checks that fail, or where none does those that are open: as many as `room` columns hold."""
    if c.unshown:
        return parts.shorten(c.went_wrong[0].title if c.went_wrong else c.tally, room or 200)
    for status, fate in (("FAIL", "fails"), ("INCONCLUSIVE", "open")):
        if names := [check.name or check.threshold for check in judged.checks if check.status == status]:
            told = (f"{fate} {listed(names, most)}" for most in range(len(names), 0, -1))
            return next((text for text in told if room is None or cell_len(text) <= room), f"{len(names)} {fate}")
    return c.tally


def _standing(standing: parts.StandingView, pen: Pen, *, full: bool) -> Iterable[RenderableType]:
    yield ""
    yield indented(pen.text(standing.recommendation, "bold"))
    if full:
        for sentence in (standing.differences, standing.front, standing.weakest):
            if sentence:
                yield bulleted("-", sentence, pen)
        yield table_of(standing.duels, pen)


def _next(step: NextStep | None, pen: Pen) -> Iterable[RenderableType]:
    if step is not None:
        yield bulleted("→", step.sentence, pen, "bold")


def _candidate(
    c: parts.CandidateView, judged: CandidateAssessment, view: parts.ReportView, pen: Pen, *, full: bool
) -> Iterable[RenderableType]:
    yield badge(c.verdict, c.tone, c.name if view.several else f"{view.suite}: {c.name}", pen)
    if full or not view.several:  # else the run's sentence has just said it
        yield indented(pen.text(c.headline))
        yield from _next(judged.next_step, pen)
    yield indented(pen.text(c.summary, "dim"))
    if c.deciding:
        yield ""
        yield from troubles_told("What went wrong", c.deciding, pen, c.next_step)
    if c.unshown:
        yield ""
        yield indented(pen.text(c.unshown, "dim"))
    if c.checks:
        yield ""
        yield pen.text(f"Checks: {c.tally}", "bold")
        yield _checks(c, pen, most=len(c.checks) if full else _MOST_REASONS - view.several, full=full)
    if c.beside and full:
        yield ""
        yield from troubles_told("What went wrong, and does not decide", c.beside, pen)
    if c.traps or (c.beside and not full):
        yield ""
        yield pen.text("Mind", "bold")
        for row in () if full else c.beside:
            yield bulleted("!", f"{row.title}: {row.many}. {row.next}".rstrip(), pen)
        shown = c.traps if full else c.traps[:_MOST_TRAPS]
        yield from (bulleted("!", trap, pen) for trap in shown)
        if len(shown) < len(c.traps):
            yield _unshown(len(c.traps) - len(shown), pen)
    if c.confusion:
        yield ""
        yield from matrix_of(c.confusion, pen)


def _unshown(n: int, pen: Pen) -> RenderableType:
    return indented(pen.text(f"and {n:,} more: harness show --full", "dim"), 4)


def _checks(c: parts.CandidateView, pen: Pen, *, most: int, full: bool) -> RenderableType:
    checks = c.checks if full or len(c.checks) <= _MOST_CHECKS else (*c.blocking, *c.passing)[:_MOST_CHECKS]
    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    lines: list[RenderableType] = []
    for row in checks:
        mark, style = f"{MARKS[row.tone]} {row.status}", STYLES[row.tone]
        if pen.width < _NARROW:
            lines.append(bulleted(MARKS[row.tone], f"{row.status} {row.threshold}: {row.seen}", pen, style))
        else:
            grid.add_row(pen.text(mark, style), pen.text(row.threshold), pen.text(row.seen))
    reasons = [row for row in c.blocking if row.why]
    hidden = len(c.checks) - len(checks)
    blocks = [*(lines or [indented(grid)]), *([_unshown(hidden, pen)] if hidden else []), *([""] if reasons else [])]
    blocks += [bulleted(MARKS[row.tone], row.why, pen, STYLES[row.tone]) for row in reasons[:most]]
    if len(reasons) > most:
        blocks.append(_unshown(len(reasons) - most, pen))
    return Group(*blocks)


def _sections(c: parts.CandidateView, pen: Pen) -> Iterable[RenderableType]:
    for section in c.sections:
        yield from section_of(section, pen)
    for group in c.notable:
        yield ""
        yield from _group(group, pen)


def _in_short(c: parts.CandidateView, judged: CandidateAssessment, pen: Pen) -> Iterable[RenderableType]:
    """Give a sentence of each section that says what no check above has said, and the cases to look at."""
    leaks, timing = judged.leakage, judged.timing_quality
    asked = {check.metric.partition(".")[0] for check in judged.checks}
    told = (
        (c.latency, True),
        (c.stability, judged.repeats > 1 and "stability" not in asked),
        (c.history, True),
        (c.robustness, "robustness" not in asked),
        (c.generalization, "generalization" not in asked),
        (c.leakage, leaks is not None and leaks.leaked_cases > 0 and "leakage" not in asked),
        (c.cost, judged.cost.priced),
        (c.measurement, not timing.good),
    )
    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    for section, telling in told:
        if section is not None and section.lead and telling:
            grid.add_row(pen.text(section.link, "bold"), pen.text(section.lead))
    for i, group in enumerate(c.notable):
        grid.add_row(pen.text("" if i else "Cases", "bold"), pen.text(_named(group)))
    if grid.row_count:
        yield ""
        yield grid


def _named(group: parts.NotableGroup) -> str:
    return f"{group.title}: {', '.join(row.case for row in group.rows[:6])}{', ...' if len(group.rows) > 6 else ''}"


def _group(group: parts.NotableGroup, pen: Pen) -> Iterable[RenderableType]:
    yield pen.text(group.title, "bold")
    for row in group.rows:
        yield bulleted("-", f"{row.case}: expected {row.expected}, got {row.got}", pen)
        yield indented(pen.text(parts.shorten(row.text, 300), "dim"), 4)
        yield indented(pen.text("reply: " + parts.shorten(row.reply, 300), "dim"), 4)
