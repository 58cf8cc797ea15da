"""The checks of a candidate, and of all candidates side by side."""

import math
from collections.abc import Sequence
from dataclasses import replace

from harness.files.thresholds import metric_of
from harness.judge import CandidateAssessment, Check, FigureText, Scale, Status, demand, figure_text, scale_of, sentence
from harness.report import parts

MAX_COLUMNS = 9  # checks that a grid has room for
MAX_SCALED = 10  # checks of one axis
_UNITS: dict[Scale, str] = {
    "share": "Shares",
    "seconds": "Times",
    "money": "Money",
    "points": "Points",
    "number": "Numbers",
    "count": "Counts",
}
_SCALES = tuple(_UNITS)
_NOT_MET: tuple[Status, ...] = ("FAIL", "INCONCLUSIVE")


def check_rows(candidate: CandidateAssessment) -> tuple[parts.CheckRow, ...]:
    """Give the checks in the order of the thresholds, as written."""
    return tuple(_check_row(check, candidate.cost.currency) for check in candidate.checks)


def _check_row(check: Check, currency: str) -> parts.CheckRow:
    scale = scale_of(check.metric)
    needed = ""
    if check.status == "INCONCLUSIVE" and check.needed_n is not None and not check.needed_told:
        needed = f"{check.needed_n:,} {check.needed_unit} would settle it"
    seen = parts.figure(check.estimate, scale, currency=currency, against=check.required)
    return parts.CheckRow(
        threshold=check.threshold,
        status=check.status,
        tone=parts.STATUS_TONES[check.status],
        seen=seen,
        required=f"{check.op} {demand(check.required, scale, currency)}",
        needed=needed,
        why=check.why,
        told=sentence(check.told) or check.why,
        picture=_check_picture(check, scale, seen, currency),
        name=check.name or check.threshold,
        figure=_figure(check, currency),
        scale=scale,
        anchor=_anchor(check),
        cases=metric_of(check.metric).cases(check.label, check.part),
        ease=_ease(check),
    )


def _ease(check: Check) -> float:
    """Tell how far it is on the wanted side, in half-widths of its interval; an undefined one is as far as none."""
    low, high = parts.ends_of(check.estimate)
    if check.estimate.value is None or low is None or high is None:
        return 0.0
    gap = check.estimate.value - check.required
    return (gap if check.op.startswith(">") else -gap) / max((high - low) / 2, 1e-9)


def _figure(check: Check, currency: str) -> FigureText:
    return figure_text(check.estimate, scale_of(check.metric), currency, against=check.required)


def _anchor(check: Check) -> str:
    """Tell which part of a report has the cases behind a check, or else what it is made of."""
    metric = metric_of(check.metric)
    if metric.clock is not None:
        return "cases-slowest"
    if metric.outcome is not None:
        return "wrong"
    if metric.repeated:
        return "cases-flipped"
    if metric.splits or metric.earlier:
        return "generalization" if metric.splits else "history"
    return "robustness" if metric.selector == "perturbation" else "cost" if metric.scale == "money" else "confused"


def _check_picture(check: Check, scale: Scale, seen: str, currency: str) -> parts.Picture | None:
    value = check.estimate.value
    if value is None:
        return None
    low, high = parts.ends_of(check.estimate)
    ends = (low, high, value, check.required, value if check.bound is None else check.bound)
    pad = 0.12 * (max(ends) - min(ends)) or 0.05 * abs(value) or 0.05
    floor, ceiling = min(ends) - pad, max(ends) + pad
    if scale == "share" and min(ends) >= 0 and max(ends) <= 1:
        floor, ceiling = max(0.0, floor), min(1.0, ceiling)
    wanted = f"{check.op} {demand(check.required, scale, currency)}"
    return parts.Picture(
        value=value,
        low=low,
        high=high,
        axis=(floor, ceiling),
        threshold=check.required,
        bound=check.bound,
        wanted="above" if check.op.startswith(">") else "below",
        tone=parts.STATUS_TONES[check.status],
        alt=f"{seen}, required {wanted}: {check.status}",
    )


def scale_groups(candidate: CandidateAssessment, rows: Sequence[parts.CheckRow]) -> tuple[parts.ScaleGroup, ...]:
    """Put the checks of one unit and direction on one axis: those that block first, worst first, then the others."""
    groups: dict[tuple[Scale, bool], list[parts.CheckRow]] = {}
    for row in sorted(rows, key=lambda one: one.order if one.status != "PASS" else (2, 0.0)):
        if row.picture is not None:
            groups.setdefault((row.scale, row.picture.wanted == "above"), []).append(row)
    order = sorted(groups, key=lambda key: (_SCALES.index(key[0]), not key[1]))
    return tuple(_scale_group(scale, groups[scale, up], candidate.cost.currency, up=up) for scale, up in order)


def _scale_group(scale: Scale, rows: list[parts.CheckRow], currency: str, *, up: bool) -> parts.ScaleGroup:
    pictures = [row.picture for row in rows[:MAX_SCALED] if row.picture is not None]
    ends = [end for p in pictures for end in (p.low, p.high, p.value, p.threshold) if end is not None]
    axis = (min(ends), max(ends))
    if scale == "share" and up:
        axis = (max(0.0, math.floor((min(ends) - 0.01) * 20) / 20), 1.0 if max(ends) <= 1 else max(ends))
    elif min(ends) >= 0:
        axis = (0.0, max(ends) * 1.08 or 1.0)
    shown = tuple(replace(row, picture=row.picture and replace(row.picture, axis=axis)) for row in rows[:MAX_SCALED])
    title = f"{_UNITS[scale]}, at {'least' if up else 'most'}"
    return parts.ScaleGroup(
        title=title, scale=scale, currency=currency, axis=axis, rows=shown, left_out=len(rows) - len(shown)
    )


def grid_view(
    policy: Sequence[str], ranked: Sequence[CandidateAssessment], rows: Sequence[parts.LeaderRow], taken: str
) -> parts.GridView | None:
    """Lay out every check of every candidate that was measured; None for a single one."""
    if len(ranked) < 2:
        return None
    known = {check.threshold: check for c in ranked for check in c.checks}
    order = [text for text in policy if text in known] + [text for text in known if text not in policy]
    every = len(order)
    if every > MAX_COLUMNS:  # what fails has a column before what is open
        failed, undecided = ({k.threshold for c in ranked for k in c.checks if k.status == s} for s in _NOT_MET)
        first = {check.threshold for check in ranked[0].checks if check.status == "FAIL"}
        told = sorted(failed | undecided, key=lambda text: (text not in first, text not in failed, order.index(text)))
        order = [text for text in order if text in told[:MAX_COLUMNS]]
    heads = [(name, text.removeprefix(name).strip()) for text in order if (name := known[text].name or text)]
    return parts.GridView(
        columns=tuple(heads),
        rows=tuple(
            parts.GridRow(
                key=row.key,
                name=row.name,
                verdict=row.verdict,
                tone=row.tone,
                standing=row.standing,
                chosen=row.key == taken,
                cells=_grid_cells(c, order),
            )
            for c, row in zip(ranked, rows, strict=True)
        ),
        left_out=every - len(order),
    )


def _grid_cells(c: CandidateAssessment, order: Sequence[str]) -> tuple[parts.GridCell | None, ...]:
    cells = {
        check.threshold: parts.GridCell(
            status=check.status,
            tone=parts.STATUS_TONES[check.status],
            figure=_figure(check, c.cost.currency),
            anchor=_anchor(check),
            cases=metric_of(check.metric).cases(check.label, check.part),
        )
        for check in c.checks
    }
    return tuple(map(cells.get, order))
