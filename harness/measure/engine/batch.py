"""The engine that waits: trials are bought together, from a provider's batches or offline, and read when they are done.

Theory of operation. Money is spent by one request that holds thousands of trials, so the journal knows of it before
it is sent: `begun` names the trials and is on the disk first, `sent` adds the provider's id, `ended` comes after the
last of its records. Killed between `begun` and `sent` nobody knows whether it was bought; it is looked for at the
provider, and only what isn't there is sent again. A trial belongs to at most one batch that has not ended, and
becomes a record once: a line that comes twice, or that nobody asked for, is named and refused.

What failed and may succeed is not journalled but bought again, `attempts` times in all, as an attempt that failed is
no record of its own where calls are waited for; what is left of it then is its failure. A batch that somebody
cancelled ends the session: what it left is bought again only when a person resumes the run. One that its provider
does not know stays open: it may be another key that doesn't see it, so a person must say that it is lost.

Repeats of a case go into different batches: what a server keeps for one batch must not make its repeats alike. All
prompts of a model share a batch, in the drawn order. No clock is held beside an answer that was waited for like this:
its record has no attempts.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from harness.errors import HarnessError, RunIncomplete, UsageError, Waiting
from harness.measure.endpoint import HttpEndpoint, batches_of, build_endpoint
from harness.measure.engine.buying import (
    FIRST_S,
    FOLDER,
    LONGEST_S,
    TRIES,
    Asking,
    Batch,
    Buyer,
    EndpointUnusable,
    Failure,
    Plan,
    RealClock,
    Sink,
    StorageFailed,
    Unanswered,
    contract,
    failure_map,
    pause_s,
)
from harness.measure.engine.ledger import NAMED, UNREADABLE, BatchReading, State, lines_of, parsed
from harness.record import Waiting as Ready

_GONE = frozenset({404, 410})

AtOnce: TypeAlias = Callable[[contract.Work], contract.EngineOutcome]


def run_batches(work: contract.Work, plan: Plan, sink: Sink, at_once: AtOnce) -> contract.EngineOutcome:
    """Measure all of the work: what waits is bought first, then the rest is asked, then what is ready is read."""
    outcome = contract.EngineOutcome(load=contract.Load())
    buyer: Buyer | None = None
    with ExitStack() as until:
        try:
            buyer = _buyer(work, plan, sink, until)
            session = _Session(buyer, sink, lost=work.retry == "lost")
            session.read_files(work.results)
            session.drive(buyer.buy)
            outcome = _beside(outcome, at_once, replace(work, done=plan.at_once(work.done)), plan)
            session.drive(session.wait)
            if work.retry == "sync":
                outcome = _beside(outcome, at_once, replace(work, done=buyer.ledger.unmarked(plan)), plan)
        except HarnessError as error:
            outcome = replace(outcome, error=error)
    return replace(outcome, bought=buyer is not None and buyer.bought)


def _buyer(work: contract.Work, plan: Plan, sink: Sink, until: ExitStack) -> Buyer:
    """Make the ways to what is bought. Raises UsageError."""
    asking: dict[str, Asking] = {}
    endpoints: dict[str, HttpEndpoint] = {}
    for candidate in (each for each in plan.candidates if each.model.waits):
        name, change = candidate.model_name, {"stream": False, "transport": "wire"}
        if candidate.model.via == "file":
            change |= {"api_key_env": None, "headers": {}}  # nothing is sent
        entry = candidate.model.model_copy(update=change)
        endpoint = build_endpoint(name, entry, candidate.prompt, root=work.root)
        assert isinstance(endpoint, HttpEndpoint)
        endpoints[candidate.name] = endpoint
        if name not in asking:
            asking[name] = batches_of(name, entry, endpoint, work.root)
    return Buyer(work, plan, sink, until, asking=asking, endpoints=endpoints)


def _beside(before: contract.EngineOutcome, at_once: AtOnce, work: contract.Work, plan: Plan) -> contract.EngineOutcome:
    """Ask what does not wait; an error ends the session, and what was bought goes on by itself."""
    if not any(plan.remaining(work.done).values()):
        return before
    outcome = at_once(work)
    if outcome.error is not None:
        raise outcome.error
    return outcome


class _Session:
    """Asks how far batches are, and reads what is ready."""

    def __init__(self, buyer: Buyer, sink: Sink, *, lost: bool) -> None:
        self.buyer, self._sink = buyer, sink
        self._lost, self._gone = lost, set[str]()  # whether what is gone is bought again; what is, for this key
        self._task: asyncio.Task[None] | None = None
        self._waiting = False
        self._ready: dict[str, int] = {}
        self._told = (0, 0)

    def drive(self, what: Callable[[], Coroutine[None, None, None]]) -> None:
        """Do something that may be interrupted. Raises what ends it."""
        with asyncio.Runner() as runner:
            runner.run(self._driven(what))

    async def _driven(self, what: Callable[[], Coroutine[None, None, None]]) -> None:
        async with AsyncExitStack() as until:
            for asking in self.buyer.asking.values():
                await asking.open()
                until.push_async_callback(asking.close)
            with contract.signals_stop(self._interrupt):
                self._task = asyncio.create_task(what())
                try:
                    await self._task
                except asyncio.CancelledError:
                    if self.buyer.stop is None:
                        raise
        if self.buyer.stop is not None:
            raise self.buyer.stop

    def _interrupt(self, terminated: bool) -> None:
        """React to a signal: a request that buys may end first; a second signal does not wait for it."""
        again = self.buyer.stop is not None
        if self._waiting and not terminated and not again:
            said = "What was bought goes on without this command: {:,} of {:,} ready.".format(*self._told)
            self.buyer.stop = Waiting(said)
        self.buyer.stop = self.buyer.stop or contract.stopped_by_signal(terminated=terminated)
        if self._task is not None and (again or not self.buyer.sending):
            self._task.cancel()

    async def wait(self) -> None:
        """Ask how far batches are until all have ended; read what is ready, buy again what failed."""
        pause, self._waiting = FIRST_S, True
        self._tell()
        while True:
            for batch in self._out():
                with self.buyer.apart(batch.model):
                    await (self._ask_for if batch.id in self.buyer.ledger.names else self.buyer.look_for)(batch)
            if self.buyer.ledger.error is None:
                await self._buy_again()
            if not self._out():
                break
            self._tell()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_S)
        self.buyer.raise_trouble()
        if self.buyer.ledger.open:
            raise self._offline()

    def _out(self) -> list[Batch]:
        """Give the batches that may be asked for."""
        out = [b for b in self.buyer.ledger.open.values() if b.via == "batch" and b.model not in self.buyer.away]
        return [batch for batch in out if batch.id not in self._gone]

    async def _buy_again(self) -> None:
        """Buy what failed, once nothing else of its model is out: else each failure would be a batch of its own."""
        out = {batch.model for batch in self.buyer.ledger.open.values()}
        for model in self.buyer.asking:
            with self.buyer.apart(model):
                if model not in out and model not in self.buyer.away:
                    await self.buyer.buy_of(model)

    async def _ask_for(self, batch: Batch) -> None:
        name = self.buyer.ledger.names[batch.id]
        state = await self.buyer.asking[batch.model].state(name)
        if isinstance(state, Unanswered):
            if state.failure.status in _GONE:
                self._miss(batch, f"{name} is not at its provider: {state.failure.message}")
            elif not failure_map.is_retryable(state.failure.kind):
                raise EndpointUnusable(f"{batch.model}: {state.failure.message}")
            return
        self._ready[batch.id] = state.ready
        if state.refused and state.full and len(batch.trials) > 1:
            self.buyer.one_by_one(batch, state.refused, len(batch.trials) // 2)
        elif state.refused:
            self.buyer.refuse(batch, Failure(kind="bad_request", message=state.refused))
        elif state.over:
            await self._read(batch, state)

    def _miss(self, batch: Batch, why: str) -> None:
        """Keep a batch that this key does not see: another may, and then it would be bought twice."""
        if self._lost:
            self.buyer.ledger.step(batch, "ended", why=why)
            return
        self._gone.add(batch.id)
        name = self.buyer.run.name
        fix = "Resume with the key that bought it, or once it is surely lost, buy what it held again"
        self._end(f"The batch {why}; nothing was sent again.", f"{fix}: `harness resume {name} --retry lost`.")

    def _end(self, said: str, fix: str) -> None:
        self.buyer.ledger.error = self.buyer.ledger.error or RunIncomplete(said, fix=fix)

    async def _read(self, batch: Batch, state: State) -> None:
        """Read the results of a batch; what is cut is fetched again."""
        reading = self._reading(batch)
        for n in range(TRIES):
            troubles = [await self._fetch(reading, batch, file) for file in state.files]
            trouble = next(filter(None, troubles), None)
            if not reading.missing or (trouble is None and not reading.lacks(state)):
                break
            if n + 1 < TRIES:
                await asyncio.sleep(pause_s(n, trouble))
        else:
            if trouble is not None and trouble.failure.kind != "stream_cut":
                said = f"The results of {self.buyer.ledger.names[batch.id]} can't be fetched: {trouble.failure.message}"
                fix = f"Try later, or download them: `harness resume {self.buyer.run.name} --results FILE` reads them."
                raise RunIncomplete(f"{said}; what came is saved.", fix=fix)
        cancelled = state.cancelled and bool(reading.missing or reading.left_out)
        missing = [] if cancelled else reading.missing
        for tag in missing:
            self.buyer.ledger.settle(tag, Failure(kind="error_in_body", message="the batch has no line for it"), batch)
        for candidate, record in self.buyer.ledger.fatal():
            self._sink.put(contract.refusal(candidate, record, RealClock.utc()))
        if cancelled:
            why = f"{self.buyer.ledger.names[batch.id]} was cancelled at the provider"
            self.buyer.ledger.step(batch, "ended", why=why)
            said = f"The batch {why}; what was answered is saved, and nothing was sent again."
            self._end(said, "A resume buys the rest again.")
            return
        why = f"{len(missing):,} of {len(batch.trials):,} lines have no answer" if missing else ""
        self.buyer.ledger.step(batch, "ended", why=why, refused=reading.refused)

    async def _fetch(self, reading: BatchReading, batch: Batch, file: str) -> Unanswered | None:
        reading.begin(file)
        trouble = await self.buyer.asking[batch.model].fetch(file, reading.take)
        if isinstance(self.buyer.ledger.error, StorageFailed):
            raise self.buyer.ledger.error
        return trouble

    def _tell(self) -> None:
        """Journal how much is ready, when that is news."""
        out, owed = self.buyer.ledger.open.values(), self.buyer.ledger.owed
        here = (0 if b.via == "batch" else sum(tag not in owed for tag in b.trials) for b in out)
        ready = sum(self._ready.get(batch.id, 0) for batch in out) + sum(here)
        now = (ready, sum(len(batch.trials) for batch in out))
        if now != self._told:
            self._told = now
            since = min(batch.at_utc for batch in out)
            self._sink.put(Ready(since_utc=since, ready=now[0], of=now[1]))

    # Offline

    def read_files(self, files: tuple[Path, ...]) -> None:
        """Read answers that were made offline. Raises UsageError where a file holds none to this run."""
        readings: dict[str, BatchReading] = {}
        strange: dict[str, None] = {}  # lines that nobody asked for
        for file in files:
            for reading in readings.values():
                reading.begin(str(file))
            mine = False
            for line in lines_of(file):
                said = parsed(line)
                batch = None if said is None else self.buyer.ledger.open.get(said.custom_id.partition("-")[0])
                if said is None or batch is None:
                    strange[UNREADABLE if said is None else said.custom_id[:100]] = None
                    continue
                mine = True
                if batch.id not in readings:
                    readings[batch.id] = self._reading(batch)
                    readings[batch.id].begin(str(file))
                readings[batch.id].answer(said)
            if not mine:
                said_of = f"{file}: none of its lines answers what this run waits for."
                raise UsageError(said_of, fix="Name the file that was made of the lines in its folder `batches`.")
        for id_, reading in readings.items():
            batch = self.buyer.ledger.open[id_]
            owed = any(tag in self.buyer.ledger.owed for tag in batch.trials)
            refused = [*reading.refused, *list(strange)[:NAMED]]
            self.buyer.ledger.step(batch, "read" if owed else "ended", refused=refused)
            strange.clear()

    def _reading(self, batch: Batch) -> BatchReading:
        return BatchReading(self.buyer.ledger, batch, self.buyer.asking[batch.model], self.buyer.endpoints)

    def _offline(self) -> Waiting:
        """Say where lines wait to be answered."""
        self._tell()
        folder, ledger = self.buyer.run / FOLDER, self.buyer.ledger
        left = sum(tag in ledger.owed for batch in ledger.open.values() for tag in batch.trials)
        files = ", ".join(str(folder / ledger.names[id_]) for id_ in ledger.open)
        said = f"{left:,} trials wait to be answered offline, such as by `vllm run-batch -i FILE -o out.jsonl`"
        read = f"`harness resume {self.buyer.run.name} --results out.jsonl`"
        waiting = Waiting(f"{said}: {files}.", fix=f"Then read the answers: {read}.")
        waiting.resumable = True  # it says how
        return waiting
