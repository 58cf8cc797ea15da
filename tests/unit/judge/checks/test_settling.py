"""Checks that settle early: what a stopped suite says is what the whole suite says, in all but delta of orders."""

from __future__ import annotations

import random

import pytest

from harness.files.suite import StopRule, Suite
from harness.files.thresholds import parse_threshold
from harness.judge.checks.settling import Case, Said
from harness.judge.checks.stopper import settling

N = 100
CASES = [Case(f"c{n}", n % 2) for n in range(N)]


def suite(**more: object) -> Suite:
    return Suite.model_validate(
        {"name": "s", "labels": ["spam", "ham"], "positive": "spam", "cases": "c.jsonl", **more}
    )


def asked(wrong: set[int], seed: int, *thresholds: str, delta: float = 0.05, every: int = 5) -> tuple[int, bool | None]:
    """Ask in the order of a seed; give the cases asked, and whether READY was settled (None: nothing was)."""
    rule = StopRule.model_validate({"delta": delta, "every": every, "from": 5})
    made = settling(
        suite(seed=seed, repeats=1), CASES, [parse_threshold(t, labels=("spam", "ham")) for t in thresholds], rule
    )
    arriving = list(range(N))
    random.Random(seed).shuffle(arriving)  # replies come in any order: the order of asking decides
    for n in arriving:
        predicted = CASES[n].expected ^ (n in wrong)
        found = made.take(f"c{n}", 0, Said(predicted, predicted, "label", 0.1))
        if found is not None:
            return found.asked, found.ready
    return N, None


# 96 of 100 is the fewest that passes "at least 90%" at 95% confidence (exact): 95 must not be stopped as passed
@pytest.mark.parametrize(("right", "ready"), [(95, False), (96, True), (80, False), (100, True)])
def test_a_stopped_suite_contradicts_the_whole_one_in_few_orders(right: int, ready: bool) -> None:
    wrong = set(random.Random(1).sample(range(N), N - right))
    orders = 300
    found = [asked(wrong, seed, "accuracy >= 90%")[1] for seed in range(orders)]
    assert None not in found  # at the last case it is certain
    # at most 5% of all orders: of 300 seldom more than 25 (binomial, .3%)
    assert sum(one is not ready for one in found) <= 25


def test_ready_waits_for_every_check_and_one_lost_check_ends_it() -> None:
    alone, _ = asked(set(), 1, "accuracy >= 80%")
    both, ready = asked(set(), 1, "accuracy >= 80%", "recall[spam] >= 90%")
    assert ready is True
    assert alone < both
    spam_missed = {n for n in range(N) if n % 2 == 0}
    lost, ready = asked(spam_missed, 1, "accuracy >= 30%", "recall[spam] >= 90%")
    assert ready is False
    assert lost <= 20


def test_a_metric_without_evidence_only_keeps_a_run_from_stopping_ready() -> None:
    # balanced accuracy has no evidence; what was counted before the first call holds up nothing
    assert asked(set(), 1, "accuracy >= 80%", "balanced_accuracy >= 80%") == (N, None)
    assert asked(set(), 1, "accuracy >= 80%", "leakage <= 0")[1] is True
    assert asked(set(range(50)), 1, "accuracy >= 80%", "balanced_accuracy >= 80%")[1] is False


def test_later_looks_of_the_same_trials_in_another_order_of_arrival_find_the_same() -> None:
    wrong = set(random.Random(2).sample(range(N), 2))
    first = asked(wrong, 7, "accuracy >= 90%", "precision[spam] >= 80%")
    assert first[1] is True
    rule = StopRule.model_validate({"delta": 0.05, "every": 5, "from": 5})
    thresholds = [parse_threshold(t, labels=("spam", "ham")) for t in ("accuracy >= 90%", "precision[spam] >= 80%")]
    made = settling(suite(seed=7, repeats=1), CASES, thresholds, rule)
    for n in range(N):
        predicted = CASES[n].expected ^ (n in wrong)
        made.take(f"c{n}", 0, Said(predicted, predicted, "label", 0.1))
    assert made.settled is not None
    assert (made.settled.asked, made.settled.ready) == first
