"""How surely a difference is not chance, and how many cases would settle it.

P-values are two-sided. A share asked once a case has McNemar's mid-p, one with repeats Tango's score
statistic at the effective number of pairs; a mean has Student's t. A resampled metric counts the
draws beyond 0, and where fewer than `FEW` lie there the normal curve with the draws' spread stands for the
tail, so that Holm's correction is not limited by the number of draws.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr, ndtri, stdtr

from harness.judge.compare.figures import Compared
from harness.judge.scores.figure import Drawn, Figure, Normal
from harness.judge.scores.paired import PairedDifference, mcnemar_mid_p, non_inferiority_n, not_worse
from harness.judge.scores.planning import POWER

FEW = 20


def p_value(compared: Compared) -> float | None:
    """Give the two-sided p-value of "there is no difference"; None where it is undefined."""
    figure = compared.difference
    if figure.value is None:
        return None
    if isinstance(figure, PairedDifference) and compared.single:
        return mcnemar_mid_p(round(figure.b), round(figure.c))
    return min(1.0, 2 * min(p_below(figure, 0.0), p_above(figure, 0.0)))


def p_worse(compared: Compared) -> float | None:
    """Give the one-sided p-value of "head is not worse", for metrics of which more is better."""
    figure = compared.difference
    if figure.value is None:
        return None
    if isinstance(figure, PairedDifference) and compared.single:
        half = mcnemar_mid_p(round(figure.b), round(figure.c)) / 2
        return half if figure.value < 0 else 1 - half
    return p_below(figure, 0.0)


def p_not_worse(compared: Compared, margin: float) -> float | None:
    """Give the one-sided p-value of "head is worse by the margin or more"."""
    figure = compared.difference
    if figure.value is None:
        return None
    if isinstance(figure, PairedDifference):
        return not_worse(figure, margin)
    return p_above(figure, -margin)


def p_below(figure: Figure, at: float) -> float:
    """Give the one-sided p-value of "the truth is at or above `at`": small when the figure lies far below."""
    match figure:
        case PairedDifference():
            return float(ndtr(figure.z(at)))
        case Normal():
            return _student(figure, at)
        case Drawn():
            return _tail(figure, at, int(np.count_nonzero(figure.draws >= at)))
        case _:
            return 1.0


def p_above(figure: Figure, at: float) -> float:
    """Give the one-sided p-value of "the truth is at or below `at`"."""
    match figure:
        case PairedDifference():
            return float(ndtr(-figure.z(at)))
        case Normal():
            return 1 - _student(figure, at) if figure.value != at else 1.0
        case Drawn():
            return _tail(figure, at, int(np.count_nonzero(figure.draws <= at)))
        case _:
            return 1.0


def _student(figure: Normal, at: float) -> float:
    assert figure.value is not None
    if figure.value == at:
        return 1.0 if figure.se == 0 else 0.5
    t = (figure.value - at) / figure.se if figure.se > 0 else math.copysign(math.inf, figure.value - at)
    return float(ndtr(t) if figure.dof is None else stdtr(figure.dof, t))


def _tail(figure: Drawn, at: float, beyond: int) -> float:
    assert figure.value is not None
    counted = (beyond + 1) / (len(figure.draws) + 1)
    spread = float(figure.draws.std())
    if beyond >= FEW or spread == 0:
        return counted
    return min(counted, float(ndtr(-abs(figure.value - at) / spread)))


def standard_error(figure: Figure) -> float | None:
    """Give the standard error of a difference; None where there is none."""
    match figure:
        case PairedDifference():
            value = (figure.b - figure.c) / figure.cases
            spread = max(0.0, (figure.b + figure.c) / figure.cases - value * value)
            return math.sqrt(spread / figure.effective_n(0.5))
        case Normal():
            return figure.se
        case Drawn():
            return float(figure.draws.std())
        case _:
            return None


def cases_for_difference(figure: Figure, *, confidence: float) -> int | None:
    """Give the cases at which a difference as large as the one seen is shown, with 80% power."""
    se, value = standard_error(figure), figure.value
    if not se or not value or figure.n == 0:
        return None
    z = float(ndtri((1 + confidence) / 2) + ndtri(POWER))
    return max(figure.n + 1, math.ceil(figure.n * (z * se / value) ** 2))


def cases_for_margin(figure: Figure, margin: float, *, confidence: float) -> int | None:
    """Give the cases that show "not worse by the margin" if the two are equal: (z_a + z_b)^2 psi / margin^2.

    Where nothing differed yet, those at which Tango's bound of no discordant pair is within the margin:
    z^2 (1 - margin) / margin.
    """
    se = standard_error(figure)
    if se is None or margin <= 0 or figure.n == 0:
        return None
    alone = math.ceil(float(ndtri(confidence)) ** 2 * (1 - margin) / margin)
    needed = non_inferiority_n(figure.n * se * se, margin, confidence=confidence, power=POWER)
    return max(alone, needed or 0)
