"""*.prompt.yml: a superset of the prompt files that GitHub stores and renders. Untrusted, sandboxed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from harness.files.project import Written

Role = Literal["system", "user", "assistant", "developer"]

MOST_EXAMPLES = 500


class Message(Written):
    """One message; content is a Jinja template over the inputs of a case."""

    role: Role = Field(description="Who speaks.")
    content: str = Field(description="A Jinja template over the inputs of a case.")


class Prompt(Written):
    """A versioned prompt: either `messages` (chat) or `text` (plain completion), never both."""

    title: str = Field("", alias="name", description="What people call this prompt.")
    description: str = Field("", description="What it is for.")
    model: str | None = Field(None, description="A hint for other tools; models come from the suite.")
    parameters: dict[str, Any] = Field(
        {}, alias="modelParameters", description="Sent with every request: temperature, max_tokens, stop, ..."
    )
    messages: tuple[Message, ...] = Field(
        (), max_length=200, description="The chat, for endpoints that speak it."
    )
    text: str | None = Field(
        None, description="A plain text to be continued, for endpoints that complete text."
    )
    examples: tuple[dict[str, str], ...] = Field(
        (),
        max_length=MOST_EXAMPLES,
        description="Few-shot examples: the inputs of each and its `label`. A chat prompt whose templates "
        "don't loop over `examples` sends them as user and assistant turns before its last user message.",
    )
    response_format: str | dict[str, Any] | None = Field(
        None, alias="responseFormat", description="text, json_object or json_schema, or the object to send."
    )
    json_schema: str | dict[str, Any] | None = Field(
        None, alias="jsonSchema", description="The schema of the reply, for `responseFormat: json_schema`."
    )
    grammar: str | None = Field(None, description="llama.cpp grammar (GBNF) of the reply.")
    name: str = Field("", exclude=True)  # from the file name: v3.prompt.yml -> v3
    path: Path | None = Field(None, exclude=True)
    labels: tuple[str, ...] = Field((), exclude=True)  # of the suite; templates may loop over them
