"""Before a run: how many cases it will ask where it stops once its verdict is settled."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from harness.files.case import Case
from harness.files.suite import StopRule, Suite
from harness.files.thresholds import Threshold, metric_of
from harness.judge.checks import evidence, stopper
from harness.judge.checks.metrics import GAUGES
from harness.judge.scores import half_way


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
