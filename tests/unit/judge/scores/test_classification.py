"""Classification figures against published examples."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from harness.judge.scores import classification, resample
from harness.judge.scores.answers import Answers
from harness.judge.scores.classification import Resampling
from harness.judge.scores.matrix import macro_f1_of, macro_f1_se, mcc_of
from harness.judge.scores.resample import linear_se

AnswersOf = Callable[..., Answers]
CARET = [[231, 27], [32, 54]]  # caret's confusionMatrix example, turned so that rows are expected
THREE = [[50, 5, 5], [4, 40, 6], [1, 9, 30]]


def test_binary_f1_and_its_intervals_equal_the_published_ones(answers_of: AnswersOf) -> None:
    f1 = classification.f1(answers_of([[80, 20], [10, 890]], "ab"), 0)
    estimate = f1.estimate()
    assert f1.value == pytest.approx(0.842105, abs=5e-7)
    assert (estimate.low, estimate.high) == pytest.approx((0.778577, 0.889982), abs=5e-7)
    assert (f1.lower(0.975), f1.upper(0.975)) == pytest.approx((0.776076, 0.893701), abs=5e-7)


def test_mcc_equals_the_published_values(answers_of: AnswersOf) -> None:
    two = Resampling.of(answers_of([[80, 20], [10, 890]], "ab"), seed=1).average("mcc")
    three = Resampling.of(answers_of(THREE, "abc"), seed=1).average("mcc")
    assert two.value == pytest.approx(0.826980, abs=5e-7)
    assert three.value == pytest.approx(0.698163, abs=5e-7)


def test_macro_f1_and_its_delta_method_error_equal_the_published_ones(answers_of: AnswersOf) -> None:
    answers = answers_of(THREE, "abc")
    macro = Resampling.of(answers, seed=1).average("macro_f1")
    estimate = macro.estimate()
    assert macro.value == pytest.approx(0.7931789, abs=5e-8)
    assert macro_f1_se(answers.confusion().astype(float)) == pytest.approx(0.0334448, abs=5e-8)
    assert estimate.method == "bootstrap by case, 2,000 draws"
    assert estimate.low is not None
    assert estimate.high is not None
    assert (estimate.high - estimate.low) / (2 * 1.959964) == pytest.approx(0.0334448, rel=0.05)


def test_weighted_and_micro_f1_equal_those_worked_by_hand(answers_of: AnswersOf) -> None:
    draws = Resampling.of(answers_of(THREE, "abc"), seed=1)
    by_label = [2 * 50 / (60 + 55), 2 * 40 / (50 + 54), 2 * 30 / (40 + 41)]
    weighted = (60 * by_label[0] + 50 * by_label[1] + 40 * by_label[2]) / 150
    assert draws.average("weighted_f1").value == pytest.approx(weighted) == pytest.approx(0.8017672, abs=5e-8)
    assert draws.average("micro_f1").value == pytest.approx(120 / 150)  # every trial has a label: accuracy


def test_micro_f1_of_trials_without_a_label_misses_them_but_counts_no_false_answer() -> None:
    labels = ("a", "b")
    expected = np.array([0, 0, 0, 1, 1, 1], dtype=np.int16)
    predicted = np.array([0, 0, -1, 1, 0, -1], dtype=np.int16)
    draws = Resampling.of(Answers(np.arange(6), expected, predicted, labels), seed=1)
    assert draws.average("micro_f1").value == pytest.approx(2 * 3 / (6 + 4))
    assert draws.average("weighted_f1").value == pytest.approx((2 * 2 / (3 + 3) + 2 * 1 / (3 + 1)) / 2)


def test_a_label_that_no_case_expects_has_no_weight_but_costs_its_false_answers(answers_of: AnswersOf) -> None:
    draws = Resampling.of(answers_of([[8, 2], [0, 0]], "ab"), seed=1)
    assert draws.average("weighted_f1").value == pytest.approx(2 * 8 / (10 + 8))
    assert draws.average("macro_f1").value == pytest.approx((2 * 8 / (10 + 8) + 0) / 2)


def test_macro_f1_of_many_cases_takes_the_delta_method(answers_of: AnswersOf) -> None:
    answers = answers_of([[7000, 700, 700], [560, 5600, 840], [140, 1260, 4200]], "abc")  # 140 times THREE
    estimate = Resampling.of(answers, seed=1).average("macro_f1").estimate()
    assert estimate.method == "delta method"
    assert estimate.low == pytest.approx(0.7931789 - 1.959964 * 0.0334448 / 140**0.5, abs=1e-6)


def test_carets_example_is_reproduced(answers_of: AnswersOf) -> None:
    answers = answers_of(CARET, "ab")
    accuracy = classification.accuracy(answers)
    majority = classification.majority(answers)
    resampling = Resampling.of(answers, seed=1)
    assert accuracy.value == pytest.approx(0.8285, abs=5e-5)
    assert (accuracy.lower(0.975), accuracy.upper(0.975)) == pytest.approx((0.7844, 0.8668), abs=6e-5)
    assert majority.share == 0.75
    assert majority.p_value == pytest.approx(0.0003097, abs=5e-8)
    assert resampling.average("kappa").value == pytest.approx(0.5336, abs=5e-5)
    assert resampling.average("balanced_accuracy").value == pytest.approx(0.7616, abs=5e-5)


def test_the_classic_trap_98_percent_accuracy_with_12_percent_recall(answers_of: AnswersOf) -> None:
    answers = answers_of([[12, 88], [0, 4300]], ["fraud", "ok"])
    fraud = classification.recall(answers, 0)
    assert classification.accuracy(answers).value == pytest.approx(0.98)
    assert fraud.value == 0.12
    upper = fraud.upper()
    assert upper is not None
    assert upper < 0.19


def test_trials_without_a_label_stay_in_every_denominator(answers_of: AnswersOf) -> None:
    # 80 right, 20 failed: one tool showed 88.9% for such a run by dropping errors.
    answers = answers_of([[40, 5, 5], [5, 40, 5]], "ab")
    assert classification.accuracy(answers).value == 0.80
    assert classification.coverage(answers).value == 0.90
    assert classification.recall(answers, 0).value == 0.80
    assert answers.confusion().tolist() == [[40, 5, 5], [5, 40, 5]]
    assert classification.specificity(answers, 0).value == 0.80, "no answer is no true negative either"


def test_a_label_never_predicted_has_no_precision_but_zero_recall(answers_of: AnswersOf) -> None:
    answers = answers_of([[0, 10], [0, 90]], ["spam", "ham"])
    precision = classification.precision(answers, 0).estimate()
    assert precision.value is None
    assert precision.why_undefined == "no reply was read as ‘spam’, so nothing is known of its correctness"
    assert classification.recall(answers, 0).value == 0.0
    assert classification.f1(answers, 0).value == 0.0


def test_a_label_without_cases_has_no_recall(answers_of: AnswersOf) -> None:
    answers = answers_of([[10, 0, 0], [0, 5, 0], [0, 0, 0]], "abc")
    recall = classification.recall(answers, 2).estimate()
    assert recall.value is None
    assert recall.why_undefined == "no measured case expects ‘c’, so none can be found"
    assert classification.f1(answers, 2).value is None
    assert Resampling.of(answers, seed=1).average("macro_f1").value == 1.0


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ([[0, 10], [0, 90]], "all replies were read as one label"),
        ([[0, 0, 10], [0, 0, 90]], "no reply was read as a label"),
        ([[9, 1], [0, 0]], "all measured cases expect one label"),
    ],
)
def test_mcc_says_which_side_does_not_vary(answers_of: AnswersOf, counts: list[list[int]], said: str) -> None:
    mcc = Resampling.of(answers_of(counts, "ab"), seed=1).average("mcc").estimate()
    assert mcc.value is None
    assert mcc.why_undefined is not None
    assert mcc.why_undefined.startswith(f"{said}, and a correlation needs ")


def test_no_trials_leave_everything_undefined() -> None:
    empty = Answers.of([], [], [], ["a", "b"])
    draws = Resampling.of(empty, seed=1)
    figures = [*(draws.average(name) for name in classification.AVERAGES), draws.fbeta(0, 2.0)]
    figures += [of(empty, 0) for of in classification.OF_LABEL.values()] + [classification.accuracy(empty)]
    assert [figure.value for figure in figures] == [None] * 12
    assert {figure.estimate().why_undefined for figure in figures} == {"no trial was measured"}
    assert classification.majority(empty).p_value is None


def test_a_perfect_run_does_not_claim_an_interval_of_width_zero(answers_of: AnswersOf) -> None:
    draws = Resampling.of(answers_of([[30, 0], [0, 30]], "ab"), seed=1)
    for name in classification.AVERAGES:
        estimate = draws.average(name).estimate()
        assert estimate.low is not None
        assert estimate.high == 1.0
        assert 0.8 < estimate.low < 0.97


def test_bounds_of_one_labels_recall_are_clopper_pearson(answers_of: AnswersOf) -> None:
    # With one label that has cases, balanced accuracy is its recall: the draws follow beta distributions.
    balanced = Resampling.of(answers_of([[45, 5], [0, 0]], "ab"), seed=1).average("balanced_accuracy")
    assert balanced.lower() == pytest.approx(stats.beta.ppf(0.05, 45, 6), abs=0.004)
    assert balanced.upper() == pytest.approx(stats.beta.ppf(0.95, 46, 5), abs=0.004)
    estimate = balanced.estimate()
    jeffreys = stats.beta.ppf([0.025, 0.975], 45.5, 5.5)
    assert (estimate.low, estimate.high) == pytest.approx(tuple(jeffreys), abs=0.006)


def test_specificity_of_one_of_two_labels_is_the_recall_of_the_other_with_its_interval() -> None:
    # 8 cases of each label, 5 repeats; of `b` a single answer is right, so one case alone tells of the spread.
    expected, predicted = np.repeat([0, 1], 40).astype(np.int16), np.zeros(80, dtype=np.int16)
    predicted[79] = 1
    answers = Answers(labels=("a", "b"), case=np.repeat(np.arange(16), 5), expected=expected, predicted=predicted)
    for told in (classification.specificity(answers, 0), classification.no_alarm(answers, 0)):
        assert told == classification.recall(answers, 1)


def test_f_beta_weighs_recall_beta_squared_times(answers_of: AnswersOf) -> None:
    # TP 80, FN 20, FP 10: F2 = 5*80 / (5*80 + 4*20 + 10) = 400/490.
    f2 = Resampling.of(answers_of([[80, 20], [10, 890]], "ab"), seed=1).fbeta(0, 2)
    assert f2.value == pytest.approx(400 / 490)


def test_bootstrap_of_balanced_accuracy_agrees_with_its_analytic_error(answers_of: AnswersOf) -> None:
    # Independent recalls .8 of 100 and .9 of 200: SE = sqrt(.8*.2/100 + .9*.1/200) / 2.
    answers = answers_of([[80, 20], [20, 180]], "ab")
    balanced = Resampling.of(answers, seed=1).average("balanced_accuracy")
    estimate = balanced.estimate()
    assert estimate.low is not None
    assert estimate.high is not None
    se = np.sqrt(0.16 / 100 + 0.09 / 200) / 2
    assert (estimate.high - estimate.low) / (2 * stats.norm.ppf(0.975)) == pytest.approx(se, rel=0.05)


def test_linearisation_agrees_with_the_bootstrap(answers_of: AnswersOf) -> None:
    answers = answers_of([[400, 60, 40], [50, 380, 70], [20, 80, 400]], "abc")
    patterns = answers.patterns
    draws = resample.confusion_draws(patterns, 3, seed=3)[0]
    for metric in (mcc_of, macro_f1_of):
        assert linear_se(metric, patterns, 3) == pytest.approx(draws.of(metric).std(), rel=0.05)


def test_above_the_limit_figures_are_linearised(answers_of: AnswersOf) -> None:
    answers = answers_of([[12_000, 500], [900, 9_000]], "ab")
    estimate = Resampling.of(answers, seed=1).average("mcc").estimate()
    assert estimate.method == "linearised, clustered by case"
    assert estimate.low is not None
    assert estimate.value is not None
    assert 0 < estimate.value - estimate.low < 0.02


def test_agreeing_repeats_leave_averaged_intervals_as_they_were(answers_of: AnswersOf) -> None:
    once = answers_of(THREE, "abc")
    three = Answers.of(np.repeat(once.case, 3), np.repeat(once.expected, 3), np.repeat(once.predicted, 3), "abc")
    single, repeated = (Resampling.of(a, seed=5).average("mcc").estimate() for a in (once, three))
    assert (repeated.low, repeated.high) == pytest.approx((single.low, single.high), abs=1e-12)
    assert repeated.n == 450


def test_matrices_of_many_labels_are_never_in_memory_all_at_once(answers_of: AnswersOf) -> None:
    labels = [f"label {n}" for n in range(60)]
    answers = answers_of((np.eye(60, dtype=int) * 2).tolist(), labels)
    tracemalloc.start()
    try:
        one = Resampling.of(answers, seed=1)
        pair = resample.PairedDraws.of(answers, answers, seed=1)
        assert isinstance(pair, resample.PairedDraws)
        kept, _ = tracemalloc.get_traced_memory()
        assert one.average("balanced_accuracy").value == 1.0
        assert pair.difference(mcc_of, why_undefined="").value == 0.0
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 40e6  # whole, the three of one take 176 MB and the pair's 117 MB
    assert peak < 140e6
