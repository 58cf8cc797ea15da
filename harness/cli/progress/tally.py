"""Running figures of one candidate while a run goes on: rough, cheap, never the verdict."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from harness.record import ORIGINAL, CaseRow, Record, caller_ns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.files.project import ModelEntry, Price
    from harness.files.suite import Suite
    from harness.judge.labels import LabelReader

RECENT = 2000  # calls that the running p95 looks back on


class Tally:
    """What one candidate's trials came to so far."""

    def __init__(self, reader: LabelReader, expected: Mapping[str, str], price: Price, *, before: int = 0) -> None:
        self._reader = reader
        self._expected = expected
        self._price = price
        self._latencies: deque[int] = deque(maxlen=RECENT)
        self._cases: set[str] = set()
        self.before = before  # trials that earlier sessions finished
        self.done = 0
        self.originals = 0
        self.right = 0
        self.outcomes: Counter[str] = Counter()
        self.retries = 0
        self.money = 0.0
        self.currency = price.currency

    def add(self, record: Record) -> None:
        """Count one finished trial."""
        self.done += 1
        self.retries += max(len(record.attempts) - 1, 0)
        latency = caller_ns(record)
        if latency is not None:
            self._latencies.append(latency)
        read = self._reader.reading(record.outcome, self._price)
        self.outcomes[read.outcome] += 1
        self.money += read.cost or 0.0
        if record.variant == ORIGINAL and self._expected.get(record.case):
            self.originals += 1
            self._cases.add(record.case)
            self.right += read.label is not None and read.label == self._expected.get(record.case)

    def accuracy(self) -> tuple[float, float, float] | None:
        """Give the share that is right with Wilson's interval over the cases; None before the first."""
        from harness.judge.scores import wilson

        if not self.originals:
            return None
        share = self.right / self.originals
        return (share, *wilson(share, len(self._cases)))  # repeats of a case are not independent

    def p95_s(self) -> float | None:
        """Give the 95th percentile of the last calls, in seconds; None before the first."""
        ordered = sorted(self._latencies)
        return ordered[-(-len(ordered) * 95 // 100) - 1] / 1e9 if ordered else None

    def accuracy_text(self) -> str:
        """Give `90.7% right (82 to 95)`."""
        found = self.accuracy()
        if found is None:
            return ""
        share, low, high = found
        return f"{share:.1%} right ({low * 100:.0f} to {high * 100:.0f})"

    def p95_text(self) -> str:
        """Give `p95 471 ms`."""
        from harness.judge import seconds

        p95 = self.p95_s()
        return "" if p95 is None else f"p95 {seconds(p95)}"

    def trouble_text(self) -> str:
        """Give `3 failed, 2 truncated, 12 retries`, or nothing."""
        return told_trouble(self.outcomes, self.retries)


def told_trouble(outcomes: Mapping[str, int], retries: int) -> str:
    """Say how trials ended without a label, what failed first, and how many calls were made again."""
    ended = sorted(((n, name) for name, n in outcomes.items() if n and name != "label"), key=lambda one: -one[0])
    ended.sort(key=lambda one: one[1] != "failed")
    told = [f"{n:,} {name}" for n, name in ended]
    if retries:
        told.append(f"{retries:,} {'retry' if retries == 1 else 'retries'}")
    return ", ".join(told)


def tallies(
    suite: Suite, expected: Mapping[str, str], models: Mapping[str, ModelEntry], before: Mapping[str, int] | None = None
) -> dict[str, Tally]:
    """Make one tally a candidate; `before` counts the trials that earlier sessions finished."""
    # The interval's and the wording's imports take half a second: now, and not beside the first call.
    import harness.judge.scores  # noqa: F401 (with the room's door, which has the wording)
    from harness.judge.labels import LabelReader

    reader = LabelReader(suite.reply, suite.labels)
    return {
        name: Tally(reader, expected, entry.price, before=(before or {}).get(name, 0)) for name, entry in models.items()
    }


def so_far(folder: Path) -> tuple[dict[str, str], dict[str, int]]:
    """Give the expected label of each case of a run, and how many trials of each candidate are finished."""
    from harness.rundir import events_of

    expected: dict[str, str] = {}
    before: dict[str, set[tuple[str, str]]] = {}
    for event in events_of(folder):
        match event:
            case CaseRow():
                expected[event.id] = event.expected
            case Record() if not event.warmup:  # cases that ask alike share a key
                before.setdefault(event.candidate, set()).add((event.case, event.key))
            case _:
                pass
    return expected, {name: len(keys) for name, keys in before.items()}
