"""What a prompt becomes for one case: the text that is sent, before any protocol wraps it.

Whitespace rules: the text is kept as YAML gives it, its last newline included. A line that holds only a
block tag (`{% for ... %}`) leaves nothing behind (Jinja's `trim_blocks` and `lstrip_blocks`). Values are
inserted as they are: case text is never parsed as a template, and nothing is escaped.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

from harness.files.prompt import Message, Prompt, Rendered, RenderedChat, RenderedText
from harness.files.prompts.compiling import LISTS, Compiled, Piece, RenderFailed, compile_template, fill, refuse_long


class Renderer:
    """Renders one prompt for many cases; templates are compiled once, here.

    Raises TemplateRefused when a template is not allowed, RenderFailed when the examples can't be placed.
    """

    def __init__(self, prompt: Prompt) -> None:
        self._examples = [SimpleNamespace(**example) for example in prompt.examples]
        self._constants = {"examples": self._examples, "labels": list(prompt.labels)}
        self._text = None if prompt.text is None else self._filler(compile_template(prompt.text, prompt.template))
        compiled = [(message, compile_template(message.content, prompt.template)) for message in prompt.messages]
        places = any("examples" in template.names for _, template in compiled)
        self._turns = [(message.role, self._filler(template)) for message, template in compiled]
        if prompt.examples and compiled and not places:
            # Put each example before the last user message: that message for the example, then its label
            last = last_user(prompt.messages)
            if last is None:
                raise RenderFailed("there are examples, but no user message to put them before.")
            ask = self._turns[last][1]
            turns = []
            for example in prompt.examples:
                question, label = ask(example), example.get("label", "")
                turns += [("user", _joined([question])), ("assistant", _joined([label]))]
            self._turns[last:last] = turns  # type: ignore[assignment]  # roles are Literals

    def render(self, inputs: Mapping[str, str]) -> Rendered:
        """Render for the inputs of one case. Raises RenderFailed."""
        if self._text is not None:
            return RenderedText(self._text(inputs), inputs)
        messages = [(role, fill(inputs)) for role, fill in self._turns]
        refuse_long(sum([len(content) for _, content in messages]))
        return RenderedChat(tuple(messages), inputs)

    def close(self) -> None:
        """End nothing: it renders here (see `harness.files.prompts.confined` for where it does not)."""

    def _filler(self, compiled: Compiled) -> Callable[[Mapping[str, str]], str]:
        pieces: list[str | Callable[[Mapping[str, str]], str]] = []
        for part in compiled.parts:
            constants = {name: self._constants[name] for name in part.names & LISTS}
            pieces.append(fill(part, constants) if part.names <= LISTS else _changing(part, constants))
        return _joined(pieces)


def _changing(part: Piece, constants: Mapping[str, Any]) -> Callable[[Mapping[str, str]], str]:
    if not constants:
        return partial(fill, part)
    return lambda inputs: fill(part, {**inputs, **constants})


def _joined(pieces: list[str | Callable[[Mapping[str, str]], str]]) -> Callable[[Mapping[str, str]], str]:
    def whole(inputs: Mapping[str, str]) -> str:
        text = "".join([piece if isinstance(piece, str) else piece(inputs) for piece in pieces])
        refuse_long(len(text))
        return text

    return whole


def last_user(messages: tuple[Message, ...]) -> int | None:
    """Give the place of the last user message."""
    return max((i for i, message in enumerate(messages) if message.role == "user"), default=None)


def templates(prompt: Prompt) -> list[tuple[tuple[str | int, ...], str]]:
    """Every template of a prompt with its place in the file."""
    text = [] if prompt.text is None else [(("text",), prompt.text)]
    return [*text, *((("messages", i, "content"), message.content) for i, message in enumerate(prompt.messages))]


def variables(prompt: Prompt) -> frozenset[str]:
    """Give the names of the inputs that the templates use. Raises TemplateRefused."""
    compiled = (compile_template(source, prompt.template) for _, source in templates(prompt))
    return frozenset[str]().union(*(one.names for one in compiled)) - LISTS
