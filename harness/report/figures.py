"""Figures as text: `96.1% (90.4 to 98.5)`, `208 ms`, `$0.12`, `undefined: …`.

Rounding never tells a better story than the number: a share below 1 is never shown as 100%, and a figure
that misses its threshold by less than the usual digits gets more digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from harness.judge.scores.estimate import Estimate

Unit: TypeAlias = Literal["share", "points", "seconds", "money", "count", "ratio", "tokens"]

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "": "$"}
_COUNTED = ("leakage", "leaked", "cases", "trials")
_RATIOS = ("mcc", "kappa", "alpha", "icc", "ece", "brier", "roc_auc", "auc", "average_precision")


def unit_of(metric: str) -> Unit:
    """Tell what a metric of a threshold is measured in."""
    family = metric.split("(", maxsplit=1)[0]
    last = family.split(".")[-1]
    if "within" in metric or "failures" in metric:
        return "share"
    if family.startswith(("latency", "ttft", "service")):
        return "seconds"
    if "cost" in family:
        return "money"
    if family.startswith("tokens"):
        return "tokens"
    if family in _COUNTED:
        return "count"
    return "ratio" if any(last.endswith(name) for name in _RATIOS) else "share"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How the numbers of one figure are written: all three in the same unit."""

    factor: float = 1.0
    decimals: int = 1
    prefix: str = ""
    suffix: str = ""

    def bare(self, value: float) -> str:
        """Write the number without its unit."""
        text = f"{value * self.factor:,.{self.decimals}f}"
        if float(text.replace(",", "")) == 0:
            text = text.removeprefix("-")
        return text.replace("-", "−")

    def full(self, value: float) -> str:
        """Write the number with its unit."""
        bare = self.bare(abs(value))
        sign = "−" if value < 0 and bare.strip("0.,") else ""
        return f"{sign}{self.prefix}{bare}{self.suffix}"


def _digits(value: float, *, least: int, most: int = 6) -> int:
    """Decimals that leave three significant digits of a small amount of money."""
    if value == 0:
        return least
    return min(most, max(least, 2 - math.floor(math.log10(abs(value)))))


def scale_for(unit: Unit, value: float, *, currency: str = "USD") -> Scale:
    """Choose how a value of this size is written."""
    size = abs(value)
    match unit:
        case "share":
            scale = Scale(factor=100, suffix="%")
        case "points":
            scale = Scale(factor=100, suffix=" points")
        case "seconds":
            scale = _time_scale(size)
        case "money":
            scale = _money_scale(value, currency)
        case "count":
            scale = Scale(decimals=0 if float(value).is_integer() else 1)
        case "tokens":
            scale = Scale(decimals=0 if size >= 100 else 1)
        case "ratio":
            scale = Scale(decimals=2 if size >= 0.1 else 3)
    return scale


def _money_scale(value: float, currency: str) -> Scale:
    symbol = _SYMBOLS.get(currency.upper())
    decimals = _digits(value, least=2)
    if symbol is None:
        return Scale(decimals=decimals, suffix=f" {currency}")
    return Scale(decimals=decimals, prefix=symbol)


def _time_scale(size: float) -> Scale:
    if size < 0.001:
        return Scale(factor=1000, decimals=3 if size < 0.0001 else 2, suffix=" ms")
    if size < 0.9995:
        return Scale(factor=1000, decimals=0 if size >= 0.00995 else 1, suffix=" ms")
    if size < 120:
        return Scale(decimals=2 if size < 9.995 else 1, suffix=" s")
    return Scale(factor=1 / 60, decimals=1, suffix=" min")


def number(value: float | None, unit: Unit, *, currency: str = "USD", against: float | None = None) -> str:
    """Write one number; with `against`, with enough digits to tell it from that bound."""
    if value is None:
        return "undefined"
    scale = _told_apart(scale_for(unit, value, currency=currency), value, against)
    if unit == "share":
        if value < 1 and scale.bare(value) == scale.bare(1):
            return f">{scale.full(1 - 0.1**scale.decimals / 100)}"
        if value > 0 and scale.bare(value) == scale.bare(0):
            return f"<{scale.full(0.1**scale.decimals / 100)}"
    return scale.full(value)


def _told_apart(scale: Scale, value: float, against: float | None) -> Scale:
    if against is None or value == against:
        return scale
    for decimals in range(scale.decimals, scale.decimals + 4):
        finer = Scale(factor=scale.factor, decimals=decimals, prefix=scale.prefix, suffix=scale.suffix)
        if finer.bare(value) != finer.bare(against):
            return finer
    return scale


def interval(estimate: Estimate, unit: Unit, *, currency: str = "USD") -> str:
    """Write `90.4 to 98.5` in the scale of the figure; empty when there is none."""
    if estimate.value is None or (estimate.low is None and estimate.high is None):
        return ""
    scale = scale_for(unit, estimate.value, currency=currency)
    if estimate.low is None:
        return f"at most {scale.bare(estimate.high or 0.0)}"
    if estimate.high is None:
        return f"at least {scale.bare(estimate.low)}"
    return f"{scale.bare(estimate.low)} to {scale.bare(estimate.high)}"


def figure(estimate: Estimate, unit: Unit, *, currency: str = "USD", against: float | None = None) -> str:
    """Write an estimate: the value, then its interval in brackets, or why there is none."""
    if estimate.value is None:
        return f"undefined: {estimate.why_undefined}" if estimate.why_undefined else "undefined"
    value = number(estimate.value, unit, currency=currency, against=against)
    span = interval(estimate, unit, currency=currency)
    return f"{value} ({span})" if span else value


def count(value: int, noun: str = "", plural: str = "") -> str:
    """Write `1 case`, `1,234 cases`."""
    if not noun:
        return f"{value:,}"
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


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
    return number(seconds, "seconds")
