"""Buys trials together: writes their lines, sends them, finds again what may have been bought, says what is refused."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import msgspec

from harness.errors import EndpointUnusable, HarnessError, RunIncomplete, StorageFailed, Waiting
from harness.measure.endpoint.batches import Asking, HttpEndpoint, Kept, Unanswered, failure_map
from harness.measure.engine.call import prepared
from harness.measure.engine.ledger import Batch, Failure, Ledger, Plan, Planned, RealClock, contract, record_of

FOLDER = "batches"  # in a run's folder: the lines that are asked offline
TRIES = 6  # of a submission, and of fetching results, before it is left for a resume
_TOO_LARGE, _NOBODY_THERE = 413, frozenset({404, 405})
_OTHER_WAYS = "Correct `base_url`; where batches are bought in another way, take --via file."
FIRST_S, LONGEST_S = 0.5, 60.0  # between two questions, and twice as long after each


class Sink(contract.RecordSink, Protocol):
    """Takes events, and can tell when they are safe."""

    async def durable(self) -> None:
        """Wait until everything that was put has survived whatever happens next."""


class Buyer:
    """Buys for one session."""

    def __init__(
        self,
        work: contract.Work,
        plan: Plan,
        sink: Sink,
        until: ExitStack,
        *,
        asking: Mapping[str, Asking],
        endpoints: Mapping[str, HttpEndpoint],
    ) -> None:
        self.run, self._plan, self._sink = work.run, plan, sink
        self.ledger = Ledger(work, plan, sink)
        self.bought = bool(self.ledger.open)
        self.sending = False  # a request that buys is on its way
        self.stop: HarnessError | None = None
        self.away: dict[str, HarnessError] = {}  # models whose provider can't be asked now, and why
        self.room: dict[str, int] = {}  # lines of a batch, of models whose provider holds no more
        self._at_once = work.retry == "sync"  # what was bought and failed is left to be asked at once
        self.asking = asking  # by model
        self.endpoints = endpoints  # by candidate
        self._renderers = {name: plan.renderers(c, until) for name, c in self.ledger.candidates.items()}

    async def buy(self) -> None:
        """Find what may have been bought, and buy what is owed."""
        for batch in list(self.ledger.open.values()):
            if batch.id not in self.ledger.names:
                with self.apart(batch.model):
                    await self.look_for(batch)
        for model in self.asking:
            with self.apart(model):
                if model not in self.away:
                    await self.buy_of(model)
        if len(self.away) == len(self.asking):
            self.raise_trouble()

    @contextmanager
    def apart(self, model: str) -> Iterator[None]:
        """Let what one provider can't do now leave the other models alone: it ends the session after them."""
        try:
            yield
        except (StorageFailed, Waiting):
            raise
        except (EndpointUnusable, RunIncomplete) as error:
            self.away.setdefault(model, error)

    def raise_trouble(self) -> None:
        """End a session once all was read that could be: for good where no provider could be asked."""
        error = self.ledger.error
        if error is None and self.away:
            error = next(iter(self.away.values()))
            error = error if len(self.away) == len(self.asking) else RunIncomplete(error.message, fix=error.fix)
        if error is not None:
            raise error

    async def buy_of(self, model: str) -> bool:
        """Buy what is owed of a model and in no batch; tell whether there was any."""
        candidate = next(c for c in self.ledger.candidates.values() if c.model_name == model)
        asking, most = self.asking[model], self.asking[model].most_lines
        offline = candidate.model.via == "file"
        bought = False
        for repeat in [None] if offline else range(self._plan.repeats):
            for id_, lines in self._lots(model, repeat, offline=offline):
                bought = True
                content = b"".join(lines.values())
                batch = Batch(
                    at_utc=RealClock.utc(),
                    id=id_,
                    step="begun",
                    model=model,
                    via=candidate.model.via,
                    trials=tuple(lines),
                    digest=sha256(content).hexdigest(),
                )
                await self._send(batch, content)
                if self.stop is not None:
                    raise self.stop
                if asking.most_lines < most:
                    return await self.buy_of(model)  # what was too large
                if model in self.room or self._ended(model):
                    return True
        return bought

    def _lots(self, model: str, repeat: int | None, *, offline: bool) -> Iterator[tuple[str, dict[str, bytes]]]:
        """Yield a batch's id and its lines by tag, as many as one may have."""
        asking = self.asking[model]
        most = self.room.get(model, asking.most_lines)
        id_, size = secrets.token_hex(8), 0
        lines: dict[str, bytes] = {}
        for tag, planned in self.ledger.unbought(model, repeat):
            if self._at_once and self.ledger.tries[tag] and not offline:
                continue
            line = self._line(id_, tag, planned)
            if line is None:
                continue
            if lines and not offline and (len(lines) >= most or size + len(line) > asking.most_bytes):
                yield id_, lines
                id_, size, lines = secrets.token_hex(8), 0, {}
                line = self._line(id_, tag, planned) or b""
            lines[tag] = line
            size += len(line)
        if lines:
            yield id_, lines

    def _line(self, id_: str, tag: str, planned: Planned) -> bytes | None:
        """Write a trial's line; one that can't be written has failed."""
        name = planned.trial.candidate
        ready, candidate = prepared(self.endpoints[name], self._renderers[name], planned), self.ledger.candidates[name]
        if not isinstance(ready, Failure):
            return self.asking[candidate.model_name].line(f"{id_}-{tag}", ready.body)
        unsent = Batch(
            at_utc=RealClock.utc(), id=id_, step="begun", model=candidate.model_name, via=candidate.model.via
        )
        self.ledger.settle(tag, ready, unsent)
        return None

    async def _send(self, batch: Batch, lines: bytes) -> None:
        """Buy a batch: first the journal is told, then the provider."""
        self.ledger.write(batch)
        await self._sink.durable()
        self.bought = True
        if batch.via == "file":
            self.ledger.step(batch, "sent", name=_written(self.run / FOLDER, batch.id, lines))
            return
        asking = self.asking[batch.model]
        trouble: Unanswered | None = None
        for n in range(TRIES):
            self.sending = True
            said = await asking.send(batch.id, lines)
            self.sending = False
            if isinstance(said, str):
                self.ledger.step(batch, "sent", name=said)
                return
            trouble = said
            if trouble.failure.status == _TOO_LARGE and len(batch.trials) > 1:
                asking.most_lines = len(batch.trials) // 2
                self.ledger.step(batch, "ended", why=f"{trouble.failure.message}; smaller ones are sent")
                return
            if not failure_map.is_retryable(trouble.failure.kind):
                self.refuse(batch, trouble.failure)
                return
            if self.stop is not None:
                raise self.stop
            await asyncio.sleep(pause_s(n, trouble))
            # A server that says 429 made nothing of it; after all else it may have.
            if trouble.failure.kind != "rate_limited" and await self.look_for(batch, ends=False):
                return
        assert trouble is not None
        if trouble.failure.kind == "rate_limited" and self._waits_for(batch.model):
            self.one_by_one(batch, trouble.failure.message, len(batch.trials))
            return
        raise RunIncomplete(f"{batch.model}: no batch could be made: {trouble.failure.message}", fix="Try later.")

    def _waits_for(self, model: str) -> bool:
        return any(b.model == model and id_ in self.ledger.names for id_, b in self.ledger.open.items())

    def one_by_one(self, batch: Batch, why: str, lines: int) -> None:
        """Have batches of so many lines sent in place of one that was not taken, each once others have ended."""
        self.room[batch.model] = lines
        if batch.id in self.ledger.names:
            self.ledger.tries.subtract(batch.trials)  # it was asked of nobody
        self.ledger.step(batch, "ended", why=f"{why}; what it held is sent once others have ended")

    async def look_for(self, batch: Batch, *, ends: bool = True) -> bool:
        """Look for a batch that may have been bought; tell whether it was, or whether that can't be told yet."""
        kept = Kept(batch.id, len(batch.trials), datetime.fromisoformat(batch.at_utc))
        found = None if batch.via == "file" else await self._answered(lambda: self.asking[batch.model].find(kept))
        if isinstance(found, str):
            self.ledger.step(batch, "sent", name=found)
        elif found is None and ends:
            self.ledger.step(batch, "ended", why="it was never made")
        return found is not None

    async def _answered(self, ask: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - what it is asked
        """Ask until there is an answer. Raises RunIncomplete, and EndpointUnusable where there will be none."""
        for n in range(TRIES):
            said = await ask()
            if not isinstance(said, Unanswered):
                return said
            if not failure_map.is_retryable(said.failure.kind):
                raise EndpointUnusable(said.failure.message)
            await asyncio.sleep(pause_s(n, said))
        raise RunIncomplete(f"It can't be told what was bought: {said.failure.message}", fix="Try later.")

    def refuse(self, batch: Batch, failure: Failure) -> None:
        """End the candidates of a batch that its provider does not take."""
        self.ledger.step(batch, "ended", why=failure.message)
        for candidate in self.ledger.candidates.values():
            if candidate.model_name == batch.model and candidate.name not in self.ledger.refused:
                self.ledger.refused.add(candidate.name)
                trial = next(iter(self._plan.trials(self._plan.nothing_done(), frozenset({candidate.name})))).trial
                said = contract.refusal(candidate, record_of(trial, failure, batch), RealClock.utc())
                if failure.kind == "bad_request" and failure.status in _NOBODY_THERE:
                    said = msgspec.structs.replace(said, fix=_OTHER_WAYS, advice=_OTHER_WAYS)
                self._sink.put(said)

    def _ended(self, model: str) -> bool:
        return all(c.name in self.ledger.refused for c in self.ledger.candidates.values() if c.model_name == model)


def pause_s(tries: int, trouble: Unanswered | None) -> float:
    """Give how long to wait before the next try: as the provider asks, else longer each time."""
    asked = trouble.wait_s if trouble is not None else None
    return min(LONGEST_S, FIRST_S * 2**tries if asked is None else asked)


def _written(folder: Path, id_: str, lines: bytes) -> str:
    """Write lines into a file of the run; gives its name. Raises StorageFailed."""
    path = folder / f"{id_}.jsonl"
    try:
        folder.mkdir(exist_ok=True)
        path.write_bytes(lines)
    except OSError as error:
        raise StorageFailed(f"{path}: {error.strerror}", fix="Make room or allow writing there.") from error
    return path.name
