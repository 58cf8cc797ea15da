"""A comparison in Markdown, for a pull request or a wiki; everything foreign in it is inert."""

from __future__ import annotations

import re

from markupsafe import Markup

from harness.judge.documents.comparison import Comparison
from harness.report.comparison.view import view_of
from harness.report.neutral import cut_markdown, shorten
from harness.report.rendering import environment, render
from harness.report.run.markdown import inert, inert_code, inert_html, mark

TEMPLATE = "comparison.md.j2"
CASES_SHOWN = 30


def render_comparison_markdown(comparison: Comparison) -> str:
    """Render the comparison, at most as long as GitHub accepts in a comment."""
    env = environment(inert, None)
    env.filters.update(code=inert_code, html=inert_html, short=shorten, lines=_lines)
    env.globals["mark"] = mark
    rendered = render(env, TEMPLATE, view=view_of(comparison), most=CASES_SHOWN)
    return cut_markdown(re.sub(r"\n{3,}", "\n\n", rendered).strip() + "\n")


def _lines(text: str) -> Markup:
    """Print text inside of a `pre` tag: its lines stay lines, and none is blank, which would end the tag."""
    return Markup("&#10;").join(inert_html(line) for line in text.split("\n"))
