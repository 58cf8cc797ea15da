"""*.prompt.yml: a superset of the prompt files that GitHub stores and renders. Untrusted, sandboxed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from harness.files.project import Written

Role = Literal["system", "user", "assistant", "developer"]


class Message(Written):
    """One message; content is a Jinja template over the inputs of a case."""

    role: Role
    content: str


class Prompt(Written):
    """A versioned prompt: either `messages` (chat) or `text` (plain completion), never both."""

    title: str = Field("", alias="name")
    description: str = ""
    model: str | None = None  # GitHub's field; a hint, models come from the suite
    parameters: dict[str, Any] = Field({}, alias="modelParameters")
    messages: tuple[Message, ...] = ()
    text: str | None = None
    examples: tuple[dict[str, str], ...] = ()  # each has the inputs and `label`
    response_format: str | dict[str, Any] | None = Field(None, alias="responseFormat")
    json_schema: str | dict[str, Any] | None = Field(None, alias="jsonSchema")
    grammar: str | None = None  # llama.cpp GBNF
    name: str = Field("", exclude=True)  # from the file name: v3.prompt.yml -> v3
    path: Path | None = Field(None, exclude=True)
