"""The exact tests of non-inferiority, against literals and an enumeration of their own."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from harness.judge.scores import lower_bound, p_flips, p_not_above, p_sign


def chance(n: int, q: float, least: float, passing: set[tuple[int, int]]) -> float:
    """Give the chance of a PASS when losses have the chance q, and gains q + least."""
    gain, rest = q + least, 1 - 2 * q - least
    return sum(
        comb(n, b) * comb(n - b, c) * gain**b * q**c * rest ** (n - b - c)
        for b, c in passing
        if gain >= 0 and rest >= 0
    )


@pytest.mark.parametrize(("n", "margin"), [(20, 0.2), (30, 0.1), (45, 0.05), (60, 0.05)])
def test_a_true_loss_of_the_margin_passes_in_at_most_five_percent_however_few_the_pairs(n: int, margin: float) -> None:
    passing = {
        (b, c) for b, c in product(range(n + 1), repeat=2) if b + c <= n and p_not_above(b, c, n, -margin) <= 0.05
    }
    worst = max(chance(n, margin + step * (0.5 - margin) / 40, -margin, passing) for step in range(41))
    assert 0.0 <= worst <= 0.05


def test_where_nothing_differed_it_takes_as_many_pairs_as_a_binomial_with_no_event() -> None:
    # (1 - margin)^n <= .05, given that a thousandth of the error is spent on the unknown share
    assert p_not_above(0, 0, 58, -0.05) > 0.05 > p_not_above(0, 0, 59, -0.05)
    assert p_not_above(0, 0, 149, -0.02) > 0.05 > p_not_above(0, 0, 150, -0.02)


def test_tangos_score_alone_would_pass_fifty_two_equal_answers() -> None:
    assert p_not_above(0, 0, 52, -0.05) == pytest.approx(0.95**52 + 0.001, abs=2e-3)


def test_with_many_pairs_it_is_tangos_score() -> None:
    assert p_not_above(20, 20, 600, -0.02) == pytest.approx(0.0334, abs=2e-3)  # z = 1.833
    assert p_not_above(0, 0, 0, -0.02) == 1.0


@pytest.mark.parametrize(("gains", "losses", "pairs"), [(0, 0, 150), (3, 5, 80), (20, 20, 600), (1, 0, 20)])
def test_the_bound_is_where_the_test_turns(gains: int, losses: int, pairs: int) -> None:
    bound = lower_bound(gains, losses, pairs, 0.95)
    assert p_not_above(gains, losses, pairs, bound - 1e-4) <= 0.05 < p_not_above(gains, losses, pairs, bound + 1e-4)


@given(st.integers(0, 20), st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_the_sign_test_is_the_binomial_one(gains: int, losses: int) -> None:
    wanted = binomtest(losses, gains + losses, 0.5, alternative="greater").pvalue if losses else 1.0
    assert p_sign(gains, losses) == pytest.approx(wanted)


@pytest.mark.parametrize(("pairs", "margin"), [(1, 0.02), (8, 0.1), (30, 0.05), (60, 0.02)])
def test_a_loss_that_was_seen_is_never_called_no_loss_however_great(pairs: int, margin: float) -> None:
    for gains, losses in product(range(pairs + 1), repeat=2):
        if gains + losses <= pairs and (gains - losses) / pairs <= -margin:
            assert p_not_above(gains, losses, pairs, -margin) > 0.05


@pytest.mark.parametrize("pairs", [20, 37, 58, 80])
@pytest.mark.parametrize("margin", [0.02, 0.05, 0.1])
def test_a_further_loss_never_makes_it_sure(pairs: int, margin: float) -> None:
    # The interval in which the share of losses is looked for moves with the losses, so that a p-value of .15
    # and more may fall a little by one more. Where one decides, by a tenth or less, it never does.
    for gains in range(9):
        decides = [p for losses in range(12) if (p := p_not_above(gains, losses, pairs, -margin)) <= 0.1]
        above = [p_not_above(gains, losses, pairs, -margin) for losses in range(len(decides), 12)]
        assert decides == sorted(decides)
        assert min(above) > 0.1


def test_the_test_of_signs_counts_the_ways_to_turn_them_with_their_weights() -> None:
    # Of 2^3 signs only (-, -, -) sums to -3: 1/8. Weights 3, 1, 1: -3 +- 1 +- 1 <= -3 in 3 of 8 ways.
    assert p_flips(np.array([-1.0, -1.0, -1.0])) == pytest.approx(0.125)
    assert p_flips(np.array([-3.0, 1.0, -1.0])) == pytest.approx(3 / 8)
    assert p_flips(np.array([-3.0, 1.0, 1.0, 0.0])) == pytest.approx(4 / 8)
    assert p_flips(np.array([3.0, -1.0])) == 1.0
    many = np.concatenate([np.full(40, -2.0), np.full(40, 1.0)])
    assert p_flips(many) == pytest.approx(0.0026, abs=0.001)  # z = -40 / sqrt(200) = -2.83, and lattice steps of 1
