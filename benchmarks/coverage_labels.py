"""How often the intervals of averages hold the truth where some labels have few cases.

    python benchmarks/coverage_labels.py [--draws 1000] [--repeats 1 3]

Every world has a number of cases a label, a recall a label, and errors spread over the other labels. Repeats of
a case share its chance of a right answer (beta distributed, ICC .3). "false PASS" is how often a threshold at
the true value is met. One core, no network; a figure is uncertain by about 1.4 points at 1,000 draws.
"""

from __future__ import annotations

import argparse

import numpy as np
from coverage import AVERAGED, Cell, Table, chances

from harness.judge.scores.answers import Answers
from harness.judge.scores.classification import AVERAGES, Resampling

ICC = 0.3
WORLDS: dict[str, tuple[list[int], list[float]]] = {
    "29 labels x 20, one x 1": ([20] * 29 + [1], [0.98] * 29 + [0.7]),
    "30 labels x 3": ([3] * 30, [0.9] * 30),
    "8 labels x 5": ([5] * 8, [0.9] * 8),
    "60, 30, 15, 6, 3, 2": ([60, 30, 15, 6, 3, 2], [0.95, 0.9, 0.9, 0.85, 0.8, 0.8]),
    "10 labels x 20, 20 x 1": ([20] * 10 + [1] * 20, [0.95] * 10 + [0.8] * 20),
    "15 and 105": ([15, 105], [0.8, 0.95]),
    "20 and 20": ([20, 20], [0.9, 0.8]),
}


def answers(rng: np.random.Generator, sizes: np.ndarray, recall: np.ndarray, repeats: int) -> Answers:
    """Answer one suite."""
    labels = len(sizes)
    expected = np.repeat(np.arange(labels), sizes)
    right = np.concatenate([chances(rng, p, ICC if repeats > 1 else 0, n) for p, n in zip(recall, sizes, strict=True)])
    case, expected, right = (np.repeat(each, repeats) for each in (np.arange(len(expected)), expected, right))
    other = (expected + rng.integers(1, labels, len(expected))) % labels
    predicted = np.where(rng.random(len(expected)) < right, expected, other)
    return Answers(case, expected, predicted, tuple(map(str, range(labels))))


def simulated(sizes: list[int], recall: list[float], repeats: int, draws: int) -> dict[str, Cell]:
    """Run many suites in one world."""
    rng, shape = np.random.default_rng(1), (np.array(sizes), np.array(recall))
    labels = len(sizes)
    rates = np.zeros((labels, labels + 1))
    for label, (n, p) in enumerate(zip(sizes, recall, strict=True)):
        rates[label, :labels] = n * (1 - p) / (labels - 1)
        rates[label, label] = n * p
    truth = {name: float(AVERAGES[metric].of(rates)) for name, metric in AVERAGED.items()}
    cells = {name: Cell(draws=draws) for name in AVERAGED}
    for seed in range(draws):
        found = Resampling.of(answers(rng, *shape, repeats), seed=seed)
        for name, metric in AVERAGED.items():
            cells[name].add(found.average(metric), truth[name])
    return cells


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--repeats", type=int, nargs="+", default=[1, 3])
    args = parser.parse_args()
    table = Table(tuple(AVERAGED))
    table.begin("cases a label; coverage / false PASS, %")
    for repeats in args.repeats:
        for name, (sizes, recall) in WORLDS.items():
            table.line(f"{name}, repeats {repeats}", simulated(sizes, recall, repeats, args.draws))
    table.summarise()


if __name__ == "__main__":
    main()
