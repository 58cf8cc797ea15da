"""What Altair draws: each kind of plot as a chart, with units on its axes and its intervals drawn.

A mark differs from its neighbours in shape, dash or text, never in colour alone.
"""

from collections.abc import Iterable
from typing import Any, TypeAlias

from harness.report.parts import Box, DistributionPlot, Line, PartsPlot, SharePlot, TimelinePlot, one_line, shorten

Drawing: TypeAlias = Any  # Altair's own types know too little of keyword dictionaries

PALETTE = {  # the light value stands in the specification and is replaced afterwards
    "ink": "#1c2127",
    "soft": "#5c6773",
    "rule": "#dfe3e8",
    "data": "#0072b2",
    "data2": "#d55e00",
    "data3": "#009e73",
    "limit": "#b3261e",
}
WIDTH, HEIGHT = 370, 230
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
_BOX_COLOURS = (PALETTE["data"], PALETTE["data2"], PALETTE["data3"], PALETTE["soft"])
_LIMIT = {"color": PALETTE["limit"], "strokeDash": [6, 3], "strokeWidth": 1.5}


def library() -> Drawing:
    """Give Altair, which takes long to import and is needed only where charts are drawn."""
    import altair

    return altair


def chart_of(**columns: Iterable[object]) -> Drawing:
    """Give a chart over columns of equal length."""
    alt = library()
    names = list(columns)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return alt.Chart(alt.Data(values=rows))


class _Square:
    """Two share axes that all marks of a plot have in common."""

    def __init__(self, plot: SharePlot) -> None:
        self.plot = plot
        self.domains = {axis: _zoom(plot, axis) for axis in "xy"}

    def x(self, field: str) -> Drawing:
        return library().X(f"{field}:Q", title=self.plot.x_title, **self._axis("x"))

    def y(self, field: str) -> Drawing:
        return library().Y(f"{field}:Q", title=self.plot.y_title, **self._axis("y"))

    def _axis(self, axis: str) -> dict[str, Drawing]:
        alt = library()
        scale = alt.Scale(domain=self.domains[axis], nice=False, zero=False)
        return {"scale": scale, "axis": alt.Axis(format="~%", tickCount=6)}


def _zoom(plot: SharePlot, axis: str) -> list[float]:
    """Start the axis low enough for all that is drawn, at a tenth; curves get the whole square."""
    if plot.line or not plot.boxes:
        return [0.0, 1.0]
    required = plot.x_required if axis == "x" else plot.y_required
    lows = [getattr(box, f"{axis}_low") for box in plot.boxes]
    lowest = min([*lows, *([required] if required is not None else []), 0.9])
    return [max(0.0, int((lowest - 0.03) * 10) / 10), 1.0]


def share_chart(plot: SharePlot) -> Drawing:
    """Draw shares against each other: a curve with its band, points with interval boxes, what is required."""
    square = _Square(plot)
    layers: list[Drawing] = []
    if plot.diagonal:
        mark = chart_of(x=[0, 1], y=[0, 1]).mark_line(color=PALETTE["soft"], strokeDash=[2, 3])
        layers.append(mark.encode(x=square.x("x"), y=square.y("y")))
    if plot.line:
        layers += _curve(plot.line, square)
    for i, box in enumerate(plot.boxes):
        layers += _box(box, square, _BOX_COLOURS[i % len(_BOX_COLOURS)], _SHAPES[i % len(_SHAPES)])
    if plot.x_required is not None:
        layers.append(chart_of(at=[plot.x_required]).mark_rule(**_LIMIT).encode(x=square.x("at")))
    if plot.y_required is not None:
        layers.append(chart_of(at=[plot.y_required]).mark_rule(**_LIMIT).encode(y=square.y("at")))
    return library().layer(*layers).properties(width=WIDTH, height=HEIGHT + 30)


def _curve(line: Line, square: _Square) -> list[Drawing]:
    layers: list[Drawing] = []
    if line.low and line.high:
        band = chart_of(x=line.x, low=line.low, high=line.high)
        band = band.mark_area(color=PALETTE["data"], opacity=0.18, clip=True)
        layers.append(band.encode(x=square.x("x"), y=square.y("low"), y2="high:Q"))
    points = {"color": PALETTE["data"], "size": 40} if len(line.x) <= 12 else False
    curve = chart_of(x=line.x, y=line.y, i=range(len(line.x)))
    curve = curve.mark_line(color=PALETTE["data"], strokeWidth=2, clip=True, point=points)
    layers.append(curve.encode(x=square.x("x"), y=square.y("y"), order="i:Q"))
    return layers


def _box(box: Box, square: _Square, colour: str, shape: str) -> list[Drawing]:
    name = shorten(one_line(box.name), 24)
    chart = chart_of(
        x=[box.x], y=[box.y], xl=[box.x_low], xh=[box.x_high], yl=[box.y_low], yh=[box.y_high], name=[name]
    )
    area = chart.mark_rect(color=colour, fillOpacity=0.12, stroke=colour, strokeWidth=1)
    point = chart.mark_point(color=colour, fill=colour, size=60, shape=shape)
    floor, ceiling = square.domains["y"]
    inside = box.y_low - floor < 0.08 * (ceiling - floor)  # below the box it would lie on the axis
    text = chart.mark_text(
        align="left",
        baseline="bottom" if inside else "top",
        dx=4 if inside else 0,
        dy=-4 if inside else 4,
        color=PALETTE["ink"],
    )
    return [
        area.encode(x=square.x("xl"), x2="xh:Q", y=square.y("yl"), y2="yh:Q"),
        point.encode(x=square.x("x"), y=square.y("y")),
        text.encode(x=square.x("xl"), y=square.y("yl"), text="name:N"),
    ]


def distribution_chart(plot: DistributionPlot) -> Drawing:
    """Draw a histogram, the quantiles with their intervals above it, and the limit through both.

    The bins have equal ratios: equally wide on a logarithmic axis. On a linear one their widths differ, so there
    a bar's area is its count, and its height is trials per unit of time.
    """
    alt = library()
    ends = [end for low, high, _ in plot.bins for end in (low, high)]
    ends += [end for mark in plot.quantiles for end in (mark.low, mark.high)]
    ends += [plot.limit] if plot.limit is not None else []
    scale = _time_scale(ends, log=plot.log)
    lows, highs, counts = zip(*(b for b in plot.bins if b[2]), strict=True) if plot.bins else ((), (), ())
    even = plot.log or any(high <= low for low, high in zip(lows, highs, strict=True))
    heights = counts if even else [n / (high - low) for low, high, n in zip(lows, highs, counts, strict=True)]
    bars = chart_of(low=lows, high=highs, n=heights, zero=[0] * len(heights))
    bars = bars.mark_rect(color=PALETTE["data"], opacity=0.75, stroke=PALETTE["data"], strokeWidth=0.5)
    bars = bars.encode(
        x=alt.X("low:Q", title=f"latency ({plot.unit})", scale=scale, axis=alt.Axis(tickCount=5)),
        x2="high:Q",
        y=alt.Y(
            "zero:Q",
            title="trials" if even else f"trials per {plot.unit}",
            axis=alt.Axis(tickMinStep=1, tickCount=4) if even else alt.Axis(tickCount=4),
        ),
        y2="n:Q",
    )
    lower = alt.layer(bars, *_limit(plot.limit, "x", plot.limit_text))
    lower = lower.properties(width=WIDTH - 70, height=HEIGHT - 20 * len(plot.quantiles))
    return alt.vconcat(_quantiles(plot, scale), lower) if plot.quantiles else lower


def _quantiles(plot: DistributionPlot, scale: Drawing) -> Drawing:
    alt = library()
    marks = plot.quantiles
    names = [f"{mark.name}  {mark.text}" for mark in marks]
    chart = chart_of(name=names, at=[m.value for m in marks], low=[m.low for m in marks], high=[m.high for m in marks])
    bare = alt.Axis(labels=False, ticks=False, title=None, domain=False, tickCount=5)
    y = alt.Y("name:N", sort=names, title=None, axis=alt.Axis(ticks=False, domain=False, labelColor=PALETTE["ink"]))
    spans = chart.mark_rule(color=PALETTE["data2"], strokeWidth=3, opacity=0.6)
    dots = chart.mark_point(color=PALETTE["data2"], fill=PALETTE["data2"], size=50, shape="diamond")
    layers = [
        spans.encode(x=alt.X("low:Q", scale=scale, axis=bare), x2="high:Q", y=y),
        dots.encode(x=alt.X("at:Q", scale=scale, axis=bare), y=y),
        *_limit(plot.limit, "x", ""),
    ]
    return alt.layer(*layers).properties(width=WIDTH - 70, height=20 * len(marks))


def _time_scale(ends: list[float], *, log: bool) -> Drawing:
    alt = library()
    if log:
        lowest = min((end for end in ends if end > 0), default=1.0)
        return alt.Scale(type="log", domain=[lowest * 0.9, max(ends) * 1.1], nice=False)
    return alt.Scale(domain=[0, (max(ends, default=0.0) or 1.0) * 1.06], nice=False)


def _limit(limit: float | None, axis: str, text: str) -> list[Drawing]:
    """Draw a limit across the plot, with what demands it beside the line."""
    if limit is None:
        return []
    alt = library()
    chart = chart_of(at=[limit], text=[shorten(one_line(text), 40)])
    at = alt.X("at:Q") if axis == "x" else alt.Y("at:Q")
    layers = [chart.mark_rule(**_LIMIT).encode(**{axis: at})]
    if text and axis == "x":
        label = chart.mark_text(align="right", baseline="top", dx=-5, dy=2, color=PALETTE["limit"], y=0)
        layers.append(label.encode(x=at, text="text:N"))
    elif text:
        label = chart.mark_text(align="left", baseline="bottom", dx=4, dy=-3, color=PALETTE["limit"], x=0)
        layers.append(label.encode(y=at, text="text:N"))
    return layers


def timeline_chart(plot: TimelinePlot) -> Drawing:
    """Draw points, or the steps of a setting, over the time of the run."""
    alt = library()
    ends = [y for _, y in plot.points] + ([plot.limit] if plot.limit is not None else [])
    title = f"time since the first trial ({plot.x_unit})"
    x = alt.X("x:Q", title=title, axis=alt.Axis(tickCount=6, grid=False))
    y = alt.Y("y:Q", title=plot.y_title, scale=_time_scale(ends, log=plot.log), axis=alt.Axis(tickCount=5))
    chart = chart_of(x=[x for x, _ in plot.points], y=[y for _, y in plot.points])
    if plot.steps:
        marks = chart.mark_line(color=PALETTE["data"], strokeWidth=2, interpolate="step-after")
    else:
        marks = chart.mark_point(color=PALETTE["data"], fill=PALETTE["data"], size=14, opacity=0.55, strokeWidth=0)
    layers = [marks.encode(x=x, y=y), *_limit(plot.limit, "y", plot.limit_text)]
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)


def parts_chart(plot: PartsPlot) -> Drawing:
    """Draw a bar for each part of a whole, in the order given, with its figure at the end of the bar."""
    alt = library()
    names = [name for name, _, _ in plot.parts]
    chart = chart_of(name=names, size=[s for _, s, _ in plot.parts], text=[t for _, _, t in plot.parts])
    largest = max((size for _, size, _ in plot.parts), default=0.0) or 1.0
    scale = alt.Scale(domain=[0, largest * 1.35], nice=False)  # room for the figure beside the longest bar
    y = alt.Y("name:N", sort=names, title=None, axis=alt.Axis(ticks=False, domain=False, labelColor=PALETTE["ink"]))
    x = alt.X("size:Q", title=plot.x_title, scale=scale, axis=alt.Axis(tickCount=5))
    bars = chart.mark_bar(color=PALETTE["data"], opacity=0.75, height=14)
    texts = chart.mark_text(align="left", dx=5, color=PALETTE["ink"])
    layers = [bars.encode(x=x, y=y), texts.encode(x=x, y=y, text="text:N")]
    return alt.layer(*layers).properties(width=WIDTH - 70, height=26 * len(names))
