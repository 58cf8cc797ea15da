"""A comparison of two candidates, and a change of model, for people: terminal, Markdown and one HTML page."""

from harness.report.comparison.rendered import (
    comparison_values,
    in_page,
    render_comparison_html,
    render_comparison_markdown,
    terminal_comparison,
)
from harness.report.comparison.upgrade import render_upgrade_html, render_upgrade_markdown, terminal_upgrade
