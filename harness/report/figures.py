"""Figures of a report as text: `96.1% (90.4 to 98.5)`, `208 ms`, `$0.12`, `undefined: …`.

The numbers themselves are written by `harness.judge.wording`, as in the sentences of the checks.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from harness.judge import wording
from harness.judge.scores.estimate import Estimate
from harness.judge.wording import Scale

Unit: TypeAlias = Literal["share", "points", "seconds", "money", "count", "ratio", "tokens"]

_SCALES: dict[Unit, Scale] = {
    "share": "share",
    "points": "points",
    "seconds": "seconds",
    "money": "money",
    "count": "count",
    "ratio": "number",
    "tokens": "count",
}


def unit_of(metric: str) -> Unit:
    """Tell what a metric of a threshold is measured in."""
    scale = wording.scale_of(metric)
    return "ratio" if scale == "number" else scale


def number(value: float | None, unit: Unit, *, currency: str = "USD", against: float | None = None) -> str:
    """Write one number; with `against`, with enough digits to tell it from that bound."""
    if value is None:
        return "undefined"
    return wording.amount(value, _SCALES[unit], currency or "USD", against=against)


def required(value: float, unit: Unit, *, currency: str = "USD") -> str:
    """Write a requirement without digits that nobody wrote."""
    return wording.demand(value, _SCALES[unit], currency or "USD")


def figure(estimate: Estimate, unit: Unit, *, currency: str = "USD", against: float | None = None) -> str:
    """Write an estimate: the value, then its interval in brackets, or why there is none."""
    if estimate.value is None:
        return f"undefined: {estimate.why_undefined}" if estimate.why_undefined else "undefined"
    return wording.figure(estimate, _SCALES[unit], currency or "USD", against=against)


def count(value: int, noun: str = "", plural: str = "") -> str:
    """Write `1 case`, `1,234 cases`."""
    return wording.count(value, noun, plural or None) if noun else f"{value:,}"


def percent_of(part: int, whole: int) -> str:
    """Write a share of a total; nothing out of nothing is undefined, not zero."""
    return number(part / whole, "share") if whole else "undefined"


def p_value(value: float | None) -> str:
    """Write a p-value; below one in a thousand only its order matters."""
    if value is None:
        return ""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def duration(seconds: float) -> str:
    """Write a plain time."""
    return wording.seconds(seconds)
