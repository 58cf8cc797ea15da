"""A comparison as files: an HTML file that needs nothing else, and Markdown for a wiki or a pull request.

Both have the style, policy and escaping of the report's own: everything foreign in them is inert.
"""

from typing import Any

from markupsafe import Markup

from harness.judge import Comparison
from harness.report.comparison.view import comparison_view
from harness.report.parts import cut_markdown
from harness.report.rendering import inert_html, markdown_page, render_page

HTML_TEMPLATE, HTML_CASES = "comparison.html.j2", 200
MARKDOWN_TEMPLATE, MARKDOWN_CASES = "comparison.md.j2", 30
VERDICT_MARKS = {"better": "✓ ", "worse": "✗ ", "no difference shown": "", "can't tell": "? "}


def render_comparison_html(comparison: Comparison) -> str:
    """Render the page; of more than `HTML_CASES` fixed or broken cases the rest is counted."""
    return render_page(HTML_TEMPLATE, **comparison_values(comparison))


def comparison_values(comparison: Comparison) -> dict[str, Any]:
    """Give what the page's template takes."""
    return {
        "view": comparison_view(comparison),
        "verdict_mark": lambda verdict: VERDICT_MARKS.get(verdict, ""),
        "most": HTML_CASES,
    }


def render_comparison_markdown(comparison: Comparison) -> str:
    """Render the comparison, at most as long as GitHub accepts in a comment."""
    view = comparison_view(comparison)
    return cut_markdown(markdown_page(MARKDOWN_TEMPLATE, filters={"lines": _lines}, view=view, most=MARKDOWN_CASES))


def _lines(text: str) -> Markup:
    """Print text inside of a `pre` tag: its lines stay lines, and none is blank, which would end the tag."""
    return Markup("&#10;").join(inert_html(line) for line in text.split("\n"))
