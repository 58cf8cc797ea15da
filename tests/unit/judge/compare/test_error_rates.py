"""How often the gate's question is answered wrongly, in simulated pairs of runs.

The small, quick version of `benchmarks/compare_simulation.py`: accuracy and recall only, fixed seeds.
"""

from __future__ import annotations

from collections import Counter
from typing import cast

import numpy as np

from harness.files.thresholds import ACCURACY, RECALL, Metric
from harness.judge.compare.comparing import overall
from harness.judge.compare.decide import decided
from harness.judge.compare.figures import Compared
from harness.judge.compare.no_worse import Demand, no_worse
from harness.judge.pairs import Pairs
from harness.judge.scores.paired import paired_difference
from harness.judge.scores.proportion import share_of_counts
from harness.judge.table.columns import Float

PAIRS, CASES, SPAM = 200, 600, 150
DEMAND = Demand(margin=0.02, label_margin=0.02, confidence=0.95)
NOBODY = cast("Pairs", None)  # shares count their own pairs


def figure(metric: Metric, base: Float, head: Float) -> Compared:
    ones = np.ones(len(base))
    return Compared(
        metric=metric,
        base=share_of_counts(base, ones).estimate(),
        head=share_of_counts(head, ones).estimate(),
        difference=paired_difference(head, base, ones, ones),
        headline=True,
        moved=head - base,
    )


def simulated(loss: float, seed: int) -> Counter[str]:
    """Answer the gate's question for pairs whose head is right less often by `loss`."""
    rng = np.random.default_rng(seed)
    said: Counter[str] = Counter()
    for _ in range(PAIRS):
        chance = rng.beta(0.92, 0.08, CASES)  # two answers to one case correlate by .5
        base = (rng.random(CASES) < chance).astype(np.float64)
        head = (rng.random(CASES) < chance * (1 - loss / 0.92)).astype(np.float64)
        compared = [figure(ACCURACY, base, head), figure(RECALL, base[:SPAM], head[:SPAM])]
        told = decided(compared, margin=0.02, confidence=0.95)
        said[overall(no_worse(NOBODY, DEMAND, figures=compared))] += 1
        said["worse"] += any(one.verdict == "worse" for one in told)
    return said


def test_equal_candidates_fail_in_at_most_one_pair_in_eighteen() -> None:
    said = simulated(0.0, 1)
    assert said["FAIL"] / PAIRS <= 0.055
    assert said["worse"] / PAIRS <= 0.04


def test_a_true_loss_of_five_points_is_caught_in_more_than_nine_pairs_of_ten() -> None:
    said = simulated(0.05, 3)
    assert said["FAIL"] / PAIRS > 0.9
    assert said["PASS"] == 0
