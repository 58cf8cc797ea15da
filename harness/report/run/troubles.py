"""What went wrong, on a terminal: what happened, why in the cause's words, two replies, what to do next."""

from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table as Grid
from rich.text import Text

from harness.report.parts import TroubleView, shorten
from harness.report.pen import MARKS, STYLES, Pen, indented

_MOST_WORDS = 300
_MOST_REPLY = 160


def troubles_told(title: str, rows: Iterable[TroubleView], pen: Pen) -> Iterable[RenderableType]:
    """Tell each kind in a few lines."""
    yield pen.text(title, "bold")
    for row in rows:
        yield from _trouble(row, pen)


def _trouble(row: TroubleView, pen: Pen) -> Iterable[RenderableType]:
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
    if row.next:
        yield indented(_behind(pen.text("→", "bold"), pen.text(row.next, "bold"), by=0), 4)


def _behind(mark: Text, text: Text, *, by: int = 2) -> RenderableType:
    grid = Grid.grid(padding=(0, 1, 0, 0))
    grid.add_row(mark, text)
    return indented(grid, by)
