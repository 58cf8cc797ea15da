"""Three-way decisions and the numbers of cases that settle them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.judge.scores import binomial
from harness.judge.scores.figure import Drawn, Mapped, Missing, Normal
from harness.judge.scores.proportion import Share, decide, share_of_counts


def single(right: int, n: int) -> Share:
    share = share_of_counts(np.arange(n) < right, np.ones(n))
    assert isinstance(share, Share)
    return share


@pytest.mark.parametrize(("required", "n"), [(0.90, 29), (0.95, 59), (0.99, 299)])
def test_the_smallest_all_pass_n_is_the_published_one(required: float, n: int) -> None:
    assert binomial.smallest_all_pass_n(required) == n
    assert decide(single(n, n), ">=", required).status == "PASS"
    assert decide(single(n - 1, n - 1), ">=", required).status == "INCONCLUSIVE"


def test_a_share_far_below_fails_and_more_cases_are_not_asked_for() -> None:
    decision = decide(single(12, 100), ">=", 0.90)
    assert (decision.status, decision.needed_n) == ("FAIL", None)
    assert decision.bound == pytest.approx(stats.binomtest(12, 100, alternative="less").proportion_ci(0.95).high)


def test_the_needed_n_settles_the_check_in_four_of_five_runs_and_fewer_do_not() -> None:
    decision = decide(single(147, 153), ">=", 0.95)
    assert (decision.status, decision.needed_n) == ("INCONCLUSIVE", 2288)
    share, power = 147 / 153, {}
    for n in (2000, 2288):
        fewest = next(k for k in range(int(0.95 * n), n) if stats.binom.sf(k - 1, n, 0.95) <= 0.05)
        power[n] = stats.binom.sf(fewest - 1, n, share)
    assert power[2000] < 0.8 <= power[2288]


def test_the_p_value_of_a_decision_is_the_least_error_at_which_it_is_still_made() -> None:
    # P(X >= 98 | 100, .9) and P(X <= 81 | 100, .9): exact binomial tails.
    assert decide(single(98, 100), ">=", 0.90).p_value == pytest.approx(0.0019448847, abs=1e-9)
    assert decide(single(81, 100), ">=", 0.90).p_value == pytest.approx(0.0045807542, abs=1e-9)
    assert decide(single(93, 100), ">=", 0.90).p_value is None


def test_draws_tell_no_smaller_p_value_than_their_number_or_the_normal_tail() -> None:
    spread = np.sort(np.random.default_rng(1).normal(0.8, 0.01, 2000))
    told = decide(Drawn(0.8, 500, spread, "drawn"), ">=", 0.9).p_value
    assert told == pytest.approx(1e-12)
    # Two of 2,000 lie beyond .833 or so; what the draws do not reach is left to the normal tail, sf(5) = 2.9e-7.
    beyond = decide(Drawn(0.8, 500, spread, "drawn"), ">=", 0.85).p_value
    assert beyond is not None
    assert stats.norm.sf(5.2) < beyond < stats.norm.sf(4.8)


def test_needed_n_counts_cases_when_repeats_agree() -> None:
    once = decide(single(147, 153), ">=", 0.95).needed_n
    repeated = share_of_counts(np.repeat([4, 0], [147, 6]), np.full(153, 4))
    needed = decide(repeated, ">=", 0.95).needed_n
    assert once is not None
    assert needed is not None
    assert needed >= once


def test_upper_limits_mirror_lower_ones() -> None:
    assert decide(single(0, 299), "<=", 0.01).status == "PASS"
    assert decide(single(0, 298), "<=", 0.01).status == "INCONCLUSIVE"
    assert decide(single(0, 298), "<=", 0.01).needed_n == 299
    assert decide(single(30, 100), "<=", 0.01).status == "FAIL"


def test_a_value_on_the_threshold_can_never_be_settled() -> None:
    decision = decide(single(90, 100), ">=", 0.90)
    assert (decision.status, decision.needed_n) == ("INCONCLUSIVE", None)


def test_perfection_can_not_be_proved() -> None:
    decision = decide(single(50, 50), ">=", 1.0)
    assert (decision.status, decision.needed_n) == ("INCONCLUSIVE", None)


def test_an_undefined_figure_never_passes() -> None:
    for op in (">=", "<=", ">", "<"):
        decision = decide(Missing("no reply was read as ‘spam’"), op, 0.0)
        assert (decision.status, decision.bound) == ("INCONCLUSIVE", None)


def test_a_mean_needs_n_in_proportion_to_the_square_of_the_distance() -> None:
    # (1.645 + .842) * .02 = .0497 at n = 100; the distance .01 needs (4.97)^2 times as many for 80% power.
    figure = Normal(0.91, 100, 0.02, "test")
    assert decide(figure, ">=", 0.90).needed_n == int(np.ceil(100 * ((1.6448536 + 0.8416212) * 0.02 / 0.01) ** 2))


def test_a_mapped_figure_is_decided_on_its_own_scale() -> None:
    f1 = Mapped(single(98, 100), lambda j: 2 * j / (1 + j), lambda f: f / (2 - f), "F1")
    low = stats.beta.ppf(0.05, 98, 3)
    assert f1.lower() == pytest.approx(2 * low / (1 + low))
    assert decide(f1, ">=", 0.96).status == "PASS"
    assert decide(f1, ">=", 0.975).needed_n == decide(single(98, 100), ">=", 0.975 / 1.025).needed_n


@pytest.mark.parametrize("required", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_planned_n_is_the_first_with_the_wanted_power(required: float) -> None:
    n = binomial.planned_n(required)
    assert n is not None
    truth = (1 + required) / 2

    def power(size: int) -> float:
        return float(stats.binom.sf(stats.binom.ppf(0.95, size, required), size, truth))

    assert power(n) >= 0.8
    assert all(power(size) < 0.8 for size in range(1, n))


def test_what_cases_prove_at_best_is_their_bound_when_all_are_right() -> None:
    assert binomial.best_provable(100) == pytest.approx(0.970487, abs=5e-7)
    assert binomial.best_provable(0) == 0.0


def test_no_plan_exists_for_a_truth_at_or_below_the_requirement() -> None:
    assert binomial.planned_n(0.9, truth=0.9) is None
    assert binomial.planned_n(1.0) is None
