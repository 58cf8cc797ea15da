"""Latency quantiles, service levels, and failures that count as over the limit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.judge.scores import latency


def alone(n: int) -> np.ndarray:
    return np.arange(n)


@pytest.mark.parametrize(("n", "rank"), [(59, 59), (100, 99), (200, 196), (300, 292), (500, 484), (1000, 962)])
def test_the_rank_that_certifies_p95_is_the_published_one(n: int, rank: int) -> None:
    assert latency.slo_rank(n, 0.95) == rank


def test_fewer_than_59_calls_can_not_certify_p95() -> None:
    assert latency.slo_rank(58, 0.95) is None
    fast = np.full(58, 0.01)
    result = latency.slo_check(fast, alone(58), q=0.95, limit_s=1.0)
    assert (result.decision.status, result.decision.needed_n, result.bound_s) == ("INCONCLUSIVE", 59, None)


@pytest.mark.parametrize("q", [0.5, 0.9, 0.95, 0.99, 1.0])
def test_quantiles_equal_numpys_inverted_cdf(q: float) -> None:
    times = np.random.default_rng(3).exponential(size=137)
    assert latency.quantile_of(times, q) == np.quantile(times, q, method="inverted_cdf")


def test_order_statistics_bound_the_median_of_100_at_ranks_40_and_61() -> None:
    # The textbook ranks: P(40 <= B <= 60) = .9648 for B ~ Binomial(100, 1/2).
    times = np.arange(1.0, 101.0)
    estimate = latency.quantile_estimate(times, alone(100), 0.5)
    assert (estimate.value, estimate.low, estimate.high) == (50.0, 40.0, 61.0)
    assert stats.binom.cdf(60, 100, 0.5) - stats.binom.cdf(39, 100, 0.5) >= 0.95


def test_too_few_calls_leave_the_upper_side_open() -> None:
    estimate = latency.quantile_estimate(np.arange(1.0, 21.0), alone(20), 0.95)
    assert (estimate.value, estimate.high) == (19.0, None)
    assert estimate.low is not None


def test_failures_are_over_the_limit_and_never_dropped() -> None:
    ns = np.array([100_000_000] * 95 + [-1] * 5)
    times = latency.in_seconds(ns, np.arange(100) >= 97)
    assert np.isinf(times).sum() == 5
    share = latency.within(times, alone(100), 1.0)
    assert (share.value, share.n) == (0.95, 100)
    assert latency.quantile_of(times, 0.95) == pytest.approx(0.1)
    assert latency.quantile_of(times, 0.96) is None


def test_a_quantile_among_the_failures_is_undefined_and_says_why() -> None:
    times = np.array([0.1] * 90 + [math.inf] * 10)
    estimate = latency.quantile_estimate(times, alone(100), 0.95)
    assert estimate.value is None
    assert estimate.why_undefined == "10 of 100 calls failed or timed out, and p95 falls among them"


def test_a_limit_in_the_tail_passes_fails_or_waits() -> None:
    times = np.concatenate([np.full(196, 0.5), np.full(4, 2.0)])
    enough = latency.slo_check(times, alone(200), q=0.95, limit_s=1.0)
    assert (enough.decision.status, enough.bound_s) == ("PASS", 0.5)
    times[195] = 2.0
    short = latency.slo_check(times, alone(200), q=0.95, limit_s=1.0)
    assert (short.decision.status, short.bound_s) == ("INCONCLUSIVE", 2.0)
    slow = np.concatenate([np.full(170, 0.5), np.full(30, 2.0)])
    assert latency.slo_check(slow, alone(200), q=0.95, limit_s=1.0).decision.status == "FAIL"


def test_a_strict_limit_excludes_calls_at_the_limit() -> None:
    times = np.full(59, 1.0)
    assert latency.slo_check(times, alone(59), q=0.95, limit_s=1.0).decision.status == "PASS"
    assert latency.slo_check(times, alone(59), q=0.95, limit_s=1.0, op="<").decision.status == "FAIL"


def test_repeats_of_thirty_cases_can_not_certify_p95() -> None:
    times = np.full(300, 0.1)
    case = np.repeat(np.arange(30), 10)
    assert latency.slo_check(times, case, q=0.95, limit_s=1.0).decision.status == "INCONCLUSIVE"
    estimate = latency.quantile_estimate(times, case, 0.95)
    assert estimate.method == "order statistics, clustered by case"
    assert estimate.high is None


def test_the_slowest_call_is_a_fact_without_an_interval() -> None:
    estimate = latency.quantile_estimate(np.array([1.0, 3.0, 2.0]), alone(3), 1.0)
    assert (estimate.value, estimate.low, estimate.high) == (3.0, None, None)


def test_no_calls_have_no_latency() -> None:
    estimate = latency.quantile_estimate(np.zeros(0), alone(0), 0.5)
    assert (estimate.value, estimate.why_undefined) == (None, "no call was timed")
    assert latency.slo_check(np.zeros(0), alone(0), q=0.5, limit_s=1).decision.status == "INCONCLUSIVE"
