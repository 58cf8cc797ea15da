"""Before a run: a row for each threshold, by the planner of its metric; and how many cases a run that stops asks."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from msgspec import structs

from harness.files.case import Case
from harness.files.suite import StopRule, Suite
from harness.files.thresholds import ACCURACY, BETTER_THAN_MAJORITY, Threshold, metric_of
from harness.judge.checks import evidence, stopper
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
        threshold = replace(threshold, bound=_majority(chosen))
    ahead = Ahead(suite=suite, threshold=threshold, cases=chosen, accuracy=accuracy)
    return GAUGES[threshold.metric].plan(ahead)


def _majority(cases: Sequence[Case]) -> float:
    return max(Counter(case.expected for case in cases).values(), default=0) / max(len(cases), 1)


class Forecast(NamedTuple):
    """How many cases of a candidate are asked until its verdict is settled, on average over drawn suites."""

    of: int
    true: float  # share of right answers of one that is ready: half way from the strictest demand to perfect
    ready: float
    below: float  # and of a hopeless one: as far below the demand
    hopeless: float

    @property
    def told(self) -> str:
        """Say it in a sentence."""
        return (
            f"stopping early asks a candidate about {self.ready:,.0f} of {self.of:,} cases if {self.true:.1%} of its"
            " answers are right (half way from the strictest demand to perfect), about"
            f" {self.hopeless:,.0f} if only {self.below:.1%} are; with all calls in time and none failed."
        )


_DRAWN = 5  # suites


def forecast(
    suite: Suite, thresholds: Sequence[Threshold], cases: Sequence[Case], *, among: int = 1
) -> Forecast | None:
    """Foretell by simulation what stopping early asks; None where no share of right answers is demanded."""
    hits = (evidence.RIGHT, evidence.FOUND, evidence.NO_ALARM, evidence.PREDICTED)
    asked = [t.bound for t in thresholds if GAUGES[t.metric].score in hits and t.baseline == "absolute" and t.bound < 1]
    labels = {label: place for place, label in enumerate(suite.labels)}
    rows = [evidence.Case(case.id, labels[case.expected], case.split, case.tags) for case in cases if case.expected]
    if not asked or not rows:
        return None
    thresholds = [t for t in thresholds if suite.thresholds or not metric_of(t.metric).earlier]  # of a first run
    true, below = half_way(max(asked)), max(0.0, 2 * max(asked) - half_way(max(asked)))

    def mean(right: float) -> float:
        return sum(_asked(suite, thresholds, rows, right, (seed, among)) for seed in range(_DRAWN)) / _DRAWN

    return Forecast(len(rows), true, mean(true), below, mean(below))


def _asked(
    suite: Suite, thresholds: Sequence[Threshold], rows: Sequence[evidence.Case], right: float, drawn: tuple[int, int]
) -> int:
    """Ask one drawn suite, its repeats alike and all in time; gives the cases that it took."""
    seed, among = drawn
    seeded, places = suite.model_copy(update={"seed": seed}), {row.id: row for row in rows}
    made = stopper.settling(seeded, rows, thresholds, suite.stop or StopRule(), among=among)
    draws = np.random.default_rng(seed).random(len(rows))
    for id_, draw in zip(made.order, draws, strict=True):
        expected = places[id_].expected
        said = expected if draw < right else (expected + 1) % len(suite.labels)
        for repeat in range(suite.repeats):
            found = made.take(id_, repeat, evidence.Said(said, said, "label", 0.0))
            if found is not None:
                return found.asked
    return len(rows)
