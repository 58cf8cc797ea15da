"""Averages over labels of few cases: their intervals hold the truth, and a single case proves nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.judge.scores.answers import Answers
from harness.judge.scores.classification import Resampling
from harness.judge.scores.figure import Figure, Missing


def resampled(right: list[int], cases: list[int], metric: str) -> Figure:
    """Give an average where so many of each label's cases were answered right, the others as the next label."""
    expected = np.repeat(np.arange(len(cases)), cases)
    place = np.concatenate([np.arange(n) for n in cases])
    predicted = np.where(place < np.repeat(right, cases), expected, (expected + 1) % len(cases))
    answers = Answers(np.arange(len(expected)), expected, predicted, tuple(map(str, range(len(cases)))))
    return Resampling.of(answers, seed=0).average(metric)


@pytest.mark.parametrize("metric", ["balanced_accuracy", "kappa", "macro_f1"])
@pytest.mark.parametrize("cases", [(6, 6), (9, 9), (5, 20)])
def test_two_labels_of_few_cases_hold_the_truth_and_pass_at_it_in_one_of_twenty(
    cases: tuple[int, int], metric: str
) -> None:
    recall = (0.9, 0.8)
    rates = np.array([[0.9, 0.1], [0.2, 0.8]]) * np.array(cases)[:, None]
    accuracy, n = rates.trace() / rates.sum(), rates.sum()
    chance = float((rates.sum(0) * rates.sum(1)).sum()) / n**2
    f1 = [2 * rates[i, i] / (rates[i].sum() + rates[:, i].sum()) for i in (0, 1)]
    truth = {"balanced_accuracy": 0.85, "kappa": (accuracy - chance) / (1 - chance), "macro_f1": sum(f1) / 2}[metric]
    held = passed = known = 0.0
    for first in range(cases[0] + 1):
        for second in range(cases[1] + 1):
            chance = float(stats.binom.pmf(first, cases[0], recall[0]) * stats.binom.pmf(second, cases[1], recall[1]))
            figure = resampled([first, second], list(cases), metric)
            if chance < 1e-6 or isinstance(figure, Missing):
                continue
            estimate, lower = figure.estimate(), figure.lower()
            assert estimate.low is not None
            assert estimate.high is not None
            assert lower is not None
            known += chance
            held += chance * (estimate.low <= truth <= estimate.high)
            passed += chance * (lower >= truth)
    assert known > 0.99
    assert held >= 0.93
    assert passed <= 0.055


def test_a_label_of_one_case_does_not_prove_the_average_of_thirty() -> None:
    # recalls of .98, and of .7 for the label with a single case: 29 x .98 + .7 is an average of .9707
    figure = resampled([20] * 29 + [1], [20] * 29 + [1], "balanced_accuracy")
    lower = figure.lower()
    assert figure.value == 1.0
    assert lower is not None
    assert lower < 0.9707


def test_equal_labels_of_three_cases_keep_their_average_between_the_ends() -> None:
    figure = resampled([3] * 20 + [2] * 9 + [1], [3] * 30, "balanced_accuracy")
    estimate = figure.estimate()
    # 79 of 90 right: as wide as a share of 90 cases, and not pulled to one side
    assert estimate.low == pytest.approx(0.793, abs=0.02)
    assert estimate.high == pytest.approx(0.933, abs=0.02)
