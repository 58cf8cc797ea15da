"""How often 95% intervals hold the truth, and how often a true value on the threshold passes.

    python benchmarks/coverage.py [--quick] [--full] [--draws 4000]

A case's chance of a right answer is drawn from a beta distribution with the wanted mean; repeats share it, so
that two repeats of one case correlate by ICC. Labels are drawn per case (30% positive), so that precision and
F1 have random denominators. Every interval comes from the functions that judge a run. One core, no network.

With one trial a case nothing is simulated: the probabilities of all counts are summed. Elsewhere a figure is
uncertain by about sqrt(p (1 - p) / draws), 0.3 points at 95% and 4,000 draws, and is called outside of 93 to
97, or above 5.5, only where it is by more than two such errors.

Above 97 a cell is marked `*` where one end of the interval can't be missed: the cases are so few that not
even a perfect run would put the lower end above the truth, so only the other end's 2.5% are left to miss. No
interval with 2.5% on each side does better there.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from harness.judge.scores.answers import Patterns
from harness.judge.scores.classification import AVERAGES, Resampling
from harness.judge.scores.figure import Figure, Missing
from harness.judge.scores.proportion import Share, share_of_counts
from harness.judge.scores.resample import confusion_draws

METRICS = ("accuracy", "recall", "precision", "F1")
AVERAGED = {"balanced": "balanced_accuracy", "MCC": "mcc", "kappa": "kappa", "macro F1": "macro_f1"}
POSITIVE_SHARE = 0.3
COVERED = (0.93, 0.97)
FALSE_PASS = 0.055
UNMISSED = 0.002  # an end that is missed less often than this can't be missed, but for freaks


@dataclass(slots=True)
class Cell:
    """What became of one metric in one world; `draws` 0 means that it is exact."""

    draws: int = 0
    weight: float = 0.0
    low_missed: float = 0.0
    high_missed: float = 0.0
    passed: float = 0.0

    def add(self, figure: Figure, truth: float, weight: float = 1.0) -> None:
        """Count one outcome of a run; a figure that does not exist there is none."""
        if isinstance(figure, Missing):
            return
        estimate, lower = figure.estimate(), figure.lower()
        assert estimate.low is not None
        assert estimate.high is not None
        assert lower is not None
        self.weight += weight
        self.low_missed += weight * (estimate.low > truth)
        self.high_missed += weight * (estimate.high < truth)
        self.passed += weight * (lower >= truth)

    @property
    def covered(self) -> float:
        """Share of intervals that hold the truth."""
        return 1 - (self.low_missed + self.high_missed) / self.weight

    @property
    def false_pass(self) -> float:
        """Share of runs that pass with a true value on the threshold."""
        return self.passed / self.weight

    def error(self, p: float) -> float:
        """Two standard errors of a simulated share; 0 where it is exact."""
        return 0.0 if not self.draws else 2 * math.sqrt(p * (1 - p) / self.draws)

    @property
    def below(self) -> bool:
        """Whether coverage is below 93%, beyond the error of simulation."""
        return self.covered + self.error(COVERED[0]) < COVERED[0]

    @property
    def above(self) -> bool:
        """Whether coverage is above 97%, beyond the error of simulation."""
        return self.covered - self.error(COVERED[1]) > COVERED[1]

    @property
    def one_ended(self) -> bool:
        """Whether one end can't be missed."""
        return min(self.low_missed, self.high_missed) / self.weight < UNMISSED

    @property
    def passes_too_often(self) -> bool:
        """Whether a true value on the threshold passes too often, beyond the error of simulation."""
        return self.false_pass - self.error(FALSE_PASS) > FALSE_PASS

    def shown(self) -> str:
        """Write coverage / false PASS in percent."""
        mark = "!" if self.below else (("*" if self.one_ended else "+") if self.above else " ")
        late = "!" if self.passes_too_often else " "
        return f"{100 * self.covered:6.1f}{mark}/{100 * self.false_pass:4.1f}{late}"


@dataclass(frozen=True)
class World:
    """What is true: right answers on positive and on negative cases, and how alike repeats are."""

    cases: int
    repeats: int
    icc: float
    recall: float
    specificity: float

    @property
    def hit(self) -> float:
        """Chance that a case is positive and found."""
        return POSITIVE_SHARE * self.recall

    @property
    def alarm(self) -> float:
        """Chance that a case is negative and called positive."""
        return (1 - POSITIVE_SHARE) * (1 - self.specificity)

    def truth(self, metric: str) -> float:
        """Give the true value; F1 on the scale of J = TP/(TP+FP+FN), which its interval is made on."""
        return {
            "accuracy": self.hit + (1 - POSITIVE_SHARE) * self.specificity,
            "recall": self.recall,
            "precision": self.hit / (self.hit + self.alarm),
            "F1": self.hit / (POSITIVE_SHARE + self.alarm),
        }[metric]

    def denominator(self, metric: str) -> float:
        """Chance that a case is in the metric's denominator."""
        return {
            "accuracy": 1.0,
            "recall": POSITIVE_SHARE,
            "precision": self.hit + self.alarm,
            "F1": POSITIVE_SHARE + self.alarm,
        }[metric]


def worlds(full: bool, quick: bool) -> Iterator[World]:
    """Give the grid of worlds; the reduced ones keep its corners."""
    sizes = (30, 50, 100, 200, 300, 1000) if full else (30, 100, 300, 1000)
    repeats = (1, 2, 3, 5, 10) if full else (1, 3, 10)
    iccs = (0.0, 0.1, 0.3, 0.6, 0.8) if full else (0.0, 0.8) if quick else (0.0, 0.3, 0.8)
    for recall, specificity in ((0.9, 0.9), (0.8, 0.97)):
        for cases in sizes:
            for times in repeats:
                for icc in iccs if times > 1 else (0.0,):
                    yield World(cases, times, icc, recall, specificity)


def likely(n: int, p: float, ignored: float = 1e-7) -> Iterator[tuple[int, float]]:
    """Give the counts of Binomial(n, p) that matter, with their probabilities."""
    counts = np.arange(n + 1)
    for count, mass in zip(counts.tolist(), stats.binom.pmf(counts, n, p).tolist(), strict=True):
        if mass > ignored:
            yield count, mass


def exact(world: World) -> dict[str, Cell]:
    """Sum over all counts: with one trial a case hits are binomial given their denominator."""
    cells = {}
    for metric in METRICS:
        cell, truth = Cell(), world.truth(metric)
        for n, chance in likely(world.cases, world.denominator(metric), 1e-5):
            for hits, mass in likely(n, truth, 1e-6) if n else ():
                share = share_of_counts(np.arange(n) < hits, np.ones(n))
                cell.add(share, truth, chance * mass)
        cells[metric] = cell
    return cells


def chances(rng: np.random.Generator, mean: float, icc: float, size: int) -> np.ndarray:
    """Draw each case's chance of a right answer."""
    if icc == 0:
        return np.full(size, mean)
    strength = 1 / icc - 1
    return rng.beta(mean * strength, (1 - mean) * strength, size)


def draw(rng: np.random.Generator, world: World) -> dict[str, Share | Missing]:
    """Run one suite in this world and give the share behind each metric."""
    positive = rng.random(world.cases) < POSITIVE_SHARE
    right = np.where(
        positive,
        chances(rng, world.recall, world.icc, world.cases),
        chances(rng, world.specificity, world.icc, world.cases),
    )
    hits = rng.binomial(world.repeats, right)
    trials = np.full(world.cases, world.repeats)
    found = np.where(positive, hits, 0)
    alarms = np.where(positive, 0, trials - hits)
    return {
        "accuracy": share_of_counts(hits, trials),
        "recall": share_of_counts(found, np.where(positive, trials, 0)),
        "precision": share_of_counts(found, found + alarms),
        "F1": share_of_counts(found, np.where(positive, trials, 0) + alarms),
    }


def simulated(world: World, draws: int, seed: int) -> dict[str, Cell]:
    """Run many suites in this world."""
    rng = np.random.default_rng(seed)
    cells = {metric: Cell(draws=draws) for metric in METRICS}
    for _ in range(draws):
        for metric, share in draw(rng, world).items():
            if isinstance(share, Share):
                cells[metric].add(share, world.truth(metric))
    return cells


def exactly_averaged(cases: tuple[int, int], recall: tuple[float, float]) -> dict[str, Cell]:
    """Sum over all counts for the resampled metrics of two labels, one trial a case."""
    rates = np.array([[recall[0], 1 - recall[0], 0], [1 - recall[1], recall[1], 0]]) * np.array(cases)[:, None]
    truth = {name: float(AVERAGES[metric].of(rates)) for name, metric in AVERAGED.items()}
    cells = {name: Cell() for name in AVERAGED}
    for first, chance in likely(cases[0], recall[0], 1e-4):
        for second, mass in likely(cases[1], recall[1], 1e-4):
            if chance * mass > 1e-5:
                size = np.array([first, cases[0] - first, cases[1] - second, second])
                for name, figure in resampled(size).items():
                    cells[name].add(figure, truth[name], chance * mass)
    return cells


def resampled(size: np.ndarray) -> dict[str, Figure]:
    """Give the resampled metrics of right and wrong cases of both labels, with a suite's default seed."""
    kinds = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0]])
    seen = size > 0
    patterns = Patterns(np.array([0, 0, 1, 1])[seen], kinds[seen], size[seen])
    found = Resampling(patterns, confusion_draws(patterns, 2, seed=0), ("a", "b"))
    return {name: found.average(metric) for name, metric in AVERAGED.items()}


@dataclass(slots=True)
class Table:
    """Cells as they are printed, and what is said of all of them."""

    names: tuple[str, ...]
    cells: list[Cell] = field(default_factory=list)

    def begin(self, title: str) -> None:
        """Print the head."""
        print(f"{title:30}" + "".join(f"{name:>14}" for name in self.names))

    def line(self, where: str, cells: dict[str, Cell]) -> None:
        """Print one world."""
        print(f"{where:30}" + "".join(f"{cells[name].shown():>14}" for name in self.names), flush=True)
        self.cells += cells.values()

    def summarise(self) -> None:
        """Print the extremes, and how many cells are outside."""
        covered = [100 * cell.covered for cell in self.cells]
        above = [cell for cell in self.cells if cell.above]
        print(
            f"coverage {min(covered):.1f} to {max(covered):.1f} in {len(covered)} cells: "
            f"{sum(cell.below for cell in self.cells)} below 93 (!), {len(above)} above 97, of which "
            f"{sum(cell.one_ended for cell in above)} where one end can't be missed (*)"
        )
        passed = max(100 * cell.false_pass for cell in self.cells)
        too_often = sum(cell.passes_too_often for cell in self.cells)
        print(f"false PASS at most {passed:.1f}: {too_often} cells above 5.5 (!)\n")


def main() -> None:
    """Print one line per world and what is outside."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--quick", action="store_true", help="about a minute: fewer worlds, 1,200 draws")
    parser.add_argument("--full", action="store_true", help="more sizes, repeats and ICCs")
    options = parser.parse_args()
    draws = 1200 if options.quick else options.draws
    print("coverage of nominal 95% intervals / false PASS of a true value on the threshold, in %")
    table = Table(METRICS)
    table.begin("recall spec cases x rep  ICC")
    for number, world in enumerate(worlds(options.full, options.quick)):
        one = world.repeats == 1
        rates = f"{world.recall:.2f} {world.specificity:.2f}"
        where = f"{rates} {world.cases:>5} x {world.repeats:<2} {'exact' if one else f'{world.icc:.1f}':>5}"
        table.line(where, exact(world) if one else simulated(world, draws, seed=number))
    table.summarise()
    averaged = Table(tuple(AVERAGED))
    averaged.begin("recalls, cases of two labels")
    for recall in ((0.9, 0.8), (0.9, 0.9), (0.97, 0.95)):
        for cases in ((20, 20), (50, 50)) if options.quick else ((20, 20), (50, 50), (90, 210), (150, 150)):
            where = f"{recall[0]:.2f} {recall[1]:.2f} {cases[0]:>3} + {cases[1]:<3} exact"
            averaged.line(where, exactly_averaged(cases, recall))
    averaged.summarise()


if __name__ == "__main__":
    main()
