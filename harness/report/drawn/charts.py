"""Charts: Altair describes, vl-convert draws an SVG at report time, without a network or a browser.

A chart is drawn once and shown in light, dark and print: every colour in it is a name from `PALETTE`, and
the finished SVG says `var(--name)` in its place, which the page's style sheet resolves. The palette is that
of Okabe and Ito (2008), told apart by colour-blind readers; shapes, dashes and text carry the meaning too.
"""

import re
from collections import Counter
from typing import Any, assert_never

from markupsafe import Markup, escape

from harness.report import parts
from harness.report.drawn.drawings import PALETTE, distribution_chart, parts_chart, share_chart, timeline_chart
from harness.report.drawn.front import front_chart
from harness.report.drawn.trends import trend_chart
from harness.report.parts import Chart, DistributionPlot, FrontPlot, PartsPlot, SharePlot, TimelinePlot, TrendPlot

_FONT = "sans-serif"
_FEW_DOTS = 20
_COLOURS = re.compile("|".join(f'(?<=(?:fill)=")({h})(?=")|(?<=stroke=")({h})(?=")' for h in PALETTE.values()))
_NAMES = {value: name for name, value in PALETTE.items()}
_NOISE = re.compile(r' (?:aria-[a-z]+|role|font-family|class|xmlns:xlink)="[^"]*"')
_EMPTY = re.compile(r'<path d="M0,0h0v0h0Z" pointer-events="none"/>|<path (?:pointer-events="none" )?d=""/>|<g/>')
_DOT = re.compile(r'<path transform="translate\(([\d.-]+),([\d.-]+)\)" (d="[^"]+" [^>]*)/>')
_LONG = re.compile(r"(\d+\.\d\d)\d+")
_TAG = re.compile(r"<[^>]*>")  # coordinates are shortened, figures that a reader sees are not


def chart_svg(chart: Chart, key: str) -> Markup:
    """Draw a chart; `key` makes its ids unique in the page."""
    match chart.plot:
        case SharePlot():
            spec = share_chart(chart.plot)
        case DistributionPlot():
            spec = distribution_chart(chart.plot)
        case TimelinePlot():
            spec = timeline_chart(chart.plot)
        case TrendPlot():
            spec = trend_chart(chart.plot)
        case PartsPlot():
            spec = parts_chart(chart.plot)
        case FrontPlot():
            spec = front_chart(chart.plot)
        case _:
            assert_never(chart.plot)
    return _embed(_draw(spec), f"{key}-{chart.key}", chart)


def _draw(layers: Any) -> str:  # noqa: ANN401  # altair publishes no common type of its charts
    import vl_convert

    spec = {**layers.to_dict(validate=False), "config": _config()}
    return str(vl_convert.vegalite_to_svg(spec))


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
        "padding": {"left": 12, "right": 12, "top": 6, "bottom": 4},  # a reader's font may be wider than ours
        "aria": False,
        "view": {"stroke": None, "fill": None},
        "axis": axis,
        "text": text,
        "concat": {"spacing": 6},
    }


def _embed(svg: str, key: str, chart: Chart) -> Markup:
    """Make an SVG part of the page: theme colours, unique ids, a title, no noise."""
    svg = _NOISE.sub("", svg)
    svg = _EMPTY.sub("", svg)
    svg = _TAG.sub(lambda tag: _LONG.sub(r"\1", tag[0]), svg)
    svg = _share_dots(svg)
    svg = _COLOURS.sub(lambda m: f"var(--{_NAMES[m.group()]})", svg)
    for i, old in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg))):  # numbered by the process
        svg = re.sub(rf'(\bid="|url\(#|href="#){re.escape(old)}(?=["\)])', rf"\g<1>{key}-{i}", svg)
    title = escape(parts.visible(chart.alt))
    head = f'<svg class="chart" role="img" aria-label="{title}"'
    svg = re.sub(r"^<svg", lambda _: head, svg, count=1)
    return Markup(svg.replace(">", f"><title>{title}</title>", 1))  # noqa: S704  # drawn here, text escaped


def _share_dots(svg: str) -> str:
    """Draw equal marks from one definition: hundreds of dots would make a third of a report."""
    shapes = Counter(shape for _, _, shape in _DOT.findall(svg))
    names = {shape: f"dot{i}" for i, (shape, n) in enumerate(shapes.items()) if n > _FEW_DOTS}
    if not names:
        return svg

    def use(found: re.Match[str]) -> str:
        x, y, shape = found.groups()
        return f'<use href="#{names[shape]}" x="{x}" y="{y}"/>' if shape in names else found[0]

    defined = "".join(f'<path id="{name}" {shape}/>' for shape, name in names.items())
    return re.sub(r"^(<svg[^>]*>)", rf"\1<defs>{defined}</defs>", _DOT.sub(use, svg), count=1)
