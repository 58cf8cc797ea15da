"""A template's text -> checked pieces: Jinja under the rules of `template_rules`, or GitHub's plain places.

Whatever a template does, its work and its text are bounded.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from functools import lru_cache, wraps
from itertools import groupby
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, UndefinedError, meta, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.filters import do_round
from jinja2.sandbox import ImmutableSandboxedEnvironment

from harness.files.prompts.template_rules import FILTERS, LISTS, TESTS, TemplateRefused, check_source, check_tree
from harness.files.written.findings import shown

PLACE = re.compile(r"\{\{\s*([^\W\d][\w-]*)\s*\}\}")  # as GitHub writes them
_LARGEST = 1_000_000  # characters of one rendered prompt
LARGEST_NUMBER = 1e18  # that a filter is given or gives
_MOST_DIGITS = 15


class RenderFailed(Exception):
    """A template could not be rendered with these inputs; the message says why."""


class TooMuchMemory(RenderFailed):
    """A template took more memory than there is."""


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,
        optimized=False,  # no computing of constants while compiling
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        cache_size=0,
    )
    environment.code_generator_class = _NothingAtCompileTime
    environment.globals.clear()
    own: dict[str, Callable[..., Any]] = {"join": _join, "round": _round, "tojson": _tojson}
    environment.filters = {name: _bounded(own.get(name) or environment.filters[name]) for name in FILTERS}
    environment.tests = {name: environment.tests[name] for name in TESTS}
    return environment


class _NothingAtCompileTime(CodeGenerator):
    """Compiles without computing: Jinja would run the filters of constants, even with the optimizer off."""

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:  # noqa: ANN401 - Jinja's own
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)


def _bounded(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse a long result and large numbers, so that no filter, nor many in a row, works without end."""

    @wraps(filter_)  # keeps Jinja's marks on the function
    def bounded(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - as any filter
        for value in (*args, *options.values()):
            _refuse_large(value)
        result = filter_(*args, **options)
        _refuse_large(result)
        return result

    return bounded


def _refuse_large(value: object) -> None:
    if isinstance(value, (int, float)) and not abs(value) <= LARGEST_NUMBER:
        raise RenderFailed("a number is not finite, or has more than 18 digits.")
    if isinstance(value, Sized) and len(value) > _LARGEST:
        raise RenderFailed(f"a value is longer than {_LARGEST:,} characters.")


def _round(value: float, precision: int = 0, method: str = "common") -> float:
    """Round as Jinja does, to digits that a number has: more would be powers of ten without end."""
    if abs(precision) > _MOST_DIGITS:
        raise RenderFailed(f"`round` works for at most {_MOST_DIGITS} digits.")
    return do_round(value, precision, method)  # type: ignore[arg-type]  # Jinja checks the method


def _join(value: Iterable[object], d: str = "", attribute: str | None = None) -> str:
    if attribute and attribute.startswith("_"):
        raise RenderFailed(f"`{shown(attribute)}` is not a part that a prompt may use.")
    items = [str(getattr(item, attribute) if attribute else item) for item in value]
    if sum(map(len, items)) + len(str(d)) * len(items) > _LARGEST:
        raise RenderFailed(f"a joined text is longer than {_LARGEST:,} characters.")
    return str(d).join(items)


def _tojson(value: object) -> str:
    """Write JSON for a model to read: nothing is escaped for HTML."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=vars)


_ENVIRONMENT = _environment()


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a template, and the names that it uses: Jinja's own, a text, or the place of one input."""

    template: Template | str
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A template that passed the rules, in pieces: those that no case can change are rendered only once."""

    parts: tuple[Piece, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names that the template uses, `examples` and `labels` included."""
        return frozenset[str]().union(*(part.names for part in self.parts))


@lru_cache(maxsize=256)
def compile_template(source: str, style: str | None = None) -> Compiled:
    """Check and compile one template. Raises TemplateRefused, which names the line in the template.

    `style` is the prompt's `template`: with "github" only `{{name}}` is a place, and all else is text.
    """
    check_source(source)
    if style == "github":
        pieces = enumerate(PLACE.split(source))  # text and names by turns
        return Compiled(tuple(Piece(piece, frozenset({piece} if i % 2 else ())) for i, piece in pieces if piece))
    try:
        tree = _ENVIRONMENT.parse(source)
        check_tree(tree)
        return Compiled(tuple(_parts(tree)))
    except TemplateSyntaxError as error:
        said = (error.message or "").rstrip(".")
        raise TemplateRefused(f"is not a valid template: {said}.", error.lineno) from None
    except (RecursionError, MemoryError, SyntaxError, ValueError, TemplateError):
        raise TemplateRefused("is too complicated a template.", 1) from None


def _parts(tree: nodes.Template) -> Iterator[Piece]:
    """Cut a template into texts, places of inputs, and what is for Jinja, with inputs or without any."""
    pieces = (piece for node in tree.body for piece in (node.nodes if isinstance(node, nodes.Output) else [node]))
    for kind, group in groupby(pieces, _kind):
        if isinstance(kind, Piece):
            yield from (kind for _ in group)
        else:
            alone = _alone(*group)
            yield Piece(_ENVIRONMENT.from_string(alone), frozenset(meta.find_undeclared_variables(alone)))


def _kind(piece: nodes.Node) -> Piece | bool:
    """Give a text or a place as it is, of all else whether an input can change it."""
    if isinstance(piece, nodes.TemplateData):
        return Piece(piece.data, frozenset())
    if isinstance(piece, nodes.Name) and piece.name not in LISTS:
        return Piece(piece.name, frozenset({piece.name}))
    return not meta.find_undeclared_variables(_alone(piece)) <= LISTS


def _alone(*pieces: nodes.Node) -> nodes.Template:
    body = [nodes.Output([piece], lineno=piece.lineno) if isinstance(piece, nodes.Expr) else piece for piece in pieces]
    tree = nodes.Template(body, lineno=1)
    tree.set_environment(_ENVIRONMENT)
    return tree


def refuse_long(size: int) -> None:
    """Raise RenderFailed for a prompt of more characters than _LARGEST."""
    if size > _LARGEST:
        raise RenderFailed(f"the rendered prompt is longer than {_LARGEST:,} characters.")


def fill(part: Piece, values: Mapping[str, Any]) -> str:
    """Render one piece with what its names stand for. Raises RenderFailed."""
    template = part.template
    if isinstance(template, str):
        if part.names and not isinstance(values.get(template), str):
            raise RenderFailed(f"'{template}' is undefined.")
        return str(values[template]) if part.names else template
    try:
        texts: list[str] = []
        size = 0
        for text in template.root_render_func(template.new_context(dict(values), shared=True)):
            size += len(text)
            refuse_long(size)
            texts.append(text)
        return "".join(texts)
    except RenderFailed:
        raise
    except UndefinedError as error:
        raise RenderFailed(f"{error.message}.") from None
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise RenderFailed(f"{type(error).__name__}: {shown(str(error), 200)}.") from None
    except (RecursionError, MemoryError):
        raise TooMuchMemory("it takes too much memory.") from None
    except Exception as error:  # a template that a person wrote is never a fault of the harness
        raise RenderFailed(f"{type(error).__name__}.") from None
