"""Pages -> HTML: our templates beside the report's, so that both escape and look alike."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from harness.judge import Estimate, FigureText, amount, count, figure_text, signed_text
from harness.report.parts import VERDICT_TONES, one_line, visible
from harness.report.rendering import html_environment, render
from harness.web.guard import PAGE_POLICY
from harness.web.site import address, case_address, cases_address, run_address
from harness.web.sketches import history_chart, sparkline, timeline

_HERE = Path(__file__).parent
_TONES: Mapping[str, str] = {
    **{str(verdict): str(tone) for verdict, tone in VERDICT_TONES.items()},
    "PASS": "pass",
    "FAIL": "fail",
    "better": "pass",
    "worse": "fail",
}


def render_page(template: str, **values: object) -> str:
    """Render a page of the viewer."""
    return render(_environment(), template, policy=PAGE_POLICY, css="", **values)


@cache
def style_sheet() -> str:
    """Give the report's style sheet, for all pages."""
    return _environment().get_template("style.css").render()


@cache
def _environment() -> Environment:
    env = html_environment(_HERE / "templates")
    env.globals.update(
        address=address,
        amount=amount,
        case_address=case_address,
        cases_address=cases_address,
        count=count,
        difference=_difference,
        estimate=_estimate,
        history_chart=history_chart,
        one_line=one_line,
        run_address=run_address,
        sparkline=sparkline,
        spaces=_spaces,
        timeline=timeline,
        tone=lambda verdict: _TONES.get(verdict, "plain"),
        when=_when,
    )
    return env


def _estimate(estimate: Estimate | None, scale: Any = "share", currency: str = "") -> FigureText:  # noqa: ANN401
    """Write a figure with its interval; a dash where there is none."""
    if estimate is None or estimate.value is None:
        return FigureText("–")
    return figure_text(estimate, scale, currency)


def _difference(estimate: Estimate, scale: Any, currency: str) -> FigureText:  # noqa: ANN401
    """Write a difference with its sign; a dash where there is none."""
    return FigureText("–") if estimate.value is None else signed_text(estimate, scale, currency)


def _when(created_utc: str) -> str:
    """Shorten an instant to minutes."""
    return f"{created_utc[:10]} {created_utc[11:16]}" if len(created_utc) >= 16 else created_utc


def _spaces(text: str) -> Markup:
    """Show blanks at the ends of a short text, where they may decide how it is read."""
    core = text.strip(" ")
    before, after = text[: len(text) - len(text.lstrip(" "))], text[len(text.rstrip(" ")) :] if core else ""
    dot = '<span class="blank" aria-label="space">·</span>'
    return Markup(f"{dot * len(before)}{{}}{dot * len(after)}").format(escape(visible(core)))  # noqa: S704
