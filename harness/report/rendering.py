"""Values -> documents: Jinja with an environment for each medium, in which nothing foreign can act.

What a template prints is made harmless for its medium by `finalize`, which passes every printed value through the
medium's neutraliser and marks it as done, so that a template, a user's own one too, can't forget it.

A page in HTML is one file that needs nothing else and asks nobody for anything. Its Content-Security-Policy allows
the one style sheet inside it, by hash, and nothing else: no script, no request, no form. So even text that slipped
through escaping could not act. A document in Markdown is for GitHub: every value in it is inert, whatever a reply
holds.
"""

import base64
import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import cache_from_source
from pathlib import Path
from pickle import UnpicklingError
from types import CodeType
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.bccache import Bucket
from markupsafe import Markup, escape

from harness.errors import FilesError, Problem, UsageError
from harness.judge import FigureText
from harness.report.drawn import bar_svg, chart_svg, interval_svg, scale_svg, ticks_svg
from harness.report.parts import markdown, markdown_code, markdown_html, one_line, shorten, visible

_HTML_MARKS = {"pass": "✓ ", "fail": "✗ ", "inconclusive": "? ", "plain": ""}
_MARKS = {"pass": "✅ ", "fail": "❌ ", "inconclusive": "❓ ", "plain": ""}


# All that decides what becomes of a template's text, beside the text and Jinja. Nothing is worked out as it is
# compiled, by `finalize` neither: what is compiled holds for any version of our own functions.
_COMPILING: dict[str, Any] = {
    "trim_blocks": True,
    "lstrip_blocks": True,
    "keep_trailing_newline": True,
    "optimized": False,
}
_OURS = Path(__file__).parents[1]
_SHEETS = ("style.css", "extra.css")
_NAMING = (nodes.Extends, nodes.FromImport, nodes.Import, nodes.Include)


class _Compiled(jinja2.BytecodeCache):
    """What was compiled, by a template's file and text: in this process, and our own templates beside them.

    Compiling them takes a seventh of a short run. They are kept in `__pycache__`, as Python keeps the modules of
    this package: who may write there may change the package; of any other folder, code must not be taken.
    """

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType | None] = {}

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        ours = filename is not None and Path(filename).is_relative_to(_OURS) and Path(filename).name == name
        return filename if ours and filename else super().get_cache_key(name, filename)

    def get_source_checksum(self, source: str) -> str:
        return super().get_source_checksum(f"{jinja2.__version__} escaped {_COMPILING} {source}")

    def load_bytecode(self, bucket: Bucket) -> None:
        code = self._code.get((bucket.key, bucket.checksum))
        if code is None and Path(bucket.key).is_absolute():
            with suppress(OSError, EOFError, ValueError, UnpicklingError):  # none is kept, or a torn one
                bucket.bytecode_from_string(Path(cache_from_source(bucket.key)).read_bytes())
            code = bucket.code
            if code is not None and code.co_filename != bucket.key:  # the package was moved
                code = None
        bucket.code = code

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.code
        if Path(bucket.key).is_absolute() and not sys.dont_write_bytecode:
            kept = Path(cache_from_source(bucket.key))
            written = kept.with_name(f"{kept.name}.{os.getpid()}")
            with suppress(OSError):  # a package that nobody may write to, a full disk: compiled each time
                kept.parent.mkdir(parents=True, exist_ok=True)
                written.write_bytes(bucket.bytecode_to_string())
                written.replace(kept)


_COMPILED = _Compiled()


def environment(neutralise: Callable[[str], Markup], template_dir: Path | None) -> jinja2.Environment:
    """Give an environment that finds a user's templates first, ours next, and ours as `default/…`."""
    if template_dir is not None and not template_dir.is_dir():
        raise UsageError(f"{template_dir} is not a folder", fix="Name the folder that holds your templates.")

    @jinja2.pass_context
    def finalize(_context: object, value: Any) -> Any:  # noqa: ANN401  # Jinja prints any value
        return value if isinstance(value, Markup | jinja2.Undefined) else neutralise(str(value))

    own = jinja2.PackageLoader("harness.report", "templates")
    theirs: list[jinja2.BaseLoader] = [jinja2.FileSystemLoader(template_dir)] if template_dir else []
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([*theirs, own, jinja2.PrefixLoader({"default": own})]),
        bytecode_cache=_COMPILED,
        autoescape=True,
        finalize=finalize,
        undefined=jinja2.StrictUndefined,
        **_COMPILING,
    )


def check_templates(folder: Path) -> None:
    """Compile a user's templates, and those that they name: a slip is told before a run is paid for."""
    pages = {"report.html.j2": html_environment(folder), "report.md.j2": markdown_environment(folder)}
    if not any((folder / name).is_file() for name in (*pages, *_SHEETS)):
        names = ", ".join((*pages, *_SHEETS))
        raise UsageError(f"{folder} holds no template of a report", fix=f"Call the files in it as ours: {names}.")
    for name in _SHEETS:
        _source(pages["report.html.j2"], name, folder / name)
    for name, env in pages.items():
        named: list[tuple[str, Path, int | None]] = [(name, folder / name, None)]
        for each, file, line in named:
            source = _source(env, each, file, line)
            for node in _read(env, each, source).find_all(_NAMING):
                told = getattr(node, "template", None)
                if isinstance(told, nodes.Const) and not getattr(node, "ignore_missing", False):
                    more = (str(told.value), folder / each, node.lineno)
                    named += [more] if more[0] not in {seen for seen, *_ in named} else []


def _read(env: jinja2.Environment, name: str, source: str) -> nodes.Template:
    with _told(name):
        env.get_template(name)
    return env.parse(source)


def _source(env: jinja2.Environment, name: str, file: Path, line: int | None = None) -> str:
    """Give the text of a template, with the line ends that a browser reads."""
    try:
        text = env.loader.get_source(env, name)[0] if env.loader else ""
    except jinja2.TemplateNotFound as error:
        raise _problem(str(file), line, f"there is no template {name!r}") from error
    except UnicodeError as error:
        raise _problem(str(file), line, f"the template {name!r} is not UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def render(env: jinja2.Environment, name: str, **values: object) -> str:
    """Render a template; an error in a user's template names its file and line."""
    with _told(name):
        return env.get_template(name).render(**values)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Turn what a user's template raises into its place; what ours alone raises is ours to mend."""
    try:
        yield
    except jinja2.TemplateSyntaxError as error:
        raise _problem(error.filename or name, error.lineno, error.message or "syntax error") from error
    except Exception as error:
        place = _place(error)
        if place is None and not isinstance(error, jinja2.TemplateError):
            raise
        raise _problem(*(place or (name, None)), str(error)) from error


def _place(error: Exception) -> tuple[str, int | None] | None:
    """Find the last line of a user's template in a traceback: Jinja rewrites it to the template's own."""
    place = None
    step = error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if "__jinja_exception__" in step.tb_frame.f_globals and not Path(file).is_relative_to(_OURS):
            place = (file, step.tb_lineno)
        step = step.tb_next
    return place


def _problem(file: str, line: int | None, message: str) -> FilesError:
    fix = "See docs/report-templates.md for what a template may use."
    return FilesError([Problem(file=Path(file), line=line, field="", message=message, fix=fix)])


def render_page(template: str, *, template_dir: Path | None = None, **values: object) -> str:
    """Render one self-contained page with our style sheet and the policy that allows nothing else."""
    env = html_environment(template_dir)
    # Give our style sheet and a user's additions; neither can end the element that holds it
    sheets = [_source(env, name, Path(name)) for name in _SHEETS]  # as they stand: `{#` is no comment in CSS
    css = "\n".join(sheets).replace("</", "<\\/")
    return render(env, template, css=Markup(css), policy=_policy(css), **values)  # noqa: S704  # our own file


def html_environment(template_dir: Path | None = None) -> jinja2.Environment:
    """Give the environment of our HTML templates: every value escaped, charts and marks within reach."""
    env = environment(_shown, template_dir)
    env.filters.update(
        prose=lambda text: _prose(str(text), _shown, _code),
        short=lambda text, most: shorten(one_line(str(text)), most),
        named=lambda text: _shown(str(text)).replace("[", Markup("<wbr>[")),  # a long `recall[label]` breaks there
    )
    env.globals.update(cases_link=lambda *_which: "")  # a file by itself: the viewer has pages of cases
    env.globals.update(bar=bar_svg, scaled=scale_svg, ticks=ticks_svg)
    env.globals.update(draw=chart_svg, interval=interval_svg, mark=_HTML_MARKS.__getitem__, stacked=_stacked)
    return env


def _shown(text: str) -> Markup:
    return escape(visible(text))


def _code(text: str) -> Markup:
    return Markup("<code>{}</code>").format(visible(text))


def _policy(css: str) -> str:
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def _prose(text: str, plain: Callable[[str], Markup], code: Callable[[str], Markup]) -> Markup:
    """Print a sentence of ours: what it has between backticks is code; nothing else in it is markup."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # one has no partner: they are no quotation
        return plain(text)
    return Markup("").join(code(piece) if i % 2 else plain(piece) for i, piece in enumerate(pieces))


def _stacked(figure: FigureText) -> Markup:
    """Put an interval below its value, so that a column of figures stays narrow."""
    below = Markup('<span class="why">{}</span>').format(figure.interval) if figure.interval else ""
    return Markup("{}{}").format(figure.value, below)


def markdown_page(
    template: str,
    *,
    template_dir: Path | None = None,
    filters: Mapping[str, Callable[..., object]] | None = None,
    **values: object,
) -> str:
    """Render a document with no blank lines to spare; it may be longer than GitHub accepts."""
    env = markdown_environment(template_dir)
    env.filters.update(filters or {})
    return re.sub(r"\n{3,}", "\n\n", render(env, template, **values)).strip() + "\n"


def markdown_environment(template_dir: Path | None = None) -> jinja2.Environment:
    """Give the environment of our Markdown templates: every value inert."""

    def prose(text: str, most: int = 0, in_table: bool = False) -> Markup:
        return _prose(shorten(text, most) if most else text, inert, lambda piece: inert_code(piece, in_table))

    env = environment(inert, template_dir)
    env.filters.update(prose=prose, code=inert_code, html=inert_html, short=shorten)
    env.globals["mark"] = mark
    return env


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
