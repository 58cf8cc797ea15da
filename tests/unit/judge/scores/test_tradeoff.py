"""Score curves, operating points, calibration and latency shifts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.judge.scores import brier, calibration_by_chance, expected_calibration_error, reliability
from harness.judge.scores import latency as latency_shift
from harness.judge.scores import tradeoff as operating_point
from harness.judge.scores.tradeoff import BOTH_NEEDED, Scored, Sweep, tradeoffs

CONFIDENCE = np.array([0.95, 0.85, 0.75, 0.65, 0.55, 0.95, 0.9, 0.6])
RIGHT = np.array([1, 1, 0, 1, 0, 1, 1, 0], dtype=bool)


def scored(score: list[float], positive: list[int]) -> Scored:
    return Scored(np.array(score), np.array(positive, dtype=bool), np.arange(len(score)))


def test_calibration_error_and_brier_equal_the_published_values() -> None:
    assert expected_calibration_error(CONFIDENCE, RIGHT) == pytest.approx(0.2375)
    assert brier(CONFIDENCE, RIGHT) == pytest.approx(0.173125)
    assert sum(bin_[2] for bin_ in reliability(CONFIDENCE, RIGHT)) == 8
    assert brier(np.zeros(0), np.zeros(0, dtype=bool)) is None


def test_calibrated_scores_stay_below_what_chance_gives_them_in_nineteen_of_twenty_runs() -> None:
    rng = np.random.default_rng(4)
    score = np.arange(50) / 50 + 0.01
    level = calibration_by_chance(score, np.arange(50))
    assert level is not None
    errors = [expected_calibration_error(score, rng.random(50) < score) for _ in range(4_000)]
    assert np.mean([error is not None and error <= level for error in errors]) == pytest.approx(0.95, abs=0.015)
    assert np.mean([error or 0.0 for error in errors]) == pytest.approx(0.145, abs=0.005)  # far above 0
    # Three repeats of a case are one case: the same 50 cases, no more.
    again = calibration_by_chance(np.repeat(score, 3), np.repeat(np.arange(50), 3))
    assert again == pytest.approx(level, abs=0.01)
    assert calibration_by_chance(np.zeros(0), np.zeros(0, dtype=np.int64)) is None


def test_a_sweep_counts_what_is_called_positive_at_each_score() -> None:
    sweep = Sweep.of(scored([0.9, 0.8, 0.8, 0.3], [1, 1, 0, 0]))
    assert sweep.score.tolist() == [0.9, 0.8, 0.3]
    assert sweep.precision.tolist() == [1.0, 2 / 3, 0.5]
    assert sweep.recall.tolist() == [0.5, 1.0, 1.0]
    # Positives outscore negatives in 3 of 4 pairs and tie in one.
    assert sweep.roc_auc() == pytest.approx(3.5 / 4)
    assert sweep.average_precision() == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_bands_hold_the_curves_and_intervals_their_values() -> None:
    rng = np.random.default_rng(2)
    positive = rng.random(300) < 0.3
    found = tradeoffs(Scored(rng.normal(size=300) + positive, positive, np.arange(300)))
    for curve in (found.pr, found.roc):
        assert curve is not None
        assert (curve.low <= curve.y).all()
        assert (curve.y <= curve.high).all()
        assert np.isfinite(np.r_[curve.low, curve.high]).all()
    estimate = found.roc_auc
    assert estimate.low is not None
    assert estimate.high is not None
    # Hanley and McNeil's standard error at AUC .76 with 90 and 210 is about .031.
    assert (estimate.high - estimate.low) / 3.92 == pytest.approx(0.031, abs=0.006)


def test_scores_that_separate_perfectly_claim_no_width_of_zero() -> None:
    # 10 + 10, area 1: theta with 1 - theta = 1.96 sqrt(V(theta)) is .8002; Wilson of 10 of 10 from .7225.
    found = tradeoffs(scored(list(range(20, 0, -1)), [1] * 10 + [0] * 10))
    assert (found.roc_auc.value, found.roc_auc.high) == (1.0, 1.0)
    low = found.roc_auc.low
    assert low is not None
    variance = low * (1 - low) / 100 * (19 - 27 / ((2 - low) * (1 + low)))
    assert 1 - low == pytest.approx(1.959964 * variance**0.5, abs=1e-6)
    assert found.average_precision.low == pytest.approx(0.722467, abs=1e-5)
    assert found.roc is not None
    assert found.roc.low[1] < 0.8 < found.roc.high[1]


def test_scores_of_one_kind_only_have_no_curve() -> None:
    found = tradeoffs(scored([0.9, 0.8], [1, 1]))
    assert found.pr is None
    assert found.roc_auc.why_undefined == BOTH_NEEDED
    assert operating_point.best_precision(scored([0.9], [1]), 0.5) is None


def test_operating_points_are_the_best_allowed_ones() -> None:
    dev = scored([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [1, 1, 0, 1, 0, 0])
    assert operating_point.best_precision(dev, recall=1.0) == 0.6
    assert operating_point.best_precision(dev, recall=0.5) == 0.8
    assert operating_point.best_recall(dev, precision=0.7) == 0.6
    assert operating_point.best_recall(dev, precision=0.9) == 0.8
    assert operating_point.lowest_cost(dev, missed=10, false_alarm=1) == 0.6
    assert operating_point.lowest_cost(dev, missed=1, false_alarm=10) == 0.8


def test_an_operating_point_is_judged_on_other_cases() -> None:
    holdout = scored([0.9, 0.7, 0.65, 0.1], [1, 0, 1, 1])
    judged = operating_point.judge_at(holdout, 0.6)
    assert judged.precision.value == pytest.approx(2 / 3)
    assert judged.recall.value == pytest.approx(2 / 3)
    nothing = operating_point.judge_at(holdout, 0.99)
    assert nothing.precision.estimate().why_undefined == "no score reaches this threshold"


def test_hodges_lehmann_is_the_median_of_walsh_averages() -> None:
    # 1, 2, 6: averages 1, 1.5, 3.5, 2, 4, 6; median (2 + 3.5)/2.
    assert latency_shift.hodges_lehmann_estimate(np.array([2.0, 6.0, 1.0])).value == 2.75
    assert latency_shift.hodges_lehmann_estimate(np.zeros(0)).value is None
    many = np.random.default_rng(1).normal(3, 1, 10_000)
    assert latency_shift.hodges_lehmann_estimate(many).value == pytest.approx(3, abs=0.05)


def quantile_difference(first: Any, first_case: Any, second: Any, second_case: Any, q: float) -> Any:
    (figure,) = latency_shift.quantile_differences(first, first_case, second, second_case, (q,), seed=1)
    return figure


def test_a_shift_is_found_case_by_case_though_cases_differ_more() -> None:
    rng = np.random.default_rng(5)
    size = rng.exponential(1.0, 200)
    case = np.arange(200)
    medians = [latency_shift.case_medians(times, case) for times in (size + 0.1, size)]
    assert latency_shift.shift_of_medians(*medians).value == pytest.approx(0.1)
    estimate = quantile_difference(size + 0.1, case, size, case, 0.5).estimate()
    assert (estimate.low, estimate.high) == (pytest.approx(0.1), pytest.approx(0.1))


def test_a_quantile_among_failures_has_no_difference() -> None:
    case = np.arange(20)
    slow = np.r_[np.full(15, 1.0), np.full(5, np.inf)]
    figure = quantile_difference(slow, case, np.ones(20), case, 0.95)
    assert figure.estimate().why_undefined == "p95 falls among failed calls"
    fringe = np.r_[np.full(19, 1.0), np.inf]
    uncertain = quantile_difference(fringe, case, np.ones(20), case, 0.95)
    assert uncertain.estimate().why_undefined == "too many failed calls to bound p95"


def test_no_shared_case_has_no_latency_difference() -> None:
    figure = quantile_difference(np.ones(2), np.array([0, 1]), np.ones(2), np.array([2, 3]), 0.5)
    assert figure.estimate().why_undefined == "no case is on both sides"
