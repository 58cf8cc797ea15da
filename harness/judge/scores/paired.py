"""Two candidates on the same cases: the difference, case by case.

`b` counts pairs in which only the first was right, `c` those in which only the second was; the difference is
(b - c)/n = first - second. A trial without a label is wrong on either side.

Then means and ratios of means, clustered by case, of one candidate and between two: tokens, money, seconds.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, ndtr, ndtri, stdtrit

from harness.judge.scores.figure import AT_ONCE, Estimate, Float, Int32, Int64, Missing, Normal, two_sided
from harness.judge.scores.not_worse import tango_bound, tango_z
from harness.judge.scores.proportion import POWER, uncertainty_of_spread

TWO_LOOKS = 1.1  # times the error of one: a first look at all of it can't be taken back


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """First minus second, over pairs of cases.

    With repeats, `b` and `c` add up each case's gain and loss (the difference of its two shares of right
    answers), and `effective_n` scales the n of Tango's interval so that its variance is the clustered one.
    """

    b: float
    c: float
    cases: int
    trials: int  # the most that the pairs can be worth
    raw: float  # effective pairs before the correction; the cases without repeats
    informative: int  # cases on which the two differ

    @property
    def value(self) -> float | None:
        """First minus second."""
        return (self.b - self.c) / self.cases

    @property
    def n(self) -> int:
        """The pairs of cases."""
        return self.cases

    def effective_n(self, tail: float) -> float:
        """Give the effective pairs for a bound that leaves 1 - tail outside; see `proportion`."""
        if self.trials <= self.cases or self.informative == 0:
            return float(self.cases)
        shrunk = self.raw * uncertainty_of_spread(self.trials, self.informative, tail)
        return float(min(max(shrunk, self.cases), self.trials))

    def z(self, delta: float, confidence: float = 0.95) -> float:
        """Give the score statistic for "first - second = delta"."""
        n = self.effective_n(confidence)
        scale = n / self.cases
        return tango_z(self.b * scale, self.c * scale, n, delta)

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """Give the difference with Tango's two-sided interval."""
        how = "Tango, paired by case" if self.trials <= self.cases else "Tango, paired, clustered by case"
        return two_sided(self, confidence, how)

    def lower(self, confidence: float = 0.95) -> float | None:
        """Give the one-sided lower bound."""
        return self._bound(confidence, float(ndtri(confidence)))

    def upper(self, confidence: float = 0.95) -> float | None:
        """Give the one-sided upper bound."""
        return self._bound(confidence, -float(ndtri(confidence)))

    def _bound(self, confidence: float, z: float) -> float:
        n = self.effective_n(confidence)
        scale = n / self.cases
        return tango_bound(self.b * scale, self.c * scale, n, z)


def paired_difference(
    first: Float, second: Float, first_trials: Float, second_trials: Float
) -> PairedDifference | Missing:
    """Give the difference of accuracy over cases that both sides have; one entry per case.

    `first` and `second` count right trials, the others all trials (each above 0).
    """
    cases = len(first)
    if cases == 0:
        return Missing("no case is on both sides")
    gain = np.asarray(first / first_trials - second / second_trials, dtype=np.float64)
    gain[np.abs(gain) < 1e-12] = 0.0
    b, c = float(gain[gain > 0].sum()), float(-gain[gain < 0].sum())
    trials = round(float(np.minimum(first_trials, second_trials).sum()))
    mean = (b - c) / cases
    spread = float(((gain - mean) ** 2).sum()) / max(cases - 1, 1) / cases
    tango = (b + c) / cases - mean * mean
    return PairedDifference(
        b=b,
        c=c,
        cases=cases,
        trials=trials,
        raw=tango / spread if spread > 0 else float(cases),
        informative=int(np.count_nonzero(gain)),
    )


def cochran_q(right: Float) -> tuple[float, float] | None:
    """Give Cochran's Q (1950) and its p-value for k candidates on the same cases.

    `right` is cases x k of 0/1, or of the share of repeats that were right: then x^2 takes the place of x in
    the variance, and for 0/1 they are the same. None when no case tells the candidates apart.
    """
    k = right.shape[1]
    columns, rows = right.sum(axis=0), right.sum(axis=1)
    bottom = float(k * (right * right).sum() - (rows**2).sum())
    if k < 2 or bottom <= 1e-9:
        return None
    q = (k - 1) * float(k * (columns**2).sum() - columns.sum() ** 2) / bottom
    return q, float(chdtrc(k - 1, q))


def holm(p_values: list[float]) -> list[float]:
    """Give Holm's (1979) adjusted p-values, in the order given: any below alpha stays so for all of them."""
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda j: p_values[j])):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = running
    return adjusted


def second_error(error: float, share: float, *, among: int = 1) -> float:
    """Give the error of a second look, so that it and a first one at all of `error` err in `TWO_LOOKS` times as many.

    `share` of the cases were looked at first, when each of `among` candidates had as much of the error. The two looks'
    scores are normal with correlation sqrt(share): P(Z1 <= z1, Z2 > z2) is summed by Gauss and Legendre's rule.
    """
    root, left = math.sqrt(min(max(share, 0.0), 0.999)), (TWO_LOOKS - 1) * error / among
    first = -float(ndtri(error / among))
    points, weights = np.polynomial.legendre.leggauss(200)

    def new(z: float) -> float:
        at = z + (points + 1) * 4.5
        seen = np.exp(-at * at / 2) / math.sqrt(2 * math.pi) * ndtr((first - root * at) / math.sqrt(1 - root * root))
        return float(4.5 * (weights @ seen))

    low, high = 0.0, 8.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if new(middle) > left else (low, middle)
    return min(error, among * float(ndtr(-high)))


def non_inferiority_n(
    discordant: float, margin: float, *, confidence: float = 0.95, power: float = POWER
) -> int | None:
    """Give the pairs that show "not worse by margin" when both are equal: (z_a + z_b)^2 psi / margin^2."""
    if margin <= 0:
        return None
    z = float(ndtri(confidence) + ndtri(power))
    return max(1, math.ceil(z * z * discordant / (margin * margin)))


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
    sizes = float(np.abs(first_top).sum()) / bottoms[0] + float(np.abs(second_top).sum()) / bottoms[1]
    value, se = (0.0 if abs(seen) <= 1e-12 * sizes else seen for seen in (ratios[0] - ratios[1], se))  # else rounding
    return Normal(scale * value, cases, scale * se, "mean, paired by case", dof=cases - 1)


def clustered_mean(values: Float, case: Int32 | Int64, *, why_empty: str, scale: float = 1.0) -> Normal | Missing:
    """Give scale * mean(values) over trials; values must be finite."""
    return ratio_of_sums(values, np.broadcast_to(1.0, len(values)), case, why_empty=why_empty, scale=scale)


def ratio_of_sums(
    top: Float, bottom: Float, case: Int32 | Int64, *, why_empty: str, scale: float = 1.0
) -> Normal | Missing:
    """Give scale * sum(top) / sum(bottom) over trials, such as money per correct answer.

    Linearised: the residual of a case is its top - ratio * its bottom; SE^2 = G/(G-1) sum r_i^2 / bottom^2,
    t quantiles with G - 1 degrees of freedom (Cochran 1977, section 6.3). Undefined when nothing is below.
    A single case has no standard error: its ratio is given without an interval.
    Few large values make a mean too low for t more often than too high: see `_skewed_upper`.
    """
    whole = float(np.sum(bottom))
    if len(case) == 0 or whole <= 0:
        return Missing(why_empty, len(case))
    ratio = float(np.sum(top)) / whole
    present = np.zeros(int(case.max()) + 1, dtype=np.bool_)
    present[case] = True
    cases = int(np.count_nonzero(present))
    if cases < 2:
        return Missing("one case alone shows no spread", len(case), scale * ratio)
    residual = np.zeros(len(present))
    for begin in range(0, len(case), AT_ONCE):
        part = slice(begin, begin + AT_ONCE)
        np.add.at(residual, case[part], top[part] - ratio * bottom[part])
    residual = residual[present]
    se = math.sqrt(float(residual @ residual) * cases / (cases - 1)) / whole
    spreads = se > 1e-9 * abs(ratio)  # else it is rounding
    above = _skewed_upper(ratio + residual * cases / whole, se, scale) if spreads else None
    return Normal(scale * ratio, len(case), scale * se, "mean, clustered by case", dof=cases - 1, above=above)


def _skewed_upper(values: Float, se: float, scale: float) -> Callable[[float], float]:
    """Give an upper bound of a mean of right-skewed values, one a case: the higher one of two.

    Hall's (1992) transformation takes the skewness out of t; where all values are above 0, Cox's bound for log-normal
    ones (Land 1971; t quantile, up to a tenth wider) knows of large values that were not seen. t alone passes a true
    mean on the threshold in 14% to 26% where costs are log-normal with sigma 1 and 1.5.
    """
    n, mean = len(values), float(values.mean())
    deviation = values - mean
    skewness = float((deviation**3).mean() / (deviation**2).mean() ** 1.5)
    logs = np.log(values) if (values > 0).all() else None

    def above(confidence: float) -> float:
        t = float(stdtrit(n - 1, confidence))
        found = mean
        if skewness > 1e-9:
            turned = 1 + skewness * (-t / math.sqrt(n) - skewness / (6 * n))
            found = mean - se * math.sqrt(n) * 3 / skewness * (math.copysign(abs(turned) ** (1 / 3), turned) - 1)
        if logs is not None:
            spread = float(logs.var(ddof=1))
            wide = (1 + min(spread, 1.0) / 10) * t * math.sqrt(spread / n + spread * spread / (2 * (n - 1)))
            found = max(found, math.exp(min(float(logs.mean()) + spread / 2 + wide, 700.0)))
        return scale * found

    return above
