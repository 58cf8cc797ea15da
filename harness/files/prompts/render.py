"""What a prompt becomes for one case: the text that is sent, before any protocol wraps it.

Whitespace rules: the text is kept as YAML gives it, its last newline included. A line that holds only a
block tag (`{% for ... %}`) leaves nothing behind (Jinja's `trim_blocks` and `lstrip_blocks`). Values are
inserted as they are: case text is never parsed as a template, and nothing is escaped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sized
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from types import SimpleNamespace
from typing import Any, TypeAlias

from jinja2 import (
    StrictUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
    UndefinedError,
    meta,
    nodes,
)
from jinja2.compiler import CodeGenerator, Frame
from jinja2.filters import do_round
from jinja2.sandbox import ImmutableSandboxedEnvironment

from harness.files.prompts.prompt import Message, Prompt
from harness.files.prompts.template_rules import (
    FILTERS,
    LISTS,
    TESTS,
    TemplateRefused,
    check_source,
    check_tree,
)
from harness.files.written import shown

LARGEST = 1_000_000  # characters of one rendered prompt
LARGEST_NUMBER = 1e18  # that a filter is given or gives
_MOST_DIGITS = 15


@dataclass(frozen=True, slots=True)
class RenderedChat:
    """Chat messages in order, each (role, content)."""

    messages: tuple[tuple[str, str], ...]
    inputs: Mapping[str, str] = field(default_factory=dict, compare=False)  # for `endpoint: http`


@dataclass(frozen=True, slots=True)
class RenderedText:
    """One plain text to be continued."""

    text: str
    inputs: Mapping[str, str] = field(default_factory=dict, compare=False)  # for `endpoint: http`


Rendered: TypeAlias = RenderedChat | RenderedText


class RenderFailed(Exception):
    """A template could not be rendered with these inputs; the message says why."""


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
    """Refuse a long text or list, a large number, and what is no number."""
    if isinstance(value, (int, float)) and not abs(value) <= LARGEST_NUMBER:
        raise RenderFailed("a number is not finite, or has more than 18 digits.")
    if isinstance(value, Sized) and len(value) > LARGEST:
        raise RenderFailed(f"a value is longer than {LARGEST:,} characters.")


def _round(value: float, precision: int = 0, method: str = "common") -> float:
    """Round as Jinja does, to digits that a number has: more would be powers of ten without end."""
    if abs(precision) > _MOST_DIGITS:
        raise RenderFailed(f"`round` works for at most {_MOST_DIGITS} digits.")
    return do_round(value, precision, method)  # type: ignore[arg-type]  # Jinja checks the method


def _join(value: Iterable[object], d: str = "", attribute: str | None = None) -> str:
    if attribute and attribute.startswith("_"):
        raise RenderFailed(f"`{shown(attribute)}` is not a part that a prompt may use.")
    items = [str(getattr(item, attribute) if attribute else item) for item in value]
    if sum(map(len, items)) + len(str(d)) * len(items) > LARGEST:
        raise RenderFailed(f"a joined text is longer than {LARGEST:,} characters.")
    return str(d).join(items)


def _tojson(value: object) -> str:
    """Write JSON for a model to read: nothing is escaped for HTML."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=vars)


_ENVIRONMENT = _environment()


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a template, and the names that it uses."""

    template: Template
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A template that passed the rules, in pieces: those that no case can change are rendered only once."""

    parts: tuple[Part, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names that the template uses, `examples` and `labels` included."""
        return frozenset[str]().union(*(part.names for part in self.parts))


@lru_cache(maxsize=256)
def compile_template(source: str) -> Compiled:
    """Check and compile one template. Raises TemplateRefused, which names the line in the template."""
    check_source(source)
    try:
        tree = _ENVIRONMENT.parse(source)
        check_tree(tree)
        return Compiled(tuple(_part(group) for group in _groups(tree)))
    except TemplateSyntaxError as error:
        said = (error.message or "").rstrip(".")
        raise TemplateRefused(f"is not a valid template: {said}.", error.lineno) from None
    except (RecursionError, MemoryError, SyntaxError, ValueError, TemplateError):
        raise TemplateRefused("is too complicated a template.", 1) from None


def _part(body: list[nodes.Node]) -> Part:
    tree = nodes.Template(body, lineno=1)
    tree.set_environment(_ENVIRONMENT)
    names = frozenset(meta.find_undeclared_variables(tree))
    return Part(_ENVIRONMENT.from_string(tree), names)


def _groups(tree: nodes.Template) -> list[list[nodes.Node]]:
    """Cut a template where pieces that use inputs and pieces that don't meet."""
    groups: list[list[nodes.Node]] = []
    last = None
    for node in tree.body:
        alone = nodes.Template([node], lineno=1)
        alone.set_environment(_ENVIRONMENT)
        fixed = meta.find_undeclared_variables(alone) <= LISTS
        if fixed != last:
            groups.append([])
            last = fixed
        groups[-1].append(node)
    return groups


def _fill(part: Part, values: Mapping[str, Any]) -> str:
    template = part.template
    try:
        texts: list[str] = []
        size = 0
        for text in template.root_render_func(template.new_context(dict(values))):
            size += len(text)
            if size > LARGEST:
                raise RenderFailed(f"the rendered prompt is longer than {LARGEST:,} characters.")
            texts.append(text)
        return "".join(texts)
    except RenderFailed:
        raise
    except UndefinedError as error:
        raise RenderFailed(f"{error.message}.") from None
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise RenderFailed(f"{type(error).__name__}: {shown(str(error), 200)}.") from None
    except (RecursionError, MemoryError):
        raise RenderFailed("it takes too much memory.") from None
    except Exception as error:  # a template that a person wrote is never a fault of the harness
        raise RenderFailed(f"{type(error).__name__}.") from None


class Renderer:
    """Renders one prompt for many cases; templates are compiled once, here.

    Raises TemplateRefused when a template is not allowed, RenderFailed when the examples can't be placed.
    """

    def __init__(self, prompt: Prompt) -> None:
        self._examples = [SimpleNamespace(**example) for example in prompt.examples]
        self._constants = {"examples": self._examples, "labels": list(prompt.labels)}
        self._text = None if prompt.text is None else self._filler(compile_template(prompt.text))
        compiled = [(message, compile_template(message.content)) for message in prompt.messages]
        places = any("examples" in template.names for _, template in compiled)
        self._turns = [(message.role, self._filler(template)) for message, template in compiled]
        if prompt.examples and compiled and not places:
            self._insert_turns(prompt)

    def render(self, inputs: Mapping[str, str]) -> Rendered:
        """Render for the inputs of one case. Raises RenderFailed."""
        if self._text is not None:
            return RenderedText(self._text(inputs), inputs)
        return RenderedChat(tuple((role, fill(inputs)) for role, fill in self._turns), inputs)

    def _filler(self, compiled: Compiled) -> Callable[[Mapping[str, str]], str]:
        pieces: list[str | Callable[[Mapping[str, str]], str]] = []
        for part in compiled.parts:
            constants = {name: self._constants[name] for name in part.names & LISTS}
            pieces.append(_fill(part, constants) if part.names <= LISTS else _changing(part, constants))
        return _joined(pieces)

    def _insert_turns(self, prompt: Prompt) -> None:
        """Put each example before the last user message: that message for the example, then its label."""
        last = last_user(prompt.messages)
        if last is None:
            raise RenderFailed("there are examples, but no user message to put them before.")
        ask = self._turns[last][1]
        turns = []
        for example in prompt.examples:
            question, label = ask(example), example.get("label", "")
            turns += [("user", _constant(question)), ("assistant", _constant(label))]
        self._turns[last:last] = turns  # type: ignore[assignment]  # roles are Literals


def _changing(part: Part, constants: Mapping[str, Any]) -> Callable[[Mapping[str, str]], str]:
    if not constants:
        return lambda inputs: _fill(part, inputs)
    return lambda inputs: _fill(part, {**inputs, **constants})


def _joined(pieces: list[str | Callable[[Mapping[str, str]], str]]) -> Callable[[Mapping[str, str]], str]:
    def fill(inputs: Mapping[str, str]) -> str:
        text = "".join(piece if isinstance(piece, str) else piece(inputs) for piece in pieces)
        if len(text) > LARGEST:
            raise RenderFailed(f"the rendered prompt is longer than {LARGEST:,} characters.")
        return text

    return fill


def _constant(text: str) -> Callable[[Mapping[str, str]], str]:
    return lambda _inputs: text


def last_user(messages: tuple[Message, ...]) -> int | None:
    """Give the place of the last user message."""
    places = [i for i, message in enumerate(messages) if message.role == "user"]
    return places[-1] if places else None


def templates(prompt: Prompt) -> list[tuple[tuple[str | int, ...], str]]:
    """Every template of a prompt with its place in the file."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    if prompt.text is not None:
        found.append((("text",), prompt.text))
    found += [(("messages", i, "content"), message.content) for i, message in enumerate(prompt.messages)]
    return found


def variables(prompt: Prompt) -> frozenset[str]:
    """Give the names of the inputs that the templates use. Raises TemplateRefused."""
    names = frozenset[str]().union(*(compile_template(source).names for _, source in templates(prompt)))
    return names - LISTS
