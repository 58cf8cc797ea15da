"""Figures as people read them: `96.1% (90.4 to 98.5)`, `88 of 100 fraud cases`, `1.24 s`.

A share that is not quite 0 or 1 is never rounded to it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal

from harness.judge.scores.estimate import Estimate

Scale = Literal["share", "points", "number", "seconds", "money", "count"]
_PLAIN_NAME = re.compile(r"[A-Za-z][\w-]+")
_READS_AS_PROSE = {
    "other",
    "others",
    "none",
    "all",
    "no",
    "yes",
    "unknown",
    "any",
    "some",
    "not",
    "single",
    "more",
}
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}


def named(label: str) -> str:
    """Give a label as it stands in a sentence: quoted where it could be taken for prose."""
    plain = _PLAIN_NAME.fullmatch(label) and label.casefold() not in _READS_AS_PROSE
    return label if plain else f"‘{label}’"


def count(n: float, thing: str, things: str | None = None) -> str:
    """Give `1 case`, `2 cases`, `1,200 cases`."""
    return f"{n:,.0f} {thing if round(n) == 1 else things or thing + 's'}"


def verb(n: int, one: str, many: str) -> str:
    """Give the form of a verb that goes with n."""
    return one if n == 1 else many


def listed(names: Sequence[str], most: int = 5) -> str:
    """Give `a`, `a and b`, `a, b and c`, or the first few `and 3 more`."""
    shown = list(names[:most])
    if len(names) > most:
        shown.append(f"{len(names) - most:,} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else "none"


def _digits(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.,") else text


def _share_number(value: float) -> str:
    percent = value * 100
    for decimals in (1, 2, 3):
        text = _digits(percent, decimals)
        if value in {0.0, 1.0} or float(text.replace(",", "")) not in {0.0, 100.0}:
            return text
    return "0.001" if value < 0.5 else "99.999"


def money(value: float, currency: str = "USD") -> str:
    """Give an amount with as many digits as it needs: `$1,200`, `$4.50`, `$0.0042`."""
    size = abs(value)
    decimals = 0 if size >= 1000 else 2 if size >= 0.1 or size == 0 else 4 if size >= 0.001 else 6
    sign = "-" if value < 0 else ""
    if currency in _SIGNS:
        return f"{sign}{_SIGNS[currency]}{_digits(size, decimals)}"
    return f"{sign}{_digits(size, decimals)} {currency}"


def seconds(value: float) -> str:
    """Give `850 ms`, `1.24 s` or `95 s`."""
    if value < 0.001:
        return f"{value * 1000:.2g} ms"
    if value < 0.9995:
        return f"{value * 1000:.3g} ms" if value < 0.0995 else f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s" if value < 100 else f"{value:,.0f} s"


def amount(value: float, scale: Scale, currency: str = "USD") -> str:
    """Give a figure with its unit."""
    match scale:
        case "share":
            return f"{_share_number(value)}%"
        case "points":
            text = _share_number(value)
            return f"{text} {'point' if text in {'1.0', '-1.0'} else 'points'}"
        case "seconds":
            return seconds(value)
        case "money":
            return money(value, currency)
        case "count":
            return f"{value:,.0f}" if float(value).is_integer() else _digits(value, 1)
        case "number":
            return _digits(value, 3 if abs(value) < 1 else 2)


def demand(value: float, scale: Scale, currency: str = "USD") -> str:
    """Give a requirement without digits that nobody wrote: `90%`, `99.5%`, `1 s`."""
    match scale:
        case "share":
            return f"{float(f'{value * 100:.6g}'):,.12g}%"
        case "points":
            text = f"{float(f'{value * 100:.6g}'):,.12g}"
            return f"{text} {'point' if text in {'1', '-1'} else 'points'}"
        case "seconds":
            return f"{value:.6g} s" if value >= 1 or value == 0 else f"{value * 1000:.6g} ms"
        case "money":
            return money(value, currency)
        case "count" | "number":
            return f"{float(f'{value:.6g}'):,.12g}"


def span(estimate: Estimate, scale: Scale, currency: str = "USD") -> str:
    """Give ` (90.4 to 98.5)`, with units where the numbers need them; empty without an interval."""
    low, high = estimate.low, estimate.high
    if low is None and high is None:
        return ""
    if low is None or high is None:
        known = amount(low if low is not None else high or 0.0, scale, currency)
        return f" ({'at least' if low is not None else 'at most'} {known})"
    if scale in {"share", "points"}:
        return f" ({_share_number(low)} to {_share_number(high)})"
    return f" ({amount(low, scale, currency)} to {amount(high, scale, currency)})"


def figure(estimate: Estimate, scale: Scale, currency: str = "USD") -> str:
    """Give a figure with its interval, or `undefined`."""
    if estimate.value is None:
        return "undefined"
    return amount(estimate.value, scale, currency) + span(estimate, scale, currency)


def sure(confidence: float) -> str:
    """Give a confidence as `95%`."""
    return f"{float(f'{confidence * 100:.6g}'):.12g}%"


def sentence(text: str) -> str:
    """Begin with a capital, unless the first word is a metric or name that is written as it is."""
    return text[:1].upper() + text[1:]


def rounded_up(n: int) -> int:
    """Round an estimate of a number of cases up to two figures: 213 -> 220."""
    step: int = 10 ** max(0, len(str(n)) - 2)
    return math.ceil(n / step) * step
