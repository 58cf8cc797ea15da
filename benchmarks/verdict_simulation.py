"""Simulates whole verdicts: how often chance alone makes a run READY, or a ready prompt NOT READY.

    python benchmarks/verdict_simulation.py [--suites 500] [--cases 400] [--candidates 1 10] [--labels 60] [--added 200]
        [--only verdicts|said]

The events of a run, as the endpoint `replay` leaves them, are tabulated once; for each suite the column of answers is
drawn anew and judged as every run is. "At the threshold": every candidate's true accuracy is the 90% asked for, so
READY is an error. "Ready": one candidate, a recall of 90% of every label where 85% are asked for, one check a label,
so NOT READY is an error. At most 5% each, give or take what so many suites can show. With `--added` a run is looked at
before so many of its cases were asked, and goes on only where that leaves it open, as `run --add` does: at most 5.5%.
"Needed", "together", "sentences" and "faultless" ask whether what a check says is so: that so many new cases settle
it in four of five runs, how often all checks pass together, on which side of the threshold a value lies and how many
calls were in time (values on the threshold included), and that a run without a failure meets the default.
Candidates with as many right answers are judged once, so that thousands of suites take a minute. One core, no network.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from msgspec import structs

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "specimens"))

import run_of

from harness.files.suite import Suite as Written
from harness.files.suite.policy import default_thresholds
from harness.files.thresholds import parse_threshold
from harness.judge import checks
from harness.judge.documents import CandidateAssessment, Check
from harness.judge.scores.binomial import wilson
from harness.judge.scores.proportion import needed_n, share_of_counts
from harness.judge.table.columns import TrialColumns
from harness.judge.table.read import tabulate
from harness.judge.view import RunView
from harness.record import CaseRow, Event
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
        self.known: dict[tuple[int, ...], Sequence[Check]] = {}
        self.errors: dict[int, float] = {}  # that one decision may have: of the first look, and of a second

    def looked_once(self, rng: np.random.Generator, truth: float) -> str:
        """Look at a run of all cases of every candidate."""
        return self.verdict(self.manifest, self.answered(rng, truth))

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
        said = self.verdict(self.manifest, early)
        if said != "INCONCLUSIVE":
            return said
        note = {"added": {"to": "the first", "cases": first, "share": first / len(self.table.cases)}}
        return self.verdict(structs.replace(self.manifest, notes=note), trials)

    def verdict(self, manifest: Manifest, trials: dict[str, TrialColumns]) -> str:
        """Give the best verdict of a run's candidates, among each other: nothing but their hits decides it."""
        keys = [(len(manifest.notes), len(one), *self.hits(one)) for one in trials.values()]
        if not self.known.keys() >= set(keys):
            views = RunView(manifest, replace(self.table, trials=trials)).views
            self.errors[len(manifest.notes)] = views[0].error
            fresh = {key: view for key, view in zip(keys, views, strict=True) if key not in self.known}
            self.known |= {key: checks.check_all(view, self.policy, None) for key, view in fresh.items()}
        judged = [_candidate(name, self.known[key]) for name, key in zip(self.names, keys, strict=True)]
        said = {one.verdict for one in checks.among_candidates(judged, self.errors[len(manifest.notes)])}
        return next(one for one in ("READY", "INCONCLUSIVE", "NOT READY") if one in said)

    def hits(self, one: TrialColumns) -> list[int]:
        """Count the right answers that each threshold is about."""
        right = one.expected[one.predicted == one.expected]
        found = np.bincount(right, minlength=len(self.labels))
        labels = [None if each.label is None else self.labels.index(each.label) for each in self.policy]
        return [len(right) if label is None else int(found[label]) for label in labels]


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


def needed(suites: int, rng: np.random.Generator) -> None:
    """Draw runs of as many new cases as an open check asks for, at the value that it saw."""
    for seen, required in ((95, 0.9), (88, 0.8), (84, 0.9)):
        share = share_of_counts(np.arange(100) < seen, np.ones(100))
        new = needed_n(share, required)
        assert new is not None
        suite = Suite("ab", new, 1, [f"accuracy >= {required:.0%}"])
        told = f"needed: {new} cases after {seen} of 100, {required:.0%} asked"
        show(told, suites, lambda suite=suite, p=seen / 100: suite.looked_once(rng, p), _side(seen / 100 > required))


def _side(above: bool) -> str:
    return "READY" if above else "NOT READY"


def planned_together(suites: int, rng: np.random.Generator) -> None:
    """Draw runs at the true value that a plan assumes, and say how often it foretold that all pass."""
    for thresholds in (("accuracy >= 90%", "recall[a] >= 90%"), ("recall[a] >= 90%", "recall[b] >= 90%")):
        suite = Suite("ab", 200, 1, thresholds)
        cases = [CaseRow(id=str(n), digest=str(n), expected="ab"[n % 2]) for n in range(200)]
        of = Written(name="s", labels=("a", "b"), cases=("c.jsonl",))
        found = checks.together(checks.power(of, suite.policy, cases))
        assert found is not None
        told = f"together: {', '.join(thresholds)}, foretold {found.low:.1%} to {found.high:.1%}"
        show(told, suites, lambda suite=suite: suite.looked_once(rng, 0.95), "READY")


def sentences(suites: int, rng: np.random.Generator) -> None:
    """Count the sentences that contradict what they compare, in draws of which many lie on the threshold."""
    wrong, even = 0, 0
    for _ in range(suites):
        n, op = int(rng.integers(5, 60)), ("<", "<=")[int(rng.integers(2))]
        hits, bound = int(rng.integers(n // 2, n + 1)), float(rng.choice([0.5, 0.75, 0.8, 0.9, 1.0]))
        answers = [("a", "a", hits), ("a", "b", n - hits), ("b", "b", 5)]
        least = run_of.only(run_of.judged(answers, "ab", thresholds=[f"recall[a] >= {bound:.0%}"])).checks[0]
        seconds = rng.choice([0.9, 1.0, 1.1], n, p=(0.5, 0.4, 0.1))
        late = [run_of.record(f"c{k}", "a", seconds=float(took)) for k, took in enumerate(seconds)]
        rows = [run_of.case_row(f"c{k}", "a") for k in range(n)]
        time = run_of.judged([], "ab", thresholds=[f"latency.p90 {op} 1 s"], extra=[*rows, *late])
        inside = int((seconds < 1).sum() if op == "<" else (seconds <= 1).sum())
        even += math.isclose(hits / n, bound) + bool((seconds == 1).any())
        wrong += not _agrees(least.why, hits / n, bound)
        wrong += f"{inside} of {n} call" not in run_of.only(time).checks[0].why
    print(f"sentences: {wrong} of {2 * suites:,} contradict what they compare; {even:,} of them on the threshold")


def _agrees(why: str, value: float, bound: float) -> bool:
    if math.isclose(value, bound):
        return not any(word in why for word in (" below ", " above ", "show a FAIL"))
    words = ("would settle it", "above") if value < bound else ("show a FAIL", "below")
    return not any(word in why for word in ("exactly on", "not more than", *words))


def faultless(suites: int, rng: np.random.Generator) -> None:
    """Say how many runs without a failed call meet what is demanded of failures by default."""
    of = Written(name="s", labels=("a", "b"), cases=("c.jsonl",))
    asked = [each.text for each in default_thresholds(of, ()) if each.metric == "failures"]
    met = Counter[str]()
    for n in rng.integers(100, 301, suites).tolist():
        run = run_of.judged([("a", "a", n // 2), ("b", "b", n - n // 2)], "ab", thresholds=asked)
        met[run_of.only(run).checks[0].status] += 1
    print(f"faultless: {asked[0]} met by {met['PASS'] / suites:.1%} of runs of 100 to 300 cases without a failed call")


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--suites", type=int, default=500)
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--candidates", type=int, nargs="*", default=[1, 10])
    parser.add_argument("--labels", type=int, default=60)
    parser.add_argument("--added", type=int, default=200)
    parser.add_argument("--only", choices=("verdicts", "said"))
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    if options.only != "verdicts":
        for drawn in (needed, planned_together):  # runs that are alike are judged once
            drawn(10 * options.suites, rng)
        for judged in (sentences, faultless):
            judged(options.suites, rng)
    if options.only != "said":
        verdicts(options, rng)


def verdicts(options: argparse.Namespace, rng: np.random.Generator) -> None:
    """Simulate whole verdicts."""
    for candidates in options.candidates:
        suite = Suite("ab", options.cases, candidates, ["accuracy >= 90%"])
        told = f"{candidates} candidates at the threshold, {options.cases} cases"
        show(told, options.suites, lambda suite=suite: suite.looked_once(rng, 0.9), "READY")
        if options.added:
            told = f"{told}, {options.added} of them added"
            show(told, options.suites, lambda suite=suite: suite.looked_twice(rng, 0.9, options.added), "READY")
    if options.labels:
        names = [f"l{n}" for n in range(options.labels)]
        suite = Suite(names, 100 * options.labels, 1, [f"recall[{name}] >= 85%" for name in names])
        told = f"a ready prompt, {options.labels} checks 5 points above"
        show(told, options.suites, lambda: suite.looked_once(rng, 0.9), "NOT READY")


if __name__ == "__main__":
    main()
