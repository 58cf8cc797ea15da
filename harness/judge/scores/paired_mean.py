"""Differences of means and of ratios of means between two candidates on the same cases: money, tokens."""

from __future__ import annotations

import math

import numpy as np

from harness.judge.scores.figure import Missing, Normal
from harness.judge.table.columns import Float


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
