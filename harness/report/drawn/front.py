"""Several candidates in one chart: quality over latency, with the cost below each name.

A candidate on the Pareto front is a filled circle, a beaten one a hollow diamond; both intervals are drawn.
Each name stands where it covers least of the other names and points. A beaten one that would cover much has
none: the table above the chart and its text alternative name all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.report.drawn import axes
from harness.report.parts import Box, FrontPlot, one_line, shorten

_CROWDED = 0.15  # share of its own area that the name of a beaten candidate may cover
_LONGEST = 28  # characters of a line
_LETTER, _LINE, _GAP = 6.6, 14.0, 6.0  # pixels, at the font size of charts


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
_PLOT = Area(axes.LEFT, axes.TOP, axes.WIDTH - axes.LEFT - axes.RIGHT, axes.HEIGHT - axes.TOP - axes.BOTTOM)


def front_chart(plot: FrontPlot) -> str:
    """Draw a point a candidate, with its interval in both directions."""
    every = (*plot.front, *plot.beaten)
    x, y = _axes(plot)
    shapes = [
        axes.beside(y, plot.y_title, axes.percent),
        axes.below(x, axes.HEIGHT - axes.BOTTOM, plot.x_title, grid=None if plot.log else y.end),
    ]
    for box in reversed(every):
        front = box in plot.front
        colour = "data" if front else "soft"
        spans = f"M{x(box.x_low):g} {y(box.y):g}H{x(box.x_high):g}M{x(box.x):g} {y(box.y_low):g}V{y(box.y_high):g}"
        shapes.append(axes.path(spans, colour, 1.5, opacity=0.7))
        shapes.append(axes.mark(x(box.x), y(box.y), "circle" if front else "diamond", colour, filled=front))
    for box, place, area in placed(plot):
        at = {"left": area.left, "center": area.left + area.width / 2, "right": area.left + area.width}[place.align]
        anchor = {"left": "start", "center": "middle", "right": "end"}[place.align]
        shapes += [axes.text(at, area.top + _LINE * n + 11, line, "ink", anchor) for n, line in enumerate(_lines(box))]
    return "".join(shapes)


def _axes(plot: FrontPlot) -> tuple[axes.Axis, axes.Axis]:
    every = (*plot.front, *plot.beaten)
    low, high = min(box.x_low for box in every), max(box.x_high for box in every)
    if plot.log:  # it can't begin at 0
        low = min(end for box in every for end in (box.x_low, box.x) if end > 0)
        x = axes.across(low / 1.2, high * 1.2, log=True)
    else:
        pad = max(0.08 * (high - low), 0.02 * high) or 1.0
        x = axes.across(max(0.0, low - pad), high + pad)
    low, high = min(box.y_low for box in every), max(box.y_high for box in every)
    pad = max(0.08 * (high - low), 0.01)
    return x, axes.up(max(0.0, low - pad), min(1.0, high + pad))


def placed(plot: FrontPlot) -> list[tuple[Box, NamePlace, Area]]:
    """Choose a side for each name in turn, those on the front first; some of the beaten get none."""
    every = (*plot.front, *plot.beaten)
    x_axis, y_axis = _axes(plot)
    points = [(x_axis(box.x), y_axis(box.y)) for box in every]
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


def _lines(box: Box) -> list[str]:
    return [shorten(one_line(line), _LONGEST) for line in (box.name, box.note) if line]
