"""Who watches a run while it goes on: the live display, or nobody."""

from __future__ import annotations

from typing import Protocol

from harness.record import Pace, Record


class Observer(Protocol):
    """Hears of everything at once, on the event loop's thread: each method must be cheap."""

    def on_start(self, planned: int, done: int) -> None:
        """Hear that a session begins: so many trials in all, so many finished before."""
        ...

    def on_record(self, record: Record) -> None:
        """Hear of a finished trial, or of a warm-up call."""
        ...

    def on_pace(self, pace: Pace) -> None:
        """Hear of a change of the concurrency limit or of a pause, and why."""
        ...

    def on_note(self, text: str) -> None:
        """Hear of anything else that a person should know."""
        ...


class Nobody:
    """Watches nothing."""

    def on_start(self, planned: int, done: int) -> None:
        """Do nothing."""

    def on_record(self, record: Record) -> None:
        """Do nothing."""

    def on_pace(self, pace: Pace) -> None:
        """Do nothing."""

    def on_note(self, text: str) -> None:
        """Do nothing."""
