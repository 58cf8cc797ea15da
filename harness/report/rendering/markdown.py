"""A document in Markdown for GitHub: every value in it is inert, whatever a reply holds."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from markupsafe import Markup

from harness.report.parts import markdown, markdown_code, markdown_html, shorten
from harness.report.rendering.environment import environment, render

_MARKS = {"pass": "✅ ", "fail": "❌ ", "inconclusive": "❓ ", "plain": ""}


def markdown_page(
    template: str,
    *,
    template_dir: Path | None = None,
    filters: Mapping[str, Callable[..., object]] | None = None,
    **values: object,
) -> str:
    """Render a document with no blank lines to spare; it may be longer than GitHub accepts."""
    env = environment(inert, template_dir)
    env.filters.update(prose=_prose, code=inert_code, html=inert_html, short=shorten, **(filters or {}))
    env.globals["mark"] = mark
    return re.sub(r"\n{3,}", "\n\n", render(env, template, **values)).strip() + "\n"


def inert(text: str) -> Markup:
    """Print text so that Markdown makes nothing of it."""
    return Markup(markdown(text))  # noqa: S704  # `Markup` here says: done for this medium


def inert_code(text: str, in_table: bool = True) -> Markup:
    """Print text as a code span."""
    return Markup(markdown_code(text, in_table=in_table))  # noqa: S704  # as above


def _prose(text: str, most: int = 0, in_table: bool = False) -> Markup:
    """Print a sentence of ours: what it has between backticks is code; with `most`, cut."""
    pieces = (shorten(text, most) if most else text).split("`")
    if len(pieces) % 2 == 0:  # one has no partner: they are no quotation
        return inert("`".join(pieces))
    told = (inert_code(piece, in_table) if i % 2 else inert(piece) for i, piece in enumerate(pieces))
    return Markup("").join(told)


def inert_html(text: str) -> Markup:
    """Print text inside of an HTML tag."""
    return Markup(markdown_html(text))  # noqa: S704  # as above


def mark(tone: str) -> Markup:
    """Print the sign of a tone."""
    return Markup(_MARKS[tone])  # noqa: S704  # our own
