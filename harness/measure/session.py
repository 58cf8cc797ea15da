"""One session of a run: what is left of the plan -> an engine -> the journal; the same for run and resume."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Literal, TypeAlias

from harness.cores import usable
from harness.errors import EndpointUnusable, HarnessError, Interrupted, RunIncomplete, StorageFailed, UsageError
from harness.files.thresholds import negligible_lag_s
from harness.measure.bounds import Bundle, Most, Plan, Spent
from harness.measure.engine.contract import EngineOutcome, Work
from harness.measure.engine.lasting import where_a_loop_can_run
from harness.measure.sharding import Others
from harness.measure.sink import JournalSink, JournalWriter, Observer, RealClock, Stopper
from harness.record import Batch, CaseRow, Event, Failure, Record, Refused, Session, Stopped
from harness.rundir import events_of

_IN_FLIGHT_PER_PROCESS = 256
_MOST_PROCESSES = 4
_TOGETHER = 256  # events that were known before: what is not written when a run is killed can be made again


Retry: TypeAlias = Literal["batch", "sync", "lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """What a session begins with."""

    event: Literal["started", "resumed"]
    cases: tuple[CaseRow, ...]  # those that the journal does not hold yet
    done: bytearray
    cut_off: int = 0
    answered: frozenset[str] = frozenset()  # candidates with a reply in the journal
    reused: tuple[Record, ...] = ()  # measured before, for another run; marked in `done`
    others: Others = field(default_factory=Others)  # shards: their trials are marked in `done`, though they are not
    bounded: int = 0  # trials beyond the bound of this session: marked in `done`, though they are not
    recorded: bytearray | None = None  # trials with a record, where `done` marks more
    batches: tuple[Batch, ...] = ()  # what the journal says of them
    results: tuple[Path, ...] = ()  # answers to what was asked offline
    retry: Retry = "batch"  # how what failed in a batch is asked again
    stopper: Stopper | None = None  # has heard of every record in the journal
    settled: tuple[Stopped, ...] = ()  # what it said to them, where the journal does not; marked in `done`


def run_session(
    run: Path,
    bundle: Bundle,
    plan: Plan,
    writer: JournalWriter,
    begin: Begin,
    *,
    observer: Observer,
    processes: int | None,
    most: Most,
) -> None:
    """Measure what is left, at most so much; raises what ended it early. The writer is closed in any case.

    An error of a new run that sent nothing, such as an endpoint that can't be opened, is not `resumable`.
    """
    done, unsent, mine = sum(begin.done) - begin.bounded - begin.others.trials, False, begin.others.rest(plan.planned)
    sink: JournalSink | None = None
    try:
        known: Iterator[Event] = chain(begin.cases, begin.reused, begin.settled)
        while together := tuple(islice(known, _TOGETHER)):
            writer.append(*together)
        writer.append(_session(begin.event, plan, done, cut_off=begin.cut_off))
        observer.on_start(mine, done)
        if done < mine:
            sink = JournalSink(writer, observer, Spent(bundle, most), begin.stopper)
            outcome = _measure(run, plan, begin, sink, processes, bundle=bundle)
            unsent = outcome.error is not None and outcome.sent_nothing and begin.event == "started" and not done
            _end(outcome, plan, done, begin, sink)
        else:
            writer.append(_session("finished", plan, done))
    except HarnessError as error:
        _close_after(error, writer)
        if isinstance(error, EndpointUnusable) and (begin.answered or (sink is not None and sink.answered)):
            error.exit_code = RunIncomplete.exit_code  # something was measured
        unsent = unsent and not isinstance(error, Interrupted | RunIncomplete)
        raise (error if unsent else _naming(error, run)) from error.__cause__
    except BaseException:
        with suppress(StorageFailed):  # the error that is on its way says more
            writer.close()
        raise
    writer.close()


def _end(outcome: EngineOutcome, plan: Plan, done: int, begin: Begin, sink: JournalSink) -> None:
    """Write down how the engine came to its end; raises what stopped it, or the bound that it reached."""
    for load in (outcome.load.interference(outcome.processes), *outcome.nodes):
        sink.writer.append(load)
    for told in outcome.told:
        sink.observer.on_note(told)
    if outcome.error is not None or len(sink.refused) < len(plan.candidates):
        sink.say_who_ended()
    error = outcome.error
    if error is None and sink.refused:
        _end_refused(plan, done, sink, begin.answered, outcome)
        return
    if error is None and begin.bounded and not sink.settled.issuperset(each.name for each in plan.candidates):
        error = RunIncomplete("--max-trials is reached; finished trials are saved.", fix="Allow more.")
    if error is None:
        sink.writer.append(_session("finished", plan, done, outcome=outcome))
        return
    sink.writer.append(_session("stopped", plan, done, why=_why(error), outcome=outcome))
    raise error


def _end_refused(plan: Plan, done: int, sink: JournalSink, answered: frozenset[str], outcome: EngineOutcome) -> None:
    """End a session in which candidates ended early; raises EndpointUnusable when no other is left.

    The run is finished without those that nobody ever answered: they are not measured. One that was answered
    before leaves it unfinished.
    """
    ended = list(sink.refused.values())
    error = unusable(ended)
    if len(ended) == len(plan.candidates):
        sink.writer.append(_session("stopped", plan, done, why=_why(error), outcome=outcome))
        raise error
    half = sink.refused.keys() & (answered | sink.answered)
    sink.writer.append(_session("stopped" if half else "finished", plan, done, why=_why(error), outcome=outcome))


def unusable(ended: Sequence[Refused]) -> EndpointUnusable:
    """Say what the endpoints said, and what to change where."""
    told: dict[tuple[str, str], list[str]] = {}
    for one in ended:
        told.setdefault((one.failure.message, one.advice), []).append(one.candidate)
    lines = [f"{', '.join(names)}: {message}" for (message, _), names in told.items()]
    return EndpointUnusable("\n".join(lines), fix=" ".join(dict.fromkeys(advice for _, advice in told if advice)))


def something_left(run: Path) -> bool:
    """Tell whether a run is not finished, or the endpoint failed some of its trials, or ended a candidate."""
    ended, refused, failed = "", False, set()  # cases, and models, that ask alike share a key
    for event in events_of(run):
        if isinstance(event, Session):
            ended = event.event
            refused = refused and ended not in {"started", "resumed"}  # what was ended is tried again
        elif isinstance(event, Record) and isinstance(event.outcome, Failure) and not event.recorded:
            failed.add((event.candidate, event.case, event.key))
        elif isinstance(event, Record):
            failed.discard((event.candidate, event.case, event.key))
        elif isinstance(event, Refused):
            refused = True
    return ended != "finished" or refused or bool(failed)


def _measure(
    run: Path, plan: Plan, begin: Begin, sink: JournalSink, processes: int | None, *, bundle: Bundle
) -> EngineOutcome:
    work = Work(
        bundle=bundle,
        done=begin.done,
        answered=begin.answered,
        run=run,
        recorded=begin.recorded,
        batches=begin.batches,
        results=begin.results,
        retry=begin.retry,
        machines=begin.others.machines,
        root=bundle.project.root,
        began_ns=time.perf_counter_ns(),
        lag_bound_ns=round(negligible_lag_s(bundle.thresholds, otherwise_s=0.0) * 1e9),
    )
    return where_a_loop_can_run(lambda: run_engine(work, plan, sink, processes=processes))


def refuse_answers(run: Path, plan: Plan, begin: Begin) -> None:
    """Refuse answers that were made offline where none is waited for: asking at once would pay for them again.

    Raises UsageError.
    """
    waits = any(each.model.waits for each in plan.candidates)
    if begin.results and (not waits or sum(begin.done) == plan.planned):
        said = f"{run.name} waits for no answers: nothing of {', '.join(map(str, begin.results))} was read."
        raise UsageError(said, fix="Leave --results out, or name the run that wrote the lines.")


def check_engine(bundle: Bundle) -> None:
    """Refuse an engine that is not installed, or can't measure this. Raises UsageError."""
    if bundle.project.engine.name == "ray":
        from harness.measure.engine.cluster import check

        check({each.model_name: each.model.endpoint for each in bundle.candidates})


def run_engine(work: Work, plan: Plan, sink: JournalSink, *, processes: int | None) -> EngineOutcome:
    """Measure what is left of a plan; what ends it early is in the outcome."""
    if any(candidate.model.waits for candidate in work.bundle.candidates):
        from harness.measure.engine.batch import run_batches

        return run_batches(work, plan, sink, lambda work: _at_once(work, plan, sink, processes))
    return _at_once(work, plan, sink, processes)


def _at_once(work: Work, plan: Plan, sink: JournalSink, processes: int | None) -> EngineOutcome:
    count = process_count(work.bundle, processes)
    if work.bundle.project.engine.name == "ray":
        from harness.measure.engine.ray import run_ray

        return run_ray(work, plan, sink, actors=processes, on_this_machine=count)
    if count > 1:
        from harness.measure.engine.processes import run_processes

        return run_processes(work, sink, count)
    from harness.measure.engine.local import run_local

    return run_local(work, plan, sink)


def process_count(bundle: Bundle, processes: int | None) -> int:
    """Give the number of processes: as asked, but one where processes can't share an endpoint.

    Left to us it is one for each 256 calls that may be in flight, on a core of its own: up to there a single
    loop stays within its lag bound at a fixed 200 ms, at 1,000 it has to lower its concurrency.
    """
    if any(candidate.model.endpoint in ("local", "replay", "function") for candidate in bundle.candidates):
        return 1  # an embedded server or a file per process would be another endpoint
    if processes is not None:
        return max(1, processes)
    most = max((candidate.model.limits.concurrency for candidate in bundle.candidates), default=1)
    return max(1, min(usable(), -(-most // _IN_FLIGHT_PER_PROCESS), _MOST_PROCESSES))


@contextmanager
def keyboard_interrupts() -> Iterator[None]:
    """Turn a Ctrl-C outside of the engine into the error that says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        stopped = Interrupted("Stopped by Ctrl-C; finished trials are saved.", fix="Run `harness resume`.")
        stopped.resumable = True
        raise stopped from None


def _session(
    event: Literal["started", "resumed", "finished", "stopped"],
    plan: Plan,
    done: int,
    *,
    why: str = "",
    cut_off: int = 0,
    outcome: EngineOutcome | None = None,
) -> Session:
    return Session(
        at_utc=RealClock.utc(),
        event=event,
        pid=os.getpid(),
        planned=plan.planned,
        done_before=done,
        why=why,
        cut_off=cut_off if outcome is None else outcome.cut_off,
        workers_lost=0 if outcome is None else outcome.workers_lost,
        dealt_again=0 if outcome is None else outcome.dealt_again,
    )


def _why(error: HarnessError) -> str:
    return f"{type(error).__name__}: {error.message}"


def _naming(error: HarnessError, run: Path) -> HarnessError:
    """Add how to go on with this very run."""
    if not error.resumable:
        error.fix = f"{error.fix} Go on with `harness resume {run.name}`.".strip()
        error.resumable = True
    error.run = run
    return error


def _close_after(error: HarnessError, writer: JournalWriter) -> None:
    """Close; what ended the run is said, unless storage failed only now."""
    try:
        writer.close()
    except StorageFailed:
        if not isinstance(error, StorageFailed):
            raise
