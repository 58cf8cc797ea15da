"""The gate's summary for a terminal or a log: the decision, what decided it, and where to look."""

from collections.abc import Iterator

from harness.judge import Gate, count
from harness.report.gate.view import GateRow, GateView, PromptView, gate_view
from harness.report.parts import TroubleView, shorten, terminal

_WIDEST = 60


def terminal_gate(gate: Gate) -> str:
    """Give the summary as plain lines."""
    return "\n".join(_lines(gate_view(gate)))


def _lines(view: GateView) -> Iterator[str]:
    yield f"{view.status}: {_safe(view.headline, 1200)}"
    yield f"{_safe(view.compared)}. {view.policy if not view.loud else ''}".rstrip()
    if view.loud:
        yield f"WARNING: {view.policy}"
    edits = [*view.edits, *(f"prompt deleted: {path}" for path in view.deleted)]
    if edits:
        when = "they count already" if view.loud else "they take effect after the merge"
        yield f"this branch edits what it is judged by ({when}):"
        yield from (f"  - {_safe(edit)}" for edit in edits)
    for prompt in view.prompts:
        yield ""
        yield from _prompt(prompt)
    yield ""
    yield f"cost of this gate: {view.cost}"


def _prompt(prompt: PromptView) -> Iterator[str]:
    yield f"{_safe(prompt.name)} ({_safe(prompt.path)}): {prompt.status}"
    yield f"  {_safe(prompt.about)}"
    for trouble in prompt.wrong:
        yield from _trouble(trouble)
    if prompt.rows:
        head = GateRow(
            status="", tone="plain", name="check", base="baseline", head="candidate", change="difference", why=""
        )
        rows = [_cells(row) for row in (head, *prompt.rows)]
        widths = [min(_WIDEST, max(len(cell) for cell in column)) for column in zip(*rows, strict=True)]
        for line in rows:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            yield f"  {'  '.join(cells)}".rstrip()
    for row in prompt.rows:
        if row.status != "PASS":
            yield f"  {row.status}: {_safe(row.why, 400)}"
    if prompt.broken or prompt.fixed:
        yield f"  {count(prompt.broken, 'case')} broken, {prompt.fixed:,} fixed"
    for one in prompt.regressions:
        moved = f"{_safe(one.before)} -> {_safe(one.after)}"
        yield f"  - {_safe(one.case)} (expected {_safe(one.expected)}): {moved}"
        yield f"      {_safe(one.text)}"
        yield f"      reply: {_safe(one.reply_after)}"
    yield from (f"  also: {_safe(shift, 300)}" for shift in prompt.shifts[:10])
    yield from (f"  note: {_safe(note, 300)}" for note in prompt.notes)


def _trouble(row: TroubleView) -> Iterator[str]:
    decides = f", {row.decides}" if row.decides else ""
    yield f"  went wrong: {row.title} [{row.kind}]: {row.many}{decides}"
    if row.samples:
        yield from (
            f"    {_safe(one.case, 60)}: {_safe(one.reply) or 'no text'} ({_safe(one.reason)})" for one in row.samples
        )
    else:
        yield f"    {_safe(row.words, 300)}"
    if row.next:
        yield f"    -> {_safe(row.next, 300)}"


def _cells(row: GateRow) -> tuple[str, ...]:
    return tuple(_safe(cell, _WIDEST) for cell in (row.status, row.name, row.base, row.head, row.change))


def _safe(text: str, most: int = 160) -> str:
    return terminal(shorten(text, most))
