"""report.md: for a pull request's comment or a wiki, at most as long as GitHub accepts."""

from __future__ import annotations

import re
from pathlib import Path

from markupsafe import Markup

from harness.report.neutral import cut_markdown, markdown, markdown_code, markdown_html, shorten
from harness.report.parts import ReportView
from harness.report.rendering import environment, render

TEMPLATE = "report.md.j2"
_MARKS = {"pass": "✅ ", "fail": "❌ ", "inconclusive": "❓ ", "plain": ""}


def render_markdown(view: ReportView, *, template_dir: Path | None = None) -> str:
    """Render the report; everything printed is inert, and what is too long is cut with a notice."""
    env = environment(inert, template_dir)
    env.filters.update(code=inert_code, html=inert_html, short=shorten)
    env.globals["mark"] = mark
    rendered = render(env, TEMPLATE, report=view)
    return cut_markdown(re.sub(r"\n{3,}", "\n\n", rendered).strip() + "\n")


def inert(text: str) -> Markup:
    """Print text so that Markdown makes nothing of it."""
    return Markup(markdown(text))  # noqa: S704  # `Markup` here says: done for this medium


def inert_code(text: str, in_table: bool = True) -> Markup:
    """Print text as a code span."""
    return Markup(markdown_code(text, in_table=in_table))  # noqa: S704  # as above


def inert_html(text: str) -> Markup:
    """Print text inside of an HTML tag."""
    return Markup(markdown_html(text))  # noqa: S704  # as above


def mark(tone: str) -> Markup:
    """Print the sign of a tone."""
    return Markup(_MARKS[tone])  # noqa: S704  # our own
