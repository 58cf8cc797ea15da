"""What a check says, word for word, in many situations."""

from __future__ import annotations

from typing import Any

import pytest
from run_of import judged, only

from harness.record import Failure

TIMEOUT = Failure(kind="timeout", message="no answer in 30 s")
SPAM = ("spam", "ham")
FEW = [("spam", "spam", 9), ("spam", "ham", 1), ("ham", "ham", 1)]
HALF = [("spam", "spam", 40), ("spam", "ham", 30), ("ham", "ham", 100)]
LOST = [("spam", "spam", 70), ("spam", TIMEOUT, 30), ("ham", "ham", 99), ("ham", "eh", 1)]
SEED = [("spam", "spam", 90), ("spam", "ham", 10), ("ham", "spam", 5), ("ham", "ham", 95)]


def why(answers: list[Any], threshold: str, labels: tuple[str, ...] = SPAM, **suite: Any) -> str:
    (check,) = only(judged(answers, labels, thresholds=[threshold], **suite)).checks
    return f"{check.status}: {check.why}"


@pytest.mark.parametrize(
    ("threshold", "sentence"),
    [
        (
            "recall[spam] >= 50%",
            "PASS: recall[spam] 90.0% (59.6 to 98.2), 50% required: met, at least 60.6% with 95% confidence.",
        ),
        (
            "recall[ham] >= 50%",
            "INCONCLUSIVE: recall[ham] 100.0% (20.7 to 100.0), 50% required: all were right, but 1 ham case "
            "can't prove it; it takes at least 5 without a miss at 95% confidence.",
        ),
        (
            "precision[ham] >= 90%",
            "INCONCLUSIVE: precision[ham] 50.0% (9.5 to 90.5), 90% required: can't be told yet. About 8 new "
            "ham predictions (about 44 cases of this mix), judged by themselves, would show a FAIL in 4 of 5 runs if "
            "it stays at 50.0%.",
        ),
        (
            "specificity[spam] >= 90%",
            "INCONCLUSIVE: specificity[spam] 100.0% (20.7 to 100.0), 90% required: all were right, but "
            "1 case that is not spam can't prove it; it takes at least 29 without a miss at 95% confidence.",
        ),
        (
            "failures <= 20%",
            "INCONCLUSIVE: failures 0.0% (0.0 to 25.9), at most 20% allowed: no trial failed, but 11 cases "
            "can't prove it; it takes at least 14 without a miss at 95% confidence.",
        ),
        (
            "accuracy >= 100%",
            "FAIL: accuracy 90.9% (62.3 to 98.4): below 100%, at most 99.5% with 95% confidence. "
            "1 of 11 answers was wrong. More cases are unlikely to change this.",
        ),
    ],
)
def test_few_cases(threshold: str, sentence: str) -> None:
    assert why(FEW, threshold, positive="spam") == sentence


@pytest.mark.parametrize(
    ("threshold", "sentence"),
    [
        (
            "recall[spam] >= 90%",
            "FAIL: recall[spam] 57.1% (45.5 to 68.1): below 90%, at most 67.2% with 95% confidence. 43% "
            "of spam went unnoticed: 90 of 210 answers on 70 spam cases. "
            "More cases are unlikely to change this.",
        ),
        (
            "accuracy >= 90%",
            "FAIL: accuracy 82.4% (75.9 to 87.3): below 90%, at most 87.0% with 95% confidence. 90 of 510 "
            "answers were wrong. More cases are unlikely to change this.",
        ),
        (
            "stability >= 90%",
            "PASS: stability 100.0% (97.8 to 100.0), 90% required: met, at least 98.3% with 95% confidence.",
        ),
        (
            "flip_rate <= 10%",
            "PASS: flip_rate 0.0% (0.0 to 2.2), at most 10% allowed: met, at most 1.7% with 95% confidence.",
        ),
    ],
)
def test_repeats(threshold: str, sentence: str) -> None:
    assert why(HALF, threshold, repeats=3, positive="spam") == sentence


@pytest.mark.parametrize(
    ("threshold", "sentence"),
    [
        (
            "failures <= 1%",
            "FAIL: failures 15.0% (10.7 to 20.6): above 1%, at least 11.0% with 95% confidence. "
            "The endpoint failed 30 of 200 trials (`timeout`); that says nothing about the prompt. "
            "More cases are unlikely to change this.",
        ),
        (
            "coverage >= 99%",
            "INCONCLUSIVE: coverage 84.5% (78.8 to 88.9), 99% required: it depends on the 30 calls that "
            "failed at the endpoint; with an answer to them it may not be met or stay open. `harness resume "
            "run --failed` sends just them again.",
        ),
        (
            "accuracy >= 99%",
            "INCONCLUSIVE: accuracy 84.5% (78.8 to 88.9), 99% required: it depends on the 30 calls that "
            "failed at the endpoint; with an answer to them it may not be met or stay open. `harness resume "
            "run --failed` sends just them again.",
        ),
        (
            "latency.p95 <= 1 s",
            "FAIL: latency.p95 falls on a failed call, at most 1 s allowed: not met; 170 of 200 calls "
            "ended within 1 s (30 failed calls count as over it). More calls are unlikely to change this.",
        ),
        (
            "latency.p50 <= 1 s",
            "PASS: latency.p50 200 ms (200 to 200), at most 1 s allowed: met with 95% "
            "confidence; 170 of 200 calls ended within 1 s (30 failed calls count as over it).",
        ),
    ],
)
def test_failures(threshold: str, sentence: str) -> None:
    assert why(LOST, threshold) == sentence


def test_labels_that_read_as_prose_are_quoted() -> None:
    answers = [("other", "1", 60), ("other", "other", 40), ("1", "1", 100)]
    assert why(answers, "recall[other] >= 90%", ("other", "1")) == (
        "FAIL: recall[other] 40.0% (30.9 to 49.8): far below 90%. 60 of 100 ‘other’ cases were missed. "
        "More cases can't change this."
    )
    assert why(answers, "precision[1] >= 90%", ("other", "1")) == (
        "FAIL: precision[1] 62.5% (54.8 to 69.6): far below 90%. 60 of 160 ‘1’ answers were wrong. "
        "More cases can't change this."
    )


def test_false_alarms_are_named_for_the_positive_label() -> None:
    answers = [("spam", "spam", 20), ("ham", "spam", 20), ("ham", "ham", 100)]
    assert why(answers, "precision[spam] >= 90%", positive="spam") == (
        "FAIL: precision[spam] 50.0% (35.2 to 64.8): below 90%, at most 63.9% with 95% confidence. "
        "20 of 40 spam answers were false alarms. More cases are unlikely to change this."
    )
    assert "20 of 120 answers on cases that are not spam were spam." in why(
        answers, "specificity[spam] >= 99%", positive="spam"
    )


def test_what_would_settle_it_is_said_in_the_units_that_are_lacking() -> None:
    assert why(SEED, "precision[spam] >= 92%", positive="spam") == (
        "INCONCLUSIVE: precision[spam] 94.7% (88.3 to 97.7), 92% required: can't be told yet. About 520 new "
        "spam predictions (about 1,100 cases of this mix), judged by themselves, would settle it in 4 of 5 runs if "
        "it stays at 94.7%."
    )


def test_what_lies_on_the_threshold_is_told_by_no_number_of_cases() -> None:
    assert why(SEED, "recall[spam] >= 90%") == (
        "INCONCLUSIVE: recall[spam] 90.0% (82.6 to 94.5), 90% required: can't be told; what was seen is "
        "exactly on the threshold."
    )


@pytest.mark.parametrize("threshold", ["accuracy >= 100%", "coverage >= 100%"])
def test_perfection_can_not_be_proved(threshold: str) -> None:
    assert why([("spam", "spam", 50), ("ham", "ham", 50)], threshold).endswith(
        "but no number of cases can prove that it is always so."
    )


def test_nothing_is_better_than_the_only_label() -> None:
    assert why([("spam", "spam", 50)], "accuracy > majority") == (
        "INCONCLUSIVE: accuracy > majority can't be decided: all cases expect one label, so nothing can be "
        "better than always answering it."
    )


def test_accuracy_is_held_against_the_largest_label() -> None:
    answers = [("spam", "spam", 60), ("ham", "ham", 140)]
    assert why(answers, "accuracy > majority").startswith(
        "PASS: accuracy 100.0% (98.1 to 100.0), more than 70.0% required (always answering ham scores as much): met"
    )


def test_slices_without_cases_and_filters_are_told() -> None:
    assert why(SEED, "recall[spam] where tag=short >= 90%") == (
        "INCONCLUSIVE: recall[spam] where tag=short >= 90% can't be decided: no case has tag=short."
    )


@pytest.mark.parametrize(
    ("threshold", "seconds", "sentence"),
    [
        (
            "latency.p95 <= 1 s",
            1.5,
            "FAIL: latency.p95 1.50 s (1.50 to 1.50), at most 1 s allowed: not met; "
            "0 of 100 calls ended within 1 s. More calls are unlikely to change this.",
        ),
        (
            "latency.p95 < 1 s",
            1.0,
            "FAIL: latency.p95 1.00 s (1.00 to 1.00), less than 1 s allowed: not met; "
            "0 of 100 calls ended in less than 1 s. More calls are unlikely to change this.",
        ),
        (
            "latency.p99 <= 1 s",
            0.5,
            "INCONCLUSIVE: latency.p99 500 ms (at least 500 ms), at most 1 s allowed: 100 of 100 calls ended "
            "within 1 s, but 100 calls can't prove it; it takes at least 299 without a miss "
            "at 95% confidence.",
        ),
        ("latency.max <= 1 s", 0.5, "PASS: latency.max 500 ms, at most 1 s allowed: met by the slowest of 100 calls."),
        ("ttft.p95 <= 1 s", 0.5, "INCONCLUSIVE: ttft.p95 <= 1 s can't be decided: no reply was streamed."),
        (
            "latency.within(1 s) >= 95%",
            0.5,
            "PASS: latency.within(1 s) 100.0% (96.3 to 100.0), 95% required: met, at least 97.0% with 95% confidence.",
        ),
    ],
)
def test_latency(threshold: str, seconds: float, sentence: str) -> None:
    assert why([("spam", "spam", 100)], threshold, seconds=seconds) == sentence


@pytest.mark.parametrize(
    ("threshold", "reason"),
    [
        ("cost per 1000 <= $1", "harness.yml gives no price for mini"),
        ("stability >= 90%", "no case was asked twice, and only repeats show stability"),
        ("robustness.drop <= 5%", "no perturbation was measured"),
        ("robustness.flips[typos] <= 5%", "typos was not measured"),
        ("generalization.gap <= 5%", "the cases have no dev split and another one"),
    ],
)
def test_what_was_not_measured_is_said_and_does_not_pass(threshold: str, reason: str) -> None:
    assert why(SEED, threshold) == (f"INCONCLUSIVE: {threshold} can't be decided: {reason}.")


def test_tokens_are_counted_not_sampled() -> None:
    assert why(SEED, "tokens per case <= 20") == "FAIL: tokens per case 52, at most 20 allowed: not met."
    assert why(SEED, "tokens per case <= 60") == "PASS: tokens per case 52, at most 60 allowed: met."


def test_a_blind_label_reads_as_a_person_would_say_it() -> None:
    answers = [("fraud", "fraud", 12), ("fraud", "legit", 88), ("legit", "legit", 900)]
    assert why(answers, "recall[fraud] >= 90%", ("fraud", "legit"), positive="fraud") == (
        "FAIL: recall[fraud] 12.0% (7.0 to 19.8): far below 90%. 88 of 100 fraud cases went unnoticed. "
        "More cases can't change this."
    )


def test_what_is_lacking_is_said_in_predictions_and_in_cases() -> None:
    # A true 98/102 passes with 80% probability from n = 2,288 on (binom.sf of the first k that .95 reaches in 5%).
    answers = [("spam", "spam", 98), ("spam", "ham", 2), ("ham", "spam", 4), ("ham", "ham", 382)]
    assert why(answers, "precision[spam] >= 95%", positive="spam") == (
        "INCONCLUSIVE: precision[spam] 96.1% (90.3 to 98.5), 95% required: can't be told yet. About "
        "2,300 new spam predictions (about 11,000 cases of this mix), judged by themselves, would settle it in "
        "4 of 5 runs if it stays at 96.1%."
    )


def test_what_no_affordable_number_of_cases_tells_is_said_so() -> None:
    answers = [("spam", "spam", 901), ("spam", "ham", 99), ("ham", "ham", 1000)]
    assert why(answers, "recall[spam] >= 90%") == (
        "INCONCLUSIVE: recall[spam] 90.1% (88.1 to 91.8), 90% required: can't be told yet. What was seen is "
        "too close to the threshold: more cases won't settle it."
    )
