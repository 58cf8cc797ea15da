"""Charts: Altair describes, vl-convert draws an SVG at report time, without a network or a browser.

A chart is drawn once and shown in light, dark and print: every colour in it is a name from `PALETTE`, and
the finished SVG says `var(--name)` in its place, which the page's style sheet resolves. The palette is that
of Okabe and Ito (2008), told apart by colour-blind readers; shapes, dashes and text carry the meaning too.
"""

from __future__ import annotations

import re
from typing import Any, assert_never

from markupsafe import Markup, escape

from harness.report.neutral import visible
from harness.report.parts import Chart
from harness.report.plots import DistributionPlot, SharePlot, TimelinePlot

PALETTE = {  # the light value stands in the specification and is replaced afterwards
    "ink": "#1c2127",
    "soft": "#5c6773",
    "rule": "#dfe3e8",
    "data": "#0072b2",
    "data2": "#d55e00",
    "data3": "#009e73",
    "limit": "#b3261e",
}
WIDTH = 440
_FONT = "sans-serif"
_COLOURS = re.compile(
    "|".join(f'(?<=(?:fill)=")({h})(?=")|(?<=stroke=")({h})(?=")' for h in PALETTE.values())
)
_NAMES = {value: name for name, value in PALETTE.items()}
_NOISE = re.compile(r' (?:aria-[a-z]+|role|font-family|class|xmlns:xlink)="[^"]*"')
_EMPTY = re.compile(
    r'<path d="M0,0h0v0h0Z" pointer-events="none"/>|<path (?:pointer-events="none" )?d=""/>|<g/>'
)
_LONG = re.compile(r"(\d+\.\d\d)\d+")
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")


def chart_svg(chart: Chart, key: str) -> Markup:
    """Draw a chart; `key` makes its ids unique in the page."""
    match chart.plot:
        case SharePlot():
            spec = _shares(chart.plot)
        case DistributionPlot():
            spec = _distribution(chart.plot)
        case TimelinePlot():
            spec = _timeline(chart.plot)
        case _:
            assert_never(chart.plot)
    return _embed(_draw(spec), f"{key}-{chart.key}", chart)


def _altair() -> Any:  # noqa: ANN401  # its own types know too little of keyword dictionaries
    import altair

    return altair


def _draw(layers: Any) -> str:  # noqa: ANN401  # altair publishes no common type of its charts
    import vl_convert

    chart = layers.configure(**_config())
    return str(vl_convert.vegalite_to_svg(chart.to_dict(validate=False)))


def _config() -> dict[str, Any]:
    text = {"font": _FONT, "fontSize": 12, "color": PALETTE["ink"]}
    axis = {
        "labelFont": _FONT,
        "titleFont": _FONT,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelColor": PALETTE["soft"],
        "titleColor": PALETTE["soft"],
        "domainColor": PALETTE["soft"],
        "tickColor": PALETTE["soft"],
        "gridColor": PALETTE["rule"],
        "titlePadding": 8,
        "labelLimit": 160,
    }
    return {
        "background": None,
        "padding": 4,
        "aria": False,
        "view": {"stroke": None, "fill": None},
        "axis": axis,
        "text": text,
        "concat": {"spacing": 6},
    }


def _rows(**columns: Any) -> Any:  # noqa: ANN401
    alt = _altair()

    names = list(columns)
    return alt.Data(
        values=[dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    )


def _shares(plot: SharePlot) -> Any:  # noqa: ANN401
    alt = _altair()

    x_scale, y_scale = alt.Scale(domain=_zoom(plot, "x")), alt.Scale(domain=_zoom(plot, "y"))
    x = alt.X("x:Q", title=plot.x_title, scale=x_scale, axis=alt.Axis(format="~%", tickCount=6))
    y = alt.Y("y:Q", title=plot.y_title, scale=y_scale, axis=alt.Axis(format="~%", tickCount=6))
    layers: list[Any] = []
    if plot.diagonal:
        ends = alt.Chart(_rows(x=[0, 1], y=[0, 1]))
        layers.append(ends.mark_line(color=PALETTE["soft"], strokeDash=[2, 3], clip=True).encode(x=x, y=y))
    if plot.line:
        layers += _curve(plot, x, y)
    layers += _boxes(plot, x, y)
    layers += _required(plot)
    return alt.layer(*layers).properties(width=WIDTH - 70, height=260)


def _zoom(plot: SharePlot, axis: str) -> list[float]:
    """Start the axis low enough for all that is drawn, at a tenth; curves get the whole square."""
    if plot.line or not plot.boxes:
        return [0.0, 1.0]
    required = plot.x_required if axis == "x" else plot.y_required
    lows = [getattr(box, f"{axis}_low") for box in plot.boxes]
    lowest = min([*lows, *([required] if required is not None else []), 0.9])
    return [max(0.0, int((lowest - 0.03) * 10) / 10), 1.0]


def _curve(plot: SharePlot, x: Any, y: Any) -> list[Any]:  # noqa: ANN401
    alt = _altair()

    line = plot.line
    assert line is not None
    layers: list[Any] = []
    if line.low and line.high:
        band = alt.Chart(_rows(x=line.x, low=line.low, high=line.high))
        layers.append(
            band.mark_area(color=PALETTE["data"], opacity=0.18, clip=True).encode(
                x=x, y=alt.Y("low:Q"), y2=alt.Y2("high:Q")
            )
        )
    base = alt.Chart(_rows(x=line.x, y=line.y, i=list(range(len(line.x)))))
    point = len(line.x) <= 12
    layers.append(
        base.mark_line(
            color=PALETTE["data"],
            strokeWidth=2,
            clip=True,
            point={"color": PALETTE["data"], "size": 40} if point else False,
        ).encode(x=x, y=y, order="i:Q")
    )
    return layers


def _boxes(plot: SharePlot, x: Any, y: Any) -> list[Any]:  # noqa: ANN401
    alt = _altair()

    layers: list[Any] = []
    colours = (PALETTE["data"], PALETTE["data2"], PALETTE["data3"], PALETTE["soft"])
    for i, box in enumerate(plot.boxes):
        colour = colours[i % len(colours)]
        row = _rows(
            x=[box.x], y=[box.y], xl=[box.x_low], xh=[box.x_high], yl=[box.y_low], yh=[box.y_high],
            name=[visible(box.name).replace("\n", " ")[:24]],
        )  # fmt: skip
        chart = alt.Chart(row)
        layers.append(
            chart.mark_rect(color=colour, fillOpacity=0.12, stroke=colour, strokeWidth=1, clip=True).encode(
                x=alt.X("xl:Q"), x2="xh:Q", y=alt.Y("yl:Q"), y2="yh:Q"
            )
        )
        shape = _SHAPES[i % len(_SHAPES)]
        layers.append(chart.mark_point(color=colour, fill=colour, size=60, shape=shape).encode(x=x, y=y))
        layers.append(
            chart.mark_text(align="right", baseline="bottom", dx=-8, dy=-6, color=PALETTE["ink"]).encode(
                x=x, y=y, text="name:N"
            )
        )
    return layers


def _required(plot: SharePlot) -> list[Any]:
    alt = _altair()

    layers: list[Any] = []
    style = {"color": PALETTE["limit"], "strokeDash": [6, 3], "strokeWidth": 1.5}
    if plot.x_required is not None:
        layers.append(alt.Chart(_rows(x=[plot.x_required])).mark_rule(**style).encode(x="x:Q"))
    if plot.y_required is not None:
        layers.append(alt.Chart(_rows(y=[plot.y_required])).mark_rule(**style).encode(y="y:Q"))
    return layers


def _distribution(plot: DistributionPlot) -> Any:  # noqa: ANN401
    alt = _altair()

    ends = [e for low, high, n in plot.bins if n for e in (low, high)]
    ends += [e for mark in plot.quantiles for e in (mark.low, mark.high)]
    ends += [plot.limit] if plot.limit is not None else []
    scale = _time_axis(ends, log=plot.log)
    x = alt.X(
        "low:Q",
        title=f"latency ({plot.unit})",
        scale=scale,
        axis=alt.Axis(format="~s" if plot.unit == "" else ",~g", tickCount=6),
    )
    kept = [bin_ for bin_ in plot.bins if bin_[2]]
    bars = (
        alt.Chart(
            _rows(
                low=[b[0] for b in kept],
                high=[b[1] for b in kept],
                n=[b[2] for b in kept],
                zero=[0] * len(kept),
            )
        )
        .mark_rect(color=PALETTE["data"], opacity=0.75, stroke=PALETTE["data"], strokeWidth=0.5)
        .encode(
            x=x,
            x2="high:Q",
            y=alt.Y("zero:Q", title="trials", axis=alt.Axis(tickMinStep=1, tickCount=5)),
            y2="n:Q",
        )
    )
    lower = alt.layer(bars, *_limit_rule(plot.limit, "x")).properties(width=WIDTH - 70, height=170)
    upper = _quantiles(plot, scale)
    return alt.vconcat(upper, lower).resolve_scale(x="shared") if plot.quantiles else alt.vconcat(lower)


def _time_axis(ends: list[float], *, log: bool) -> Any:  # noqa: ANN401
    alt = _altair()

    if log:
        return alt.Scale(
            type="log", domain=[min(e for e in ends if e > 0) * 0.9, max(ends) * 1.1], nice=False
        )
    return alt.Scale(domain=[0, max(ends) * 1.06], nice=False)


def _limit_rule(limit: float | None, axis: str) -> list[Any]:
    alt = _altair()

    if limit is None:
        return []
    rule = alt.Chart(_rows(at=[limit])).mark_rule(color=PALETTE["limit"], strokeDash=[6, 3], strokeWidth=1.5)
    return [rule.encode(**{axis: alt.X("at:Q") if axis == "x" else alt.Y("at:Q")})]


def _quantiles(plot: DistributionPlot, scale: Any) -> Any:  # noqa: ANN401
    alt = _altair()

    marks = plot.quantiles
    names = [f"{mark.name}  {mark.text}" for mark in marks]
    data = _rows(
        name=names, at=[m.value for m in marks], low=[m.low for m in marks], high=[m.high for m in marks]
    )
    y = alt.Y(
        "name:N", sort=names, title=None, axis=alt.Axis(ticks=False, domain=False, labelColor=PALETTE["ink"])
    )
    hidden = alt.Axis(labels=False, ticks=False, title=None, domain=False, tickCount=6)
    base = alt.Chart(data)
    spans = base.mark_rule(color=PALETTE["data2"], strokeWidth=3, opacity=0.6).encode(
        x=alt.X("low:Q", scale=scale, axis=hidden), x2="high:Q", y=y
    )
    dots = base.mark_point(color=PALETTE["data2"], fill=PALETTE["data2"], size=50, shape="diamond").encode(
        x=alt.X("at:Q", scale=scale, axis=hidden), y=y
    )
    layers = [spans, dots, *_limit_rule(plot.limit, "x")]
    return alt.layer(*layers).properties(width=WIDTH - 70, height=20 * len(marks))


def _timeline(plot: TimelinePlot) -> Any:  # noqa: ANN401
    alt = _altair()

    data = _rows(x=[p[0] for p in plot.points], y=[p[1] for p in plot.points])
    ends = [p[1] for p in plot.points] + ([plot.limit] if plot.limit is not None else [])
    x = alt.X(
        "x:Q", title=f"time since the first trial ({plot.x_unit})", axis=alt.Axis(tickCount=6, grid=False)
    )
    y = alt.Y("y:Q", title=plot.y_title, scale=_time_axis(ends, log=plot.log), axis=alt.Axis(tickCount=5))
    base = alt.Chart(data)
    if plot.steps:
        marks = base.mark_line(color=PALETTE["data"], strokeWidth=2, interpolate="step-after").encode(
            x=x, y=y
        )
    else:
        marks = base.mark_point(
            color=PALETTE["data"], fill=PALETTE["data"], size=14, opacity=0.55, strokeWidth=0
        ).encode(x=x, y=y)
    layers = [marks, *_limit_rule(plot.limit, "y")]
    return alt.layer(*layers).properties(width=WIDTH - 70, height=210)


def _embed(svg: str, key: str, chart: Chart) -> Markup:
    """Make an SVG part of the page: theme colours, unique ids, a title, no noise."""
    svg = _NOISE.sub("", svg)
    svg = _EMPTY.sub("", svg)
    svg = _LONG.sub(r"\1", svg)
    svg = _COLOURS.sub(lambda m: f"var(--{_NAMES[m.group()]})", svg)
    svg = re.sub(r'(\bid="|url\(#|href="#)', lambda m: m.group() + key + "-", svg)
    title = escape(visible(chart.alt))
    head = f'<svg class="chart" role="img" aria-label="{title}"'
    svg = re.sub(r"^<svg", lambda _: head, svg, count=1)
    return Markup(svg.replace(">", f"><title>{title}</title>", 1))  # noqa: S704  # drawn here, text escaped
