"""What the workers of a lane share: the trials that they take, and what becomes of records and candidates."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from harness.errors import EndpointUnusable
from harness.files.mending import nobody_answers, what_to_change
from harness.measure.endpoint.failure_map import is_fatal
from harness.measure.engine.call import Caller
from harness.measure.pacing import Lane, Settled
from harness.record import Event, Failure, FailureKind, Planned, Record, Refused

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


@dataclass(slots=True)
class LaneWork:
    """A lane with the callers of its candidates."""

    lane: Lane
    callers: dict[str, Caller] = field(default_factory=dict)
    warmups: list[Planned] = field(default_factory=list)
    feed: Feed = field(default_factory=lambda: Feed(()))

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
        else:
            self._settle(caller, caller.first.settle(planned, record), put)

    def ends_asking(self, put: Put) -> bool:
        """Decide of candidates that had too few calls; tell whether some trials are to be sent again."""
        for caller in self.callers.values():
            self._settle(caller, caller.first.at_end(), put)
        return bool(self.feed.again)

    def _settle(self, caller: Caller, settled: Settled, put: Put) -> None:
        self.feed.again.extend(settled.again)
        for record in settled.final:
            try:
                final = self.lane.breaker.settle(record)
            except EndpointUnusable as error:
                self._give_up(record, put, error)
                return
            for each in final:
                put(each)
        if settled.ends and caller.first.first is not None:
            self._end([caller], caller.first.first, put)

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
        failure = record.outcome
        assert isinstance(failure, Failure)
        for caller in callers:
            if not caller.first.end():
                continue
            candidate = caller.candidate
            if error is None:
                mend = what_to_change(failure, candidate.places, candidate.model.api_key_env)
            else:
                mend = nobody_answers(failure, candidate.places)
            put(
                Refused(
                    at_utc=caller.clock.utc(),
                    candidate=candidate.name,
                    failure=Failure(
                        kind=failure.kind,
                        message=failure.message if error is None else f"{error.message}; the last: {failure.message}",
                        status=failure.status,
                    ),
                    case=record.case,
                    calls=max(1, calls, caller.first.refusals),
                    where=mend.where,
                    fix=mend.fix,
                    advice=mend.advice,
                )
            )
