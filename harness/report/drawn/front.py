"""What Altair draws of several candidates: quality over latency, with the cost below each name.

A candidate on the Pareto front is a filled circle, a beaten one a hollow diamond; both intervals are drawn.
Each name stands where it covers least of the other names and points. A beaten one that would cover much has
none: the table above the chart and its text alternative name all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from harness.report.drawn.drawings import HEIGHT, PALETTE, WIDTH, Drawing, chart_of, library
from harness.report.parts import Box, FrontPlot, one_line, shorten

_CROWDED = 0.15  # share of its own area that the name of a beaten candidate may cover
_LONGEST = 28  # characters of a line
_TALL = HEIGHT + 60
_LETTER, _LINE, _GAP = 6.6, 14.0, 6.0  # pixels, at the font size of `charts`


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of the plot, in pixels from its upper left corner."""

    left: float
    top: float
    width: float
    height: float

    @property
    def size(self) -> float:
        """The area itself."""
        return self.width * self.height

    def outside(self, other: Area) -> float:
        """Give the area that the other does not cover."""
        return self.size - self.shared(other)

    def shared(self, other: Area) -> float:
        """Give the area that both cover."""
        wide = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        tall = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        return max(0.0, wide) * max(0.0, tall)


@dataclass(frozen=True, slots=True)
class NamePlace:
    """Where a name stands beside its point."""

    align: Literal["left", "center", "right"]  # of the text to the point
    above: bool

    def area(self, x: float, y: float, lines: list[str]) -> Area:
        """Give what lines beside the point (x, y) cover."""
        width, height = _LETTER * max(map(len, lines)), _LINE * len(lines)
        left = {"left": x + _GAP, "center": x - width / 2, "right": x - _GAP - width}[self.align]
        return Area(left, y - _GAP - height if self.above else y + _GAP, width, height)


_SIDES = tuple(NamePlace(align, above) for align in ("left", "right", "center") for above in (False, True))
_PLOT = Area(0, 0, WIDTH, _TALL)


def front_chart(plot: FrontPlot) -> Drawing:
    """Draw a point a candidate, with its interval in both directions."""
    alt = library()
    every = (*plot.front, *plot.beaten)
    times, shares = _times(every, log=plot.log), _shares(every)
    kind = "log" if plot.log else "linear"
    axes = (
        {
            "title": plot.x_title,
            "scale": alt.Scale(type=kind, domain=times, nice=False, zero=False),
            "axis": alt.Axis(tickCount=5, grid=not plot.log),
        },
        {
            "title": plot.y_title,
            "scale": alt.Scale(domain=shares, nice=False, zero=False),
            "axis": alt.Axis(format="~%", tickCount=6),
        },
    )
    layers = [
        *_points(plot.beaten, axes, colour=PALETTE["soft"], shape="diamond", filled=False),
        *_points(plot.front, axes, colour=PALETTE["data"], shape="circle", filled=True),
    ]
    layers += [_name(box, side, axes) for box, side, _ in placed(plot)]
    return alt.layer(*layers).properties(width=WIDTH, height=_TALL)


def _times(boxes: tuple[Box, ...], *, log: bool) -> list[float]:
    """Give the ends of the axis; a logarithmic one can't begin at 0."""
    low, high = min(box.x_low for box in boxes), max(box.x_high for box in boxes)
    if log:
        lowest = min(end for box in boxes for end in (box.x_low, box.x) if end > 0)
        return [lowest / 1.2, high * 1.2]
    pad = max(0.08 * (high - low), 0.02 * high) or 1.0
    return [max(0.0, low - pad), high + pad]


def _shares(boxes: tuple[Box, ...]) -> list[float]:
    low, high = min(box.y_low for box in boxes), max(box.y_high for box in boxes)
    pad = max(0.08 * (high - low), 0.01)
    return [max(0.0, low - pad), min(1.0, high + pad)]


def placed(plot: FrontPlot) -> list[tuple[Box, NamePlace, Area]]:
    """Choose a side for each name in turn, those on the front first; some of the beaten get none."""
    every = (*plot.front, *plot.beaten)
    points = _pixels(every, log=plot.log)
    taken = [Area(x - _GAP, y - _GAP, 2 * _GAP, 2 * _GAP) for x, y in points]
    found = []
    for box, point in zip(every, points, strict=True):
        areas = {side: side.area(*point, _lines(box)) for side in _SIDES}
        covered = {
            side: area.outside(_PLOT) + sum(area.shared(other) for other in taken) for side, area in areas.items()
        }
        best = min(_SIDES, key=covered.__getitem__)
        if box in plot.front or covered[best] <= _CROWDED * areas[best].size:
            taken.append(areas[best])
            found.append((box, best, areas[best]))
    return found


def _pixels(boxes: tuple[Box, ...], *, log: bool) -> list[tuple[float, float]]:
    """Give where the points lie in the plot."""
    (start, end), (low, high) = _times(boxes, log=log), _shares(boxes)
    xs = [box.x for box in boxes]
    if log:
        start, end, xs = math.log(start), math.log(end), [math.log(x) for x in xs]
    return [
        ((x - start) / (end - start) * WIDTH, (high - box.y) / (high - low) * _TALL)
        for x, box in zip(xs, boxes, strict=True)
    ]


def _lines(box: Box) -> list[str]:
    return [shorten(one_line(line), _LONGEST) for line in (box.name, box.note) if line]


def _points(
    boxes: tuple[Box, ...], axes: tuple[Drawing, Drawing], *, colour: str, shape: str, filled: bool
) -> list[Drawing]:
    if not boxes:
        return []
    alt = library()
    chart = chart_of(
        x=[box.x for box in boxes],
        y=[box.y for box in boxes],
        xl=[box.x_low for box in boxes],
        xh=[box.x_high for box in boxes],
        yl=[box.y_low for box in boxes],
        yh=[box.y_high for box in boxes],
    )
    x, y = axes
    bars = chart.mark_rule(color=colour, strokeWidth=1.5, opacity=0.7, clip=True)
    fill = {"fill": colour} if filled else {}
    dots = chart.mark_point(color=colour, size=90, shape=shape, strokeWidth=2, opacity=1, **fill)
    return [
        bars.encode(x=alt.X("xl:Q", **x), x2="xh:Q", y=alt.Y("y:Q", **y)),
        bars.encode(x=alt.X("x:Q", **x), y=alt.Y("yl:Q", **y), y2="yh:Q"),
        dots.encode(x=alt.X("x:Q", **x), y=alt.Y("y:Q", **y)),
    ]


def _name(box: Box, side: NamePlace, axes: tuple[Drawing, Drawing]) -> Drawing:
    """Write the name and the note of a candidate."""
    alt = library()
    x, y = axes
    lines = _lines(box)
    chart = chart_of(x=[box.x], y=[box.y], text=["\n".join(lines)])
    text = chart.mark_text(
        align=side.align,
        baseline="bottom" if side.above else "top",
        dx={"left": _GAP, "center": 0, "right": -_GAP}[side.align],
        dy=-_GAP - _LINE * (len(lines) - 1) if side.above else _GAP,
        lineBreak="\n",
        lineHeight=_LINE,
        color=PALETTE["ink"],
    )
    return text.encode(x=alt.X("x:Q", **x), y=alt.Y("y:Q", **y), text="text:N")
