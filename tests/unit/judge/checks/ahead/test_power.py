"""What a suite can prove before it is run; counts by hand from alpha^(1/n)."""

from __future__ import annotations

import msgspec
import pytest
from run_of import judged, only
from scipy import stats

from harness.files.suite import Suite
from harness.files.thresholds import parse_threshold
from harness.judge.checks import power, together
from harness.judge.checks.ahead import PowerRow, cheapest_fix
from harness.record import CaseRow

SUITE = Suite(name="s", labels=("fraud", "legit"), cases=("c.jsonl",))


def _cases(fraud: int, legit: int) -> list[CaseRow]:
    expected = ["fraud"] * fraud + ["legit"] * legit
    return [CaseRow(id=str(i), digest=str(i), expected=label, tags=("new",)) for i, label in enumerate(expected)]


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
    assert "1 fraud case without a miss proves no more than 5.0%" in (_power("recall[fraud] >= 90%", 1, 10).sentence)


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
    thresholds = [parse_threshold(text, labels=SUITE.labels) for text in ("accuracy >= 90%", "recall[fraud] >= 90%")]
    assert cheapest_fix(SUITE, power(SUITE, thresholds, _cases(170, 300))) == (
        "For 80% power on every threshold, add 9 more fraud cases.",
    )
    assert cheapest_fix(SUITE, power(SUITE, thresholds, _cases(179, 300))) == (
        "These cases are enough for every threshold that can be planned.",
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


def test_averages_are_planned_on_a_model_of_the_run() -> None:
    # With labels of equal size balanced accuracy is accuracy: (1.6449 + .8416)^2 * .95 * .05 / .05^2 = 118,
    # times 75/74 for the cases being stratified.
    row = _power("balanced_accuracy >= 90%", 75, 75)
    assert row.needed == pytest.approx(118 * 75 / 74, abs=1)
    assert row.sentence.startswith("balanced_accuracy >= 90%: 150 cases are enough (about ")


@pytest.mark.parametrize(
    "metric", ["balanced_accuracy", "macro_f1", "mcc", "kappa", "fbeta(2)[fraud]", "accuracy", "recall[fraud]"]
)
def test_what_cases_prove_at_best_is_what_the_judge_says_of_a_perfect_run(metric: str) -> None:
    row = _power(f"{metric} >= 0.5", 30, 90)
    answers = [("fraud", "fraud", 30), ("legit", "legit", 90)]
    (check,) = only(judged(answers, SUITE.labels, thresholds=[f"{metric} >= 0.5"])).checks
    assert row.best == pytest.approx(check.bound)


def test_averages_that_these_cases_cannot_prove_are_named() -> None:
    row = _power("kappa >= 0.97", 30, 90)
    assert not row.provable
    assert row.sentence.startswith("kappa >= 0.97 can't pass: 120 cases without a miss prove no more than 0.9")


def test_differences_are_planned_at_no_difference() -> None:
    # (1.6449 + .8416)^2 * .05 / .03^2 = 343.5
    row = _power("robustness.drop <= 3%", 100, 100)
    assert (row.needed, row.best, row.enough) == (344, None, False)
    assert row.sentence == (
        "robustness.drop <= 3% may stay open with 200 cases; add 144 cases: no loss then passes with 80% "
        "probability, if 5% of the answers move either way."
    )


def test_a_gap_is_planned_from_both_splits() -> None:
    # 150 * (1.6449 + .8416)^2 * .95 * .05 * (1/100 + 1/50) / .05^2 = 528.6
    cases = [
        msgspec.structs.replace(case, split="dev" if number < 100 else "holdout")
        for number, case in enumerate(_cases(75, 75))
    ]
    threshold = parse_threshold("generalization.gap <= 5%", labels=SUITE.labels)
    assert power(SUITE, [threshold], cases)[0].needed == 529


@pytest.mark.parametrize(
    "text", ["leakage <= 0", "cost per 1000 <= $1", "latency.max <= 1 s", "accuracy >= baseline - 2%"]
)
def test_what_can_not_be_planned_says_why(text: str) -> None:
    row = _power(text, 10, 10)
    assert (row.have, row.needed, row.provable) == (None, None, True)
    assert row.sentence.startswith(f"{text} can't be planned: it ")


def test_better_than_the_majority_is_planned_from_the_largest_label() -> None:
    assert _power("accuracy > majority", 10, 90).least == 29  # as for accuracy >= 90%


def test_f1_is_planned_on_the_share_that_it_is_a_function_of() -> None:
    # F1 = 2J / (1 + J): F1 >= 90% is J >= .9/1.1, and 15 right cases are the fewest with .05^(1/n) >= .81818
    row = _power("f1[fraud] >= 90%", 30, 10)
    assert row.least == 15
    assert row.best == pytest.approx(2 * 0.05 ** (1 / 30) / (1 + 0.05 ** (1 / 30)))


def test_the_cheapest_fix_names_labels_slices_and_the_rest() -> None:
    texts = (
        "recall[fraud] >= 90%",
        "recall[legit] where tag=new >= 80%",
        "specificity[fraud] >= 95%",
        "failures <= 1%",
    )
    cases = [*_cases(20, 40), *(msgspec.structs.replace(c, tags=()) for c in _cases(0, 10))]
    rows = power(SUITE, [parse_threshold(text, labels=SUITE.labels) for text in texts], cases)
    assert [row.provable for row in rows] == [False, True, False, False]
    # 29 fraud cases prove 90%, 59 others prove 95%, 299 in all prove 99%.
    assert cheapest_fix(SUITE, rows)[0] == (
        "So that every threshold can pass at all, add 9 more fraud cases, 9 more cases that are not fraud "
        "and 211 more cases of any label."
    )
    assert "42 more legit cases with tag=new" in cheapest_fix(SUITE, rows)[1]


def test_labels_that_lack_as_many_cases_are_told_together() -> None:
    labels = ("a", "b", "c", "d", "e", "f")
    suite = SUITE.model_copy(update={"labels": labels, "positive": None})
    thresholds = [parse_threshold(f"recall[{label}] >= 80%", labels=labels) for label in labels]
    expected = [*"abcd" * 10, *"ef" * 11]
    cases = [CaseRow(id=str(i), digest=str(i), expected=label) for i, label in enumerate(expected)]
    told = cheapest_fix(suite, power(suite, thresholds, cases))[0]
    # 14 cases without a miss prove 80%.
    assert told == (
        "So that every threshold can pass at all, add 4 more cases of each of 4 labels (‘a’, ‘b’, ‘c’ and 1 more), "
        "3 more ‘e’ cases and 3 more ‘f’ cases."
    )


def test_thresholds_on_the_same_cases_pass_together_between_the_product_and_the_rarest() -> None:
    thresholds = [parse_threshold(text, labels=SUITE.labels) for text in ("accuracy >= 90%", "recall[fraud] >= 90%")]
    found = together(power(SUITE, thresholds, _cases(100, 100)))
    assert found is not None
    accuracy = next(k for k in range(201) if stats.beta.ppf(0.05, k, 200 - k + 1) >= 0.90)
    recall = next(k for k in range(101) if stats.beta.ppf(0.05, k, 100 - k + 1) >= 0.90)
    alone = stats.binom(200, 0.95).sf(accuracy - 1), stats.binom(100, 0.95).sf(recall - 1)
    assert (found.low, found.high) == (pytest.approx(alone[0] * alone[1]), pytest.approx(min(alone)))
    label = stats.binom(100, 0.95)
    both = sum(label.pmf(hits) * label.sf(accuracy - hits - 1) for hits in range(recall, 101))
    assert found.low < both < found.high
    assert found.told == ("READY takes all: the 2 that can be planned pass together in 35% to 44% of runs, if so.")
    unknown = [parse_threshold("drift.drop <= 5%", labels=SUITE.labels)]
    assert together(power(SUITE, unknown, _cases(100, 100))) is None


def test_what_cannot_pass_keeps_the_whole_from_it() -> None:
    thresholds = [parse_threshold(text, labels=SUITE.labels) for text in ("accuracy >= 90%", "macro_f1 >= 99.99%")]
    found = together(power(SUITE, thresholds, _cases(100, 100)))
    assert found is not None
    assert (found.of, found.low, found.high) == (2, 0.0, 0.0)
