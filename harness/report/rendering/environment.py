"""The Jinja environment of a medium: what a template prints is made harmless for that medium by itself.

`finalize` passes every printed value through the medium's neutraliser and marks it as done, so that a
template, a user's own one too, can't forget it.
"""

from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

from jinja2 import (
    BaseLoader,
    BytecodeCache,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
    Undefined,
)
from jinja2.bccache import Bucket
from markupsafe import Markup

from harness.errors import FilesError, Problem, UsageError


class _Compiled(BytecodeCache):
    """What this process compiled, by a template's name, file and text: an environment is made for each page."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.code


_COMPILED = _Compiled()


def environment(neutralise: Callable[[str], Markup], template_dir: Path | None) -> Environment:
    """Give an environment that finds a user's templates first, ours next, and ours as `default/…`."""
    if template_dir is not None and not template_dir.is_dir():
        raise UsageError(f"{template_dir} is not a folder", fix="Name the folder that holds your templates.")

    def finalize(value: Any) -> Any:  # noqa: ANN401  # Jinja prints any value
        return value if isinstance(value, Markup | Undefined) else neutralise(str(value))

    own = PackageLoader("harness.report", "templates")
    theirs: list[BaseLoader] = [FileSystemLoader(template_dir)] if template_dir else []
    return Environment(
        loader=ChoiceLoader([*theirs, own, PrefixLoader({"default": own})]),
        bytecode_cache=_COMPILED,
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(env: Environment, name: str, **values: object) -> str:
    """Render a template; an error in a user's template names its file and line."""
    try:
        return env.get_template(name).render(**values)
    except TemplateSyntaxError as error:
        raise _problem(error.filename or name, error.lineno, error.message or "syntax error") from error
    except TemplateError as error:
        raise _problem(*_place(error, name), str(error)) from error


def _place(error: TemplateError, name: str) -> tuple[str, int | None]:
    """Find the template's line in a traceback: Jinja rewrites it to the template's own."""
    place: tuple[str, int | None] = (name, None)
    step = error.__traceback__
    while step is not None:
        if "__jinja_exception__" in step.tb_frame.f_globals:
            place = (step.tb_frame.f_code.co_filename, step.tb_lineno)
        step = step.tb_next
    return place


def _problem(file: str, line: int | None, message: str) -> FilesError:
    fix = "See docs/report-templates.md for what a template may use."
    return FilesError([Problem(file=Path(file), line=line, field="", message=message, fix=fix)])
