"""A page in HTML: one file that needs nothing else and asks nobody for anything.

Its Content-Security-Policy allows the one style sheet inside it, by hash, and nothing else: no script, no
request, no form. So even text that slipped through escaping could not act.
"""

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup, escape

from harness.judge import FigureText
from harness.report.drawn import bar_svg, chart_svg, interval_svg, scale_svg, ticks_svg
from harness.report.parts import one_line, shorten, visible
from harness.report.rendering.environment import environment, render

_MARKS = {"pass": "✓ ", "fail": "✗ ", "inconclusive": "? ", "plain": ""}


def render_page(template: str, *, template_dir: Path | None = None, **values: object) -> str:
    """Render one self-contained page with our style sheet and the policy that allows nothing else."""
    env = html_environment(template_dir)
    # Give our style sheet and a user's additions; neither can end the element that holds it
    sheets = [env.get_template(name).render() for name in ("style.css", "extra.css")]
    css = "\n".join(sheets).replace("</", "<\\/")
    return render(env, template, css=Markup(css), policy=_policy(css), **values)  # noqa: S704  # our own file


def html_environment(template_dir: Path | None = None) -> Environment:
    """Give the environment of our HTML templates: every value escaped, charts and marks within reach."""
    env = environment(lambda text: escape(visible(text)), template_dir)
    env.filters.update(prose=_prose, short=lambda text, most: shorten(one_line(str(text)), most))
    env.globals.update(cases_link=_nowhere)  # a file by itself: the viewer has pages of cases
    env.globals.update(bar=bar_svg, scaled=scale_svg, ticks=ticks_svg)
    env.globals.update(draw=chart_svg, interval=interval_svg, mark=_MARKS.__getitem__, stacked=_stacked)
    return env


def _nowhere(*_which: object) -> str:
    return ""


def _policy(css: str) -> str:
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def _prose(text: str) -> Markup:
    """Show what a sentence has between backticks as code; nothing else in it is markup."""
    pieces = str(text).split("`")
    if len(pieces) % 2 == 0:  # one has no partner: they are no quotation
        return escape(visible(text))
    told = (Markup("<code>{}</code>") if i % 2 else Markup("{}") for i in range(len(pieces)))
    return Markup("").join(form.format(visible(piece)) for form, piece in zip(told, pieces, strict=True))


def _stacked(figure: FigureText) -> Markup:
    """Put an interval below its value, so that a column of figures stays narrow."""
    below = Markup('<span class="why">{}</span>').format(figure.interval) if figure.interval else ""
    return Markup("{}{}").format(figure.value, below)
