"""Figures of a report as text: `96.1% (90.4 to 98.5)`, `208 ms`, `$0.12`, `undefined: …`.

The numbers themselves are written by `harness.judge.wording`, as in the sentences of the checks; here one may
be missing, and an undefined one says why.
"""

import re
from typing import overload

from harness.files.thresholds import Plain, Scale
from harness.judge import Estimate, wording


@overload
def number(value: float | None, scale: Plain, *, currency: str = "", against: float | None = None) -> str: ...
@overload
def number(value: float | None, scale: Scale, *, currency: str, against: float | None = None) -> str: ...
def number(value: float | None, scale: Scale, *, currency: str = "", against: float | None = None) -> str:
    """Write one number; with `against`, with enough digits to tell it from that bound."""
    return "undefined" if value is None else wording.amount(value, scale, currency, against=against)


@overload
def figure(estimate: Estimate, scale: Plain, *, currency: str = "", against: float | None = None) -> str: ...
@overload
def figure(estimate: Estimate, scale: Scale, *, currency: str, against: float | None = None) -> str: ...
def figure(estimate: Estimate, scale: Scale, *, currency: str = "", against: float | None = None) -> str:
    """Write an estimate: the value, then its interval in brackets, or why there is none."""
    if estimate.value is None:
        return f"undefined: {estimate.why_undefined}" if estimate.why_undefined else "undefined"
    return wording.figure(estimate, scale, currency, against=against)


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


def when(created_utc: str, zone: str = "") -> str:
    """Write an instant as `2026-01-31 09:30`; what is none stays as it is."""
    found = re.match(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)", created_utc)
    return f"{found[1]} {found[2]}{zone}" if found else created_utc
