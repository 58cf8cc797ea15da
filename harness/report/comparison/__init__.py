"""A comparison of two candidates for people: terminal, Markdown and one HTML page."""

from harness.report.comparison.pages import render_comparison_html, render_comparison_markdown
from harness.report.comparison.terminal import terminal_comparison
