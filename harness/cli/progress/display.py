"""Shows progress on stderr: bars on a terminal, a line every five seconds elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.ground.console import stderr
from harness.cli.progress.counting import Progress
from harness.cli.progress.tally import so_far, tallies
from harness.report.parts import visible

if TYPE_CHECKING:
    from rich.console import Group, OverflowMethod, RenderableType

    from harness.files.bundle import Bundle
    from harness.rundir import Manifest

LINE_EVERY_S = 5.0
REDRAW_HZ = 4
WIDE = 110  # columns from which the bars may be long
NARROW = 60  # columns below which there are none
_NEUTRAL = "default"  # rich's own bar is red, which here is what fails


@contextmanager
def watching_bundle(bundle: Bundle, *, quiet: bool, verbose: bool = False) -> Iterator[Progress]:
    """Show progress of a new run."""
    models = {candidate.name: candidate.model for candidate in bundle.candidates}
    progress = Progress(tallies(bundle.suite, {case.id: case.expected for case in bundle.cases}, models))
    with _shown(progress, quiet=quiet, verbose=verbose):
        yield progress


@contextmanager
def watching(folder: Path, manifest: Manifest, *, quiet: bool, verbose: bool = False) -> Iterator[Progress]:
    """Show progress of a run that is resumed; what its journal holds is done already."""
    from harness.files.project import ModelEntry
    from harness.files.suite import Suite

    expected, before = so_far(folder)
    models = {entry.name: ModelEntry.model_validate(entry.model) for entry in manifest.candidates}
    progress = Progress(tallies(Suite.model_validate(manifest.suite), expected, models, before))
    with _shown(progress, quiet=quiet, verbose=verbose):
        yield progress


@contextmanager
def _shown(progress: Progress, *, quiet: bool, verbose: bool = False) -> Iterator[None]:
    progress.verbose = verbose and not quiet
    if quiet:
        yield
    elif sys.stderr.isatty() and not stderr().is_dumb_terminal:  # which can't be drawn over
        with _live(progress):
            yield
    else:
        with _lines(progress):
            yield


@contextmanager
def _live(progress: Progress) -> Iterator[None]:
    from rich.live import Live

    console = stderr()
    live = Live(
        get_renderable=lambda: table(progress, console.width),
        console=console,
        refresh_per_second=REDRAW_HZ,
        transient=True,
    )
    progress.say = lambda text: console.print(visible(text), markup=False)
    try:
        with live:
            yield
    except BaseException:
        if progress.planned:  # else it never began, and the error says why
            console.print(table(progress, console.width))  # what was paid for stays on the screen
        raise
    finally:
        if progress.planned:
            console.print(progress.finished(), markup=False)


def table(progress: Progress, width: int) -> Group:
    """Draw a bar and the figures of each candidate, and what the whole run does."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    planned = max(progress.planned_each, 1)
    wide, narrow = width >= WIDE, width < NARROW
    cut: OverflowMethod = "ellipsis" if "utf" in (stderr().encoding or "").lower() else "crop"
    grid = Table.grid(padding=(0, 2), expand=False)
    grid.add_column(no_wrap=True, overflow=cut, max_width=max(width // 5, 12))
    troubles = []
    for name, tally in progress.tallies.items():
        done = min(tally.before + tally.done, planned)
        long = 24 if wide else 8
        bar = ProgressBar(planned, done, width=long, complete_style=_NEUTRAL, finished_style=_NEUTRAL)
        texts = (f"{done:,}/{planned:,}" if wide else f"{done:,}", tally.accuracy_text(), tally.p95_text())
        trouble = Text(tally.trouble_text(), style="red" if tally.outcomes["failed"] else "")
        cells: list[RenderableType] = [bar, *map(Text, texts), trouble]
        # Whole words or none, for half a figure misleads: what has no room is left out, or stands below.
        grid.add_row(Text(visible(name)), *(cells if wide else cells[1:3] if narrow else cells[:4]))
        if trouble.plain and not wide:
            troubles.append(Text.assemble(f"{visible(name)}: ", trouble))
    parts = [*troubles, Text("  ".join(progress.figures()), no_wrap=True, overflow=cut)]
    waiting = progress.waiting()
    if waiting:
        parts.append(Text(visible(waiting), no_wrap=True, overflow=cut))
    return Group(grid, *parts)


@contextmanager
def _lines(progress: Progress) -> Iterator[None]:
    over = threading.Event()
    progress.say = _print

    def speak() -> None:
        while not over.wait(LINE_EVERY_S):
            _print(progress.line())

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        yield
    except BaseException:
        if progress.planned:
            _print(progress.line())
        raise
    finally:
        over.set()
        speaker.join()
        if progress.planned:
            _print(progress.finished())


def _print(text: str) -> None:
    print(visible(text), file=sys.stderr, flush=True)  # noqa: T201 - stderr is for progress


@contextmanager
def fetching(*, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a download: the callback takes bytes so far and bytes in all."""
    told = -1

    def progress(done: int, total: int) -> None:
        nonlocal told
        percent = 100 * done // max(total, 1)
        if not quiet and percent // 10 > told // 10:
            told = percent
            _print(f"fetching the embedded model: {done / 1e6:.0f} of {total / 1e6:.0f} MB")

    yield progress
