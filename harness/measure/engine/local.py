"""The engine of one process: an asyncio loop with a bounded number of workers on each lane.

No task per trial: a lane has as many workers as calls may be in flight, and each takes the next trial from
the lane's share of the plan when its last record was written.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, TypeAlias

from harness.errors import HarnessError, StorageFailed
from harness.measure.endpoint import Endpoint, ReplayEndpoint, build_endpoint
from harness.measure.engine import contract
from harness.measure.engine.interference import LagSampler, Load, rare_collections
from harness.measure.engine.lane_work import Caller, Dealt, Feed, Lanes, LaneWork
from harness.measure.engine.lasting import loop_factory
from harness.measure.pacing import FirstCalls, Lane, connections_allowed, shared_limits
from harness.measure.plan import Candidate, Plan
from harness.measure.timeline import Clock, RealClock
from harness.record import Event, Pace, Planned

# Hears what other processes say, and passes it on.
Listen: TypeAlias = Callable[[contract.Halt, Lanes], Coroutine[Any, Any, None]]

_YIELD_EVERY = 16  # trials of a worker: an endpoint that never waits must not starve the sampler and signals


def run_local(
    work: contract.Work,
    plan: Plan,
    sink: contract.RecordSink,
    *,
    listen: Listen | None = None,
    opened: Callable[[int], None] = lambda _: None,
    ask: Callable[[list[int], int], None] = lambda *_: None,
) -> contract.EngineOutcome:
    """Measure all of the work in this process; stopped by signals, or else by what runs beside it.

    `opened` hears of each candidate that was found to be answered, by its place in the bundle; `ask`, where trials
    are dealt out, of how many more are wanted of the candidates of a lane.
    """
    load = Load()
    with rare_collections(load), asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_Session(work, plan, sink, load, opened=opened, ask=ask).run(listen))


class _Session:
    """One run of the loop, from opening the endpoints to closing them."""

    def __init__(
        self,
        work: contract.Work,
        plan: Plan,
        sink: contract.RecordSink,
        load: Load,
        *,
        opened: Callable[[int], None],
        ask: Callable[[list[int], int], None],
    ) -> None:
        self._opened, self._ask = opened, ask
        self._work = work
        self._plan = plan
        self._sink = sink
        self._load = load
        self._halt = contract.Halt()
        self._clock: Clock = RealClock()
        self._lanes = Lanes(each.name for each in work.bundle.candidates)
        self._settled: set[str] = set()
        self._open = contextlib.ExitStack()  # the renderers

    async def run(self, listen: Listen | None) -> contract.EngineOutcome:
        """Open, measure, close; say what stopped it."""
        with contract.signals_stop(self._halt.interrupt) if listen is None else contextlib.nullcontext():
            listening = asyncio.create_task(listen(self._halt, self._lanes)) if listen is not None else None
            try:
                await self._run_all(self._build())
            except HarnessError as error:
                self._end(error)
            finally:
                self._open.close()
                if listening is not None:
                    listening.cancel()
                    await asyncio.wait([listening])
        self._load.max_in_flight = sum(each.lane.max_in_flight for each in self._lanes.values())
        return contract.EngineOutcome(load=self._load, error=self._halt.error, cut_off=self._halt.cut_off)

    async def _run_all(self, endpoints: list[Endpoint]) -> None:
        sampler = LagSampler(self._client_saturated, self._client_well, self._work.lag_bound_ns, self._load)
        try:
            for endpoint in endpoints:
                await _all([self._spawn(endpoint.open())])
                if self._halt.stopping:
                    return
            sampler.start()
            self._lanes.room = self._share_allowed()
            try:
                await _all([asyncio.create_task(self._measure(lane)) for lane in self._lanes.values()])
            finally:
                await sampler.stop()
        finally:
            for endpoint in endpoints:
                await endpoint.close()

    def _build(self) -> list[Endpoint]:
        left = self._plan.remaining(self._work.done)
        built = []
        for candidate in self._work.bundle.candidates:
            if left[candidate.name] == 0:
                continue
            endpoint = build_endpoint(candidate.model_name, candidate.model, candidate.prompt, root=self._work.root)
            built.append((candidate, endpoint))
        keys: dict[str, list[Candidate]] = {}
        for candidate, endpoint in built:
            keys.setdefault(endpoint.pacing_key, []).append(candidate)
        for candidate, endpoint in built:
            self._join_lane(candidate, endpoint, keys[endpoint.pacing_key])
        return [endpoint for _, endpoint in built]

    def _join_lane(self, candidate: Candidate, endpoint: Endpoint, sharing: list[Candidate]) -> None:
        key = endpoint.pacing_key
        if key not in self._lanes:
            shares = self._work.shards * self._work.machines
            limits = shared_limits([each.model.limits for each in sharing], shards=shares)
            names = ", ".join(dict.fromkeys(each.model_name for each in sharing))
            if self._work.shards > 1:
                names += f" #{self._work.shard + 1}"
            self._lanes[key] = LaneWork(Lane(names, limits, self._clock, self._on_change, sharing=shares))
        joined = self._lanes[key]
        joined.callers[candidate.name] = Caller(
            candidate=candidate,
            entry=candidate.model,
            endpoint=endpoint,
            renderers=self._plan.renderers(candidate, self._open),
            lane=joined.lane,
            first=self._first_calls(candidate, endpoint),
            halt=self._halt,
            clock=self._clock,
            rng=Random(),  # noqa: S311 (jitter)
        )
        if candidate.model.endpoint != "replay" and not self._work.warm:
            joined.warmups += self._plan.warmups(candidate)

    def _first_calls(self, candidate: Candidate, endpoint: Endpoint) -> FirstCalls:
        place = self._work.bundle.candidates.index(candidate)

        def none_is_recorded() -> bool:
            trials = self._plan.trials(self._work.done, frozenset({candidate.name}))
            return not (isinstance(endpoint, ReplayEndpoint) and any(endpoint.knows(each.trial) for each in trials))

        return FirstCalls(
            leads=self._work.shard == 0 and not self._work.dealt,
            alone=self._work.shards == 1,
            answered=candidate.name in self._work.answered,
            lasting=none_is_recorded,
            on_open=lambda: self._opened(place),
        )

    async def _measure(self, lane: LaneWork) -> None:
        """Warm up, then drain the lane's share of the plan."""
        asked = lane.lane.turnstile.asked
        lane.lane.begin(connections=max(1, int(asked * self._lanes.room)) if lane.timed else asked)
        if self._sink.backlogged:  # a resume takes the most that may be in flight from this event
            await _all([self._spawn(self._sink.written())])  # where it can't be written, stopping ends the wait
        lane.feed = Feed(lane.warmups)
        await self._drain(lane, len(lane.warmups), warmup=True)
        lane.feed, workers = self._feed(lane)
        await self._drain(lane, workers, warmup=False)
        if not self._halt.stopping and lane.ends_asking(self._put):
            await self._drain(lane, len(lane.feed.again), warmup=False)
        if not self._halt.stopping:
            for record in lane.lane.breaker.release():
                if lane.callers[record.candidate].first.state != "ended":
                    self._put(record)

    def _feed(self, lane: LaneWork) -> tuple[Feed, int]:
        """Give where its trials come from, and how many workers may ever be needed."""
        work, asked = self._work, lane.lane.turnstile.asked
        if work.dealt:
            places = [self._lanes.places[name] for name in lane.callers]
            feed = Dealt(self._plan.planned_at, lambda count: self._ask(places, count), lane.lane)
            return feed, asked * work.shards  # as the last one that is left
        return Feed(self._plan.trials(work.done, frozenset(lane.callers), shard=work.shard, shards=work.shards)), asked

    def _share_allowed(self) -> float:
        """Give which share of the calls asked for may be in flight as far as open files are concerned."""
        asked = sum(each.lane.turnstile.asked for each in self._lanes.values() if each.timed)
        return connections_allowed(asked) / asked if asked else 1.0

    async def _drain(self, lane: LaneWork, workers: int, *, warmup: bool) -> None:
        count = workers if self._work.dealt and not warmup else min(workers, lane.lane.turnstile.asked)
        await _all([self._spawn(self._worker(lane, n, warmup=warmup)) for n in range(count)])

    async def _worker(self, lane: LaneWork, number: int, *, warmup: bool) -> None:
        more, task = True, asyncio.current_task()
        while more:
            for n, planned in enumerate(lane.feed, 1):
                caller = lane.callers[planned.trial.candidate]
                if self._halt.stopping or (caller.first.state == "ended" and lane.over):
                    lane.feed.dealt_out()
                    return
                try:
                    await self._one(lane, caller, planned, task, warmup=warmup)
                except contract.Halted:
                    return
                except HarnessError as error:
                    self._end(error)
                    return
                if n % _YIELD_EVERY == 0:
                    await asyncio.sleep(0)
            more = await lane.feed.more(number)

    async def _one(
        self, lane: LaneWork, caller: Caller, planned: Planned, task: asyncio.Task[None] | None, *, warmup: bool
    ) -> None:
        """Measure one trial, unless its candidate has ended."""
        if caller.first.state != "open" and not await caller.first.enter():
            return
        try:
            record = await caller.call(planned, task, warmup=warmup)
        except contract.Withdrawn:
            return
        lane.take(planned, record, self._put)
        if self._sink.backlogged:
            await self._sink.written()

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._halt.watch(task)
        return task

    def _on_change(self, lane: Lane, why: str) -> None:
        self._put(
            Pace(
                at_ns=time.perf_counter_ns() - self._work.began_ns,
                endpoint=lane.name,
                limit=lane.turnstile.limit,
                in_flight=lane.in_flight,
                why=why,
                most=lane.turnstile.most,
            )
        )

    def _put(self, event: Event) -> None:
        try:
            self._sink.put(event)
        except HarnessError as error:
            self._end(error)
        if len(self._sink.settled) > len(self._settled):
            for name in self._sink.settled - self._settled:
                self._settled.add(name)
                self._lanes.told(self._lanes.places[name], opened=False)

    def _end(self, error: HarnessError) -> None:
        # What can't be saved need not be waited for.
        self._halt.stop(error, grace_s=0 if isinstance(error, StorageFailed) else contract.GRACE_S)

    def _client_saturated(self, lag_ms: float) -> None:
        timed = [each.lane for each in self._lanes.values() if each.timed]
        if timed:
            max(timed, key=lambda lane: lane.in_flight).client_saturated(lag_ms)

    def _client_well(self) -> None:
        for each in self._lanes.values():
            each.lane.client_well()


async def _all(tasks: list[asyncio.Task[None]]) -> None:
    """Wait for all; cancelled ones are no error, an exception cancels the rest and is raised."""
    if not tasks:
        return
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        left = [task for task in tasks if not task.done()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
    for task in done:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
