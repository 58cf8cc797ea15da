"""What Altair draws of a trend: shares with their intervals over runs or versions, and release marks."""

from __future__ import annotations

from harness.report.drawings import HEIGHT, PALETTE, WIDTH, Drawing, chart_of, library
from harness.report.neutral import one_line, shorten
from harness.report.plots import TrendPlot, TrendPoint

_LOOKS = (("data", "circle"), ("data2", "square"), ("data3", "triangle-up"))
_APART = 5  # pixels between the marks of two series at one step


def trend_chart(plot: TrendPlot) -> Drawing:
    """Draw each series as points with intervals on a line, and a dashed rule at each release."""
    alt = library()
    x = alt.X(
        "at:N",
        sort=list(plot.steps),
        title=plot.x_title,
        scale=alt.Scale(domain=list(plot.steps)),
        axis=alt.Axis(labelAngle=0, labelOverlap=True, grid=False),
    )
    ends = [end for _, points in plot.series for point in points for end in (point.low, point.high)]
    lowest, highest = min(ends, default=0.0), max(ends, default=1.0)
    pad = max(0.05 * (highest - lowest), 0.005)
    scale = alt.Scale(domain=[max(0.0, lowest - pad), min(1.0, highest + pad)], nice=False, zero=False)
    y = {"scale": scale, "title": plot.y_title, "axis": alt.Axis(format="~%", tickCount=6)}
    layers = _marks(plot, x)
    for place, (name, points) in enumerate(plot.series):
        shift = (place - (len(plot.series) - 1) / 2) * 2 * _APART
        named = name if len(plot.series) > 1 else ""
        layers += _series(named, points, _LOOKS[place % len(_LOOKS)], shift, (x, y))
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)


def _series(
    name: str,
    points: tuple[TrendPoint, ...],
    look: tuple[str, str],
    shift: float,
    axes: tuple[Drawing, dict[str, Drawing]],
) -> list[Drawing]:
    alt = library()
    colour, shape = PALETTE[look[0]], look[1]
    x, y = axes
    layers = []
    for hollow in (False, True):
        kept = [point for point in points if point.hollow == hollow]
        if not kept:
            continue
        chart = chart_of(
            at=[p.at for p in kept],
            value=[p.value for p in kept],
            low=[p.low for p in kept],
            high=[p.high for p in kept],
        )
        if not hollow:
            line = chart.mark_line(color=colour, strokeWidth=1.5, opacity=0.7, xOffset=shift)
            layers.append(line.encode(x=x, y=alt.Y("value:Q", **y)))
        bars = chart.mark_rule(color=colour, strokeWidth=3, opacity=0.25 if hollow else 0.5, xOffset=shift)
        layers.append(bars.encode(x=x, y=alt.Y("low:Q", **y), y2="high:Q"))
        fill = {} if hollow else {"fill": colour}
        dots = chart.mark_point(color=colour, size=60, shape=shape, xOffset=shift, **fill)
        layers.append(dots.encode(x=x, y=alt.Y("value:Q", **y)))
    if name and points:
        last = points[-1]
        text = chart_of(at=[last.at], value=[last.value], name=[shorten(one_line(name), 24)])
        label = text.mark_text(align="left", dx=8 + shift, color=PALETTE["ink"])
        layers.append(label.encode(x=x, y=alt.Y("value:Q", **y), text="name:N"))
    return layers


def _marks(plot: TrendPlot, x: Drawing) -> list[Drawing]:
    if not plot.marks:
        return []
    chart = chart_of(at=[at for at, _ in plot.marks], text=[letter for _, letter in plot.marks])
    rule = chart.mark_rule(color=PALETTE["soft"], strokeDash=[2, 3])
    label = chart.mark_text(align="left", baseline="top", dx=3, y=0, color=PALETTE["ink"])
    return [rule.encode(x=x), label.encode(x=x, text="text:N")]
