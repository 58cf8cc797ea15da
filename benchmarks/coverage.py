"""Simulates how often 95% intervals hold the truth, and how often a true value on the threshold passes.

    python benchmarks/coverage.py [--draws 4000] [--full]

A case's chance of a right answer is drawn from a beta distribution with the wanted mean; repeats share it, so
that two repeats of one case correlate by ICC. Labels are drawn per case (30% positive), so that precision and
F1 have random denominators. Every interval comes from the functions that judge a run. One core, no network.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.judge.scores.answers import Answers
from harness.judge.scores.classification import Resampling
from harness.judge.scores.figure import Missing
from harness.judge.scores.matrix import balanced_accuracy_of, kappa_of, macro_f1_of, mcc_of
from harness.judge.scores.proportion import Share, share_of_counts

METRICS = ("accuracy", "recall", "precision", "F1")
POSITIVE_SHARE = 0.3


@dataclass(frozen=True)
class World:
    """What is true: right answers on positive and on negative cases, and how alike repeats are."""

    cases: int
    repeats: int
    icc: float
    recall: float
    specificity: float

    def truth(self, metric: str) -> float:
        """Give the true value; F1 on the scale of J = TP/(TP+FP+FN), which its interval is made on."""
        hit = POSITIVE_SHARE * self.recall
        alarm = (1 - POSITIVE_SHARE) * (1 - self.specificity)
        return {
            "accuracy": hit + (1 - POSITIVE_SHARE) * self.specificity,
            "recall": self.recall,
            "precision": hit / (hit + alarm),
            "F1": hit / (POSITIVE_SHARE + alarm),
        }[metric]


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


def simulate(world: World, draws: int, seed: int) -> dict[str, tuple[float, float]]:
    """Give per metric: the share of intervals that hold the truth, and of lower bounds at or above it."""
    rng = np.random.default_rng(seed)
    inside = dict.fromkeys(METRICS, 0)
    above = dict.fromkeys(METRICS, 0)
    defined = dict.fromkeys(METRICS, 0)
    for _ in range(draws):
        for metric, share in draw(rng, world).items():
            if isinstance(share, Missing):
                continue
            truth = world.truth(metric)
            estimate = share.estimate()
            lower = share.lower()
            assert estimate.low is not None
            assert estimate.high is not None
            assert lower is not None
            defined[metric] += 1
            inside[metric] += estimate.low <= truth <= estimate.high
            above[metric] += lower >= truth
    return {m: (inside[m] / max(defined[m], 1), above[m] / max(defined[m], 1)) for m in METRICS}


def worlds(full: bool) -> Iterator[World]:
    """Give the grid of worlds; the reduced one keeps its corners."""
    sizes = (30, 50, 100, 200, 300, 1000) if full else (30, 100, 300, 1000)
    repeats = (1, 2, 3, 5, 10) if full else (1, 3, 10)
    iccs = (0.0, 0.1, 0.3, 0.6, 0.8) if full else (0.0, 0.3, 0.8)
    for recall, specificity in ((0.9, 0.9), (0.8, 0.97)):
        for cases in sizes:
            for times in repeats:
                for icc in iccs if times > 1 else (0.0,):
                    yield World(cases, times, icc, recall, specificity)


AVERAGED = {
    "balanced": balanced_accuracy_of,
    "MCC": mcc_of,
    "kappa": kappa_of,
    "macro F1": macro_f1_of,
}


def simulate_averaged(
    cases: int, repeats: int, icc: float, recall: tuple[float, ...], draws: int
) -> dict[str, tuple[float, float]]:
    """Give coverage and false PASS of the resampled metrics; errors go evenly to the other labels."""
    rng = np.random.default_rng(cases * 100 + repeats)
    labels = len(recall)
    rates = np.full((labels, labels + 1), 0.0)
    rates[:, :labels] = (1 - np.array(recall))[:, None] / (labels - 1)
    rates[np.arange(labels), np.arange(labels)] = recall
    truth = {name: float(metric(rates / labels)) for name, metric in AVERAGED.items()}
    inside, above = dict.fromkeys(AVERAGED, 0), dict.fromkeys(AVERAGED, 0)
    case = np.repeat(np.arange(cases), repeats)
    expected = case % labels
    for number in range(draws):
        chance = np.zeros(cases)
        for label in range(labels):
            mine = np.arange(cases) % labels == label
            chance[mine] = chances(rng, recall[label], icc, int(mine.sum()))
        wrong = (expected + rng.integers(1, labels, len(case))) % labels
        predicted = np.where(rng.random(len(case)) < chance[case], expected, wrong)
        answers = Answers.of(case, expected, predicted, [str(label) for label in range(labels)])
        found = Resampling.of(answers, seed=number)
        figures = (found.balanced_accuracy(), found.mcc(), found.kappa(), found.macro_f1())
        for name, figure in zip(AVERAGED, figures, strict=True):
            estimate = figure.estimate()
            inside[name] += (estimate.low or 0) <= truth[name] <= (estimate.high or 0)
            above[name] += (figure.lower() or 0) >= truth[name]
    return {name: (inside[name] / draws, above[name] / draws) for name in AVERAGED}


def print_averaged(draws: int) -> None:
    """Print one line per world for the metrics that are resampled by case."""
    print(f"\n{'recalls, cases x rep  ICC':38}" + "".join(f"{name:>10}" for name in AVERAGED) * 2)
    extremes: list[tuple[float, float]] = []
    for recall in ((0.9, 0.8), (0.97, 0.95), (0.95, 0.9, 0.85, 0.8)):
        for cases in (40, 100, 300):
            for repeats, icc in ((1, 0.0), (3, 0.3)):
                results = simulate_averaged(cases, repeats, icc, recall, draws)
                cells = [f"{100 * results[name][k]:10.1f}" for k in (0, 1) for name in AVERAGED]
                where = f"{'/'.join(map(str, recall))} {cases} x {repeats} {icc}"
                print(f"{where:38}" + "".join(cells), flush=True)
                extremes += list(results.values())
    summarise(extremes)


def main() -> None:
    """Print one line per world and the extremes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    print("coverage of nominal 95% intervals, then false PASS of a true value on the threshold (in %)")
    print(f"{'recall spec cases x rep  ICC':30}" + "".join(f"{m:>11}" for m in METRICS) * 2)
    extremes: list[tuple[float, float]] = []
    for number, world in enumerate(worlds(options.full)):
        results = simulate(world, options.draws, seed=number)
        cells = [f"{100 * results[m][k]:11.1f}" for k in (0, 1) for m in METRICS]
        rates = f"{world.recall:.2f} {world.specificity:.2f}"
        where = f"{rates} {world.cases:>5} x {world.repeats:<2} {world.icc:4.1f}"
        print(f"{where:30}" + "".join(cells), flush=True)
        extremes += list(results.values())
    summarise(extremes)
    print_averaged(options.draws // 5)


def summarise(extremes: list[tuple[float, float]]) -> None:
    """Print the range of coverage and of false PASS."""
    covered = [100 * c for c, _ in extremes]
    passed = [100 * f for _, f in extremes]
    under, over = sum(c < 93 for c in covered), sum(c > 97 for c in covered)
    span = f"{min(covered):.1f} to {max(covered):.1f}"
    print(f"\ncoverage {span}: {under} below 93, {over} above 97, of {len(covered)}")
    print(f"false PASS at most {max(passed):.1f}: {sum(f > 5.5 for f in passed)} above 5.5 of {len(passed)}")


if __name__ == "__main__":
    main()
