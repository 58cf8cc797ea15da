"""What Altair draws of a trend: shares with their intervals over runs or versions, and release marks."""

from harness.report.drawn.drawings import HEIGHT, PALETTE, WIDTH, Drawing, chart_of, library
from harness.report.parts import TrendPlot, TrendPoint, one_line, shorten

_LOOKS = (("data", "circle"), ("data2", "square"), ("data3", "triangle-up"))
_APART = 5  # pixels between the marks of two series at one step


def trend_chart(plot: TrendPlot) -> Drawing:
    """Draw each series as points with intervals on a line, and a dashed rule at each release."""
    alt = library()
    written = _written(plot.steps)
    order = list(written.values())
    x = alt.X(
        "at:N",
        sort=order,
        title=plot.x_title,
        scale=alt.Scale(domain=order),
        axis=alt.Axis(labelAngle=0, labelOverlap=True, grid=False),
    )
    ends = [end for _, points in plot.series for point in points for end in (point.low, point.high)]
    lowest, highest = min(ends, default=0.0), max(ends, default=1.0)
    pad = max(0.05 * (highest - lowest), 0.005)
    scale = alt.Scale(domain=[max(0.0, lowest - pad), min(1.0, highest + pad)], nice=False, zero=False)
    y = {"scale": scale, "title": plot.y_title, "axis": alt.Axis(format="~%", tickCount=6)}
    layers = _marks([(written[at], letter) for at, letter in plot.marks], x)
    for place, (name, points) in enumerate(plot.series):
        shift = (place - (len(plot.series) - 1) / 2) * 2 * _APART
        placed = [(written[point.at], point) for point in points]
        layers += _series(placed, _LOOKS[place % len(_LOOKS)], shift, (x, y))
        if len(plot.series) > 1 and placed:
            layers.append(_name(name, placed[-1], shift, (x, y)))
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)


def _written(steps: tuple[str, ...]) -> dict[str, str]:
    """Write the steps so that an axis can hold them; they stay distinct."""
    short = [shorten(one_line(step), 14) for step in steps]
    if len(set(short)) < len(short):
        short = [f"{place}: {text}" for place, text in enumerate(short, start=1)]
    return dict(zip(steps, short, strict=True))


def _series(
    points: list[tuple[str, TrendPoint]], look: tuple[str, str], shift: float, axes: tuple[Drawing, dict[str, Drawing]]
) -> list[Drawing]:
    if not points:
        return []
    alt = library()
    colour, shape = PALETTE[look[0]], look[1]
    x, y = axes
    value = alt.Y("value:Q", **y)
    chart = chart_of(
        at=[at for at, _ in points],
        value=[point.value for _, point in points],
        low=[point.low for _, point in points],
        high=[point.high for _, point in points],
    )
    line = chart.mark_line(color=colour, strokeWidth=1.5, opacity=0.7, xOffset=shift)
    bars = chart.mark_rule(color=colour, strokeWidth=3, opacity=0.5, xOffset=shift)
    dots = chart.mark_point(color=colour, fill=colour, size=60, shape=shape, xOffset=shift)
    return [line.encode(x=x, y=value), bars.encode(x=x, y=alt.Y("low:Q", **y), y2="high:Q"), dots.encode(x=x, y=value)]


def _name(name: str, last: tuple[str, TrendPoint], shift: float, axes: tuple[Drawing, dict[str, Drawing]]) -> Drawing:
    """Write the name of a series beside its last point."""
    x, y = axes
    chart = chart_of(at=[last[0]], value=[last[1].value], name=[shorten(one_line(name), 24)])
    label = chart.mark_text(align="left", dx=10 + shift, color=PALETTE["ink"])
    return label.encode(x=x, y=library().Y("value:Q", **y), text="name:N")


def _marks(marks: list[tuple[str, str]], x: Drawing) -> list[Drawing]:
    if not marks:
        return []
    chart = chart_of(at=[at for at, _ in marks], text=[letter for _, letter in marks])
    rule = chart.mark_rule(color=PALETTE["soft"], strokeDash=[2, 3])
    label = chart.mark_text(align="left", baseline="top", dx=3, y=0, color=PALETTE["ink"])
    return [rule.encode(x=x), label.encode(x=x, text="text:N")]
