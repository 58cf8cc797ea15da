"""What the endpoint failed decides no check: each metric under the extremes of what might have come out."""

from __future__ import annotations

import pytest
from run_of import check_of, judged

from harness.record import Failure

LABELS = ("spam", "ham")
GONE = Failure(kind="server_error", message="HTTP 503: overloaded", status=503)
SLOW = Failure(kind="timeout", message="no reply within 30 s")
TEMPLATE = Failure(kind="render", message="no `body`")


@pytest.mark.parametrize(
    "threshold",
    [
        "accuracy >= 90%",
        "balanced_accuracy >= 90%",
        "macro_f1 >= 90%",
        "weighted_f1 >= 90%",
        "micro_f1 >= 90%",
        "mcc >= 0.8",
        "kappa >= 0.8",
        "recall[spam] >= 90%",
        "precision[spam] >= 90%",
        "specificity[spam] >= 90%",
        "f1[spam] >= 90%",
        "coverage >= 90%",
        "stability >= 90%",
        "pass^2 >= 90%",
        "unparseable <= 5%",
        "latency.p95 <= 1 s",
        "latency.within(1 s) >= 90%",
    ],
)
def test_a_third_of_the_calls_failed_leaves_every_check_open(threshold: str) -> None:
    answers = [("spam", "spam", 100), ("ham", "ham", 100), ("spam", GONE, 50), ("ham", GONE, 50)]
    made = check_of(judged(answers, LABELS, thresholds=[threshold], repeats=2, positive="spam"), threshold)
    assert (made.status, made.depends_on) == ("INCONCLUSIVE", 200)
    assert "the 200 calls that failed at the endpoint" in made.why


def test_what_fails_with_all_of_them_right_is_a_fail() -> None:
    answers = [("spam", "ham", 100), ("ham", "ham", 100), ("spam", GONE, 10)]
    made = check_of(judged(answers, LABELS, thresholds=["accuracy >= 90%"]), "accuracy >= 90%")
    assert (made.status, made.depends_on) == ("FAIL", 0)


def test_what_passes_with_all_of_them_missed_is_a_pass() -> None:
    answers = [("spam", "spam", 500), ("ham", "ham", 500), ("spam", GONE, 10)]
    for threshold in ("accuracy >= 90%", "precision[spam] >= 90%", "macro_f1 >= 90%"):
        made = check_of(judged(answers, LABELS, thresholds=[threshold]), threshold)
        assert (made.status, made.depends_on) == ("PASS", 0)


def test_precision_counts_what_failed_as_false_alarms_at_worst() -> None:
    answers = [("spam", "spam", 100), ("ham", "ham", 100), ("ham", GONE, 30)]
    made = check_of(judged(answers, LABELS, thresholds=["precision[spam] >= 90%"]), "precision[spam] >= 90%")
    assert made.estimate.value == 1.0, "as it is printed: nothing without a label is a false alarm"
    assert (made.status, made.depends_on) == ("INCONCLUSIVE", 30)


def test_a_timeout_is_over_every_limit_however_it_is_taken() -> None:
    answers = [("spam", "spam", 200), ("ham", SLOW, 60)]
    made = check_of(judged(answers, LABELS, thresholds=["latency.p95 <= 1 s"]), "latency.p95 <= 1 s")
    assert (made.status, made.depends_on) == ("FAIL", 0)


def test_what_a_template_fails_on_is_a_miss_in_both() -> None:
    answers = [("spam", "spam", 200), ("ham", TEMPLATE, 60)]
    made = check_of(judged(answers, LABELS, thresholds=["accuracy >= 90%"]), "accuracy >= 90%")
    assert (made.status, made.depends_on) == ("FAIL", 0)


def test_failures_decide_as_any_other_and_name_the_endpoint() -> None:
    answers = [("spam", "spam", 200), ("ham", GONE, 60)]
    made = check_of(judged(answers, LABELS, thresholds=["failures <= 5%"]), "failures <= 5%")
    assert made.status == "FAIL"
    assert "The endpoint failed 60 of 260 trials (`server_error`); that says nothing about the prompt." in made.why


def test_a_verdict_that_only_failed_calls_keep_open_says_so() -> None:
    some = [("spam", "spam", 200), ("ham", "ham", 200), ("ham", GONE, 60)]
    assert judged(some, LABELS, thresholds=["accuracy >= 90%"]).open_by_failures == 60
    few = [("spam", "spam", 8), ("ham", "ham", 8), ("ham", GONE, 1)]
    assert judged(few, LABELS, thresholds=["accuracy >= 90%", "failures <= 1%"]).open_by_failures == 0


def test_two_failures_of_a_case_do_not_agree() -> None:
    made = judged([("spam", "spam", 50), ("ham", GONE, 50)], LABELS, repeats=2).candidates[0]
    assert made.stability.agreement.value == 0.5
    assert made.stability.flips == (), "nobody said anything that could have moved"
