"""Means and ratios of means, clustered by case, of one candidate and between two: tokens, money, seconds."""

import math

import numpy as np

from harness.judge.scores.figure import Missing, Normal
from harness.judge.table.columns import Float, Int32, Int64


def paired_mean_difference(first: Float, second: Float, *, scale: float = 1.0) -> Normal | Missing:
    """Give scale * mean(first - second), one entry per case; Student's t with n - 1 degrees of freedom."""
    one = np.ones(len(first))
    return paired_ratio_difference(first, one, second, one, scale=scale)


def paired_ratio_difference(
    first_top: Float, first_bottom: Float, second_top: Float, second_bottom: Float, *, scale: float = 1.0
) -> Normal | Missing:
    """Give scale * (sum(top)/sum(bottom) of the first - the same of the second), one entry per case.

    Linearised: a case's residual is (top - ratio * bottom)/sum(bottom) of the first minus that of the
    second; SE^2 = G/(G-1) sum r_i^2 (Cochran 1977, sections 6.3 and 6.9), t with G - 1 degrees of freedom.
    """
    cases = len(first_top)
    if cases < 2:
        return Missing("fewer than two cases are on both sides", cases)
    bottoms = float(first_bottom.sum()), float(second_bottom.sum())
    if min(bottoms) <= 0:
        return Missing("one side has nothing to divide by", cases)
    ratios = float(first_top.sum()) / bottoms[0], float(second_top.sum()) / bottoms[1]
    residual = (first_top - ratios[0] * first_bottom) / bottoms[0]
    residual = residual - (second_top - ratios[1] * second_bottom) / bottoms[1]
    se = math.sqrt(float(residual @ residual) * cases / (cases - 1))
    se = 0.0 if se <= 1e-12 * (abs(ratios[0]) + abs(ratios[1])) else se
    value = scale * (ratios[0] - ratios[1])
    return Normal(value, cases, scale * se, "mean, paired by case", dof=cases - 1)


def clustered_mean(values: Float, case: Int32 | Int64, *, why_empty: str, scale: float = 1.0) -> Normal | Missing:
    """Give scale * mean(values) over trials; values must be finite."""
    return ratio_of_sums(values, np.ones(len(values)), case, why_empty=why_empty, scale=scale)


def ratio_of_sums(
    top: Float, bottom: Float, case: Int32 | Int64, *, why_empty: str, scale: float = 1.0
) -> Normal | Missing:
    """Give scale * sum(top) / sum(bottom) over trials, such as money per correct answer.

    Linearised: the residual of a case is its top - ratio * its bottom; SE^2 = G/(G-1) sum r_i^2 / bottom^2,
    t quantiles with G - 1 degrees of freedom (Cochran 1977, section 6.3). Undefined when nothing is below.
    A single case has no standard error: its interval has no width to show, so it is undefined too.
    """
    whole = float(np.sum(bottom))
    if len(case) == 0 or whole <= 0:
        return Missing(why_empty, len(case))
    ratio = float(np.sum(top)) / whole
    present = np.bincount(case) > 0
    cases = int(np.count_nonzero(present))
    if cases < 2:
        return Missing("one case alone shows no spread", len(case))
    residual = np.bincount(case, weights=top - ratio * bottom)[present]
    se = math.sqrt(float(residual @ residual) * cases / (cases - 1)) / whole
    return Normal(scale * ratio, len(case), scale * se, "mean, clustered by case", dof=cases - 1)
