"""The books of the engine that waits: what was bought, what became of each line, what is still owed.

Nothing here waits or asks anybody. A trial is owed until it has a record. Its *tag* is its key, numbered where cases
alike share one; a line's custom_id is `<batch>-<tag>`, so that it names its trial whatever order lines come in, and
no line of another run, or of another batch of this one, is taken for it.
"""

import codecs
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from harness.errors import HarnessError, StorageFailed, UsageError
from harness.files.written import encoding_of, first_sign
from harness.measure.endpoint.batches import Asking, HttpEndpoint, Result, State, failure_map, parsed
from harness.measure.engine import contract
from harness.measure.plan import Candidate, Plan
from harness.measure.timeline import RealClock
from harness.record import Batch, Failure, Planned, Record, Reply, Trial

UNREADABLE = "a line that can't be read"
NAMED = 20  # refused lines that an event names


class Ledger:
    """Keeps the books of one session, and journals every change of them."""

    def __init__(self, work: contract.Work, plan: Plan, sink: contract.RecordSink) -> None:
        self._sink = sink
        self.candidates: Mapping[str, Candidate] = {c.name: c for c in plan.candidates if c.model.waits}
        self.owed: dict[str, Planned] = {}  # by tag, in the drawn order
        self.free: set[str] = set()  # tags that may be bought; the others are beyond a bound
        self.open: dict[str, Batch] = {}  # batches that have not ended, as they were begun
        self.names: dict[str, str] = {}  # of those that were sent, by their ids
        self.refused: set[str] = set()  # candidates that ended
        self.error: HarnessError | None = None  # what ends the session once all that was bought is read
        self.tries: Counter[str] = Counter()  # how often a tag was bought
        self._fatal: dict[str, Record] = {}
        self._count(work, plan)
        for event in work.batches:
            self._learn(event)

    def _count(self, work: contract.Work, plan: Plan) -> None:
        names, recorded = frozenset(self.candidates), work.done if work.recorded is None else work.recorded
        apart = {each.trial for each in plan.trials(plan.at_once(plan.nothing_done()), names)}  # a sample's
        owed, free = ({each.trial for each in plan.trials(done, names)} - apart for done in (recorded, work.done))
        for tag, code in plan.tagged():
            planned = plan.planned_at(code)
            if planned.trial in owed:
                self.owed[tag] = planned
            if planned.trial in free:
                self.free.add(tag)

    def _learn(self, event: Batch) -> None:
        match event.step:
            case "begun":
                self.open[event.id] = event
            case "sent":
                self.names[event.id] = event.name
                self.tries.update(self.open[event.id].trials if event.id in self.open else ())
            case "ended":
                self.open.pop(event.id, None)
            case "read":
                pass

    def write(self, event: Batch) -> None:
        """Journal a step of a batch. Raises StorageFailed."""
        self._sink.put(event)
        self._learn(event)

    def step(self, batch: Batch, step: str, **said: object) -> None:
        """Journal the next step of a batch. Raises StorageFailed."""
        about = {"id": batch.id, "step": step, "model": batch.model, "via": batch.via, "at_utc": RealClock.utc()}
        self.write(msgspec.convert({**about, **said}, Batch))

    def unbought(self, model: str, repeat: int | None) -> Iterator[tuple[str, Planned]]:
        """Yield what is owed of a model, or of one repeat of it, and is in no batch."""
        bought = {tag for batch in self.open.values() for tag in batch.trials}
        for tag, planned in list(self.owed.items()):
            candidate = self.candidates[planned.trial.candidate]
            if tag not in self.free or tag in bought or candidate.name in self.refused:
                continue
            if candidate.model_name == model and repeat in (None, planned.trial.repeat):
                yield tag, planned

    def settle(self, tag: str, outcome: Reply | Failure, batch: Batch) -> None:
        """Take what became of a trial: a record, unless it failed and may be bought again."""
        trial = self.owed[tag].trial
        if isinstance(outcome, Reply) and batch.via == "batch":
            usage = msgspec.structs.replace(outcome.usage, tier="batch")
            outcome = msgspec.structs.replace(outcome, usage=usage)
        record = record_of(trial, outcome, batch)
        if isinstance(outcome, Failure) and batch.via == "batch":
            limits = self.candidates[trial.candidate].model.limits
            if failure_map.is_fatal(outcome.kind):
                self._fatal.setdefault(trial.candidate, record)
                return
            if failure_map.is_retryable(outcome.kind) and self.tries[tag] < limits.attempts:
                return
        del self.owed[tag]
        try:
            self._sink.put(record)
        except StorageFailed as error:
            self.error = error
        except HarnessError as error:  # a bound on money: what was paid for is saved all the same
            self.error = self.error or error

    def unmarked(self, plan: Plan) -> bytearray:
        """Mark all but what is owed, free and in no batch."""
        left = bytearray(b"\1") * len(plan.nothing_done())
        for model in {candidate.model_name for candidate in self.candidates.values()}:
            for _, planned in self.unbought(model, None):
                nothing = Failure(kind="circuit_open", message="")
                record = record_of(planned.trial, nothing, Batch(at_utc="", id="", step="begun", model=model))
                plan.mark(left, record, done_with=False)
        return left

    def fatal(self) -> Iterable[tuple[Candidate, Record]]:
        """Give the candidates of which a line was refused as every further one would be, each once."""
        ended = [(self.candidates[name], record) for name, record in self._fatal.items() if name not in self.refused]
        self.refused.update(self._fatal)
        return ended


def record_of(trial: Trial, outcome: Reply | Failure, batch: Batch) -> Record:
    """Make the record of a trial that no clock was held beside."""
    place = {name: getattr(trial, name) for name in ("key", "case", "candidate", "variant", "repeat")}
    return Record(**place, outcome=outcome, started_utc=batch.at_utc, via=batch.via)


class BatchReading:
    """Reads the lines of one batch, in whatever order and however often they are fetched."""

    def __init__(self, ledger: Ledger, batch: Batch, asking: Asking, endpoints: Mapping[str, HttpEndpoint]) -> None:
        self._ledger, self._batch, self._asking, self._endpoints = ledger, batch, asking, endpoints
        self._wanted = frozenset(batch.trials)
        self._from: dict[str, str] = {}  # by tag, the file that answered
        self._now: set[str] = set()
        self._file = ""
        self.left_out: set[str] = set()  # never asked
        self._refused: dict[str, None] = {}

    def lacks(self, state: State) -> bool:
        """Tell whether there should be more: its provider counted more answers than there were lines."""
        return bool(self.missing) and len(self._from) < state.ready

    def begin(self, file: str) -> None:
        """Begin with a file, perhaps once more: what was read of it before is passed over."""
        self._file, self._now = file, set()

    def take(self, line: bytes) -> None:
        """Read a line."""
        said = parsed(line)
        if said is None:
            self._refused[UNREADABLE] = None
            return
        self.answer(said)

    def answer(self, said: Result) -> None:
        """Take what a line says."""
        tag = said.custom_id.removeprefix(f"{self._batch.id}-")
        if tag == said.custom_id or tag not in self._wanted or tag in self._now:
            self._refused[said.custom_id[:100]] = None
            return
        self._now.add(tag)
        if (file := self._from.setdefault(tag, self._file)) != self._file:
            self._refused[said.custom_id[:100]] = None
        if file != self._file or tag not in self._ledger.owed or tag in self.left_out:
            return
        trial = self._ledger.owed[tag].trial
        outcome = self._asking.outcome(self._endpoints[trial.candidate], said)
        if outcome is None:
            self.left_out.add(tag)
        else:
            self._ledger.settle(tag, outcome, self._batch)

    @property
    def missing(self) -> list[str]:
        """What is owed of it and no line was about."""
        return [tag for tag in self._batch.trials if tag not in self._from and tag in self._ledger.owed]

    @property
    def refused(self) -> list[str]:
        """What was refused, the first of many."""
        return list(self._refused)[:NAMED]


def lines_of(file: Path) -> Iterator[bytes]:
    """Give the lines of a file of answers, or the items of one that is a list."""
    try:
        with file.open("rb") as source:
            head = source.peek(16)[:16]
            text: Iterable[bytes] = source
            if (codec := encoding_of(head)) != "utf-8" or first_sign(head) == "[":
                whole = source.read().decode(codec).removeprefix("\ufeff").encode()
                text = whole.split(b"\n")
                if first_sign(head) == "[":
                    text = map(bytes, msgspec.json.decode(whole, type=list[msgspec.Raw]))
            for line in text:
                if said := line.removeprefix(codecs.BOM_UTF8).strip():  # parts that were joined have a mark each
                    yield said
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}.") from None
    except (UnicodeError, msgspec.MsgspecError, RecursionError) as error:
        raise UsageError(f"{file} can't be read: {error}.", fix="Write an answer a line, as UTF-8.") from None
