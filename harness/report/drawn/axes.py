"""What every chart is drawn with: an axis that places numbers, its ticks and title, and marks that tell apart.

A chart is drawn once and shown in light, dark and print: its colours are names that the page's style sheet
resolves, those of Okabe and Ito (2008), told apart by colour-blind readers; shapes, dashes and text carry the
meaning too. Numbers are pixels of the drawing, from its upper left corner.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import escape

from harness.report.parts import one_line, visible

WIDTH, HEIGHT = 440, 280  # of most drawings
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 12, 46  # room for the axes around the plot
LETTER = 6.4  # about as wide as a letter of an axis
SHAPES = ("circle", "square", "triangle", "diamond", "cross", "down")
_OUTLINES = {
    "square": "M-4-4H4V4H-4Z",
    "triangle": "M0-5L5 4H-5Z",
    "down": "M0 5L5-4H-5Z",
    "diamond": "M0-5.5L5.5 0L0 5.5L-5.5 0Z",
    "cross": "M-1.7-5H1.7V-1.7H5V1.7H1.7V5H-1.7V1.7H-5V-1.7H-1.7Z",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Places numbers between two pixels; what lies outside of its ends is put at the nearer one."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Give the pixel of a number."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return round(self.start + (at - low) / ((high - low) or 1.0) * (self.end - self.start), 1)

    def ticks(self, most: int = 6) -> list[float]:
        """Give round numbers within the axis, about as many as wanted."""
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            every = [10.0**power * step for power in powers for step in (1, 2, 5)]
            return [tick for tick in every if self.low <= tick <= self.high]
        span = (self.high - self.low) or 1.0
        step = 10.0 ** math.floor(math.log10(span / most))
        step *= next((factor for factor in (1, 2, 5) if span / (step * factor) <= most), 10)
        first = math.ceil(round(self.low / step, 6))
        return [round(n * step, 12) for n in range(first, math.floor(round(self.high / step, 6)) + 1)]


def percent(value: float) -> str:
    """Write a tick of a share."""
    return f"{round(value * 100, 6):g}%"


def plain(value: float) -> str:
    """Write a tick of any other number."""
    return f"{value:,.10g}"


def across(
    low: float, high: float, *, log: bool = False, left: float = LEFT, right: float = RIGHT, width: float = WIDTH
) -> Axis:
    """Give the axis below a plot."""
    return Axis(low=low, high=high, start=left, end=width - right, log=log)


def up(low: float, high: float, *, log: bool = False, top: float = TOP, height: float = HEIGHT) -> Axis:
    """Give the axis left of a plot."""
    return Axis(low=low, high=high, start=height - BOTTOM, end=top, log=log)


def time_ends(ends: Iterable[float], *, log: bool) -> tuple[float, float]:
    """Give the ends of an axis of times: from 0, or a logarithmic one from the smallest."""
    known = [end for end in ends if end > 0] or [1.0]  # a run from elsewhere may hold any
    return (min(known) * 0.9, max(known) * 1.1) if log else (0.0, max(known) * 1.06)


def below(axis: Axis, at: float, title: str, form: Callable[[float], str] = plain, *, grid: float | None = None) -> str:
    """Draw an axis at a height with its ticks and title; `grid` is where its lines begin."""
    shapes = [path(f"M{axis.start:g} {at:g}H{axis.end:g}", "soft")]
    ticks, last = axis.ticks(), -math.inf
    if grid is not None:
        shapes.append(path("".join(f"M{axis(tick):g} {grid:g}V{at:g}" for tick in ticks), "rule"))
    for tick in ticks:
        x, label = axis(tick), form(tick)
        if x - last >= LETTER * len(label) + 6:
            over = x + LETTER * (len(label) + 1) / 2 > axis.end + RIGHT  # a sign of percent is wide
            shapes.append(text(axis.end + RIGHT if over else x, at + 16, label, "soft", "end" if over else "middle"))
            last = x
    shapes.append(text((axis.start + axis.end) / 2, at + 36, title, "soft", "middle"))
    return "".join(shapes)


def beside(axis: Axis, title: str, form: Callable[[float], str] = plain, *, end: float = WIDTH - RIGHT) -> str:
    """Draw the axis left of a plot, with a line across the plot at each tick."""
    ticks = axis.ticks(5)
    shapes = [path("".join(f"M{LEFT} {axis(tick):g}H{end:g}" for tick in ticks), "rule")]
    shapes += [text(LEFT - 7, axis(tick) + 4, form(tick), "soft", "end") for tick in ticks]
    middle = (axis.start + axis.end) / 2
    turned = f'transform="rotate(-90 14 {middle:g})"'
    shapes.append(
        f'<text x="14" y="{middle:g}" text-anchor="middle" fill="var(--soft)" {turned}>{written(title)}</text>'
    )
    return "".join(shapes)


def written(label: str) -> str:
    """Make text harmless in a drawing, on one line."""
    return str(escape(visible(one_line(label))))


def text(x: float, y: float, label: str, colour: str = "ink", anchor: str = "start") -> str:
    """Write on the drawing; `y` is the base line."""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:g}" y="{y:g}"{where} fill="var(--{colour})">{written(label)}</text>'


def path(d: str, colour: str, width: float = 1, *, dash: str = "", opacity: float = 1) -> str:
    """Draw a line."""
    more = f' stroke-width="{width:g}"' if width != 1 else ""
    more += (f' stroke-dasharray="{dash}"' if dash else "") + (f' opacity="{opacity:g}"' if opacity < 1 else "")
    return f'<path d="{d}" fill="none" stroke="var(--{colour})"{more}/>'


def box(left: float, top: float, right: float, bottom: float, *, colour: str = "data", opacity: float = 0.75) -> str:
    """Draw a rectangle with a fine edge."""
    return (
        f'<rect x="{min(left, right):g}" y="{min(top, bottom):g}" width="{abs(right - left):.1f}" '
        f'height="{abs(bottom - top):.1f}" fill="var(--{colour})" fill-opacity="{opacity:g}" '
        f'stroke="var(--{colour})" stroke-width=".6"/>'
    )


def bars(places: Iterable[tuple[float, float, float]], floor: float) -> str:
    """Draw bars from a floor up, as one shape: each is its left end, its right end and its top."""
    outline = "".join(f"M{left:g} {floor:g}V{top:g}H{right:g}V{floor:g}" for left, right, top in places)
    return f'<path d="{outline}" fill="var(--data)" fill-opacity=".75" stroke="var(--data)" stroke-width=".6"/>'


def mark(x: float, y: float, shape: str, colour: str, *, filled: bool = True) -> str:
    """Draw a point; its shape tells it from others without its colour."""
    fill = f'fill="var(--{colour})"' if filled else f'fill="var(--page)" stroke="var(--{colour})" stroke-width="2"'
    if shape == "circle":
        return f'<circle cx="{x:g}" cy="{y:g}" r="4.2" {fill}/>'
    return f'<path transform="translate({x:g},{y:g})" d="{_OUTLINES[shape]}" {fill}/>'


def points(places: Sequence[tuple[float, float]]) -> str:
    """Write the way through some places."""
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in places)


def required(axis: Axis, value: float | None, label: str, ends: tuple[float, float], *, flat: bool) -> str:
    """Draw what is required across a plot, in a neutral colour, with its words beside the line."""
    if value is None:
        return ""
    at, (first, last) = axis(value), ends
    line = path(f"M{first:g} {at:g}H{last:g}" if flat else f"M{at:g} {first:g}V{last:g}", "ink", 1.5, dash="6 3")
    if not label:
        return line
    if flat:
        return line + text(first + 4, at - 5 if at > TOP + 14 else at + 14, label)
    fits = at - axis.start > LETTER * len(label) + 8
    return line + text(at - 5 if fits else at + 5, min(first, last) + 11, label, anchor="end" if fits else "start")
