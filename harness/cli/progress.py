"""Live progress on stderr: bars on a terminal, a line every five seconds elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.cli.tally import Tally, tallies

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

    from harness.files.bundle import Bundle
    from harness.record import Pace, Record
    from harness.rundir import Manifest

LINE_EVERY_S = 5.0
REDRAW_HZ = 4


class Progress:
    """Counts what the engine reports; drawing happens elsewhere, so that a record costs microseconds."""

    def __init__(self, by_candidate: dict[str, Tally]) -> None:
        self.tallies = by_candidate
        self.planned = 0
        self.done_before = 0
        self.started = time.monotonic()
        self.waiting = ""
        self.limit = 0
        self.notes: list[str] = []

    def on_start(self, planned: int, done: int) -> None:
        """Learn how many trials the run has and how many were finished before."""
        self.planned, self.done_before = planned, done
        self.started = time.monotonic()

    def on_record(self, record: Record) -> None:
        """Count a finished trial."""
        if not record.warmup:
            self.tallies[record.candidate].add(record)

    def on_pace(self, pace: Pace) -> None:
        """Learn why the pace changed."""
        self.limit, self.waiting = pace.limit, pace.why

    def on_note(self, text: str) -> None:
        """Learn what the run waits for, or what it wants to say."""
        self.notes.append(text)
        self.waiting = text

    @property
    def done(self) -> int:
        """Trials finished, those of earlier sessions included."""
        return self.done_before + sum(tally.done for tally in self.tallies.values())

    def summary(self) -> str:
        """Give one line: how far, how fast, how long still."""
        elapsed = max(time.monotonic() - self.started, 1e-9)
        rate = (self.done - self.done_before) / elapsed
        left = (self.planned - self.done) / rate if rate else None
        parts = [f"{self.done:,}/{self.planned:,}", f"{rate:,.1f}/s"]
        money = sum(tally.money for tally in self.tallies.values())
        if money:
            parts.append(f"{money:,.4f} spent")
        if left is not None and self.done < self.planned:
            parts.append(f"{_clock(left)} left")
        if self.waiting:
            parts.append(self.waiting)
        return "  ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


@contextmanager
def watching_bundle(bundle: Bundle, *, quiet: bool) -> Iterator[Progress]:
    """Show progress of a new run."""
    models = {candidate.name: candidate.model for candidate in bundle.candidates}
    progress = Progress(tallies(bundle.suite, {case.id: case.expected for case in bundle.cases}, models))
    with _shown(progress, quiet=quiet):
        yield progress


@contextmanager
def watching(manifest: Manifest, expected: dict[str, str], *, quiet: bool) -> Iterator[Progress]:
    """Show progress of a resumed run."""
    from harness.files.project import ModelEntry
    from harness.files.suite import Suite

    models = {entry.name: ModelEntry.model_validate(entry.model) for entry in manifest.candidates}
    progress = Progress(tallies(Suite.model_validate(manifest.suite), expected, models))
    with _shown(progress, quiet=quiet):
        yield progress


@contextmanager
def _shown(progress: Progress, *, quiet: bool) -> Iterator[None]:
    if quiet:
        yield
    elif sys.stderr.isatty():
        with _live(progress):
            yield
    else:
        with _lines(progress):
            yield


@contextmanager
def _live(progress: Progress) -> Iterator[None]:
    from rich.live import Live

    from harness.cli.console import stderr

    live: Live = Live(
        get_renderable=lambda: _table(progress),
        console=stderr(),
        refresh_per_second=REDRAW_HZ,
        transient=True,
    )
    with live:
        yield
    stderr().print(progress.summary(), markup=False)


def _table(progress: Progress) -> Group:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    planned = progress.planned / max(len(progress.tallies), 1)
    table = Table.grid(padding=(0, 2))
    for name, tally in progress.tallies.items():
        bar = ProgressBar(total=max(planned, 1), completed=tally.done, width=24)
        table.add_row(Text(name), bar, *map(Text, tally.cells()))
    return Group(table, Text(progress.summary()))


@contextmanager
def _lines(progress: Progress) -> Iterator[None]:
    import threading

    finished = threading.Event()

    def speak() -> None:
        while not finished.wait(LINE_EVERY_S):
            print(progress.summary(), file=sys.stderr, flush=True)  # noqa: T201 - the line is the product

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        yield
    finally:
        finished.set()
        speaker.join()
        print(progress.summary(), file=sys.stderr, flush=True)  # noqa: T201 - the line is the product


@contextmanager
def fetching(*, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a download: the callback takes bytes so far and bytes in all."""
    shown = -1

    def progress(done: int, total: int) -> None:
        nonlocal shown
        percent = 100 * done // max(total, 1)
        if not quiet and percent // 10 > shown // 10:
            shown = percent
            print(f"fetching the embedded model: {done / 1e6:.0f} of {total / 1e6:.0f} MB", file=sys.stderr)  # noqa: T201 - progress is stderr's purpose

    yield progress
