"""A comparison as one HTML file that needs nothing else: the style, policy and escaping of report.html."""

from __future__ import annotations

from harness.judge.documents.comparison import Comparison
from harness.report.comparison.view import view_of
from harness.report.rendering import render_page

TEMPLATE = "comparison.html.j2"
VERDICT_MARKS = {"better": "✓ ", "worse": "✗ ", "no difference shown": "", "can't tell": "? "}
CASES_SHOWN = 200


def render_comparison_html(comparison: Comparison) -> str:
    """Render the page; of more than `CASES_SHOWN` fixed or broken cases the rest is counted."""
    return render_page(
        TEMPLATE, view=view_of(comparison), verdict_mark=VERDICT_MARKS.__getitem__, most=CASES_SHOWN
    )
