"""Differences between groups, runs and candidates against published figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import cochrans_q
from statsmodels.stats.multitest import multipletests

from harness.judge.scores import combined as drift
from harness.judge.scores import paired
from harness.judge.scores.answers import Answers
from harness.judge.scores.combined import difference
from harness.judge.scores.figure import Missing
from harness.judge.scores.matrix import mcc_of
from harness.judge.scores.proportion import Share, share_of_counts
from harness.judge.scores.resample import PairedDraws, precision_of


def single(right: int, n: int) -> Share:
    share = share_of_counts(np.arange(n) < right, np.ones(n))
    assert isinstance(share, Share)
    return share


def pairs(both: int, b: int, c: int, neither: int) -> paired.PairedDifference:
    first = np.repeat([1, 1, 0, 0], [both, b, c, neither])
    second = np.repeat([1, 0, 1, 0], [both, b, c, neither])
    ones = np.ones(len(first))
    found = paired.paired_difference(first, second, ones, ones)
    assert isinstance(found, paired.PairedDifference)
    return found


def test_newcombe_equals_the_published_interval() -> None:
    estimate = difference(single(56, 70), single(48, 80)).estimate()
    assert estimate.value == pytest.approx(0.2)
    assert (estimate.low, estimate.high) == pytest.approx((0.05243, 0.33387), abs=5e-6)


@pytest.mark.parametrize(
    ("hits", "n", "others", "m"),
    [
        (56, 70, 48, 80),
        (0, 5, 5, 5),
        (3, 3, 3, 3),
        (0, 1, 0, 9),
        (5, 10, 5, 10),
        (12, 40, 900, 3000),
        (1, 800, 20, 900),
    ],
)
def test_fisher_equals_scipy(hits: int, n: int, others: int, m: int) -> None:
    expected = stats.fisher_exact([[hits, n - hits], [others, m - others]]).pvalue
    assert drift.fisher(single(hits, n), single(others, m)) == pytest.approx(expected, rel=1e-6)


def test_tango_equals_the_published_interval() -> None:
    estimate = pairs(10, 1, 7, 3).estimate()
    assert (estimate.low, estimate.high) == pytest.approx((-0.51723, -0.02600), abs=5e-6)


def test_tango_keeps_a_width_when_nothing_differs() -> None:
    # b = c = 0: the score interval is +- z^2/(n + z^2).
    estimate = pairs(21, 0, 0, 0).estimate()
    z2 = stats.norm.ppf(0.975) ** 2
    assert estimate.value == 0.0
    assert (estimate.low, estimate.high) == pytest.approx((-z2 / (21 + z2), z2 / (21 + z2)), abs=1e-9)


def test_repeats_that_agree_leave_the_paired_interval_as_it_was() -> None:
    first, second = np.repeat([5, 5, 0, 0], [10, 1, 7, 3]), np.repeat([5, 0, 5, 0], [10, 1, 7, 3])
    five = np.full(21, 5)
    repeated = paired.paired_difference(first, second, five, five).estimate()
    assert (repeated.low, repeated.high) == pytest.approx((-0.51723, -0.02600), abs=0.02)


def test_no_shared_case_has_no_difference() -> None:
    empty = np.zeros(0)
    found = paired.paired_difference(empty, empty, empty, empty)
    assert isinstance(found, Missing)
    assert isinstance(difference(found, single(1, 2)), Missing)


@pytest.mark.parametrize("seed", range(5))
def test_cochran_equals_statsmodels(seed: int) -> None:
    right = (np.random.default_rng(seed).random((40, 4)) < [0.9, 0.8, 0.7, 0.85]).astype(float)
    expected = cochrans_q(right)
    found = paired.cochran_q(right)
    assert found is not None
    assert found == pytest.approx((expected.statistic, expected.pvalue))


def test_cochran_of_candidates_that_never_differ_is_undefined() -> None:
    assert paired.cochran_q(np.ones((10, 3))) is None


def test_holm_equals_statsmodels_in_the_order_given() -> None:
    p_values = [0.04, 0.001, 0.2, 0.02, 0.03]
    assert paired.holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist())
    assert paired.holm([]) == []


def test_sample_sizes_equal_the_published_ones() -> None:
    assert paired.non_inferiority_n(0.05, 0.03) == 344
    assert paired.non_inferiority_n(0.05, 0.0) is None


def answers(predicted: list[int], cases: list[int] | None = None) -> Answers:
    expected = [0, 0, 0, 0, 1, 1, 1, 1] * 10
    cases = list(range(80)) if cases is None else cases
    return Answers.of(cases, [expected[c] for c in cases], predicted, ["a", "b"])


def test_a_candidate_does_not_differ_from_itself_but_on_new_cases_it_may() -> None:
    same = answers([0, 0, 0, 1, 1, 1, 1, 0] * 10)
    draws = PairedDraws.of(same, same, seed=1)
    assert isinstance(draws, PairedDraws)
    estimate = draws.difference(mcc_of, why_undefined="").estimate()
    assert estimate.value == 0.0
    assert estimate.low is not None
    assert estimate.high is not None
    assert -0.15 < estimate.low < 0.0 < estimate.high < 0.15


def test_paired_precision_difference_uses_only_shared_cases() -> None:
    first = answers([0, 0, 0, 1, 1, 1, 1, 1] * 10)
    second = answers([0, 0, 0, 1, 1, 1, 0, 1] * 9, list(range(72)))
    draws = PairedDraws.of(first, second, seed=1)
    assert isinstance(draws, PairedDraws)
    assert draws.cases == 72
    figure = draws.difference(lambda counts: precision_of(counts, 0), why_undefined="")
    estimate = figure.estimate()
    assert estimate.value == pytest.approx(1 - 27 / 36)
    assert estimate.low is not None
    assert 0 < estimate.low < 0.25


def test_no_big_drop_fails_only_when_the_drop_is_certain_and_may_be_big() -> None:
    before = single(900, 1000)
    assert drift.no_big_drop(single(840, 1000), before, margin=0.05).status == "FAIL"
    assert drift.no_big_drop(single(899, 1000), before, margin=0.05).status == "PASS"
    assert drift.no_big_drop(single(88, 100), before, margin=0.05).status == "INCONCLUSIVE"
    assert drift.no_big_drop(Missing("no earlier run"), before, margin=0.05).status == "INCONCLUSIVE"


def test_a_drop_of_five_points_at_1000_cases_is_found_and_equal_runs_raise_no_alarm() -> None:
    rng = np.random.default_rng(4)
    found = [
        drift.no_big_drop(single(k, 1000), single(j, 1000), margin=0.02).status
        for k, j in zip(rng.binomial(1000, 0.87, 300), rng.binomial(1000, 0.92, 300), strict=True)
    ]
    quiet = [
        drift.no_big_drop(single(k, 1000), single(j, 1000), margin=0.02).status
        for k, j in rng.binomial(1000, 0.92, (500, 2))
    ]
    assert found.count("FAIL") > 270
    assert quiet.count("FAIL") < 25


def test_cusum_adds_log_likelihood_ratios_and_signals_at_the_limit() -> None:
    chart = drift.cusum([5, 5, 10], [100, 100, 100], usual=0.05, worse=0.10)
    step = 5 * math.log(2) + 95 * math.log(0.90 / 0.95)
    worse = 10 * math.log(2) + 90 * math.log(0.90 / 0.95)
    assert step < 0
    assert chart.path == pytest.approx((0.0, 0.0, worse))
    assert chart.signal is None
    assert drift.cusum([10, 10, 10], [100] * 3, usual=0.05, worse=0.10).signal == 2


def test_the_upper_bound_of_a_skewed_mean_is_coxs_and_halls_where_they_are_higher() -> None:
    # Cox: logs 0..4, mean 2, variance 2.5; exp(2 + 1.25 + 1.1 t(4) sqrt(.5 + 6.25 / 8)), t(4, .95) = 2.131847.
    found = paired.clustered_mean(np.exp(np.arange(5.0)), np.arange(5), why_empty="")
    assert found.upper(0.95) == pytest.approx(math.exp(3.25 + 1.1 * 2.131847 * math.sqrt(0.5 + 6.25 / 8)), rel=1e-5)
    even = paired.clustered_mean(np.array([-1.0, 0.0, 1.0]), np.arange(3), why_empty="")
    assert even.upper(0.95) == pytest.approx(2.919986 / math.sqrt(3), rel=1e-5)  # no skewness, none above 0: t(2)
