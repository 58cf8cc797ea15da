"""Figures as people read them."""

from __future__ import annotations

import pytest

from harness.judge.scores.estimate import Estimate
from harness.judge.wording import (
    Scale,
    amount,
    count,
    demand,
    figure,
    listed,
    money,
    named,
    rounded_up,
    seconds,
)


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (0.961, "share", "96.1%"),
        (1.0, "share", "100.0%"),
        (0.99996, "share", "99.996%"),
        (0.9999999, "share", "99.999%"),
        (0.0, "share", "0.0%"),
        (0.00004, "share", "0.004%"),
        (0.01, "points", "1.0 point"),
        (-0.042, "points", "-4.2 points"),
        (-0.00001, "points", "-0.001 points"),
        (0.8270, "number", "0.827"),
        (3.0, "count", "3"),
        (52.25, "count", "52.2"),
        (1.2345, "seconds", "1.23 s"),
        (0.0004, "money", "$0.000400"),
    ],
)
def test_amounts(value: float, scale: Scale, text: str) -> None:
    assert amount(value, scale) == text


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (0.9, "share", "90%"),
        (0.995, "share", "99.5%"),
        (1 - 0.9, "share", "10%"),
        (1.0, "seconds", "1 s"),
        (0.25, "seconds", "250 ms"),
        (0.05, "points", "5 points"),
        (0.01, "points", "1 point"),
        (0.8, "number", "0.8"),
    ],
)
def test_demands_have_no_digits_that_nobody_wrote(value: float, scale: Scale, text: str) -> None:
    assert demand(value, scale) == text


def test_intervals_stand_in_brackets() -> None:
    estimate = Estimate(value=0.961, n=100, low=0.904, high=0.985)
    assert figure(estimate, "share") == "96.1% (90.4 to 98.5)"
    assert figure(Estimate(value=0.5, n=5, low=0.4), "seconds") == "500 ms (at least 400 ms)"
    assert figure(Estimate(value=1.5, n=5), "seconds") == "1.50 s"
    assert figure(Estimate(value=None, n=0, why_undefined="x"), "share") == "undefined"


def test_times_and_money_have_sensible_digits() -> None:
    assert [seconds(value) for value in (0.0002, 0.0123, 0.85, 0.9999, 12.34, 250.0)] == [
        "0.2 ms",
        "12.3 ms",
        "850 ms",
        "1.00 s",
        "12.3 s",
        "250 s",
    ]
    assert [money(value) for value in (0.0, 0.5, 1234.5, -3.0)] == ["$0.00", "$0.50", "$1,234", "-$3.00"]
    assert money(2.0, "CHF") == "2.00 CHF"


def test_counts_agree_with_their_nouns() -> None:
    assert [count(n, "case") for n in (0, 1, 2, 1200)] == ["0 cases", "1 case", "2 cases", "1,200 cases"]
    assert [listed(list("abcdef"[:n]), most=3) for n in (0, 1, 2, 3, 5)] == [
        "none",
        "a",
        "a and b",
        "a, b and c",
        "a, b, c and 2 more",
    ]


def test_labels_that_could_be_taken_for_prose_are_quoted() -> None:
    assert [named(label) for label in ("spam", "other", "no", "1", "not spam")] == [
        "spam",
        "‘other’",
        "‘no’",
        "‘1’",
        "‘not spam’",
    ]


def test_estimated_numbers_of_cases_are_rounded_up_to_two_figures() -> None:
    assert [rounded_up(n) for n in (7, 99, 101, 213, 1649)] == [7, 99, 110, 220, 1700]
