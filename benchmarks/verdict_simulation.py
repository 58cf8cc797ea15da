"""Simulates whole verdicts: how often chance alone makes a run READY, or a ready prompt NOT READY.

    python benchmarks/verdict_simulation.py [--suites 500] [--cases 400] [--candidates 1 10] [--labels 60] [--added 200]

The events of a run, as the endpoint `replay` leaves them, are tabulated once; for each suite the column of answers is
drawn anew and judged as every run is. "At the threshold": every candidate's true accuracy is the 90% asked for, so
READY is an error. "Ready": one candidate, a recall of 90% of every label where 85% are asked for, one check a label,
so NOT READY is an error. At most 5% each, give or take what so many suites can show. With `--added` a run is looked at
before so many of its cases were asked, and goes on only where that leaves it open, as `run --add` does: at most 5.5%.
One core, no network.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from msgspec import structs

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "specimens"))

import run_of

from harness.files.thresholds import parse_threshold
from harness.judge import checks
from harness.judge.documents import CandidateAssessment, Check
from harness.judge.scores.binomial import wilson
from harness.judge.table.columns import TrialColumns
from harness.judge.table.read import tabulate
from harness.judge.view import RunView, View
from harness.record import Event
from harness.rundir import Manifest


class Suite:
    """A suite whose answers are drawn anew: `truth` is the chance of a right answer."""

    def __init__(self, labels: Sequence[str], cases: int, candidates: int, thresholds: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self.names = [f"v{n}@m" for n in range(candidates)]
        self.policy = [parse_threshold(text, labels=self.labels) for text in thresholds]
        self.manifest: Manifest = run_of.manifest_of(
            self.labels, planned=cases * candidates, candidates=[run_of.replayed(name) for name in self.names]
        )
        events: list[Event] = []
        for case in range(cases):
            expected = self.labels[case % len(self.labels)]
            events.append(run_of.case_row(f"{case:05d}", expected))
            events += [run_of.record(f"{case:05d}", expected, candidate=name, recorded=True) for name in self.names]
        self.table = tabulate(self.manifest, events)

    def drawn(self, rng: np.random.Generator, truth: float) -> tuple[View, ...]:
        """Answer every case of every candidate."""
        return RunView(self.manifest, replace(self.table, trials=self.answered(rng, truth))).views

    def answered(self, rng: np.random.Generator, truth: float) -> dict[str, TrialColumns]:
        """Give the columns of every candidate with answers that are drawn."""
        trials = {}
        for name, one in self.table.trials.items():
            wrong = (one.expected + 1) % len(self.labels)
            right = rng.random(len(one)) < truth
            trials[name] = one.told(predicted=np.where(right, one.expected, wrong).astype(np.int16))
        return trials

    def looked_twice(self, rng: np.random.Generator, truth: float, added: int) -> str:
        """Look at a run before so many of its cases were asked, and again where that leaves it open."""
        trials = self.answered(rng, truth)
        first = len(self.table.cases) - added
        early = {name: one.where(one.case < first) for name, one in trials.items()}
        said = self.verdict(RunView(self.manifest, replace(self.table, trials=early)).views)
        if said != "INCONCLUSIVE":
            return said
        note = {"added": {"to": "the first", "cases": first, "share": first / len(self.table.cases)}}
        later = structs.replace(self.manifest, notes=note)
        return self.verdict(RunView(later, replace(self.table, trials=trials)).views)

    def verdict(self, views: Sequence[View]) -> str:
        """Judge a run: the best verdict of its candidates, among each other."""
        judged = []
        for view in views:
            held = checks.check_all(view, self.policy, None)
            judged.append(_candidate(view.entry.name, held))
        said = {one.verdict for one in checks.among_candidates(judged, views[0].error)}
        return next(one for one in ("READY", "INCONCLUSIVE", "NOT READY") if one in said)


def _candidate(name: str, held: Sequence[Check]) -> CandidateAssessment:
    """Give a judged candidate without its sections, which decide nothing."""
    empty = dict.fromkeys(CandidateAssessment.__struct_fields__)
    verdict = checks.verdict_of(held, missing=0)
    return CandidateAssessment(**{**empty, "name": name, "verdict": verdict, "checks": tuple(held)})


def show(what: str, suites: int, draw: Callable[[], str], error: str) -> None:
    """Count what so many suites said, and print how often it was the error."""
    said = Counter(draw() for _ in range(suites))
    low, high = wilson(said[error] / suites, suites)
    rest = ", ".join(f"{verdict} {times / suites:.1%}" for verdict, times in sorted(said.items()))
    print(f"{what:<52} {error} {said[error] / suites:5.1%} ({low:.1%} to {high:.1%}); {rest}")


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--suites", type=int, default=500)
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--candidates", type=int, nargs="*", default=[1, 10])
    parser.add_argument("--labels", type=int, default=60)
    parser.add_argument("--added", type=int, default=200)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    for candidates in options.candidates:
        suite = Suite("ab", options.cases, candidates, ["accuracy >= 90%"])
        told = f"{candidates} candidates at the threshold, {options.cases} cases"
        show(told, options.suites, lambda suite=suite: suite.verdict(suite.drawn(rng, 0.9)), "READY")
        if options.added:
            told = f"{told}, {options.added} of them added"
            show(told, options.suites, lambda suite=suite: suite.looked_twice(rng, 0.9, options.added), "READY")
    if options.labels:
        names = [f"l{n}" for n in range(options.labels)]
        suite = Suite(names, 100 * options.labels, 1, [f"recall[{name}] >= 85%" for name in names])
        told = f"a ready prompt, {options.labels} checks 5 points above"
        show(told, options.suites, lambda: suite.verdict(suite.drawn(rng, 0.9)), "NOT READY")


if __name__ == "__main__":
    main()
