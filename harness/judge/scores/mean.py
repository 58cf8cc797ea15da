"""Means and ratios of means over trials, clustered by case: tokens, money, seconds."""

from __future__ import annotations

import math

import numpy as np

from harness.judge.scores.figure import Missing, Normal
from harness.judge.table.columns import Float, Int32, Int64


def clustered_mean(
    values: Float, case: Int32 | Int64, *, why_empty: str, scale: float = 1.0
) -> Normal | Missing:
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
