"""Precision at another prevalence, and figures that are made of others."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import beta, binom

from harness.judge.scores import classification, combined
from harness.judge.scores.answers import Answers
from harness.judge.scores.figure import Missing
from harness.judge.scores.paired import clustered_mean, ratio_of_sums
from harness.judge.scores.proportion import Share, share_of_counts

AnswersOf = Callable[..., Answers]


def single(right: int, n: int) -> Share:
    share = share_of_counts(np.arange(n) < right, np.ones(n))
    assert isinstance(share, Share)
    return share


@pytest.mark.parametrize(("share", "ppv"), [(0.1, 0.666667), (0.01, 0.153846)])
def test_precision_at_production_prevalence_equals_the_published_values(share: float, ppv: float) -> None:
    figure = combined.precision_at(single(90, 100), single(950, 1000), share)
    assert figure.value == pytest.approx(ppv, abs=5e-7)


@pytest.mark.parametrize(("n", "others", "recall", "specificity"), [(50, 50, 0.98, 0.99), (50, 200, 0.8, 0.9)])
def test_neither_end_of_precision_in_production_is_missed_in_more_than_its_part(
    n: int, others: int, recall: float, specificity: float
) -> None:
    truth = recall * 0.02 / (recall * 0.02 + (1 - specificity) * 0.98)
    missed = [0.0, 0.0]
    for hits, quiet in np.ndindex(n + 1, others + 1):
        chance = binom.pmf(hits, n, recall) * binom.pmf(quiet, others, specificity)
        if chance < 1e-5:
            continue
        estimate = combined.precision_at(single(hits, n), single(quiet, others), 0.02).estimate()
        assert estimate.low is not None
        assert estimate.high is not None
        assert estimate.low <= (estimate.value or 0.0) <= estimate.high
        missed[0] += chance * (estimate.low > truth)
        missed[1] += chance * (estimate.high < truth)
    assert max(missed) <= 0.025  # on the logit scale the upper end was missed in 8.9% and 3.0%


def test_the_interval_of_precision_is_that_of_the_ratio_of_false_alarms_to_hits() -> None:
    estimate = combined.precision_at(single(90, 100), single(950, 1000), 0.1).estimate()
    assert estimate.low is not None
    assert estimate.high is not None
    # Donner and Zou's bounds of 0.05 / 0.9 from the exact ones of both, written as a quotient of roots.
    least, most = beta.ppf(0.025, 90, 11), beta.ppf(0.975, 91, 10)
    rare, often = beta.ppf(0.025, 50, 951), beta.ppf(0.975, 51, 950)
    product = 0.9 * 0.05
    high = product + math.sqrt(product**2 - often * (0.1 - often) * least * (1.8 - least))
    low = product - math.sqrt(product**2 - rare * (0.1 - rare) * most * (1.8 - most))
    assert estimate.low == pytest.approx(1 / (1 + 9 * high / (least * (1.8 - least))))
    assert estimate.high == pytest.approx(1 / (1 + 9 * low / (most * (1.8 - most))))


def test_a_suite_without_false_alarms_does_not_prove_perfect_precision() -> None:
    estimate = combined.precision_at(single(100, 100), single(1000, 1000), 0.01).estimate()
    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert estimate.low is not None
    assert estimate.low < 0.8


def test_precision_at_prevalence_is_undefined_without_its_rates() -> None:
    assert combined.precision_at(Missing("no case expects it"), single(1, 2), 0.1).value is None
    assert combined.precision_at(single(0, 10), single(10, 10), 0.1).value is None
    assert combined.precision_at(single(5, 10), single(9, 10), 1.0).value is None


def test_error_cost_is_the_priced_mean_of_both_errors(answers_of: AnswersOf) -> None:
    answers = answers_of([[80, 20], [10, 890]], ["fraud", "ok"])
    cost = combined.error_cost(answers, 0, missed=50.0, false_alarm=0.5)
    assert cost.value == pytest.approx((20 * 50 + 10 * 0.5) / 1000)
    per_1000 = combined.error_cost(answers, 0, missed=50.0, false_alarm=0.5, per=1000).estimate()
    assert per_1000.low is not None
    assert per_1000.high is not None
    assert per_1000.low < 1005 < per_1000.high


def test_a_run_without_errors_may_still_cost_something(answers_of: AnswersOf) -> None:
    cost = combined.error_cost(answers_of([[50, 0], [0, 50]], "ab"), 0, missed=50.0, false_alarm=0.5).estimate()
    assert (cost.value, cost.low) == (0.0, 0.0)
    assert cost.high is not None
    assert cost.high > 1


def test_the_break_even_score_is_the_false_alarms_part_of_both_costs() -> None:
    assert combined.break_even_score(missed=50.0, false_alarm=0.5) == pytest.approx(0.5 / 50.5)
    assert combined.break_even_score(missed=0, false_alarm=0) is None


def test_means_are_clustered_by_case() -> None:
    values = np.array([1.0, 1.0, 3.0, 3.0])
    mean = clustered_mean(values, np.array([0, 0, 1, 1]), why_empty="")
    assert mean.value == 2.0
    # Two cases with means 1 and 3: SE = 1, t(1) = 12.706.
    assert mean.lower(0.975) == pytest.approx(2 - 12.7062, abs=1e-4)


def test_a_ratio_without_a_denominator_is_undefined() -> None:
    none_right = ratio_of_sums(np.ones(3), np.zeros(3), np.arange(3), why_empty="no answer was right")
    assert none_right.estimate().why_undefined == "no answer was right"
    of_one_case = ratio_of_sums(np.ones(2), np.ones(2), np.zeros(2, np.int32), why_empty="").estimate()
    assert (of_one_case.value, of_one_case.low, of_one_case.high) == (1.0, None, None)


def test_the_reason_for_a_missing_share_survives_to_the_cost() -> None:
    empty = Answers.of([], [], [], ["a", "b"])
    assert combined.error_cost(empty, 0, missed=1, false_alarm=1).value is None
    assert classification.coverage(empty).value is None
