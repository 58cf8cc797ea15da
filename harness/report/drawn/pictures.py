"""Small interval pictures for table cells, as inline SVG by a pure function: many fit into a page.

Colours come from the page's style sheet by class, so that they follow light, dark and print.
"""

from collections.abc import Callable

from markupsafe import Markup, escape

from harness.report.drawn.axes import Axis, percent
from harness.report.parts import Picture, ScaleGroup, number, visible

WIDTH, HEIGHT, MIDDLE = 150, 22, 11
_DOT = 3.5
_LEAST_APART = 0.13  # of the width, between two ticks
_EDGE = 0.04


def interval_svg(picture: Picture) -> Markup:
    """Draw an interval on its axis, with the wanted side of a threshold shaded.

    Its figure stands beside it as text, and a page has thousands: it holds no words, and the style sheet all that
    is alike in each (size, axis, dot).
    """
    place = Axis(low=picture.axis[0], high=picture.axis[1], start=4, end=WIDTH - 4)
    low, high, dot = place(picture.low), place(picture.high), place(picture.value)
    shapes = []
    if picture.threshold is not None:
        at = place(picture.threshold)
        if picture.wanted:
            start, end = (at, WIDTH - 2) if picture.wanted == "above" else (2, at)
            shapes.append(f'<rect class="wanted" x="{start:g}" y="3" width="{max(0, end - start):g}" height="16"/>')
        if picture.within:
            ends = [place(picture.threshold + side * picture.within) for side in (-1, 1)]
            shapes.append(f'<path class="within" d="M{ends[0]:g} 3V{HEIGHT - 3}M{ends[1]:g} 3V{HEIGHT - 3}"/>')
        shapes.append(f'<path class="limit" d="M{at:g} 1V{HEIGHT - 1}"/>')
    shapes.append(f'<path class="span" d="M{low:g} 7V15V{MIDDLE}H{high:g}V7V15"/>')
    if picture.bound is not None:
        shapes.append(f'<path class="bound" d="M{place(picture.bound):g} 3V{HEIGHT - 3}"/>')
    shapes.append(f'<circle class="dot" cx="{dot:g}" cy="{MIDDLE}" r="{_DOT}"/>')
    tone = "" if picture.tone == "plain" else f" {picture.tone}"
    return Markup(f'<svg class="interval{tone}" aria-hidden="true">{"".join(shapes)}</svg>')  # noqa: S704  # our numbers


def scale_svg(picture: Picture) -> Markup:
    """Draw an interval, what is seen and what is required on an axis that is as wide as there is room."""
    place = _shares(picture.axis)
    low, high = place(picture.low), place(picture.high)
    shapes = [f'<line class="span" x1="{low}" x2="{high}" y1="11" y2="11"/>']
    shapes += [f'<line class="span end" x1="{end}" x2="{end}" y1="7" y2="15"/>' for end in (low, high)]
    if picture.threshold is not None:
        at = place(picture.threshold)
        shapes.append(f'<line class="limit" x1="{at}" x2="{at}" y1="1" y2="21"/>')
    shapes.append(f'<circle class="dot" cx="{place(picture.value)}" cy="11" r="4"/>')
    label = escape(visible(picture.alt))
    return Markup(  # noqa: S704  # numbers of our own and escaped text
        f'<svg class="interval wide {picture.tone}" role="img" aria-label="{label}">{"".join(shapes)}</svg>'
    )


def ticks_svg(group: ScaleGroup) -> Markup:
    """Draw the axis of a group with its ticks in their unit."""
    low, high = group.axis
    place = _shares(group.axis)
    shapes = ['<line class="axis" x1="0" x2="100%" y1="1" y2="1"/>']
    last = -1.0
    for tick in Axis(low=low, high=high, start=0, end=100).ticks(4):
        where = (tick - low) / ((high - low) or 1.0)
        if where - last < _LEAST_APART:
            continue
        last = where
        anchor = "start" if where < _EDGE else "end" if where > 1 - _EDGE else "middle"
        told = percent(tick) if group.scale == "share" else _end(group, tick)
        shapes.append(f'<line class="axis" x1="{place(tick)}" x2="{place(tick)}" y1="1" y2="5"/>')
        shapes.append(f'<text x="{place(tick)}" y="17" text-anchor="{anchor}">{escape(told)}</text>')
    label = escape(f"{group.title}: axis from {_end(group, low)} to {_end(group, high)}")
    return Markup(  # noqa: S704  # as above
        f'<svg class="ticks" width="100%" height="20" role="img" aria-label="{label}">{"".join(shapes)}</svg>'
    )


def _end(group: ScaleGroup, value: float) -> str:
    return number(value, group.scale, currency=group.currency) if value else "0"


def bar_svg(size: float, alt: str) -> Markup:
    """Draw how much something is of the most, from 0 to 1."""
    return Markup(
        '<svg class="bar" width="100%" height="5" role="img" aria-label="{}"><rect width="{}" height="5"/></svg>'
    ).format(visible(alt), f"{max(0.5, size * 100):.1f}%")


def _shares(ends: tuple[float, float]) -> Callable[[float], str]:
    """Place numbers on an axis of any width, in per cent of it."""
    axis = Axis(low=ends[0], high=ends[1], start=1, end=99)
    return lambda value: f"{axis(value):g}%"
