"""One trial -> one record: render, wait for a place, send, retry, time. Never raises for a bad trial."""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from harness.files.bundle.bundle import Candidate, ModelEntry
from harness.files.prompts import RenderFailed, Renders
from harness.measure.endpoint.contract import Answer, Endpoint, Prepared
from harness.measure.engine.contract import Halt, Halted, Withdrawn
from harness.measure.pacing import FirstCalls, Lane, RetryRules, Ticket, is_overload, retry, wants_retry
from harness.measure.timeline import Clock, Timeline
from harness.record import Failure, Planned, Record, Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Calls one candidate's endpoint."""

    candidate: Candidate
    entry: ModelEntry
    endpoint: Endpoint
    renderers: Mapping[str, Renders]  # by variant
    lane: Lane
    first: FirstCalls
    halt: Halt
    clock: Clock
    rng: Random

    async def call(self, planned: Planned, task: asyncio.Task[None] | None = None, *, warmup: bool = False) -> Record:
        """Measure one trial in this task. Raises Halted or Withdrawn when run or candidate end first."""
        timeline, trial = Timeline(self.clock), planned.trial
        ready = prepared(self.endpoint, self.renderers, planned)
        timeline.own()
        in_flight, recorded = 0, False
        outcome: Reply | Failure
        if isinstance(ready, Failure):
            outcome, started = ready, self.clock.utc()
        else:
            if not self.lane.turnstile.at_once():
                await self.lane.turnstile.enter()
            try:
                timeline.queued()
                started = self.clock.utc()
                sending = _Sending(self, ready, timeline, task)
                answer = await sending.exchange()
                if isinstance(answer.outcome, Failure):
                    answer = await sending.retried(answer)
            finally:
                self.lane.turnstile.leave()
            outcome, in_flight, recorded = _checked(answer.outcome), sending.in_flight, answer.recorded
            timeline.own()
        return Record(
            key=trial.key,
            case=trial.case,
            candidate=trial.candidate,
            variant=trial.variant,
            repeat=trial.repeat,
            outcome=outcome,
            attempts=tuple(timeline.attempts),
            queue_ns=timeline.queue_ns,
            own_ns=timeline.own_ns,
            started_utc=started,
            in_flight=in_flight,
            recorded=recorded,
            via="flex" if self.entry.via == "flex" else "sync",
            warmup=warmup,
        )


def prepared(endpoint: Endpoint, renderers: Mapping[str, Renders], planned: Planned) -> Prepared | Failure:
    """Render and encode a trial's request; what can't be is its failure."""
    trial = planned.trial
    try:
        ready = endpoint.prepare(renderers[trial.variant].render(planned.inputs), trial)
    except (RenderFailed, RecursionError, MemoryError) as error:
        return Failure(kind="render", message=str(error) or type(error).__name__)
    return ready if ready.failure is None else ready.failure


class _Sending:
    """The exchanges of one trial, from the first attempt to the answer that counts."""

    __slots__ = ("_caller", "_out", "_prepared", "_task", "_ticket", "_timeline", "in_flight")

    def __init__(self, caller: Caller, prepared: Prepared, timeline: Timeline, task: asyncio.Task[None] | None) -> None:
        self._caller = caller
        self._prepared = prepared
        self._timeline = timeline
        self._task = task
        self._ticket: Ticket | None = None
        self._out = False  # an attempt is in flight, or was cut off there
        self.in_flight = 0  # calls in flight when this trial was first sent, itself included

    async def retried(self, answer: Answer) -> Answer:
        """Give the answer that counts after a failure. Raises Halted or RunIncomplete when the run ends first."""
        assert isinstance(answer.outcome, Failure)
        if wants_retry(answer) and self._caller.first.may_retry(answer.outcome):
            # Only now: tenacity costs 0.1 ms, which a call that succeeds at once need not pay.
            answer = await self._retry(answer)
        return self._or_deadline(answer)

    async def _retry(self, first: Answer) -> Answer:
        entry, lane = self._caller.entry, self._caller.lane
        rules = RetryRules(
            attempts=entry.limits.attempts,
            deadline_s=entry.deadline_s,
            max_retry_after_s=entry.limits.max_retry_after_s,
            patient=entry.via == "flex",
            budget=lane.budget,
            rng=self._caller.rng,
        )
        try:
            return await retry(
                first,
                self.exchange,
                rules=rules,
                timeline=self._timeline,
                clock=self._caller.clock,
                on_backoff=self._on_backoff,
            )
        except asyncio.CancelledError:
            if self._caller.halt.stopping and not self._out:
                self._caller.halt.cut_off += 1  # between two attempts: as if it had come to the next backoff
            raise

    async def exchange(self) -> Answer:
        """Make one attempt, once the rates allow it. Raises Halted or Withdrawn when run or candidate end first."""
        caller, prepared, timeline = self._caller, self._prepared, self._timeline
        lane, halt = caller.lane, caller.halt
        tokens = prepared.estimated_tokens
        counts = lane.rate.at_once(tokens) or await lane.rate.wait(tokens)
        timeline.rate_limited()
        if halt.stopping:
            raise Halted
        if caller.first.state == "ended":
            raise Withdrawn
        self._ticket = lane.sending(counts, tokens)
        self.in_flight = self.in_flight or lane.in_flight
        if self._task is not None:
            halt.begin_call(self._task)
        self._out = True
        try:
            left_s = caller.entry.deadline_s - timeline.spent_ns / 1e9
            answer = await caller.endpoint.attempt(prepared, timeout_s=max(0.001, min(caller.entry.timeout_s, left_s)))
        finally:
            lane.in_flight -= 1
            if self._task is not None:
                halt.end_call(self._task)
        self._out = False
        timeline.attempted(answer)
        lane.heed(answer, self._ticket)
        return answer

    def _on_backoff(self, answer: Answer, seconds: float) -> None:
        if self._caller.halt.stopping:
            self._caller.halt.cut_off += 1  # it was sent, and stays without an answer that counts
            raise Halted
        if is_overload(answer) and self._ticket is not None:
            self._caller.lane.overloaded(answer, self._ticket, seconds)

    def _or_deadline(self, answer: Answer) -> Answer:
        """Name the deadline when it, and not the number of attempts, ended the retries."""
        entry, made = self._caller.entry, len(self._timeline.attempts)
        failure = answer.outcome
        if (
            not isinstance(failure, Failure)
            or failure.kind != "timeout"
            or self._timeline.spent_ns / 1e9 < entry.deadline_s * 0.999
        ):
            return answer
        message = f"no reply within {entry.deadline_s:g} s and {made} attempts; the last: {failure.message}"
        outcome = Failure(kind="deadline", message=message, status=failure.status)
        return Answer(attempt=answer.attempt, outcome=outcome, hints=answer.hints)


def _checked(outcome: Reply | Failure) -> Reply | Failure:
    """Refuse a score that JSON can't carry: it would come back from the journal as another one."""
    if isinstance(outcome, Reply) and outcome.score is not None and not math.isfinite(outcome.score):
        return Failure(kind="invalid_reply", message="the score is not a finite number")
    return outcome
