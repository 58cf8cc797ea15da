"""Three-way decisions: a figure meets what was required, misses it, or can't be told yet.

A decision rests on one one-sided bound. With `>=`: PASS when the lower bound reaches the requirement, FAIL
when the upper bound does not, else INCONCLUSIVE, with the number of cases that would settle it if the
observed value were the true one. So a true value on the threshold passes with probability 1 - confidence at
most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.files.thresholds import Op
from harness.judge.documents import Status
from harness.judge.scores.binomial import exact_lower
from harness.judge.scores.figure import Figure, Mapped
from harness.judge.scores.planning import MOST
from harness.judge.scores.proportion import Share


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a requirement.

    `bound` is the one-sided bound that decided (None when the figure is undefined). `needed_n` says how many
    units in all would settle an INCONCLUSIVE if the observed value were the true one: cases for figures made
    of shares (with as many repeats as now), trials for the others; None when no number would.
    """

    status: Status
    bound: float | None
    needed_n: int | None = None


def decide(figure: Figure, op: Op, required: float, confidence: float = 0.95) -> Decision:
    """Hold a figure against a requirement."""
    low, high = figure.lower(confidence), figure.upper(confidence)
    if figure.value is None or low is None or high is None:
        return Decision("INCONCLUSIVE", None)
    at_least = op in {">=", ">"}
    towards, away = (low, high) if at_least else (high, low)
    if meets(towards, op, required):
        return Decision("PASS", towards)
    if not meets(away, op, required):
        return Decision("FAIL", away)
    return Decision("INCONCLUSIVE", towards, needed_n(figure, required, confidence))


def meets(value: float, op: Op, required: float) -> bool:
    """Tell whether a value meets a requirement; one that equals it up to rounding counts as equal."""
    # Bounds come from iterative inverses: a bound that equals the requirement may miss it by rounding.
    slack = 1e-12 * max(1.0, abs(required))
    if op == ">=":
        return value >= required - slack
    if op == "<=":
        return value <= required + slack
    return value > required + slack if op == ">" else value < required - slack


def needed_n(figure: Figure, required: float, confidence: float = 0.95) -> int | None:
    """Give how many units in all would settle the check if the observed value were the true one."""
    match figure:
        case Share():
            return _needed_cases(figure, required, confidence)
        case Mapped():
            return needed_n(figure.source, figure.back(required), confidence)
        case _:
            return _needed_by_root_n(figure, required, confidence)


def _needed_cases(share: Share, required: float, confidence: float) -> int | None:
    """Search the effective size at which the exact bound clears the requirement, then convert to cases."""
    if share.p == required or not 0 <= required <= 1:
        return None
    p, goal = (share.p, required) if share.p > required else (1 - share.p, 1 - required)
    if goal <= 0:
        return None
    per_case = share.effective_n(confidence) / share.cases
    low, high = 0.0, 1.0
    while exact_lower(p, high, confidence) < goal:
        low, high = high, high * 2
        if high > MOST:
            return None
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if exact_lower(p, middle, confidence) < goal else (low, middle)
    return max(math.ceil(high / per_case - 1e-9), share.cases + 1)


def _needed_by_root_n(figure: Figure, required: float, confidence: float) -> int | None:
    """Scale n so that the distance to the bound, which shrinks like 1/sqrt(n), fits."""
    assert figure.value is not None
    gap = figure.value - required
    if gap == 0 or figure.n == 0:
        return None
    bound = figure.lower(confidence) if gap > 0 else figure.upper(confidence)
    assert bound is not None
    needed = math.ceil(figure.n * ((figure.value - bound) / gap) ** 2)
    return None if needed > MOST else max(needed, figure.n + 1)
