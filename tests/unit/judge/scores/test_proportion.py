"""Intervals of shares against published figures, scipy, and hand-worked clusters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.judge.scores import binomial
from harness.judge.scores.figure import Missing
from harness.judge.scores.proportion import Share, clustered_share, share_of_counts


def single(right: int, n: int) -> Share:
    share = clustered_share(np.arange(n) < right, np.arange(n))
    assert isinstance(share, Share)
    return share


def test_wilson_equals_the_published_interval_of_81_in_263() -> None:
    estimate = single(81, 263).estimate()
    assert estimate.low == pytest.approx(0.2553, abs=5e-5)
    assert estimate.high == pytest.approx(0.3662, abs=5e-5)


def test_wilson_of_none_in_20_starts_at_exactly_zero() -> None:
    assert binomial.wilson(0, 20)[0] == 0.0
    assert binomial.wilson(0, 20)[1] == pytest.approx(0.1611, abs=5e-5)
    assert binomial.wilson(1, 20)[1] == 1.0


def test_clopper_pearson_equals_the_published_interval_of_81_in_263() -> None:
    low, high = binomial.clopper_pearson(81 / 263, 263)
    assert low == pytest.approx(0.2527, abs=5e-5)
    assert high == pytest.approx(0.3676, abs=5e-5)


@pytest.mark.parametrize(("right", "n", "bound"), [(100, 100, 0.970487), (95, 100, 0.897747), (285, 300, 0.924051)])
def test_the_one_sided_lower_bound_equals_the_published_one(right: int, n: int, bound: float) -> None:
    assert single(right, n).lower(0.95) == pytest.approx(bound, abs=5e-7)


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (3, 7), (50, 60), (0, 40), (999, 1000)])
def test_bounds_equal_scipy_binomtest(right: int, n: int) -> None:
    greater = stats.binomtest(right, n, alternative="greater").proportion_ci(0.9, "exact")
    less = stats.binomtest(right, n, alternative="less").proportion_ci(0.9, "exact")
    two = stats.binomtest(right, n).proportion_ci(0.99, "wilson")
    assert single(right, n).lower(0.9) == pytest.approx(greater.low, abs=1e-12)
    assert single(right, n).upper(0.9) == pytest.approx(less.high, abs=1e-12)
    estimate = single(right, n).estimate(0.99)
    assert (estimate.low, estimate.high) == pytest.approx((two.low, two.high), abs=1e-12)


@pytest.mark.parametrize(("right", "n", "null"), [(285, 344, 0.75), (10, 10, 0.9), (0, 5, 0.5)])
def test_the_p_value_equals_scipy_binomtest(right: int, n: int, null: float) -> None:
    expected = stats.binomtest(right, n, null, alternative="greater").pvalue
    assert binomial.p_value_above(right / n, n, null) == pytest.approx(expected, rel=1e-9)


def test_the_binomial_quantile_equals_scipy_at_every_size() -> None:
    sizes = np.arange(1, 700)
    for q, p in [(0.95, 0.95), (0.05, 0.5), (0.975, 0.01), (0.5, 0.5)]:
        k = binomial.quantile(q, sizes, p)
        assert (stats.binom.cdf(k, sizes, p) >= q - 1e-12).all()
        assert (stats.binom.cdf(k - 1, sizes, p) < q - 1e-12).all()


def test_clustered_standard_error_equals_the_hand_worked_one() -> None:
    # Four cases x 2: hits 2, 2, 1, 0; p = 5/8; residuals 3/4, 3/4, -1/4, -5/4; their squares sum to 2.75.
    share = share_of_counts(np.array([2, 2, 1, 0]), np.full(4, 2))
    assert isinstance(share, Share)
    assert share.se == pytest.approx(math.sqrt(2.75 * 4 / 3) / 8)
    assert share.raw == pytest.approx((5 / 8) * (3 / 8) * 64 / (2.75 * 4 / 3))
    assert (share.n, share.cases, share.floor) == (8, 4, 4.0)


def test_ratio_residuals_count_only_cases_that_were_answered_with_the_label() -> None:
    # Case 0 was predicted 3 times, right thrice; case 1 never; case 2 once, wrong: p = 3/4.
    share = share_of_counts(np.array([3, 0, 0]), np.array([3, 0, 1]))
    assert isinstance(share, Share)
    assert (share.p, share.n, share.cases) == (0.75, 4, 2)
    assert share.floor == pytest.approx(16 / 10)
    assert share.se == pytest.approx(math.sqrt(2 * (0.75**2 + 0.75**2)) / 4)


def test_repeats_that_all_agree_are_worth_one_trial_each_case() -> None:
    once = single(90, 100)
    repeated = share_of_counts(np.repeat([5, 0], [90, 10]), np.full(100, 5))
    assert isinstance(repeated, Share)
    assert repeated.lower() == pytest.approx(once.lower(), abs=1e-9)
    assert repeated.estimate().low == pytest.approx(once.estimate().low, abs=1e-9)


def test_a_perfect_score_with_repeats_proves_no_more_than_its_cases() -> None:
    perfect = share_of_counts(np.full(100, 5), np.full(100, 5))
    assert perfect.lower() == pytest.approx(0.970487, abs=5e-7)


def test_one_miss_with_repeats_never_proves_more_than_no_miss() -> None:
    perfect = share_of_counts(np.full(100, 5), np.full(100, 5)).lower()
    one_miss = share_of_counts(np.repeat([5, 4], [99, 1]), np.full(100, 5)).lower()
    assert perfect is not None
    assert one_miss is not None
    assert one_miss < perfect


def test_one_case_repeated_is_one_observation() -> None:
    share = share_of_counts(np.array([7]), np.array([10]))
    assert isinstance(share, Share)
    assert share.effective_n() == pytest.approx(1.0)


def test_a_share_of_nothing_is_undefined_and_says_why() -> None:
    share = clustered_share(np.zeros(0, dtype=bool), np.zeros(0, dtype=np.int32), why_empty="no trials")
    assert isinstance(share, Missing)
    assert share.estimate().why_undefined == "no trials"
    assert share.lower() is None


def test_the_shown_interval_of_clusters_equals_the_hand_worked_one() -> None:
    # 100 cases x 5, 10 of which hold two misses: p = .96, residuals 2 - .2 and -.2, their squares sum to 36.
    share = share_of_counts(np.repeat([3, 5], [10, 90]), np.full(100, 5))
    assert isinstance(share, Share)
    raw = 0.96 * 0.04 * 500**2 / (36 * 100 / 99)
    shown = raw * (stats.t.ppf(0.975, 499) / stats.t.ppf(0.975, 20)) ** 2
    decides = raw * (stats.t.ppf(0.95, 499) / stats.t.ppf(0.95, 10)) ** 2
    assert share.effective_n(0.95) == pytest.approx(decides)
    assert share.lower() == pytest.approx(stats.beta.ppf(0.05, 0.96 * decides, 0.04 * decides + 1))
    estimate = share.estimate()
    assert (estimate.low, estimate.high) == pytest.approx(binomial.wilson(0.96, shown))


def test_one_miss_in_many_repeats_shows_no_less_than_the_check_decides_on() -> None:
    share = share_of_counts(np.repeat([9, 10], [1, 29]), np.full(30, 10))
    estimate, lower = share.estimate(), share.lower()
    assert lower is not None
    assert estimate.low is not None
    assert estimate.low <= lower


def test_intervals_hold_the_truth_where_pooled_ones_do_not() -> None:
    # 100 cases x 5, truth .90, repeats alike by ICC .62: pooled Wilson held it in 71.7% of simulated runs.
    rng = np.random.default_rng(3)
    strength = 1 / 0.62 - 1
    chance = rng.beta(0.9 * strength, 0.1 * strength, (1500, 100))
    hits = rng.binomial(5, chance)
    pooled = [binomial.wilson(run.sum() / 500, 500) for run in hits]
    ours = [share_of_counts(run, np.full(100, 5)).estimate() for run in hits]
    assert np.mean([low <= 0.9 <= high for low, high in pooled]) == pytest.approx(0.717, abs=0.04)
    assert 0.93 <= np.mean([(e.low or 0) <= 0.9 <= (e.high or 0) for e in ours]) <= 0.97
