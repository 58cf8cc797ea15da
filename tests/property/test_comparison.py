"""What holds of every comparison."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep

from harness.judge.compare.surroundings import word_diff
from harness.judge.scores.combined import difference
from harness.judge.scores.latency import hodges_lehmann_estimate
from harness.judge.scores.not_worse import p_sign
from harness.judge.scores.paired import paired_mean_difference, paired_ratio_difference
from harness.judge.scores.proportion import Share, share_of_counts

TEXT = st.text(alphabet="ab \n\t.,é{}", max_size=60)
COUNT = st.integers(0, 60)


@given(base=TEXT, head=TEXT)
def test_a_word_diff_holds_both_texts(base: str, head: str) -> None:
    words = word_diff(base, head)
    assert "".join(word.text for word in words if word.kind != "added") == base
    assert "".join(word.text for word in words if word.kind != "removed") == head


@given(b=COUNT, c=COUNT)
def test_twice_the_smaller_sign_test_is_statsmodels_exact_test_of_mcnemar(b: int, c: int) -> None:
    exact = mcnemar([[10, b], [c, 5]], exact=True).pvalue if b + c else 1.0
    assert min(1.0, 2 * min(p_sign(b, c), p_sign(c, b))) == pytest.approx(exact)


@given(x=st.integers(1, 79), y=st.integers(1, 69))
def test_newcombe_agrees_with_statsmodels(x: int, y: int) -> None:
    sides = []
    for right, n in ((x, 80), (y, 70)):
        share = share_of_counts(np.arange(n) < right, np.ones(n))
        assert isinstance(share, Share)
        sides.append(share)
    estimate = difference(*sides).estimate()
    expected = confint_proportions_2indep(x, 80, y, 70, method="newcomb", compare="diff")
    assert (estimate.low, estimate.high) == pytest.approx(expected)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(25, 60))
def test_the_interval_of_a_typical_shift_holds_what_wilcoxon_does_not_reject(seed: int, n: int) -> None:
    values = np.random.default_rng(seed).normal(0.3, 1.0, n)
    estimate = hodges_lehmann_estimate(values)
    assert estimate.low is not None
    assert estimate.high is not None

    def rejected(shift: float) -> bool:
        return bool(stats.wilcoxon(values - shift, method="approx", correction=False).pvalue < 0.05)

    width = estimate.high - estimate.low
    assert rejected(estimate.low - 0.15 * width)
    assert rejected(estimate.high + 0.15 * width)
    assert not rejected(estimate.low + 0.15 * width)
    assert not rejected(estimate.high - 0.15 * width)


@given(values=st.lists(st.floats(-5, 5), min_size=2, max_size=40))
def test_a_paired_mean_is_students_t(values: list[float]) -> None:
    first = np.array(values)
    figure = paired_mean_difference(first, np.zeros(len(first)))
    estimate = figure.estimate()
    assert estimate.value == pytest.approx(float(first.mean()), abs=1e-9)
    if first.std() > 1e-3:
        expected = stats.t.interval(0.95, len(first) - 1, first.mean(), stats.sem(first))
        assert (estimate.low, estimate.high) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("repeats", [3, 7, 10])
def test_equal_sums_that_were_rounded_otherwise_do_not_differ(repeats: int) -> None:
    once = np.full(60, 12e-6)
    again = np.array([sum([12e-6] * repeats)] * 60)
    assert (again / repeats != once).any() or (again.sum() / (60 * repeats) != once.sum() / 60)
    figures = (
        paired_mean_difference(again / repeats, once),
        paired_ratio_difference(again, np.full(60, float(repeats)), once, np.ones(60)),
    )
    assert [(figure.value, figure.estimate().low) for figure in figures] == [(0.0, 0.0)] * 2


@given(scale=st.floats(0.1, 10))
def test_a_ratio_with_proportional_parts_has_no_spread(scale: float) -> None:
    bottom = np.array([1.0, 2.0, 3.0])
    estimate = paired_ratio_difference(scale * bottom, bottom, bottom, bottom).estimate()
    assert (estimate.value, estimate.low) == pytest.approx((scale - 1, scale - 1), abs=1e-9)
