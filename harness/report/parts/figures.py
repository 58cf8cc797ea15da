"""Figures of a report as text, cells and pictures: `96.1% (90.4 to 98.5)`, `208 ms`, `$0.12`, `undefined: …`.

The numbers themselves are written by the judge's wording, as in the sentences of the checks; here one may be
missing, and an undefined one says why.
"""

import re
from dataclasses import replace
from typing import overload

from harness.judge import Estimate, Plain, Scale, Status, Verdict, amount
from harness.judge import count as counted
from harness.judge import figure as known
from harness.report.parts.page import Cases, Cell, NamedFigure, Picture, Tone

VERDICT_TONES: dict[Verdict, Tone] = {
    "READY": "pass",
    "NOT READY": "fail",
    "INCONCLUSIVE": "inconclusive",
    "NOT MEASURED": "fail",
}
LOG_FROM = 30.0  # slowest over fastest, from which a linear axis hides what is fast
STATUS_TONES: dict[Status, Tone] = {"PASS": "pass", "FAIL": "fail", "INCONCLUSIVE": "inconclusive"}


@overload
def number(value: float | None, scale: Plain, *, currency: str = "", against: float | None = None) -> str: ...
@overload
def number(value: float | None, scale: Scale, *, currency: str, against: float | None = None) -> str: ...
def number(value: float | None, scale: Scale, *, currency: str = "", against: float | None = None) -> str:
    """Write one number; with `against`, with enough digits to tell it from that bound."""
    return "undefined" if value is None else amount(value, scale, currency, against=against)


@overload
def figure(estimate: Estimate, scale: Plain, *, currency: str = "", against: float | None = None) -> str: ...
@overload
def figure(estimate: Estimate, scale: Scale, *, currency: str, against: float | None = None) -> str: ...
def figure(estimate: Estimate, scale: Scale, *, currency: str = "", against: float | None = None) -> str:
    """Write an estimate: the value, then its interval in brackets, or why there is none."""
    if estimate.value is None:
        return f"undefined: {estimate.why_undefined}" if estimate.why_undefined else "undefined"
    return known(estimate, scale, currency, against=against)


def count(value: int, noun: str = "", plural: str = "") -> str:
    """Write `1 case`, `1,234 cases`."""
    return counted(value, noun, plural or None) if noun else f"{value:,}"


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


def number_cell(text: str) -> Cell:
    """Give a cell whose text is a number."""
    return Cell(text, kind="number")


@overload
def estimate_cell(estimate: Estimate, scale: Plain, *, axis: bool = False) -> Cell: ...
@overload
def estimate_cell(estimate: Estimate, scale: Scale, *, currency: str, axis: bool = False) -> Cell: ...
def estimate_cell(estimate: Estimate, scale: Scale, *, currency: str = "", axis: bool = False) -> Cell:
    """Give a cell with a figure; with `axis`, also its picture between 0 and 100%."""
    if estimate.value is None:
        return Cell("undefined", kind="number", hint=estimate.why_undefined or "")
    text = figure(estimate, scale, currency=currency)
    picture = interval_picture(estimate, text, axis=(0.0, 1.0)) if axis else None
    return Cell(text, kind="number", picture=picture)


def ends_of(estimate: Estimate) -> tuple[float, float]:
    """Give both ends of a known figure's interval; where one is missing, the figure itself."""
    value = estimate.value or 0.0
    low, high = estimate.low, estimate.high
    return value if low is None else low, value if high is None else high


def interval_picture(estimate: Estimate, text: str, *, axis: tuple[float, float]) -> Picture | None:
    """Picture an estimate on a given axis; None when it is undefined."""
    if estimate.value is None:
        return None
    low, high = ends_of(estimate)
    return Picture(value=estimate.value, low=low, high=high, axis=axis, alt=text)


def difference_cells(estimates: list[Estimate], scale: Plain) -> list[Cell]:
    """Give cells of differences, pictured on one axis that has zero in it."""
    ends = [0.0]
    for estimate in estimates:
        ends += [end for end in (estimate.value, estimate.low, estimate.high) if end is not None]
    pad = 0.05 * (max(ends) - min(ends)) or 0.01
    axis = (min(ends) - pad, max(ends) + pad)
    cells = []
    for estimate in estimates:
        picture = interval_picture(estimate, figure(estimate, scale), axis=axis)
        cells.append(replace(estimate_cell(estimate, scale), picture=picture and replace(picture, threshold=0.0)))
    return cells


@overload
def if_any(
    name: str, seen: Estimate | None, scale: Plain, hint: str = "", *, cases: Cases | None = None
) -> list[NamedFigure]: ...
@overload
def if_any(
    name: str, seen: Estimate | None, scale: Scale, hint: str = "", *, currency: str, cases: Cases | None = None
) -> list[NamedFigure]: ...
def if_any(
    name: str, seen: Estimate | None, scale: Scale, hint: str = "", *, currency: str = "", cases: Cases | None = None
) -> list[NamedFigure]:
    """Give a figure by name, with the cases that it stands for, or none when it was not computed."""
    if seen is None:
        return []
    return [NamedFigure(name, figure(seen, scale, currency=currency), hint=hint, cases=cases)]
