"""Before a run: a row for each threshold, by the planner of its metric."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from msgspec import structs

from harness.files.case import Case
from harness.files.suite import Suite
from harness.files.thresholds import ACCURACY, BETTER_THAN_MAJORITY, Threshold, metric_of
from harness.judge.checks.ahead import Ahead, PowerRow, unplanned
from harness.judge.checks.metrics import GAUGES
from harness.judge.scores import half_way


def power(
    suite: Suite, thresholds: Sequence[Threshold], cases: Sequence[Case], timed: Sequence[Case] | None = None
) -> tuple[PowerRow, ...]:
    """Say of each threshold, in their order, what the cases can prove and how many it takes.

    `timed` are those that latency rests on, where that is a sample of them, or none.
    """
    accuracy = max(
        (half_way(t.bound) for t in thresholds if t.metric == ACCURACY.name and t.baseline == "absolute"), default=None
    )
    return tuple(
        _row(suite, threshold, cases, accuracy)
        if timed is None or metric_of(threshold.metric).clock is None
        else _of_sample(threshold, _row(suite, threshold, timed, accuracy) if timed else None)
        for threshold in thresholds
    )


def _of_sample(threshold: Threshold, row: PowerRow | None) -> PowerRow:
    """Give the row of a clock that rests on a sample: more cases in the suite would not help it."""
    if row is None:
        return structs.replace(unplanned(threshold, "no call that it rests on is timed"), provable=False)
    if row.provable or row.least is None:
        return structs.replace(row, counts=None)
    told = f"{row.have:,} cases that are asked at once are too few, `latency: {{sample: {row.least}}}` is the least"
    return structs.replace(unplanned(threshold, told), provable=False)


class Together(NamedTuple):
    """How often all thresholds that can be planned pass in one run, and by how much that is uncertain."""

    of: int
    low: float
    high: float

    @property
    def told(self) -> str:
        """Say it in a sentence."""
        odds = " to ".join(dict.fromkeys(f"{share:.0%}" for share in (self.low, self.high)))
        return f"READY takes all: the {self.of:,} that can be planned pass together in {odds} of runs, if so."


def together(rows: Sequence[PowerRow]) -> Together | None:
    """Give how often all pass in one run; None where none can be planned.

    No oftener than the rarest does. Right answers never make a check fail, so checks on the same cases are no rarer
    together than if each had cases of its own (Harris 1960).
    """
    known = [row.power for row in rows if row.power is not None]
    return Together(len(known), math.prod(known), min(known)) if known else None


def _row(suite: Suite, threshold: Threshold, cases: Sequence[Case], accuracy: float | None) -> PowerRow:
    if threshold.baseline != "absolute":
        return unplanned(threshold, "it depends on the baseline")
    chosen = [case for case in cases if threshold.covers(case.split, case.tags)]
    if threshold.metric == BETTER_THAN_MAJORITY.name:
        most = max(Counter(case.expected for case in chosen).values(), default=0)
        threshold = replace(threshold, bound=most / max(len(chosen), 1))
    ahead = Ahead(suite=suite, threshold=threshold, cases=chosen, accuracy=accuracy)
    return GAUGES[threshold.metric].plan(ahead)
