"""The gate's summary for a terminal or a log: the decision, the figures that made it, and where to look."""

from collections.abc import Iterator

from rich.console import Console, RenderableType

from harness.judge import Gate, count
from harness.report.gate.view import GateRow, GateView, PromptView, gate_view
from harness.report.parts import TroubleView, shorten
from harness.report.pen import MARKS, STYLES, Pen, badge, bulleted, indented, stdout_console, written

_FIRST = 3  # figures beside the decision


def terminal_gate(gate: Gate, *, console: Console | None = None) -> str:
    """Give the summary as text for stdout: its width, colours and encoding decide, or those of `console`."""
    target = console or stdout_console()
    return written(_blocks(gate_view(gate), Pen(target)), target)


def _blocks(view: GateView, pen: Pen) -> Iterator[RenderableType]:
    yield badge(view.status, view.tone, view.suite, pen)
    yield indented(pen.text(shorten(view.headline, 1200)))
    deciding = [(one, row) for one in view.prompts for row in one.rows if row.status == view.status != "PASS"]
    for one, row in deciding[:_FIRST]:
        whose = f"{one.name}: " if len(view.prompts) > 1 else ""
        yield bulleted(MARKS[row.tone], f"{whose}{row.name}: {_figures(row)}", pen, STYLES[row.tone])
    if view.next:
        yield bulleted("→", shorten(view.next, 600), pen, "bold")
    yield ""
    yield pen.text(f"{view.compared}. {view.policy if not view.loud else ''}".rstrip(), "dim")
    if view.loud:
        yield pen.text(f"WARNING: {view.policy}", "bold yellow")
    edits = [*view.edits, *(f"prompt deleted: {path}" for path in view.deleted)]
    if edits:
        when = "they count already" if view.loud else "they take effect after the merge"
        yield pen.text(f"this branch edits what it is judged by ({when}):")
        yield from (bulleted("-", shorten(edit, 160), pen) for edit in edits)
    for prompt in view.prompts:
        yield ""
        yield from _prompt(prompt, pen)
    yield ""
    yield pen.text(f"cost of this gate: {view.cost}")
    yield badge(view.status, view.tone, view.suite, pen)


def _prompt(prompt: PromptView, pen: Pen) -> Iterator[RenderableType]:
    yield pen.text(f"{prompt.name} ({prompt.path}): {prompt.status}", "bold")
    yield indented(pen.text(prompt.about, "dim"))
    for trouble in prompt.wrong:
        yield from _trouble(trouble, pen)
    for row in prompt.rows:
        yield from _check(row, pen)
    if prompt.broken or prompt.fixed:
        yield indented(pen.text(f"{count(prompt.broken, 'case')} broken, {prompt.fixed:,} fixed", "bold"))
    for one in prompt.regressions:
        moved = f"{one.case} (expected {one.expected}): {one.before} -> {one.after}"
        yield bulleted("-", shorten(moved, 400), pen)
        yield indented(pen.text(shorten(one.text, 160), "dim"), 4)
        yield indented(pen.text(f"reply: {shorten(one.reply_after, 160)}", "dim"), 4)
    yield from (indented(pen.text(f"also: {shorten(shift, 300)}")) for shift in prompt.shifts[:10])
    yield from (indented(pen.text(f"note: {shorten(note, 300)}")) for note in prompt.notes)


def _check(row: GateRow, pen: Pen) -> Iterator[RenderableType]:
    """Give a check with its figures: of one that did not pass with its reason, below."""
    name, figures = f"{row.status}  {shorten(row.name, 160)}", shorten(_figures(row), 160)
    joined = f"{name}: {figures}" if figures else name
    fits = pen.text(joined).cell_len + 4 <= pen.width
    yield bulleted(MARKS[row.tone], joined if fits else name, pen, STYLES[row.tone])
    if figures and not fits:
        yield indented(pen.text(figures), 4)
    if row.status != "PASS":
        yield indented(pen.text(shorten(row.why, 400), "dim"), 4)


def _figures(row: GateRow) -> str:
    moved = " -> ".join(figure for figure in (row.base, row.head) if figure)
    return f"{row.change}; {moved}" if row.change and moved else row.change or moved


def _trouble(row: TroubleView, pen: Pen) -> Iterator[RenderableType]:
    decides = f", {row.decides}" if row.decides else ""
    yield indented(pen.text(f"went wrong: {row.title} [{row.kind}]: {row.many}{decides}", STYLES[row.tone]))
    if row.samples:
        for one in row.samples:
            told = f"{shorten(one.case, 60)}: {shorten(one.reply, 160) or 'no text'} ({shorten(one.reason, 160)})"
            yield indented(pen.text(told, "dim"), 4)
    else:
        yield indented(pen.text(shorten(row.words, 300)), 4)
    if row.next:
        yield bulleted("  ->", shorten(row.next, 300), pen, "bold")
