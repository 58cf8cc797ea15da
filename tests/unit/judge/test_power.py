"""What a suite can prove before it is run; counts by hand from alpha^(1/n)."""

from __future__ import annotations

from harness.files.suite import Suite
from harness.files.threshold import parse_threshold
from harness.judge.power import PowerRow, power
from harness.record import CaseRow

SUITE = Suite(name="s", labels=("fraud", "legit"), cases=("c.jsonl",))


def _cases(fraud: int, legit: int) -> list[CaseRow]:
    expected = ["fraud"] * fraud + ["legit"] * legit
    return [
        CaseRow(id=str(i), digest=str(i), expected=label, tags=("new",)) for i, label in enumerate(expected)
    ]


def _power(text: str, fraud: int, legit: int) -> PowerRow:
    threshold = parse_threshold(text, labels=SUITE.labels)
    return power(SUITE, [threshold], _cases(fraud, legit))[0]


def test_eighteen_cases_of_a_label_cannot_prove_ninety_percent_recall() -> None:
    row = _power("recall[fraud] >= 90%", 18, 282)
    assert (row.have, row.least) == (18, 29)
    assert row.sentence.startswith(
        "recall[fraud] >= 90%: can't be proved: 18 fraud cases, and it takes 29 without a miss. "
        "Add at least 11 fraud cases"
    )


def test_one_missing_case_is_said_in_the_singular() -> None:
    assert "Add at least 1 fraud case;" in _power("recall[fraud] >= 90%", 28, 10).sentence


def test_failures_are_planned_as_the_share_that_must_not_fail() -> None:
    assert _power("failures <= 1%", 10, 290).least == 299


def test_p95_needs_fifty_nine_calls() -> None:
    assert _power("latency.p95 <= 1 s", 30, 30).least == 59


def test_enough_cases_are_said_to_do() -> None:
    assert "will do, if the true value is 95.0% or better." in _power("accuracy >= 90%", 500, 500).sentence


def test_a_filter_counts_only_its_cases() -> None:
    assert _power("accuracy where tag=new >= 90%", 10, 10).have == 20


def test_a_coefficient_is_left_to_its_interval() -> None:
    row = _power("mcc >= 0.5", 10, 10)
    assert row.have is None
    assert "decided by its interval after the run" in row.sentence
