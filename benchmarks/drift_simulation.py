"""Simulates runs of one candidate on a noisy model: how often "no big drop" cries wolf, and catches a drop.

    python benchmarks/drift_simulation.py [--pairs 500] [--cases 1000] [--flips 5] [--drop 5] [--series 6]

The model answers right or wrong case by case (92% right) and flips each answer with 5% probability, anew in
every run. "A/A": the same model again. "Drop": so many more cases are answered wrong that accuracy is truly 5
points lower. The events of a run, as the endpoint `replay` leaves them, are tabulated once; for each run the
column of answers is drawn anew. The rest is what judges a real run: `View`, the check of `drift.drop <= 5%`
with the earlier runs as its history, and `compare`. Sections that decide nothing here are not computed.
Printed:

- FAIL of the drift check, against one earlier run, and against a series of earlier runs (the previous one and
  all pooled). At most 5% of A/A runs should fail, and over 90% of drops should.
- A regression by `compare`: accuracy, or any headline metric, "worse" (adjusted).
- A signal of the CUSUM chart anywhere in a series in which nothing changed.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "specimens"))

import run_of
from judged_sections import timing

from harness.files.thresholds import parse_threshold
from harness.judge.checks.check import check
from harness.judge.compare import compare
from harness.judge.history.section import described
from harness.judge.documents import PastRun
from harness.judge.history.series import history_of
from harness.judge.scores import classification
from harness.judge.scores.binomial import clopper_pearson
from harness.judge.table.columns import RunTable
from harness.judge.table.read import tabulate
from harness.judge.view import RunView, View
from harness.record import Event
from harness.rundir import Manifest

RIGHT = 0.92
LABELS = ("spam", "ham")
MARGIN = parse_threshold("drift.drop <= 5%", labels=LABELS)
NOISY = "v1@noisy"


def manifest_of(number: int, cases: int) -> Manifest:
    """Describe one run of the series."""
    made = run_of.manifest_of(LABELS, planned=cases, candidates=[run_of.replayed(NOISY)])
    created = f"2026-01-01T00:00:00.{number:06d}Z"
    return msgspec.structs.replace(made, run_id=f"run-{number:04d}", created_utc=created)


def template_of(cases: int) -> RunTable:
    """Read the events of a run in which every answer is right, as `replay` leaves them."""
    events: list[Event] = []
    for case in range(cases):
        expected, name = LABELS[case % 2], f"{case:06d}"
        events.append(run_of.case_row(name, expected, inputs={"message": name}))
        events.append(run_of.record(name, expected, candidate=NOISY, recorded=True))
    return tabulate(manifest_of(0, cases), events)


def measured(rng: np.random.Generator, model: np.ndarray, arguments: argparse.Namespace, number: int) -> View:
    """Run the suite once on a model that answers a case right where `model` says so, but for flips."""
    right = model ^ (rng.random(len(model)) < arguments.flips / 100)
    table: RunTable = arguments.template
    (trials,) = table.trials.values()
    answered = trials.told(predicted=np.where(right, trials.expected, 1 - trials.expected).astype(np.int16))
    answers = replace(table, trials={NOISY: answered})
    (view,) = RunView(manifest_of(number, len(model)), answers).views
    return view


def past_of(view: View) -> PastRun:
    """Give what a later run finds of this one."""
    accuracy = classification.accuracy(view.answers).estimate(view.confidence)
    run = described(view.manifest, view.entry)
    return msgspec.structs.replace(run, complete=True, cases=len(view.cases), figures={"accuracy": accuracy})


def drift(view: View, past: list[View]) -> str:
    """Hold a run against earlier ones, as judging it does; gives the status of the check."""
    view.past = tuple(past_of(run) for run in past)
    return check(view, MARGIN, timing(), None).status


def signals(series: list[View]) -> bool:
    """Tell whether the CUSUM chart of a series signals anywhere."""
    *before, now = (past_of(view) for view in series)
    accuracy = classification.accuracy(series[-1].answers)
    chart = history_of(before, now, accuracy, margin=0.05, confidence=0.95).cusum
    return chart is not None and chart.signal is not None


class Counts:
    """Counts events among tries and prints shares with exact intervals."""

    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()
        self.tries: Counter[str] = Counter()

    def add(self, name: str, hit: bool) -> None:
        """Count one try."""
        self.hits[name] += hit
        self.tries[name] += 1

    def show(self) -> None:
        """Print all shares."""
        for name, tries in self.tries.items():
            low, high = clopper_pearson(self.hits[name] / tries, tries)
            print(
                f"{name:<58} {self.hits[name]:>4} of {tries:>4}  {self.hits[name] / tries:6.1%}"
                f"  ({low:.1%} to {high:.1%})"
            )


def simulate(rng: np.random.Generator, counts: Counts, arguments: argparse.Namespace) -> None:
    """Simulate an A/A pair and a pair with a drop, each alone and after a series in which nothing changed."""
    flips, earlier = arguments.flips / 100, arguments.series - 1
    model = rng.random(arguments.cases) < RIGHT
    worse = model.copy()
    broken = round(arguments.cases * arguments.drop / 100 / (1 - 2 * flips))
    worse[rng.choice(np.flatnonzero(model), broken, replace=False)] = False
    series = [measured(rng, model, arguments, number) for number in range(earlier)]
    for name, again in (("A/A", model), ("drop", worse)):
        now = measured(rng, again, arguments, arguments.series)
        counts.add(f"{name}: drift.drop fails after one run", drift(now, series[-1:]) == "FAIL")
        after = f"{name}: drift.drop fails after {earlier} runs (previous and pooled)"
        counts.add(after, drift(now, series) == "FAIL")
        if name == "A/A":
            counts.add(f"A/A: CUSUM signals within {arguments.series} runs", signals([*series, now]))
            made = compare(series[-1], now)
            lost = {d.metric for d in made.metrics if d.verdict == "worse" and d.family == "headline"}
            counts.add("A/A: compare calls accuracy worse", "accuracy" in lost)
            counts.add("A/A: compare calls any headline metric worse", bool(lost))


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--flips", type=float, default=5.0)
    parser.add_argument("--drop", type=float, default=5.0)
    parser.add_argument("--series", type=int, default=6)
    parser.add_argument("--seed", type=int, default=20260101)
    arguments = parser.parse_args()
    arguments.template = template_of(arguments.cases)
    rng = np.random.default_rng(arguments.seed)
    counts = Counts()
    for _ in range(arguments.pairs):
        simulate(rng, counts, arguments)
    print(f"{arguments.cases} cases, {arguments.flips:g}% flips, a drop of {arguments.drop:g} points")
    counts.show()


if __name__ == "__main__":
    main()
