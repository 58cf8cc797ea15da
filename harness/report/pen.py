"""What every report on a terminal is written with: a pen for foreign text, and how its blocks are laid out.

Foreign text goes through `Pen`, so no control character reaches the terminal; where the output can't carry
more than ASCII, nothing else is written. Meaning never hangs on colour alone.
"""

import shutil
import sys
from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from harness.report.parts import Table, Tone, ascii_only, one_line, shorten

STYLES: dict[Tone, str] = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow", "plain": ""}
MARKS: dict[Tone, str] = {"pass": "✓", "fail": "✗", "inconclusive": "?", "plain": " "}


class Pen:
    """Writes foreign text for one console: visible controls, one line, ASCII where need be."""

    def __init__(self, console: Console) -> None:
        self.ascii = "utf" not in (console.encoding or "").lower()
        self.width = console.width

    def text(self, content: str, style: str = "") -> Text:
        """Give safe text; brackets are never read as markup."""
        safe = one_line(content)
        return Text(ascii_only(safe) if self.ascii else safe, style=style)


def stdout_console() -> Console:
    """Give the console of stdout, as wide as the terminal is: rich takes a dumb one for 80 columns."""
    size = shutil.get_terminal_size() if sys.stdout.isatty() else None
    return Console(emoji=False, width=size and size.columns, height=size and size.lines)


def written(blocks: Iterable[RenderableType], console: Console) -> str:
    """Give blocks as text for stdout: the console's width, colours and encoding decide."""
    with console.capture() as captured:
        for block in blocks:
            console.print(block, highlight=False, soft_wrap=isinstance(block, Text) and bool(block.no_wrap))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def indented(block: RenderableType, by: int = 2) -> Padding:
    """Move a block to the right."""
    return Padding(block, (0, 0, 0, by), expand=False)


def badge(verdict: str, tone: Tone, subject: str, pen: Pen) -> Text:
    """Give a verdict as a badge, and what it is of."""
    return Text.assemble(pen.text(f" {verdict} ", f"{STYLES[tone]} reverse"), "  ", pen.text(subject, "bold"))


def bulleted(mark: str, sentence: str, pen: Pen, style: str = "yellow") -> RenderableType:
    """Give a sentence behind a mark; its further lines stand below its first."""
    grid = Grid.grid(padding=(0, 1, 0, 0))
    grid.add_row(pen.text(f"  {mark}", style), pen.text(sentence))
    return grid


def laid_out(*head: str, numbers: Iterable[int] = ()) -> Grid:
    """Give an empty table without lines, with its columns."""
    grid = Grid(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=any(head), header_style="dim")
    right = set(numbers)
    for i, name in enumerate(head):
        grid.add_column(Text(name), justify="right" if i in right else "left", overflow="fold")
    return grid


def table_of(table: Table, pen: Pen) -> RenderableType:
    """Lay a table of a report out."""
    numbers = {i for row in table.rows for i, cell in enumerate(row) if cell.kind == "number"}
    grid = laid_out(*(pen.text(name).plain for name in table.head), numbers=numbers)
    for row in table.rows:
        grid.add_row(*(pen.text(shorten(cell.text, 200), STYLES[cell.tone]) for cell in row))
    blocks: list[RenderableType] = [indented(grid)]
    if table.title:
        blocks.insert(0, indented(pen.text(table.title, "underline")))
    if table.note:
        blocks.append(indented(pen.text(table.note, "dim")))
    return Group(*blocks)
