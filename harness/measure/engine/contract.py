"""What every engine is given, where it puts what it measured, and how it ends before its plan does.

The first reason to halt wins: calls in flight may finish, no other starts.
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from harness.errors import EndpointUnusable, HarnessError, Interrupted
from harness.files.bundle.bundle import Bundle, Candidate
from harness.files.mending import nobody_answers, what_to_change
from harness.measure.engine.interference import Load
from harness.measure.engine.lasting import hears
from harness.record import Batch, Event, Failure, Interference, Record, Refused


class RecordSink(Protocol):
    """Takes events; a journal writer, or the way to the process that has one."""

    def put(self, event: Event) -> None:
        """Take one event. Raises StorageFailed."""

    @property
    def backlogged(self) -> bool:
        """Whether something that was put is not written yet."""

    async def written(self) -> None:
        """Wait until everything that was put is written."""

    @property
    def settled(self) -> Set[str]:
        """Candidates whose verdict is settled: nothing more is asked of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The trials that an engine is to measure: all of the bundle's that are not done, or a share of them."""

    bundle: Bundle
    done: bytearray
    root: Path
    began_ns: int  # perf_counter_ns of the session's start, for Pace events
    lag_bound_ns: int
    answered: frozenset[str] = frozenset()  # candidates that had a reply in an earlier session
    shard: int = 0
    shards: int = 1
    run: Path = Path()  # the run's folder
    recorded: bytearray | None = None  # trials with a record, where `done` marks more
    batches: tuple[Batch, ...] = ()  # what the journal says of them
    results: tuple[Path, ...] = ()  # files of answers to lines that were asked offline
    retry: Literal["batch", "sync", "lost"] = "batch"  # how lines of a batch that failed are asked again
    machines: int = 1  # that share the endpoint's limits, each with a command of its own
    warm: bool = False  # what it calls was warmed up before
    debug: bool = False  # exchanges are sent to who leads, for its log
    dealt: bool = False  # its trials come one by one, from who leads, instead of by shard


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOutcome:
    """How an engine ended: what it loaded the machine with, and what stopped it, if anything did."""

    load: Load
    error: HarnessError | None = None
    cut_off: int = 0  # calls that were in flight and did not end
    processes: int = 1
    nodes: tuple[Interference, ...] = ()  # of a cluster
    told: tuple[str, ...] = ()  # what went wrong and was made good, in sentences
    workers_lost: int = 0  # of a cluster
    dealt_again: int = 0  # trials that they had, and that went to others
    bought: bool = False  # something was, that no call in flight shows

    @property
    def sent_nothing(self) -> bool:
        """Whether it ended before its first call."""
        return not self.bought and self.load.max_in_flight == 0


GRACE_S = 10.0


class Halted(Exception):
    """The run is stopping; this trial is left for a resume and is not journalled."""


class Withdrawn(Exception):
    """The candidate has ended; this trial is left for a resume and is not journalled."""


class Halt:
    """Knows which worker tasks are in the middle of a call, and cancels the others."""

    def __init__(self) -> None:
        self.error: HarnessError | None = None
        self.stopping = False  # the run is about to end
        self.cut_off = 0  # calls that were in flight and cut off
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending: set[asyncio.Task[None]] = set()

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
        self.error, self.stopping = error, True
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
    name = "SIGTERM or a terminal that closed" if terminated else "Ctrl-C"
    return Interrupted(f"Stopped by {name}; finished trials are saved.", terminated=terminated)


@contextlib.contextmanager
def signals_stop(interrupt: Callable[[bool], None]) -> Iterator[None]:
    """Call `interrupt(terminated)` at Ctrl-C, SIGTERM and SIGHUP; a thread of ours hears what is passed on.

    A SIGHUP that is ignored (`nohup`) stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        with hears(interrupt):
            yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, interrupt, False)
    ending = [signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        ending.append(signal.SIGHUP)
    for number in ending:
        loop.add_signal_handler(number, interrupt, True)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        for number in ending:
            loop.remove_signal_handler(number)


def refusal(
    candidate: Candidate, record: Record, at_utc: str, error: EndpointUnusable | None = None, *, calls: int = 0
) -> Refused:
    """Say that a candidate ended by a record's failure, or because nobody answers, and what would mend it."""
    failure = record.outcome
    assert isinstance(failure, Failure)
    if error is None:
        mend = what_to_change(failure, candidate.places, candidate.model.api_key_env)
    else:
        mend = nobody_answers(failure, candidate.places)
    return Refused(
        at_utc=at_utc,
        candidate=candidate.name,
        failure=Failure(
            kind=failure.kind,
            message=failure.message if error is None else f"{error.message}; the last: {failure.message}",
            status=failure.status,
        ),
        case=record.case,
        calls=max(1, calls),
        where=mend.where,
        fix=mend.fix,
        advice=mend.advice,
    )
