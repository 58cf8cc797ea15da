"""A comparison in Markdown, for a pull request or a wiki; everything foreign in it is inert."""

from __future__ import annotations

from markupsafe import Markup

from harness.judge.documents.comparison import Comparison
from harness.report.comparison.view import view_of
from harness.report.neutral import cut_markdown
from harness.report.rendering import inert_html, markdown_page

TEMPLATE = "comparison.md.j2"
CASES_SHOWN = 30


def render_comparison_markdown(comparison: Comparison) -> str:
    """Render the comparison, at most as long as GitHub accepts in a comment."""
    view = view_of(comparison)
    return cut_markdown(markdown_page(TEMPLATE, filters={"lines": _lines}, view=view, most=CASES_SHOWN))


def _lines(text: str) -> Markup:
    """Print text inside of a `pre` tag: its lines stay lines, and none is blank, which would end the tag."""
    return Markup("&#10;").join(inert_html(line) for line in text.split("\n"))
