"""How a run ends before its plan does: the first reason wins, calls in flight may finish, no other starts."""

from __future__ import annotations

import asyncio

from harness.errors import HarnessError, Interrupted

GRACE_S = 10.0


class Halted(Exception):
    """The run is stopping; this trial is left for a resume and is not journalled."""


class Halt:
    """Knows which worker tasks are in the middle of a call, and cancels the others."""

    def __init__(self) -> None:
        self.error: HarnessError | None = None
        self.cut_off = 0  # calls that were in flight and cut off
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending: set[asyncio.Task[None]] = set()

    @property
    def stopping(self) -> bool:
        """Whether the run is about to end."""
        return self.error is not None

    def watch(self, task: asyncio.Task[None]) -> None:
        """Cancel this task when the run stops."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self.stopping:
            task.cancel()

    def begin_call(self, task: asyncio.Task[None]) -> None:
        """Let this task finish its call."""
        self._sending.add(task)

    def end_call(self, task: asyncio.Task[None]) -> None:
        """Take the protection away."""
        self._sending.discard(task)

    def stop(self, error: HarnessError, *, grace_s: float = GRACE_S) -> None:
        """Stop dispatching; calls in flight have `grace_s` seconds to end. Only the first error counts."""
        if self.error is not None:
            return
        self.error = error
        for task in self._tasks - self._sending:
            task.cancel()
        if grace_s <= 0:
            self.stop_now()
        else:
            asyncio.get_running_loop().call_later(grace_s, self.stop_now)

    def stop_now(self) -> None:
        """Cut off what is in flight too."""
        self.cut_off += len(self._sending & self._tasks)
        for task in list(self._tasks):
            task.cancel()

    def interrupt(self, terminated: bool) -> None:
        """React to a signal: the first lets calls finish, the second ends at once."""
        if self.stopping:
            self.stop_now()
            return
        self.stop(stopped_by_signal(terminated=terminated))


def stopped_by_signal(*, terminated: bool) -> Interrupted:
    """Make the error of a run that a signal ended."""
    name = "SIGTERM" if terminated else "Ctrl-C"
    return Interrupted(f"Stopped by {name}; finished trials are saved.", terminated=terminated)
