"""Small interval pictures for table cells, as inline SVG by a pure function: many fit into a page.

Colours come from the page's style sheet by class, so that they follow light, dark and print.
"""

from markupsafe import Markup, escape

from harness.report.parts import Picture, visible

WIDTH, HEIGHT, MIDDLE = 150, 22, 11
_DOT = 3.5


def interval_svg(picture: Picture) -> Markup:
    """Draw an interval on its axis, with the wanted side of a threshold shaded."""
    place = _Axis(picture.axis)
    low, high, dot = place(picture.low), place(picture.high), place(picture.value)
    shapes = [f'<path class="axis" d="M2 {MIDDLE}H{WIDTH - 2}"/>']
    if picture.threshold is not None:
        at = place(picture.threshold)
        if picture.wanted:
            start, end = (at, WIDTH - 2) if picture.wanted == "above" else (2, at)
            shapes.append(f'<rect class="wanted" x="{start:g}" y="3" width="{max(0, end - start):g}" height="16"/>')
        if picture.within:
            ends = [place(picture.threshold + side * picture.within) for side in (-1, 1)]
            shapes.append(f'<path class="within" d="M{ends[0]:g} 3V{HEIGHT - 3}M{ends[1]:g} 3V{HEIGHT - 3}"/>')
        shapes.append(f'<path class="limit" d="M{at:g} 1V{HEIGHT - 1}"/>')
    shapes.append(f'<path class="span" d="M{low:g} {MIDDLE}H{high:g}M{low:g} 7V15M{high:g} 7V15"/>')
    if picture.bound is not None:
        shapes.append(f'<path class="bound" d="M{place(picture.bound):g} 3V{HEIGHT - 3}"/>')
    shapes.append(f'<circle class="dot" cx="{dot:g}" cy="{MIDDLE}" r="{_DOT}"/>')
    label = escape(visible(picture.alt))
    return Markup(  # noqa: S704  # numbers of our own and escaped text
        f'<svg class="interval {picture.tone}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img" aria-label="{label}"><title>{label}</title>{"".join(shapes)}</svg>'
    )


class _Axis:
    """Places a number on the picture, never outside it."""

    def __init__(self, ends: tuple[float, float]) -> None:
        self.start, end = ends
        self.span = end - self.start or 1.0

    def __call__(self, value: float) -> float:
        share = min(1.0, max(0.0, (value - self.start) / self.span))
        return round(4 + share * (WIDTH - 8), 1)
