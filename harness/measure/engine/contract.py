"""What every engine is given, and where it puts what it measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.errors import HarnessError
from harness.files.bundle import Bundle
from harness.measure.interference import Load
from harness.record import Event


class Sink(Protocol):
    """Takes events; a journal writer, or the way to the process that has one."""

    def put(self, event: Event) -> None:
        """Take one event. Raises StorageFailed."""
        ...

    @property
    def backlogged(self) -> bool:
        """Whether something that was put is not written yet."""
        ...

    async def written(self) -> None:
        """Wait until everything that was put is written."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The trials that an engine is to measure: all of the bundle's that are not done, or a share of them."""

    bundle: Bundle
    done: bytearray
    root: Path
    began_ns: int  # perf_counter_ns of the session's start, for Pace events
    lag_bound_ns: int
    shard: int = 0
    shards: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an engine ended: what it loaded the machine with, and what stopped it, if anything did."""

    load: Load
    error: HarnessError | None = None
    cut_off: int = 0  # calls that were in flight and did not end
    processes: int = 1
