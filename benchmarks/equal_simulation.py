"""Simulates equal candidates: how often anything at all is called better, worse or really different.

    python benchmarks/equal_simulation.py [--pairs 400] [--repeats 1 3] [--candidates 2 5 13] [--only compare|board|one]
        [--worlds "30 x 3"]

Every candidate of a world answers each case with the same chances; repeats share the case's chance (beta distributed).
"compare": two candidates; the shares of pairs in which a headline figure, a detail or a slice is better or worse, and
in which the gate's question (not worse by 2 points) FAILs; each a family of its own with at most 5%. "board": a
leaderboard of several; the share of reports in which any duel of any metric is real, at most 5%. Latencies are
log-normal, each case has its own. "one": equal latencies of one run and of two hours, minutes of which are slow; and
the errors of one model, each of which a model that never moves makes in all repeats. One core, no network.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import structs

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "specimens"))

import run_of

from harness.judge.compare import compare, leaderboard
from harness.judge.compare.comparing import Comparison
from harness.judge.documents import CandidateAssessment, Classification, Estimate
from harness.judge.scores import accuracy
from harness.judge.scores.binomial import wilson
from harness.judge.sections.cost import judged_cost
from harness.judge.sections.latency import judged_latency
from harness.judge.sections.notable import maybe_mislabelled
from harness.judge.sections.stability import judged_stability
from harness.judge.table.read import tabulate
from harness.judge.view import RunView, View
from harness.record import Event

WORLDS: dict[str, list[int]] = {
    "150 + 150": [150, 150],
    "6 x 8": [8] * 6,
    "60, 30, 15, 6, 3, 2": [60, 30, 15, 6, 3, 2],
    "30 x 3": [3] * 30,
    "10 x 20 + 20 x 1": [20] * 10 + [1] * 20,
}
BOARDS = ("150 + 150", "30 x 3")
RIGHT = 0.9


class World:
    """A suite with so many cases a label, asked of several candidates that are alike."""

    def __init__(self, sizes: Sequence[int], candidates: int, repeats: int) -> None:
        labels = tuple(f"l{n}" for n in range(len(sizes)))
        names = [f"v{n}@m" for n in range(candidates)]
        expected = [label for label, n in zip(labels, sizes, strict=True) for _ in range(n)]
        planned = len(expected) * candidates * repeats
        entries = [run_of.replayed(name) for name in names]
        self.manifest = run_of.manifest_of(labels, planned=planned, repeats=repeats, candidates=entries)
        events: list[Event] = []
        for case, label in enumerate(expected):
            events.append(run_of.case_row(f"{case:05d}", label))
            for name in names:
                events += [
                    run_of.record(f"{case:05d}", label, candidate=name, repeat=repeat, recorded=True)
                    for repeat in range(repeats)
                ]
        self.labels, self.repeats, self.cases = len(labels), repeats, len(expected)
        self.table = tabulate(self.manifest, events)

    def slowed(self, rng: np.random.Generator) -> np.ndarray:
        """Give the factor of each case's time, asked one a second: a tenth of all minutes are three times slower."""
        minutes = np.where(rng.random(self.cases // 60 + 1) < 0.1, 3.0, 1.0)
        return np.repeat(minutes, 60)[: self.cases]

    def drawn(
        self, rng: np.random.Generator, slowed: np.ndarray | float = 1.0, *, moves: bool = True
    ) -> tuple[View, ...]:
        """Answer every trial anew; all repeats of a case alike where the model never moves."""
        chance = np.full(self.cases, RIGHT)
        if self.repeats > 1:
            chance = rng.beta(RIGHT * 1.5, (1 - RIGHT) * 1.5, self.cases)
        slow = rng.lognormal(-1, 0.3, self.cases) * slowed
        trials = {}
        for name, one in self.table.trials.items():
            other = (one.expected + rng.integers(1, self.labels, len(one))) % self.labels
            right = rng.random(len(one)) < chance[one.case]
            seconds = slow[one.case] * rng.lognormal(0, 0.3, len(one))
            said = np.where(right, one.expected, other).astype(np.int16)
            if not moves:
                said = said.reshape(-1, self.repeats)[:, :1].repeat(self.repeats, axis=1).ravel()
            trials[name] = one.told(predicted=said, caller_ns=(seconds * 1e9).astype(np.int64))
        return RunView(self.manifest, replace(self.table, trials=trials)).views


def families(made: Comparison) -> dict[str, bool]:
    """Tell which families of a comparison say that something differs."""
    real = {"better", "worse"}
    found = {
        family: any(one.family == family and one.verdict in real for one in made.metrics)
        for family in ("headline", "detail")
    }
    return {
        **found,
        "slices": any(one.verdict in real for one in made.slices),
        "gate FAIL": made.non_inferior_status == "FAIL",
    }


def ranked(views: Sequence[View]) -> bool:
    """Tell whether a leaderboard of equal candidates calls any pair really different.

    Of the candidates' own sections it has what a leaderboard reads; the rest decides nothing and costs a third. The
    labels have as many cases each, so that balanced accuracy is accuracy.
    """
    empty = dict.fromkeys(CandidateAssessment.__struct_fields__)
    unread: dict[str, Any] = dict.fromkeys(Classification.__struct_fields__)
    rows = [
        CandidateAssessment(
            **{
                **empty,
                "name": view.entry.name,
                "verdict": "READY",
                "checks": (),
                "classification": Classification(**{**unread, "accuracy": right, "balanced_accuracy": right}),
                "latency": judged_latency(view),
                "stability": judged_stability(view),
                "cost": judged_cost(view),
            }
        )
        for view, right in ((view, accuracy(view.answers).estimate(view.confidence)) for view in views)
    ]
    board = leaderboard(views, rows)
    assert board is not None
    assert isinstance(board.rows[0].quality, Estimate)
    return any(duel.real for duel in board.duels) or board.weakest is not None


def told_from_the_hour(world: World, rng: np.random.Generator, *, together: bool) -> bool:
    """Tell whether equal latencies, slow by the minute, are called different: of one run, or of runs at two hours."""
    slow = world.slowed(rng)
    base, head = world.drawn(rng, slow)[0], world.drawn(rng, slow if together else world.slowed(rng))[1]
    if not together:
        head.manifest = structs.replace(head.manifest, run_id="another")
    made = compare(base, head, prompts=False)
    return any(one.verdict in {"better", "worse"} for one in made.metrics if one.metric.startswith("latency"))


def doubted(world: World, rng: np.random.Generator, *, moves: bool) -> tuple[int, int]:
    """Count the cases that are wrong in all repeats, and those called maybe mislabelled, of one model."""
    views = world.drawn(rng, moves=moves)[:1]
    right = views[0].answers.right.reshape(-1, world.repeats)
    return int((~right.any(axis=1)).sum()), len(maybe_mislabelled(views))


def said_of_one(runs: int, rng: np.random.Generator) -> None:
    """Simulate latencies of equal candidates, and errors of one model, and print."""
    for together in (True, False):
        world = World(WORLDS["150 + 150"], 2, 1)
        times = sum(told_from_the_hour(world, rng, together=together) for _ in range(runs))
        show(f"latency, {'one run' if together else 'two hours'}", Counter(different=times), runs)
    for moves in (False, True):
        world = World(WORLDS["150 + 150"], 1, 3)
        wrong, listed = np.sum([doubted(world, rng, moves=moves) for _ in range(runs)], axis=0)
        told = "repeats move" if moves else "always answers alike"
        print(f"one model that {told}: {wrong:,} cases wrong in all repeats, {listed:,} called maybe mislabelled")


def show(what: str, said: Counter[str], pairs: int) -> None:
    """Print how often each family said so."""
    parts = []
    for name, times in sorted(said.items()):
        parts.append(f"{name} {times / pairs:.1%} (to {wilson(times / pairs, pairs)[1]:.1%})")
    print(f"{what:<40} {'; '.join(parts)}", flush=True)


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--repeats", type=int, nargs="*", default=[1, 3])
    parser.add_argument("--candidates", type=int, nargs="*", default=[2, 5, 13])
    parser.add_argument("--only", choices=("compare", "board", "one"))
    parser.add_argument("--worlds", nargs="*", choices=WORLDS, default=list(WORLDS))
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    if options.only in {None, "one"}:
        said_of_one(options.pairs, rng)
    if options.only in {None, "compare"}:
        for repeats in options.repeats:
            for name in options.worlds:
                world, said = World(WORLDS[name], 2, repeats), Counter[str](headline=0, detail=0, slices=0)
                for _ in range(options.pairs):
                    said.update(families(compare(*world.drawn(rng), prompts=False)))
                show(f"compare: {name}, repeats {repeats}", said, options.pairs)
    if options.only in {None, "board"}:
        for candidates in options.candidates:
            for name in (name for name in BOARDS if name in options.worlds):
                world = World(WORLDS[name], candidates, 1)
                said = Counter(real=sum(ranked(world.drawn(rng)) for _ in range(options.pairs)))
                show(f"board: {candidates} candidates, {name}", said, options.pairs)


if __name__ == "__main__":
    main()
