"""Pages -> HTML: our templates beside the report's, so that both escape and look alike."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from harness.judge import Estimate, FigureText, amount, count, figure_text
from harness.report.parts import VERDICT_TONES, one_line, visible, when
from harness.report.rendering import html_environment, render
from harness.report.sections import history_section, letters
from harness.web.guard import FILE_POLICY, PAGE_POLICY
from harness.web.site import SERVED, Addresses
from harness.web.sketches import sparkline, timeline

_HERE = Path(__file__).parent
_TONES: Mapping[str, str] = {
    **{str(verdict): str(tone) for verdict, tone in VERDICT_TONES.items()},
    "PASS": "pass",
    "FAIL": "fail",
    "better": "pass",
    "worse": "fail",
}


def viewer_page(template: str, at: Addresses = SERVED, **values: object) -> str:
    """Render a page of the viewer, whose links lead to where the pages are."""
    links = {"address": at.page, "run_address": at.run, "cases_address": at.cases, "case_address": at.case}
    policy = PAGE_POLICY if at.served else FILE_POLICY
    page: dict[str, object] = {"policy": policy, "css": "", "static": at.static, "served": at.served}
    return render(_environment(), template, **page, **links, **values)


@cache
def static_files() -> dict[str, str]:
    """Give the report's style sheet, for all pages, with the viewer's own additions and script."""
    own = {name: (_HERE / "static" / name).read_text("utf-8") for name in ("viewer.css", "viewer.js")}
    return {"report.css": _environment().get_template("style.css").render(), **own}


@cache
def _environment() -> Environment:
    env = html_environment(_HERE / "templates")
    env.globals.update(
        amount=amount,
        count=count,
        estimate=_estimate,
        history_section=history_section,
        letters=letters,
        one_line=one_line,
        sparkline=sparkline,
        spaces=_spaces,
        timeline=timeline,
        tone=lambda verdict: _TONES.get(verdict, "plain"),
        unknown=(),
        when=when,
    )
    return env


def _estimate(estimate: Estimate | None, scale: Any = "share", currency: str = "") -> FigureText:  # noqa: ANN401
    """Write a figure with its interval; a dash where there is none."""
    if estimate is None or estimate.value is None:
        return FigureText("–")
    return figure_text(estimate, scale, currency)


def _spaces(text: str) -> Markup:
    """Show blanks at the ends of a short text, where they may decide how it is read."""
    core = text.strip(" ")
    before, after = text[: len(text) - len(text.lstrip(" "))], text[len(text.rstrip(" ")) :] if core else ""
    dot = '<span class="blank" aria-label="space">·</span>'
    return Markup(f"{dot * len(before)}{{}}{dot * len(after)}").format(escape(visible(core)))  # noqa: S704
