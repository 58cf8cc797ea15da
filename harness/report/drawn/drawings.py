"""Every kind of chart as inline SVG, with units on its axes and its intervals drawn.

A mark differs from its neighbours in shape, dash or text, never in colour alone. Each says in words what it shows.
"""

from typing import assert_never

from markupsafe import Markup

from harness.report import parts
from harness.report.drawn import axes
from harness.report.drawn.front import front_chart

_COLOURS = ("data", "data2", "data3", "soft")
_APART = 5  # pixels between the marks of two series at one step
_END = axes.WIDTH - axes.RIGHT
_FLOOR = axes.HEIGHT - axes.BOTTOM


def chart_svg(chart: parts.Chart, _key: str = "") -> Markup:
    """Draw a chart."""
    match chart.plot:
        case parts.SharePlot():
            drawn = _share(chart.plot)
        case parts.DistributionPlot():
            drawn = _distribution(chart.plot)
        case parts.TimelinePlot():
            drawn = _timeline(chart.plot)
        case parts.TrendPlot():
            drawn = _trend(chart.plot)
        case parts.PartsPlot():
            drawn = _parts(chart.plot)
        case parts.FrontPlot():
            drawn = front_chart(chart.plot)
        case _:
            assert_never(chart.plot)
    height = 34 * len(chart.plot.parts) + axes.BOTTOM + 8 if isinstance(chart.plot, parts.PartsPlot) else axes.HEIGHT
    title = axes.written(chart.alt)
    return Markup(  # noqa: S704  # numbers of our own and escaped text
        f'<svg class="chart" role="img" aria-label="{title}" viewBox="0 0 {axes.WIDTH} {height}" '
        f'width="{axes.WIDTH}" height="{height}">{drawn}</svg>'
    )


def _share(plot: parts.SharePlot) -> str:
    x, y = axes.across(_lowest(plot, "x"), 1.0), axes.up(_lowest(plot, "y"), 1.0)
    shapes = [axes.beside(y, plot.y_title, axes.percent), axes.below(x, _FLOOR, plot.x_title, axes.percent, grid=y.end)]
    if plot.diagonal:
        shapes.append(axes.path(f"M{x(0):g} {y(0):g}L{x(1):g} {y(1):g}", "soft", 1, dash="2 3"))
    if plot.line:
        line = plot.line
        places = [(x(a), y(b)) for a, b in zip(line.x, line.y, strict=True)]
        if line.low and line.high:
            upper = [(x(a), y(b)) for a, b in zip(line.x, line.high, strict=True)]
            lower = [(x(a), y(b)) for a, b in zip(line.x, line.low, strict=True)]
            band = axes.points([*upper, *reversed(lower)])
            shapes.append(f'<path d="{band}Z" fill="var(--data)" opacity=".18"/>')
        shapes.append(axes.path(axes.points(places), "data", 2))
        if len(places) <= 12:
            shapes += [axes.mark(*place, "circle", "data") for place in places]
    for n, box in enumerate(plot.boxes):
        shapes.append(_box(box, x, y, _COLOURS[n % len(_COLOURS)], axes.SHAPES[n % len(axes.SHAPES)]))
    shapes.append(axes.required(x, plot.x_required, "", (y.end, y.start), flat=False))
    shapes.append(axes.required(y, plot.y_required, "", (x.start, x.end), flat=True))
    return "".join(shapes)


def _lowest(plot: parts.SharePlot, axis: str) -> float:
    """Start the axis low enough for all that is drawn, at a tenth; curves get the whole square."""
    if plot.line or not plot.boxes:
        return 0.0
    wanted = plot.x_required if axis == "x" else plot.y_required
    lows = [getattr(box, f"{axis}_low") for box in plot.boxes]
    lowest = min([*lows, *([wanted] if wanted is not None else []), 0.9])
    return max(0.0, int((lowest - 0.03) * 10) / 10)


def _box(box: parts.Box, x: axes.Axis, y: axes.Axis, colour: str, shape: str) -> str:
    left, bottom = x(box.x_low), y(box.y_low)
    inside = bottom > _FLOOR - 16  # below the box its name would lie on the axis
    return (
        axes.box(left, y(box.y_high), x(box.x_high), bottom, colour=colour, opacity=0.12)
        + axes.mark(x(box.x), y(box.y), shape, colour)
        + axes.text(left + 3, bottom - 4 if inside else bottom + 13, parts.shorten(parts.one_line(box.name), 24))
    )


def _distribution(plot: parts.DistributionPlot) -> str:
    """Draw a histogram, the quantiles with their intervals above it, and the limit through both.

    The bins have equal ratios: equally wide on a logarithmic axis. On a linear one their widths differ, so there
    a bar's area is its count, and its height is trials per unit of time.
    """
    even, heights = bar_heights(plot)
    ends = [end for low, high, _ in plot.bins for end in (low, high)]
    ends += [end for one in plot.quantiles for end in (one.low, one.high)]
    ends += [plot.limit] if plot.limit is not None else []
    low, high = axes.time_ends(ends, log=plot.log)
    x = axes.across(low, high, log=plot.log)
    y = axes.up(0.0, max(heights, default=0.0) * 1.05 or 1.0, top=axes.TOP + 18 * len(plot.quantiles) + 14)
    shapes = [
        axes.beside(y, "trials" if even else f"trials per {plot.unit}"),
        axes.below(x, _FLOOR, f"latency ({plot.unit})"),
    ]
    filled = [one for one in plot.bins if one[2]]
    shapes.append(
        axes.bars(
            [(x(a), max(x(b), x(a) + 1.5), y(tall)) for (a, b, _), tall in zip(filled, heights, strict=True)], _FLOOR
        )
    )
    shapes += [_quantile(one, x, axes.TOP + 18 * n + 8) for n, one in enumerate(plot.quantiles)]
    top = axes.TOP + 18 * len(plot.quantiles)
    shapes.append(
        axes.required(x, plot.limit, parts.shorten(parts.one_line(plot.limit_text), 40), (_FLOOR, top), flat=False)
    )
    return "".join(shapes)


def bar_heights(plot: parts.DistributionPlot) -> tuple[bool, list[float]]:
    """Tell whether bars are counts, and give the height of each that is not empty."""
    filled = [one for one in plot.bins if one[2]]
    even = plot.log or any(high <= low for low, high, _ in filled)
    return even, [float(n) if even else n / (high - low) for low, high, n in filled]


def _quantile(one: parts.QuantileMark, x: axes.Axis, at: float) -> str:
    label = f"{one.name} {one.text}"
    right = x(one.high) + 8
    fits = right + axes.LETTER * len(label) < _END
    where = axes.text(right, at + 4, label) if fits else axes.text(x(one.low) - 8, at + 4, label, anchor="end")
    span = axes.path(f"M{x(one.low):g} {at:g}H{x(one.high):g}", "data2", 3, opacity=0.6)
    return span + axes.mark(x(one.value), at, "diamond", "data2") + where


def _timeline(plot: parts.TimelinePlot) -> str:
    ends = [b for _, b in plot.points] + ([plot.limit] if plot.limit is not None else [])
    low, high = axes.time_ends(ends, log=plot.log)
    x = axes.across(min(a for a, _ in plot.points), max(a for a, _ in plot.points) or 1.0)
    y = axes.up(low, high, log=plot.log)
    places = [(x(a), y(b)) for a, b in plot.points]
    shapes = [axes.beside(y, plot.y_title), axes.below(x, _FLOOR, f"time since the first trial ({plot.x_unit})")]
    if plot.steps:
        steps = "".join(f"H{a:g}V{b:g}" for a, b in places[1:])
        shapes.append(axes.path(f"M{places[0][0]:g} {places[0][1]:g}{steps}H{_END}", "data", 2))
    else:  # one path: hundreds of marks would make a third of a report
        dots = "".join(f"M{a:.0f} {b:.0f}h.01" for a, b in places)
        line = f'<path d="{dots}" stroke="var(--data)" stroke-width="4" stroke-linecap="round" opacity=".6"/>'
        shapes.append(line)
    label = parts.shorten(parts.one_line(plot.limit_text), 40)
    shapes.append(axes.required(y, plot.limit, label, (x.start, x.end), flat=True))
    return "".join(shapes)


def _parts(plot: parts.PartsPlot) -> str:
    largest = max((size for _, size, _ in plot.parts), default=0.0) or 1.0
    x = axes.across(0.0, largest, left=8, right=110)
    floor = 34 * len(plot.parts) + 8
    shapes = []
    for n, (name, size, told) in enumerate(plot.parts):
        top = 34 * n + 18
        shapes.append(axes.text(8, top - 5, parts.shorten(parts.one_line(name), 50)))
        shapes.append(axes.box(x(0), top, x(size), top + 11))
        shapes.append(axes.text(x(size) + 6, top + 10, told))
    return "".join([*shapes, axes.below(x, floor, plot.x_title)])


def _trend(plot: parts.TrendPlot) -> str:
    ends = [end for _, points in plot.series for point in points for end in (point.low, point.high)]
    ends += [plot.required] if plot.required is not None else []
    lowest, highest = min(ends, default=0.0), max(ends, default=1.0)
    pad = max(0.05 * (highest - lowest), 0.005)
    y = axes.up(max(0.0, lowest - pad), min(1.0, highest + pad))
    wide = (_END - axes.LEFT) / max(1, len(plot.steps))
    at = {step: round(axes.LEFT + wide * (n + 0.5), 1) for n, step in enumerate(plot.steps)}
    shapes = [axes.beside(y, plot.y_title, axes.percent), axes.path(f"M{axes.LEFT} {_FLOOR}H{_END}", "soft")]
    last = -100.0
    for step, place in at.items():
        label = parts.shorten(parts.one_line(step), max(3, int(max(wide, 90) / axes.LETTER)))
        if place - last > axes.LETTER * len(label) + 6:
            shapes.append(axes.text(place, _FLOOR + 16, label, "soft", "middle"))
            last = place
    shapes.append(axes.text((axes.LEFT + _END) / 2, _FLOOR + 36, plot.x_title, "soft", "middle"))
    for step, letter in plot.marks:
        shapes.append(axes.path(f"M{at[step]:g} {axes.TOP}V{_FLOOR}", "soft", 1, dash="2 3"))
        shapes.append(axes.text(at[step] + 3, axes.TOP + 10, letter))
    shapes.append(axes.required(y, plot.required, plot.required_text, (axes.LEFT, _END), flat=True))
    for n, (name, points) in enumerate(plot.series):
        shift = (n - (len(plot.series) - 1) / 2) * 2 * _APART
        shapes.append(_series([(at[p.at] + shift, p) for p in points], y, n))
        if len(plot.series) > 1 and points:
            x, value = at[points[-1].at] + shift, y(points[-1].value)
            fits = x + axes.LETTER * min(24, len(name)) + 12 < _END
            label = parts.shorten(parts.one_line(name), 24)
            shapes.append(axes.text(x + 10 if fits else x - 10, value - 8, label, anchor="start" if fits else "end"))
    return "".join(shapes)


def _series(points: list[tuple[float, parts.TrendPoint]], y: axes.Axis, n: int) -> str:
    if not points:
        return ""
    colour, shape = _COLOURS[n % 3], axes.SHAPES[n % len(axes.SHAPES)]
    line = axes.path(axes.points([(x, y(p.value)) for x, p in points]), colour, 1.5, opacity=0.7)
    spans = "".join(f"M{x:g} {y(p.low):g}V{y(p.high):g}" for x, p in points)
    dots = "".join(axes.mark(x, y(p.value), shape, colour) for x, p in points)
    return line + axes.path(spans, colour, 3, opacity=0.5) + dots
