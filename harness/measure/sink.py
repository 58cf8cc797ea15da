"""Where a session puts its events: into the journal; then who watches and who stops it hear of them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from harness.journal import JournalWriter
from harness.measure.bounds import Plan, Spent
from harness.measure.timeline import RealClock
from harness.record import Batch, Event, Pace, Record, Refused, Reply, Session, Stopped, Waiting


class Observer(Protocol):
    """Hears of everything at once, on the event loop's thread: each method must be cheap."""

    near: Callable[[], str]  # how near a verdict is to being settled, where the run may stop early

    def on_start(self, planned: int, done: int) -> None:
        """Hear that a session begins: so many trials in all, so many finished before."""

    def on_record(self, record: Record) -> None:
        """Hear of a finished trial, or of a warm-up call."""

    def on_pace(self, pace: Pace) -> None:
        """Hear of a change of the concurrency limit or of a pause, and why."""

    def on_note(self, text: str) -> None:
        """Hear of anything else that a person should know."""


class Stopper(Protocol):
    """Hears of every record, and says when a candidate's verdict is settled."""

    def take(self, record: Record, at_utc: str) -> tuple[Stopped, ...]:
        """Take one record; gives the events that end candidates, each once."""

    def near(self) -> str:
        """Say how near it is, and what was saved."""


class Nobody:
    """Watches nothing."""

    near: Callable[[], str] = str

    def on_start(self, planned: int, done: int) -> None:
        """Do nothing."""

    def on_record(self, record: Record) -> None:
        """Do nothing."""

    def on_pace(self, pace: Pace) -> None:
        """Do nothing."""

    def on_note(self, text: str) -> None:
        """Do nothing."""


class JournalSink:
    """Puts events into the journal, and tells the observer once they are there."""

    def __init__(self, writer: JournalWriter, observer: Observer, spent: Spent, stopper: Stopper | None) -> None:
        self.writer = writer
        self._spent = spent
        self.observer = observer
        self._stopper = stopper
        if stopper is not None:
            observer.near = stopper.near
        self.settled: set[str] = set()
        self.written = writer.written
        self.durable = writer.durable
        self.refused: dict[str, Refused] = {}
        self.answered: set[str] = set()
        self._ended: list[str] = []  # said once another goes on: where none does, the run's own error says it

    def put(self, event: Event) -> None:
        """Journal one event. Raises StorageFailed, and RunIncomplete where a reply reaches the bound on money."""
        self.writer.append(event)
        if isinstance(event, Record):
            if isinstance(event.outcome, Reply) and not event.warmup:
                self.answered.add(event.candidate)
            if self._ended and event.candidate not in self.refused:
                self.say_who_ended()
            self.observer.on_record(event)
            self._spent.take(event)
            if self._stopper is not None:
                for stopped in self._stopper.take(event, RealClock.utc()):
                    self.put(stopped)
        elif isinstance(event, Stopped):
            self.settled.add(event.candidate)
            self.observer.on_note(
                f"{event.candidate}: settled after {event.asked:,} of {event.of:,} cases; the rest is not asked"
            )
        elif isinstance(event, Refused):
            self.refused[event.candidate] = event
            said = event.failure.message.rstrip()
            stop = "" if said.endswith((".", "!", "?")) else "."
            self._ended.append(f"{event.candidate} ended: {said}{stop} {event.advice}".rstrip())
        elif isinstance(event, Batch):
            self.observer.on_note(_told(event))
        elif isinstance(event, Waiting):
            self.observer.near = lambda: str(event)
        elif isinstance(event, Pace):
            self.observer.on_pace(event)

    def say_who_ended(self) -> None:
        """Tell the observer of candidates that ended early, each once."""
        for told in self._ended:
            self.observer.on_note(told)
        self._ended.clear()

    @property
    def backlogged(self) -> bool:
        """Whether an fsync keeps some events in memory."""
        return self.writer.backlogged


class InFlight:
    """How many calls may have been in flight when the last session of a journal was cut off, from its events.

    No more than it was yet to send: what has a record was answered, but for those that `--failed` asks again.
    """

    def __init__(self, own: int) -> None:
        self._own = self._left = own  # trials that the run is to measure: of a shard its own
        self._said = 0
        self._most: dict[str, int] = {}  # the highest of the session: more than a bound that was lowered may be out
        self.last: Session | None = None

    def take(self, event: Event) -> None:
        """Hear of the next event."""
        if isinstance(event, Pace):
            self._most[event.endpoint] = max(event.most, self._most.get(event.endpoint, 0))
        elif isinstance(event, Record):
            self._left -= not event.warmup
        elif isinstance(event, Session):
            self.last = event
            self._most.clear()
            self._left = self._own - event.done_before
            self._said = event.cut_off if event.event == "stopped" else 0

    @property
    def most(self) -> int:
        """What it said itself as it ended, or what its places and trials allow."""
        return self._said + min(sum(self._most.values()), max(0, self._left))


def _told(batch: Batch) -> str:
    """Say what became of a batch."""
    if batch.step == "begun":
        return f"{len(batch.trials):,} trials of {batch.model} make the batch {batch.id}"
    if batch.step == "sent":
        left = "" if batch.via == "file" else "; Ctrl-C leaves it to its provider, `harness resume` fetches"
        return f"the batch {batch.id} of {batch.model} is {batch.name}{left}"
    refused = f"lines that came twice, or that nobody asked for, are refused: {', '.join(batch.refused)}"
    said = (f"the batch {batch.id} of {batch.model} {batch.step}", batch.why, refused if batch.refused else "")
    return "; ".join(filter(None, said))


def heard(plan: Plan, done: bytearray, stopper: Stopper | None, records: Iterable[Record]) -> Iterator[Stopped]:
    """Let the stopper hear of records that were there before; a candidate that they settle is done with."""
    for record in records if stopper is not None else ():
        assert stopper is not None
        for stopped in stopper.take(record, RealClock.utc()):
            plan.end(done, stopped.candidate)
            yield stopped
