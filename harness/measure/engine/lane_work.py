"""What the workers of a lane share: the trials that they take, and what becomes of records and candidates."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from harness.measure.endpoint.failure_map import is_fatal
from harness.measure.engine.call import Caller
from harness.measure.engine.contract import EndpointUnusable, refusal
from harness.measure.pacing import Decided, Lane, shared_limits
from harness.record import Event, Failure, FailureKind, Planned, Record

Put: TypeAlias = Callable[[Event], None]

_UNREACHABLE: frozenset[FailureKind] = frozenset({"connect", "proxy"})


class Feed:
    """The trials that the workers of a lane take: those to be sent again first."""

    def __init__(self, trials: Iterable[Planned]) -> None:
        self._trials = iter(trials)
        self.again: deque[Planned] = deque()

    def __iter__(self) -> Iterator[Planned]:
        return self

    def __next__(self) -> Planned:
        return self.again.popleft() if self.again else next(self._trials)

    async def more(self, worker: int) -> bool:  # noqa: ARG002 (whose turn it is matters where trials are dealt out)
        """Wait for more trials once there is none; False when none will come."""
        return False

    def dealt_out(self) -> None:
        """Hear that no more will come, or be wanted."""


_LEAST_AHEAD = 4
_MOST_AHEAD = 4096


class Dealt(Feed):
    """Trials that are dealt out bit by bit: `ask(n)` for more is said in time, so that workers rarely wait."""

    def __init__(self, planned_at: Callable[[int], Planned], ask: Callable[[int], None], lane: Lane) -> None:
        super().__init__(())
        self._planned_at = planned_at
        self._ask = ask
        self._turnstile = lane.turnstile
        self._codes: deque[int] = deque()
        self._ahead = max(_LEAST_AHEAD, lane.turnstile.asked)
        self._due = 0  # asked for and not dealt yet
        self._over = False
        self._idle: deque[asyncio.Future[None]] = deque()
        self._beyond: list[asyncio.Future[None]] = []  # more workers than may be in flight

    def __next__(self) -> Planned:
        if self.again:
            return self.again.popleft()
        self._ask_in_time()
        if not self._codes:
            raise StopIteration
        return self._planned_at(self._codes.popleft())

    async def more(self, worker: int) -> bool:
        """Wait for a trial, and until so many workers may be in flight; False when none will come."""
        while not self._over and (worker >= self._turnstile.asked or not self._codes):
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if worker >= self._turnstile.asked:
                self._beyond.append(future)
            else:
                self._ask_in_time()
                self._idle.append(future)
            await future
        return bool(self._codes)

    def dealt(self, code: int) -> None:
        """Take a trial."""
        self._due -= 1
        self._codes.append(code)
        if self._idle:
            _wake((self._idle.popleft(),))

    def dealt_out(self) -> None:
        """Hear that no more will come, or be wanted: whoever waits goes on."""
        self._over = True
        _wake(self._idle)
        self.shared()

    def shared(self) -> None:
        """Hear that another number may be in flight."""
        beyond, self._beyond = self._beyond, []
        _wake(beyond)

    def _ask_in_time(self) -> None:
        if self._over or self._due > 0 or len(self._codes) > self._ahead // 2:
            return
        if not self._codes:  # they go faster than answers come
            self._ahead = min(2 * self._ahead, _MOST_AHEAD)
        self._due = self._ahead - len(self._codes)
        self._ask(self._due)


def _wake(sleeping: Iterable[asyncio.Future[None]]) -> None:
    for future in sleeping:
        if not future.done():
            future.set_result(None)


@dataclass(slots=True)
class LaneWork:
    """A lane with the callers of its candidates."""

    lane: Lane
    callers: dict[str, Caller] = field(default_factory=dict)
    warmups: list[Planned] = field(default_factory=list)
    feed: Feed = field(default_factory=lambda: Feed(()))

    def share(self, sharing: int, part: float, room: float) -> None:
        """Take another share of the endpoint's limits: of calls in flight one of so many, of the rates this part."""
        whole = [caller.entry.limits for caller in self.callers.values()]
        asked, limits = shared_limits(whole, shards=sharing).concurrency, shared_limits(whole)
        self.lane.turnstile.share(max(1, int(asked * room)))
        self.lane.rate.share(limits.rpm, limits.tpm, part, sharing)
        if isinstance(self.feed, Dealt):
            self.feed.shared()

    @property
    def over(self) -> bool:
        """Whether all its candidates have ended."""
        return all(caller.first.state == "ended" for caller in self.callers.values())

    @property
    def timed(self) -> bool:
        """Whether a call of it is timed here: recorded replies bring their own times, or none."""
        return any(caller.entry.endpoint != "replay" for caller in self.callers.values())

    def take(self, planned: Planned, record: Record, put: Put) -> None:
        """Put what is final, and end the candidates that are not answered. Raises RunIncomplete."""
        caller, failure = self.callers[planned.trial.candidate], record.outcome
        if isinstance(failure, Failure) and is_fatal(failure.kind) and not record.recorded:
            self._end([each for each in self.callers.values() if each.entry is caller.entry], record, put)
        elif caller.first.lets_by:
            self._final(record, put)
        else:
            self._settle(caller, caller.first.settle(planned, record), put)

    def ends_asking(self, put: Put) -> bool:
        """Decide of candidates that had too few calls; tell whether some trials are to be sent again."""
        for caller in self.callers.values():
            self._settle(caller, caller.first.at_end(), put)
        return bool(self.feed.again)

    def _settle(self, caller: Caller, settled: Decided, put: Put) -> None:
        self.feed.again.extend(settled.again)
        for record in settled.final:
            if not self._final(record, put):
                return
        if settled.ends and caller.first.first is not None:
            self._end([caller], caller.first.first, put)

    def _final(self, record: Record, put: Put) -> bool:
        """Put what the breaker lets go; False when nobody is there any more."""
        try:
            final = self.lane.breaker.settle(record)
        except EndpointUnusable as error:
            self._give_up(record, put, error)
            return False
        for each in final:
            put(each)
        return True

    def _give_up(self, record: Record, put: Put, error: EndpointUnusable) -> None:
        """End all that share an address where nobody is; where a server answers, the models that it failed."""
        assert isinstance(record.outcome, Failure)
        held = self.lane.breaker.release()
        failed, own = Counter(each.candidate for each in held), {each.candidate: each for each in held}
        models = [self.callers[name].entry for name in failed]
        everybody = record.outcome.kind in _UNREACHABLE
        for caller in list(self.callers.values()):
            refusal = caller.first.first if caller.first.state == "asking" else None
            if not everybody and not any(caller.entry is model for model in models):
                continue
            if refusal is not None:  # what it was told itself says more
                self._end([caller], refusal, put)
            else:
                name = caller.candidate.name
                self._end([caller], own.get(name, record), put, error, calls=failed[name])

    def _end(
        self, callers: list[Caller], record: Record, put: Put, error: EndpointUnusable | None = None, *, calls: int = 0
    ) -> None:
        """End candidates: nothing more of them is sent; what was refused has no record and can be resumed."""
        for caller in callers:
            if not caller.first.end():
                continue
            put(refusal(caller.candidate, record, caller.clock.utc(), error, calls=max(calls, caller.first.refusals)))


class Lanes(dict[str, LaneWork]):
    """All lanes by their pacing keys; they hear what other processes say of candidates, by their places."""

    def __init__(self, candidates: Iterable[str]) -> None:
        super().__init__()
        self.places = {name: place for place, name in enumerate(candidates)}
        self._names = tuple(self.places)
        self.room = 1.0  # of the calls in flight that were asked for, as many as there are open files for

    @property
    def out(self) -> int:
        """How many calls are in flight."""
        return sum(each.lane.in_flight for each in self.values())

    def told(self, place: int, *, opened: bool) -> None:
        """Hear that a candidate is opened, or ended."""
        for lane in self._of(place):
            lane.callers[self._names[place]].first.told(opened=opened)

    def lead(self) -> None:
        """Hear that the process that led is gone."""
        for lane in self.values():
            for caller in lane.callers.values():
                caller.first.lead()

    def share(self, sharing: int, part: float) -> None:
        """Hear how many share the endpoints' limits, and which part of their rates is for this process."""
        for lane in self.values():
            lane.share(sharing, part, self.room if lane.timed else 1.0)

    def dealt(self, place: int, code: int | None) -> None:
        """Take a trial of a candidate; None when nobody has more for its lane."""
        for lane in self._of(place):
            assert isinstance(lane.feed, Dealt), "nothing is dealt out that was not asked for"
            if code is None:
                lane.feed.dealt_out()
            else:
                lane.feed.dealt(code)

    def _of(self, place: int) -> Iterator[LaneWork]:
        return (lane for lane in self.values() if self._names[place] in lane.callers)
