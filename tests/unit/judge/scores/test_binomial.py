"""A second look at a run has what error the first one left."""

from __future__ import annotations

import pytest
from scipy.stats import binom, multivariate_normal, norm

from harness.judge.scores import second_error


@pytest.mark.parametrize(("share", "error"), [(0.25, 0.00802), (0.5, 0.01242), (0.75, 0.02161)])
def test_two_looks_at_normal_scores_err_in_five_and_a_half_percent(share: float, error: float) -> None:
    assert second_error(0.05, share) == pytest.approx(error, abs=1e-5)
    both = multivariate_normal(cov=[[1, share**0.5], [share**0.5, 1]])
    kept = both.cdf([norm.ppf(0.95), norm.ppf(1 - second_error(0.05, share))])
    assert 1 - kept == pytest.approx(0.055, abs=1e-5)


def test_of_several_candidates_each_has_its_part_of_what_is_left() -> None:
    assert second_error(0.05, 0.5, among=10) == pytest.approx(0.008476, abs=1e-5)
    assert second_error(0.05, 0.0) == pytest.approx(0.005 / 0.95, abs=1e-6)  # the looks are independent
    assert 0.049 < second_error(0.05, 1.0) <= 0.05  # the second sees nothing new


def fewest(n: int, required: float, confidence: float) -> int:
    """Give the fewest hits that the exact one-sided test passes."""
    return next(k for k in range(n + 2) if k > n or binom.sf(k - 1, n, required) <= 1 - confidence)


@pytest.mark.parametrize("required", [0.8, 0.9, 0.95])
@pytest.mark.parametrize(("first", "added"), [(100, 100), (100, 300), (300, 100), (400, 400), (1000, 1000)])
def test_exact_looks_at_a_true_value_on_the_threshold_pass_in_at_most_five_and_a_half_percent(
    first: int, added: int, required: float
) -> None:
    now, n = fewest(first, required, 0.95), first + added
    later = fewest(n, required, 1 - second_error(0.05, first / n))
    passed = binom.sf(now - 1, first, required) + sum(
        binom.pmf(s, first, required) * binom.sf(later - 1 - s, added, required) for s in range(now)
    )
    assert 0.02 < passed <= 0.055
