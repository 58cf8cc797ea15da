"""Running figures of one candidate while a run goes on: rough, cheap, never the verdict."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from harness.record import ORIGINAL, Failure, Reply, caller_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.files.project import ModelEntry, Price
    from harness.files.suite import Suite
    from harness.judge.labels import LabelReader
    from harness.record import Record

RECENT = 2000  # calls that the running p95 looks back on


class Tally:
    """What one candidate's trials came to so far."""

    def __init__(self, reader: LabelReader, expected: Mapping[str, str], price: Price) -> None:
        self._reader = reader
        self._expected = expected
        self._price = price
        self._latencies: deque[int] = deque(maxlen=RECENT)
        self.done = 0
        self.originals = 0
        self.right = 0
        self.failed = 0
        self.retries = 0
        self.money = 0.0

    def add(self, record: Record) -> None:
        """Count one finished trial."""
        self.done += 1
        self.retries += max(len(record.attempts) - 1, 0)
        latency = caller_ns(record)
        if latency is not None:
            self._latencies.append(latency)
        match record.outcome:
            case Failure():
                self.failed += 1
            case Reply(usage=usage):
                self.money += (usage.input or 0) * self._price.input / 1e6
                self.money += (usage.output or 0) * self._price.output / 1e6
        if record.variant == ORIGINAL:
            self.originals += 1
            label, _ = self._reader.read(record.outcome)
            self.right += label is not None and label == self._expected.get(record.case)

    def cells(self) -> tuple[str, ...]:
        """Give the figures as short texts: done, accuracy, p95, failures, retries."""
        accuracy = f"{self.right / self.originals:.1%} right" if self.originals else ""
        p95 = f"p95 {self._p95_s() * 1000:.0f} ms" if self._latencies else ""
        failed = f"{self.failed} failed" if self.failed else ""
        retries = f"{self.retries} retries" if self.retries else ""
        return (f"{self.done:,}", accuracy, p95, failed, retries)

    def _p95_s(self) -> float:
        ordered = sorted(self._latencies)
        return ordered[-(-len(ordered) * 95 // 100) - 1] / 1e9


def tallies(suite: Suite, expected: Mapping[str, str], models: Mapping[str, ModelEntry]) -> dict[str, Tally]:
    """Make one tally a candidate."""
    from harness.judge.labels import LabelReader

    reader = LabelReader(suite.reply, suite.labels)
    return {name: Tally(reader, expected, entry.price) for name, entry in models.items()}
