"""Stopping early: cases asked, and how often the verdict is another one than the whole suite's.

    python benchmarks/stopping_simulation.py [--suites 500] [--orders 2000]

First suites of 400 cases are drawn from a population (accuracy >= 90% asked, delta 1%, a look every 5 cases): how
many pass when all cases are asked, how many when the run stops, and how many cases that takes on average. Then one
suite is asked in many orders, its hits at the edge of passing: how often the stopped verdict contradicts it (at most
delta). Last, three checks at once. All through the code that stops a run; no network, one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from harness.files.suite import StopRule, Suite
from harness.files.thresholds import parse_threshold
from harness.judge.checks.settling import Case, Said, Settled
from harness.judge.checks.stopper import settling
from harness.judge.scores.settling import cuts

N, REQUIRED = 400, 0.9
THREE = ("accuracy >= 90%", "recall[a] >= 90%", "latency.p95 <= 1 s")
RULE = StopRule.model_validate({"delta": 0.01, "every": 5, "from": 5})
CASES = [Case(f"c{n:03}", n % 2) for n in range(N)]


def asked(right: Sequence[bool], seed: int, *thresholds: str) -> Settled | None:
    """Ask the cases in one order until the verdict is settled; None when it never was."""
    suite = Suite.model_validate({"name": "s", "labels": ["a", "b"], "cases": "c", "repeats": 1, "seed": seed})
    made = settling(suite, CASES, [parse_threshold(text, labels=("a", "b")) for text in thresholds], RULE)
    for case in made.order:
        number = int(case[1:])
        predicted = number % 2 if right[number] else 1 - number % 2
        if (found := made.take(case, 0, Said(predicted, predicted, "label", 0.1))) is not None:
            return found
    return None


def population(truth: float, suites: int, rng: np.random.Generator, *thresholds: str) -> str:
    """Draw suites and ask them."""
    passes = cuts(N, REQUIRED).passes
    cases, ready, whole = [], 0, 0
    for seed in range(suites):
        right = rng.random(N) < truth
        found = asked(right, seed, *thresholds)
        cases.append(N if found is None else found.asked)
        ready += found is not None and found.ready
        whole += int(right.sum()) >= passes
    fixed = f"  all cases: PASS {whole / suites:.1%}" if len(thresholds) == 1 else ""
    return f"true {truth:.2f}: stopped READY {ready / suites:6.1%} after {np.mean(cases):5.1f} cases on average{fixed}"


def contradicted(hits: int, orders: int, rng: np.random.Generator) -> str:
    """Ask one suite in many orders."""
    right = np.zeros(N, dtype=bool)
    right[rng.permutation(N)[:hits]] = True
    ready = hits >= cuts(N, REQUIRED).passes
    found = [asked(right, seed, THREE[0]) for seed in range(orders)]
    wrong = sum(one is not None and one.ready is not ready for one in found)
    whole = "passes" if ready else "does not pass"
    return f"{hits} of {N} right ({whole}): contradicted in {wrong / orders:.2%} of {orders:,} orders"


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suites", type=int, default=500)
    parser.add_argument("--orders", type=int, default=2000)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    for truth in (0.80, 0.85, 0.90, 0.93, 0.96, 0.99):
        print(population(truth, options.suites, rng, THREE[0]), flush=True)
    edge = cuts(N, REQUIRED).passes
    for hits in (edge - 1, edge):
        print(contradicted(hits, options.orders, rng), flush=True)
    print("three checks:", ", ".join(THREE))
    for truth in (0.80, 0.97):
        print(population(truth, options.suites, rng, *THREE), flush=True)


if __name__ == "__main__":
    main()
