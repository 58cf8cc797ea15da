"""What a suite can prove before it is run; counts by hand from alpha^(1/n)."""

from __future__ import annotations

from scipy import stats

from harness.files.suite import Suite
from harness.files.threshold import parse_threshold
from harness.judge.power import PowerRow, lacking, power
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
    assert row.sentence == (
        "recall[fraud] >= 90% can't pass: 18 fraud cases without a miss prove no more than 84.7% at 95% "
        "confidence, 90% takes 29; add 161 fraud cases: a true 95.0% then passes with 80% probability."
    )


def test_one_case_is_said_in_the_singular() -> None:
    assert "1 fraud case without a miss proves no more than 5.0%" in (
        _power("recall[fraud] >= 90%", 1, 10).sentence
    )


def test_an_upper_limit_is_said_as_a_limit() -> None:
    assert _power("failures <= 1%", 10, 90).sentence.startswith(
        "failures <= 1% can't pass: 100 cases without a miss prove only that it is below 3.0% at 95% "
        "confidence, 1% takes 299;"
    )


def test_the_planned_number_passes_with_the_stated_power() -> None:
    row = _power("accuracy >= 90%", 20, 20)
    assert row.needed is not None
    binom = stats.binom(row.needed, 0.95)
    fewest = next(k for k in range(row.needed + 1) if stats.beta.ppf(0.05, k, row.needed - k + 1) >= 0.90)
    assert binom.sf(fewest - 1) >= 0.80


def test_the_labels_that_lack_cases_are_named() -> None:
    thresholds = [
        parse_threshold(text, labels=SUITE.labels) for text in ("accuracy >= 90%", "recall[fraud] >= 90%")
    ]
    assert lacking(SUITE, power(SUITE, thresholds, _cases(170, 300))) == (
        "To make every threshold provable: 9 more fraud cases."
    )
    assert lacking(SUITE, power(SUITE, thresholds, _cases(179, 300))) == (
        "These cases are enough for every threshold that can be planned."
    )


def test_no_number_of_cases_proves_perfection() -> None:
    assert _power("accuracy >= 100%", 50, 50).sentence == (
        "accuracy >= 100% can't be proved by any number of cases: ask for less than 100%."
    )


def test_failures_are_planned_as_the_share_that_must_not_fail() -> None:
    assert _power("failures <= 1%", 10, 290).least == 299


def test_p95_needs_fifty_nine_calls() -> None:
    assert _power("latency.p95 <= 1 s", 30, 30).least == 59


def test_enough_cases_are_said_to_do() -> None:
    assert _power("accuracy >= 90%", 500, 500).sentence == (
        "accuracy >= 90%: 1,000 cases are enough (179 needed: a true 95.0% then passes with 80% probability)."
    )


def test_a_filter_counts_only_its_cases() -> None:
    assert _power("accuracy where tag=new >= 90%", 10, 10).have == 20


def test_a_coefficient_is_left_to_its_interval() -> None:
    row = _power("mcc >= 0.5", 10, 10)
    assert row.have is None
    assert "decided by its interval after the run" in row.sentence
