"""Figures as people read them."""

from __future__ import annotations

import pytest

from harness.judge.documents import Estimate
from harness.judge.scores import rounded_up
from harness.judge.wording.text import (
    Scale,
    amount,
    count,
    demand,
    figure,
    figure_text,
    listed,
    money,
    named,
    seconds,
    sentence,
    signed,
    signed_text,
)


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (0.961, "share", "96.1%"),
        (1.0, "share", "100.0%"),
        (0.99964, "share", "99.96%"),
        (0.9999999, "share", ">99.99%"),
        (0.0, "share", "0.0%"),
        (0.00004, "share", "<0.01%"),
        (0.01, "points", "1.0 points"),
        (-0.042, "points", "−4.2 points"),
        (-0.00001, "points", "0.0 points"),
        (0.8270, "number", "0.83"),
        (-0.0151, "number", "−0.015"),
        (3.0, "count", "3"),
        (52.25, "count", "52.2"),
        (231.4, "count", "231"),
        (1.2345, "seconds", "1.23 s"),
        (0.00042, "seconds", "0.42 ms"),
        (0.0042, "seconds", "4.2 ms"),
        (0.1187, "money", "$0.119"),
        (0.12, "money", "$0.12"),
        (15006.67, "money", "$15,007"),
        (0.0004, "money", "$0.0004"),
    ],
)
def test_amounts(value: float, scale: Scale, text: str) -> None:
    assert amount(value, scale, "USD") == text


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
    assert figure(Estimate(value=0.9, n=5, low=0.8, high=1.2), "seconds") == "900 ms (800 to 1,200)"
    assert figure(Estimate(value=0.999, n=9999, low=0.99, high=0.9996), "share") == "99.9% (99.0 to 99.96)"
    assert figure(Estimate(value=1.5, n=5), "seconds") == "1.50 s"
    assert figure(Estimate(value=None, n=0, why_undefined="x"), "share") == "undefined"


def test_a_figure_keeps_its_interval_apart_until_it_is_written() -> None:
    known = figure_text(Estimate(value=0.961, n=100, low=0.904, high=0.985), "share")
    assert (known.value, known.interval, str(known)) == ("96.1%", "90.4 to 98.5", "96.1% (90.4 to 98.5)")
    alone = figure_text(Estimate(value=1.5, n=5), "seconds")
    assert (alone.value, alone.interval, str(alone)) == ("1.50 s", "", "1.50 s")


def test_differences_carry_their_sign_and_say_a_unit_once() -> None:
    lost = signed_text(Estimate(value=-0.28, n=50, low=-0.401, high=0.0119), "share", "")
    assert (lost.value, lost.interval) == ("−28.0 points", "−40.1 to +1.2")
    slower = signed_text(Estimate(value=0.04, n=50, low=-0.002, high=1.2), "seconds", "")
    assert str(slower) == "+40 ms (−2.0 ms to +1.20 s)"
    assert str(signed_text(Estimate(value=0.02, n=50, low=0.02, high=0.02), "share", "")) == "+2.0 points"
    assert signed(-0.0004, "share", "") == "0.0 points"  # what rounds to nothing has no sign
    assert signed_text(Estimate(value=None, n=0, why_undefined="x"), "share", "").value == "undefined"


def test_what_just_misses_a_demand_does_not_look_as_if_it_met_it() -> None:
    assert amount(0.89996, "share", against=0.9) == "89.996%"
    assert amount(0.9, "share", against=0.9) == "90.0%"
    assert amount(0.8, "share", against=0.9) == "80.0%"
    assert amount(0.9996, "seconds", against=1.0) == "0.9996 s"
    assert amount(0.50004, "money", "USD", against=0.5) == "$0.50004"


def test_times_and_money_have_sensible_digits() -> None:
    assert [seconds(value) for value in (0.0002, 0.0123, 0.85, 0.9999, 12.34, 250.0)] == [
        "0.20 ms",
        "12 ms",
        "850 ms",
        "1.00 s",
        "12.3 s",
        "250 s",
    ]
    assert [money(value, "USD") for value in (0.0, 0.5, 1234.5, -3.0)] == ["$0.00", "$0.50", "$1,234", "−$3.00"]
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


def test_a_sentence_leaves_a_metric_and_a_candidate_as_they_are_written() -> None:
    assert sentence("v2@smollm2 is within noise.") == "v2@smollm2 is within noise."
    assert sentence("recall[spam], seen in 3 cases") == "recall[spam], seen in 3 cases"
    assert sentence("within noise: v2@smollm2") == "Within noise: v2@smollm2"
    assert sentence("can't be told, yet") == "Can't be told, yet"
