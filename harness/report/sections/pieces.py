"""Small parts that several sections need: tones, cells and interval pictures of an estimate."""

from __future__ import annotations

from dataclasses import replace

from harness.judge.assessment import Status, Verdict
from harness.judge.scores.estimate import Estimate
from harness.report.figures import Unit, figure
from harness.report.parts import Cell, Figure, Picture, Tone

VERDICT_TONES: dict[Verdict, Tone] = {
    "READY": "pass",
    "NOT READY": "fail",
    "INCONCLUSIVE": "inconclusive",
}
STATUS_TONES: dict[Status, Tone] = {"PASS": "pass", "FAIL": "fail", "INCONCLUSIVE": "inconclusive"}


def number_cell(text: str) -> Cell:
    """Give a cell whose text is a number."""
    return Cell(text=text, kind="number")


def estimate_cell(estimate: Estimate, unit: Unit, *, currency: str = "USD", axis: bool = False) -> Cell:
    """Give a cell with a figure; with `axis`, also its picture between 0 and 100%."""
    if estimate.value is None:
        return Cell(text="undefined", kind="number", hint=estimate.why_undefined or "")
    text = figure(estimate, unit, currency=currency)
    picture = interval_picture(estimate, text, axis=(0.0, 1.0)) if axis else None
    return Cell(text=text, kind="number", picture=picture)


def interval_picture(estimate: Estimate, text: str, *, axis: tuple[float, float]) -> Picture | None:
    """Picture an estimate on a given axis; None when it is undefined."""
    if estimate.value is None:
        return None
    low = estimate.value if estimate.low is None else estimate.low
    high = estimate.value if estimate.high is None else estimate.high
    return Picture(value=estimate.value, low=low, high=high, axis=axis, alt=text)


def difference_cells(estimates: list[Estimate], unit: Unit) -> list[Cell]:
    """Give cells of differences, pictured on one axis that has zero in it."""
    ends = [0.0]
    for estimate in estimates:
        ends += [end for end in (estimate.value, estimate.low, estimate.high) if end is not None]
    pad = 0.05 * (max(ends) - min(ends)) or 0.01
    axis = (min(ends) - pad, max(ends) + pad)
    cells = []
    for estimate in estimates:
        picture = interval_picture(estimate, figure(estimate, unit), axis=axis)
        cells.append(
            replace(estimate_cell(estimate, unit), picture=picture and replace(picture, threshold=0.0))
        )
    return cells


def named(
    name: str, estimate: Estimate | None, unit: Unit, hint: str = "", *, currency: str = "USD"
) -> list[Figure]:
    """Give a figure by name, or none when it was not computed."""
    if estimate is None:
        return []
    return [Figure(name=name, text=figure(estimate, unit, currency=currency), hint=hint)]
