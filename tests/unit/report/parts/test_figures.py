"""Figures read as people write them, and rounding never tells a better story."""

from __future__ import annotations

import pytest

from harness.files.thresholds import Scale
from harness.judge.documents import Estimate, undefined
from harness.judge.wording.text import scale_of, seconds
from harness.report.parts.figures import figure, number, p_value, percent_of


def estimate(value: float, low: float | None = None, high: float | None = None) -> Estimate:
    return Estimate(value=value, n=100, low=low, high=high)


def test_an_estimate_is_its_value_and_its_interval_in_one_unit() -> None:
    assert figure(estimate(0.961, 0.904, 0.985), "share") == "96.1% (90.4 to 98.5)"
    assert figure(estimate(0.208, 0.195, 0.240), "seconds") == "208 ms (195 to 240)"
    assert figure(estimate(0.9, 0.8, 1.2), "seconds") == "900 ms (800 to 1,200)"
    assert figure(estimate(-0.004, -0.016, 0.008), "points") == "−0.4 points (−1.6 to 0.8)"
    assert figure(estimate(0.83, 0.71, 0.9), "number") == "0.83 (0.71 to 0.90)"


def test_one_sided_intervals_say_which_side() -> None:
    assert figure(estimate(0.5, low=0.4), "share") == "50.0% (at least 40.0%)"
    assert figure(estimate(0.5, high=0.6), "share") == "50.0% (at most 60.0%)"


def test_undefined_says_why_and_is_never_zero() -> None:
    assert figure(undefined("no positive prediction"), "share") == "undefined: no positive prediction"
    assert number(None, "share") == "undefined"
    assert percent_of(0, 0) == "undefined"


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (1.0, "share", "100.0%"),
        (0.9996, "share", "99.96%"),
        (0.0, "share", "0.0%"),
        (0.00001, "share", "<0.01%"),
        (0.00042, "seconds", "0.42 ms"),
        (0.0042, "seconds", "4.2 ms"),
        (0.9996, "seconds", "1.00 s"),
        (61.5, "seconds", "61.5 s"),
        (300, "seconds", "300 s"),
        (0.0042, "money", "$0.0042"),
        (0.12, "money", "$0.12"),
        (1234.5, "money", "$1,234"),
        (0, "money", "$0.00"),
        (-0.5, "money", "−$0.50"),
        (3, "count", "3"),
        (1234, "count", "1,234"),
        (-0.00001, "number", "0.000"),
    ],
)
def test_one_number_in_its_unit(value: float, scale: Scale, text: str) -> None:
    assert number(value, scale, currency="USD") == text


def test_other_currencies_keep_their_name() -> None:
    assert number(12.5, "money", currency="EUR") == "€12.50"
    assert number(12.5, "money", currency="CHF") == "12.50 CHF"


def test_a_figure_that_just_misses_its_threshold_does_not_look_like_it() -> None:
    assert number(0.89996, "share", against=0.9) == "89.996%"
    assert number(0.9, "share", against=0.9) == "90.0%"
    assert number(0.8, "share", against=0.9) == "80.0%"


@pytest.mark.parametrize(
    ("metric", "scale"),
    [
        ("accuracy", "share"),
        ("recall", "share"),
        ("failures", "share"),
        ("latency.p95", "seconds"),
        ("latency.within", "share"),
        ("cost_per_1000", "money"),
        ("leakage", "count"),
        ("mcc", "number"),
        ("stability", "share"),
        ("robustness.drop", "points"),
    ],
)
def test_every_metric_has_a_scale(metric: str, scale: Scale) -> None:
    assert scale_of(metric) == scale


def test_small_words() -> None:
    assert p_value(0.00031) == "p < 0.001"
    assert p_value(0.041) == "p = 0.041"
    assert p_value(None) == ""
    assert seconds(0.171) == "171 ms"
