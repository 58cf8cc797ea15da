"""The parts of a trial sum exactly to the time from its start to its end, whatever happens on the way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_clock import VirtualClock

from harness.errors import RunIncomplete
from harness.files.bundle import Candidate
from harness.files.project import Limits, ModelEntry
from harness.files.prompts import Message, Prompt, Rendered, Renderer
from harness.measure.endpoint.contract import Answer, Prepared, RateHints
from harness.measure.engine.call import Caller
from harness.measure.engine.contract import Halt
from harness.measure.pacing.first_calls import FirstCalls
from harness.measure.pacing.lane import Lane
from harness.record import Attempt, Failure, FailureKind, Planned, Record, Reply, Trial, caller_ns


@dataclass(frozen=True)
class Step:
    """One scripted exchange: what it takes on the endpoint's clock, and on ours beside it."""

    kind: FailureKind | None
    duration_ns: int
    beside_ns: int
    retry_after_s: float | None


@dataclass
class ScriptedEndpoint:
    """Answers with the steps in order, the last one for ever."""

    clock: VirtualClock
    steps: list[Step]
    name: str = "m"
    pacing_key: str = "m"
    made: int = field(default=0)

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def prepare(self, rendered: Rendered, trial: Trial) -> Prepared:
        self.clock.ns += 1_234
        return Prepared(trial=trial, body=b"{}", estimated_tokens=10)

    async def attempt(self, prepared: Prepared, *, timeout_s: float) -> Answer:
        step = self.steps[min(self.made, len(self.steps) - 1)]
        self.made += 1
        await self.clock.sleep((step.duration_ns + step.beside_ns) / 1e9)
        failure = Failure(kind=step.kind, message="scripted") if step.kind is not None else None
        return Answer(
            attempt=Attempt(duration_ns=step.duration_ns, failure=failure),
            outcome=failure or Reply(text="spam"),
            hints=RateHints(retry_after_s=step.retry_after_s),
        )


kinds: st.SearchStrategy[FailureKind | None] = st.sampled_from(
    [None, "rate_limited", "server_error", "timeout", "network", "bad_request", "invalid_reply"]
)
step_strategy = st.builds(
    Step,
    kind=kinds,
    duration_ns=st.integers(0, 40_000_000_000),
    beside_ns=st.integers(0, 5_000_000),
    retry_after_s=st.none() | st.floats(0, 90),
)


def measured(clock: VirtualClock, endpoint: ScriptedEndpoint, limits: Limits, trials: int) -> list[tuple[Record, int]]:
    """Measure some trials at once; gives each record with the wall time that its call took."""
    lane = Lane("m", limits, clock, lambda lane, why: None)
    prompt = Prompt(messages=(Message(role="user", content="{{ text }}"),))
    model = ModelEntry(endpoint="chat", limits=limits)
    first = FirstCalls(answered=True)  # so that no refusal ends the candidate: this is about times
    caller = Caller(
        candidate=Candidate(
            name="v1@m", prompt=prompt, model_name="m", model=model, prompt_digest="p", model_digest="m"
        ),
        first=first,
        entry=model,
        endpoint=endpoint,
        renderers={"original": Renderer(prompt)},
        lane=lane,
        halt=Halt(),
        clock=clock,
        rng=Random(1),
    )

    async def one(n: int) -> tuple[Record, int] | None:
        began = clock.now_ns()
        trial = Trial(key=str(n), case=str(n), candidate="v1@m")
        try:
            record = await caller.call(Planned(trial, {"text": "x"}))
        except RunIncomplete:
            return None
        return record, clock.now_ns() - began

    async def every() -> list[tuple[Record, int]]:
        done = await asyncio.gather(*(one(n) for n in range(trials)))
        assert lane.in_flight == 0
        assert lane.turnstile.admitted == 0
        return [each for each in done if each is not None]

    return clock.run(every())


@settings(deadline=None, max_examples=150)
@given(
    st.lists(step_strategy, min_size=1, max_size=8),
    st.integers(1, 3),
    st.none() | st.integers(1, 200),
    st.integers(1, 6),
    st.integers(1, 5),
)
def test_the_parts_sum_exactly_to_the_total(
    steps: list[Step], concurrency: int, rpm: int | None, attempts: int, trials: int
) -> None:
    clock = VirtualClock()
    limits = Limits(concurrency=concurrency, rpm=rpm, attempts=attempts)
    endpoint = ScriptedEndpoint(clock, steps)
    done = measured(clock, endpoint, limits, trials)
    for record, wall_ns in done:
        assert record.total_ns == wall_ns
        assert 1 <= len(record.attempts) <= attempts
        assert min(record.queue_ns, record.own_ns) >= 0
        spent = caller_ns(record)
        assert spent is not None
        assert spent <= record.total_ns
        assert record.attempts[0].backoff_ns == 0
        assert all(part.backoff_ns >= 0 and part.rate_limit_ns >= 0 for part in record.attempts)
        assert all(attempt.failure is not None for attempt in record.attempts[:-1])
        assert isinstance(record.outcome, Failure) == (record.attempts[-1].failure is not None)
    assert sum(len(record.attempts) for record, _ in done) <= endpoint.made
