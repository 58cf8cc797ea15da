"""A comparison on a terminal and in files: what changed first, then the cases behind it.

The files are one of HTML that needs nothing else, and Markdown for a wiki or a pull request. Both have the style,
policy and escaping of the report's own: everything foreign in them is inert.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup
from rich.console import Console, Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from harness.judge import Comparison, WordChange
from harness.report.comparison.parts import CaseView, ComparisonView, DifferenceRow
from harness.report.comparison.view import comparison_view
from harness.report.parts import Cases, Tone, cut_markdown, shorten
from harness.report.pen import MARKS as TONE_MARKS
from harness.report.pen import Pen, bulleted, indented, laid_out, stdout_console, table_of, written
from harness.report.rendering import inert_html, markdown_page, render_page

STYLES: dict[Tone, str] = {"pass": "green", "fail": "red", "inconclusive": "yellow", "plain": "dim"}
MARKS = {"better": "✓", "worse": "✗", "no difference shown": "=", "can't tell": "?"}
CASES_SHOWN = 5
WIDE = 140  # from here on both sides are shown with their intervals
DIFF_CONTEXT = 60  # characters of unchanged text around a change
HTML_TEMPLATE, HTML_CASES = "comparison.html.j2", 200
MARKDOWN_TEMPLATE, MARKDOWN_CASES = "comparison.md.j2", 30
VERDICT_MARKS = {"better": "✓ ", "worse": "✗ ", "no difference shown": "", "can't tell": "? "}


def terminal_comparison(comparison: Comparison, *, console: Console | None = None, full: bool = False) -> str:
    """Give the comparison as text for stdout, as wide and colourful as the console is."""
    target = console or stdout_console()
    return written(_blocks(comparison_view(comparison), Pen(target), full=full), target)


def _blocks(view: ComparisonView, pen: Pen, *, full: bool) -> Iterable[RenderableType]:
    yield ""
    yield Text.assemble(pen.text(view.base, "bold"), pen.text(" → "), pen.text(view.head, "bold"))
    yield indented(pen.text(view.headline, STYLES[view.tone] if view.tone != "plain" else ""))
    yield indented(pen.text(view.facts, "dim"))
    for note in view.notes:
        yield bulleted("!", note, pen)
    if view.headline_rows:  # none where no case is on both sides
        yield ""
        yield _differences(view.headline_rows, pen)
    asked = {question.name for question in view.questions}
    doubts = (row for row in view.headline_rows if row.name not in asked and row.verdict == "can't tell")
    yield from (bulleted("?", row.sentence, pen) for row in doubts)
    if view.typical:
        yield indented(pen.text(view.typical, "dim"))
    yield from _questions(view, pen)
    yield from _details(view, pen, full=full)
    yield from _cases("Broken", view.broken, pen, full=full)
    yield from _cases("Fixed", view.fixed, pen, full=full)
    if view.moved:
        yield indented(pen.text(view.moved, "dim"))
    yield from _surroundings(view, pen, full=full)
    yield ""


def _differences(rows: Sequence[DifferenceRow], pen: Pen) -> RenderableType:
    wide = pen.width >= WIDE
    grid = laid_out("", "", "Baseline", "Candidate", "Difference", "")
    for row in rows:
        base, head = (str(side) if wide else side.value for side in (row.base, row.head))
        grid.add_row(
            pen.text(MARKS[row.verdict], STYLES[row.tone]),
            pen.text(row.name),
            pen.text(base),
            pen.text(head),
            pen.text(row.difference),
            pen.text(row.verdict, STYLES[row.tone]),
        )
    return indented(grid)


def _questions(view: ComparisonView, pen: Pen) -> Iterable[RenderableType]:
    if not view.questions:
        return
    yield ""
    yield pen.text(f"No worse by more than {view.margin}? {view.question_status}", "bold")
    for question in view.questions:
        yield bulleted(TONE_MARKS[question.tone], question.sentence, pen)


def _details(view: ComparisonView, pen: Pen, *, full: bool) -> Iterable[RenderableType]:
    for title, every in (("Details", view.detail_rows), ("Slices", view.slice_rows)):
        rows = [row for row in every if full or row.verdict in {"better", "worse"}]
        if not every or (title == "Slices" and not rows):
            continue
        yield ""
        told = _unshown([row for row in every if row not in rows])
        yield Text.assemble(pen.text(title, "bold"), pen.text(told, "dim"))
        if rows:
            yield _differences(rows, pen)
    if full:
        for sentence in view.uncompared:
            yield bulleted("-", sentence, pen)


def _unshown(rows: Sequence[DifferenceRow]) -> str:
    if not rows:
        return ""
    unsure = sum(row.verdict == "can't tell" for row in rows)
    alike = len(rows) - unsure
    parts = [f"no difference shown in {alike}"] if alike else []
    parts += [f"can't tell in {unsure}"] if unsure else []
    return f"  {', '.join(parts)} (--full lists them)"


def _cases(title: str, cases: Sequence[CaseView], pen: Pen, *, full: bool) -> Iterable[RenderableType]:
    if not cases:
        return
    yield ""
    shown = cases if full else cases[:CASES_SHOWN]
    more = f"  {len(shown)} of {len(cases):,}; --full shows all" if len(shown) < len(cases) else ""
    yield Text.assemble(pen.text(f"{title}: {len(cases):,}", "bold"), pen.text(more, "dim"))
    for case in shown:
        yield _case(case, pen, full=full)


def _case(case: CaseView, pen: Pen, *, full: bool) -> RenderableType:
    tags = f"  {case.tags}" if case.tags else ""
    lines: list[RenderableType] = [
        Text.assemble(
            pen.text(f"  {case.case}", "bold"), pen.text(f"  expected {case.expected}"), pen.text(tags, "dim")
        ),
        indented(pen.text(shorten(case.text, 300), "dim"), 4),
    ]
    grid = Grid.grid(padding=(0, 2, 0, 0))
    for side, said, replies in (
        ("baseline", case.base_said, case.base_replies),
        ("candidate", case.head_said, case.head_replies),
    ):
        reply = " | ".join(shorten(text, 160) for text in replies)
        grid.add_row(pen.text(f"    {side}"), pen.text(said, "bold"), pen.text(f"reply: {reply}", "dim"))
    lines.append(grid)
    if full and case.head_prompt:
        lines.append(indented(pen.text(f"base was asked: {shorten(case.base_prompt, 2000)}", "dim"), 4))
        lines.append(indented(pen.text(f"the candidate was asked: {shorten(case.head_prompt, 2000)}", "dim"), 4))
    return Group(*lines)


def _surroundings(view: ComparisonView, pen: Pen, *, full: bool) -> Iterable[RenderableType]:
    if view.outcomes:
        yield ""
        yield pen.text("How trials ended", "bold")
        yield table_of(view.outcomes, pen)
    if view.prompt_diff or view.prompt_note:
        yield ""
        yield pen.text("Prompt", "bold")
        yield indented(_diff(view.prompt_diff, pen, full=full) if view.prompt_diff else pen.text(view.prompt_note))
    if view.changes:
        yield ""
        yield pen.text("Changes around it", "bold")
        yield table_of(view.changes, pen)
    if view.unpaired:
        yield ""
        yield pen.text("Not paired as they are", "bold")
        for cases in view.unpaired:
            yield bulleted("-", str(cases), pen)
    if full:
        yield ""
        yield indented(pen.text(view.method, "dim"))


def _diff(words: Sequence[WordChange], pen: Pen, *, full: bool) -> Text:
    """Write removed words as [-so-] and added ones as {+so+}, so that colour is not needed."""
    made = Text()
    for place, word in enumerate(words):
        text = word.text
        if word.kind == "same" and not full:
            text = _context(text, first=place == 0, last=place == len(words) - 1)
        for number, line in enumerate(text.split("\n")):
            if number:
                made.append("\n")
            if not line and word.kind == "same":
                continue
            match word.kind:
                case "same":
                    made.append_text(pen.text(line, "dim"))
                case "removed":
                    made.append_text(pen.text(f"[-{line or '¶'}-]", "red"))
                case "added":
                    made.append_text(pen.text(f"{{+{line or '¶'}+}}", "green"))
    return made


def _context(text: str, *, first: bool, last: bool) -> str:
    if len(text) <= 2 * DIFF_CONTEXT:
        return text
    before = "" if first else text[:DIFF_CONTEXT]
    after = "" if last else text[-DIFF_CONTEXT:]
    return f"{before} … {after}"


def render_comparison_html(comparison: Comparison) -> str:
    """Render the page; of more than `HTML_CASES` fixed or broken cases the rest is counted."""
    return render_page(HTML_TEMPLATE, **comparison_values(comparison))


def in_page(_side: str, cases: Cases) -> str:
    """Tell where in the page the cases are that broke alike; it has no other cases by themselves."""
    return f"#became-{cases['became']}" if "became" in cases else ""


def comparison_values(comparison: Comparison) -> dict[str, Any]:
    """Give what the page's template takes."""
    return {
        "view": comparison_view(comparison),
        "verdict_mark": lambda verdict: VERDICT_MARKS.get(verdict, ""),
        "cases_link": in_page,
        "most": HTML_CASES,
    }


def render_comparison_markdown(comparison: Comparison) -> str:
    """Render the comparison, at most as long as GitHub accepts in a comment."""
    view = comparison_view(comparison)
    return cut_markdown(markdown_page(MARKDOWN_TEMPLATE, filters={"lines": _lines}, view=view, most=MARKDOWN_CASES))


def _lines(text: str) -> Markup:
    """Print text inside of a `pre` tag: its lines stay lines, and none is blank, which would end the tag."""
    return Markup("&#10;").join(inert_html(line) for line in text.split("\n"))
