"""*.prompt.yml: a superset of the prompt files that GitHub stores and renders. Untrusted, sandboxed."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, Field

from harness.files.digest import digest
from harness.files.project.secrets_guard import check_sent
from harness.files.written.findings import Findings, did_you_mean, nearest, shortlist
from harness.files.written.validation import Checked, Path_, Written, read_model

Role = Literal["system", "user", "assistant", "developer"]

MOST_EXAMPLES = 500

T = TypeVar("T")
Sent: TypeAlias = Annotated[
    T, AfterValidator(check_sent)
]  # a case, and an example, may hold a key: they may ask for it


class Message(Written):
    """One message; content is a Jinja template over the inputs of a case."""

    role: Role = Field(description="Who speaks.")
    content: str = Field(description="A Jinja template over the inputs of a case.")


class Prompt(Written):
    """A versioned prompt: either `messages` (chat) or `text` (plain completion), never both."""

    title: str = Field("", alias="name", description="What people call this prompt.")
    description: str = Field("", description="What it is for.")
    model: str | None = Field(None, description="A hint for other tools; models come from the suite.")
    parameters: Sent[dict[str, Any]] = Field(
        {}, alias="modelParameters", description="Sent with every request: temperature, max_tokens, stop, ..."
    )
    messages: tuple[Message, ...] = Field((), max_length=200, description="The chat, for endpoints that speak it.")
    text: str | None = Field(None, description="A plain text to be continued, for endpoints that complete text.")
    examples: tuple[dict[str, str], ...] = Field(
        (),
        max_length=MOST_EXAMPLES,
        description="Few-shot examples: the inputs of each and its `label`. A chat prompt whose templates "
        "don't loop over `examples` sends them as user and assistant turns before its last user message.",
    )
    response_format: Sent[str | dict[str, Any] | None] = Field(
        None, alias="responseFormat", description="text, json_object or json_schema, or the object to send."
    )
    json_schema: Sent[str | dict[str, Any] | None] = Field(
        None, alias="jsonSchema", description="The schema of the reply, for `responseFormat: json_schema`."
    )
    grammar: Sent[str | None] = Field(None, description="llama.cpp grammar (GBNF) of the reply.")
    template: Literal["jinja", "github"] | None = Field(
        None,
        description="How templates are read: as Jinja, or as GitHub does, where only {{name}} is a place. "
        "Absent: github where there are `testData`, `evaluators` or a `model` as GitHub names them.",
    )
    test_data: tuple[dict[str, Any], ...] = Field(
        (), alias="testData", exclude=True, description="Cases that GitHub keeps here; a suite may name this file."
    )
    evaluators: tuple[dict[str, Any], ...] = Field(
        (), exclude=True, description="GitHub's checks of a reply: read past; a suite's thresholds judge."
    )
    name: str = Field("", exclude=True)  # from the file name: v3.prompt.yml -> v3
    path: Path | None = Field(None, exclude=True)
    lines: dict[str, int] = Field({}, exclude=True)  # of its keys: `modelParameters.max_tokens`
    labels: tuple[str, ...] = Field((), exclude=True)  # of the suite; templates may loop over them
    confined: bool = Field(False, exclude=True)  # a stranger's: rendered in a child process only


# Where scalars stay text, as written.
PROMPT_TEXTS: tuple[Path_, ...] = (
    *((key,) for key in ("name", "description", "model", "text", "grammar")),
    ("messages", "*", "content"),
    ("examples", "*", "*"),
    ("testData", "**"),
    ("evaluators", "**"),
)


def read_prompt(path: Path, findings: Findings) -> Checked[Prompt] | None:
    """Read a prompt; with stand-ins for its broken parts, None when nothing can be made of it."""
    checked = read_model(Prompt, path, findings, texts=PROMPT_TEXTS)
    if checked is None:
        return None
    prompt = checked.model
    if prompt.text is not None and prompt.messages:
        checked.problem(("text",), "a prompt has `messages` or `text`, not both.", "Remove one of them.")
    misspelt = any(nearest(key, ("messages", "text")) for key in checked.broken)
    if prompt.text is None and not prompt.messages and not misspelt:
        checked.problem((), "has neither `messages` nor `text`.", "Add one of them.")
    for i, example in enumerate(prompt.examples):
        if "label" not in example:
            near = nearest("label", example)
            fix = f"Did you mean that by `{near}`?" if near else "Add `label:`."
            checked.problem(("examples", i), "the example has no `label`.", fix)
    wants_schema = prompt.response_format == "json_schema"
    if wants_schema and prompt.json_schema is None and checked.whole("jsonSchema"):
        checked.problem(("responseFormat",), "`json_schema` needs a `jsonSchema`.", "Add `jsonSchema:`.")
    if isinstance(prompt.json_schema, str) and not _is_schema(prompt.json_schema):
        checked.problem(("jsonSchema",), "is text, but not a JSON object.", "Write the schema as YAML or JSON.")
    if isinstance(prompt.response_format, str) and prompt.response_format not in _FORMATS:
        fix = did_you_mean(prompt.response_format, _FORMATS)
        checked.problem(("responseFormat",), f"must be one of {shortlist(_FORMATS)}.", fix)
    return checked.updated(
        path=path, name=plain_name(path), title=prompt.title, template=_template(prompt), lines=checked.tree.lines()
    )


def _template(prompt: Prompt) -> Literal["github"] | None:
    """Say whether a prompt is GitHub's: only they keep `testData`, `evaluators` and `publisher/name` models.

    What only Jinja has (`{%`, the fields of plain completion) outweighs the name of a model.
    """
    if prompt.template is not None:
        return "github" if prompt.template == "github" else None
    if prompt.test_data or prompt.evaluators:
        return "github"
    ours = prompt.text is not None or prompt.examples or prompt.grammar
    named = re.fullmatch(r"[\w.-]+/[\w.:-]+", prompt.model or "")
    jinja = any("{%" in message.content for message in prompt.messages)
    return "github" if named and not ours and not jinja else None


def _is_schema(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


_FORMATS = ("text", "json_object", "json_schema")


def plain_name(path: Path) -> str:
    """Name a prompt after its file: v3.prompt.yml -> v3."""
    return re.sub(r"(\.prompt)?\.ya?ml$", "", path.name, flags=re.IGNORECASE) or path.name


def prompt_digest(prompt: Prompt) -> str:
    """Digest what a prompt sends: templates, examples, parameters, reply format; not its titles.

    The labels of the suite count only where a template uses them.
    """
    content = prompt.model_dump(
        mode="json", include={"parameters", "messages", "text", "examples", "response_format", "json_schema", "grammar"}
    )
    sources = _sources(prompt)
    if any("labels" in source for source in sources):
        content["labels"] = list(prompt.labels)
    if prompt.template == "github" and any(_read_otherwise(source) for source in sources):
        content["template"] = "github"
    return digest(content)


def _read_otherwise(source: str) -> bool:
    """Whether Jinja would make something else of a template than GitHub does."""
    return "{%" in source or "{#" in source or bool(re.sub(r"\{\{\s*[^\W\d]\w*\s*\}\}", "", source).count("{{"))


def perturb_prompt(name: str, prompt: Prompt, seed: int) -> Prompt:
    """Give a prompt whose labels or examples stand in another order; the same where that changes nothing."""
    rng = Random(f"{name}\0{seed}")  # noqa: S311 - repeatable on purpose
    if name == "label_order" and any("labels" in source for source in _sources(prompt)):
        return prompt.model_copy(update={"labels": _shuffled(prompt.labels, rng)})
    if name == "example_order":
        return prompt.model_copy(update={"examples": _shuffled(prompt.examples, rng)})
    return prompt


def _sources(prompt: Prompt) -> list[str]:
    return [message.content for message in prompt.messages] + [prompt.text or ""]


def _shuffled(items: tuple[T, ...], rng: Random) -> tuple[T, ...]:
    """Shuffle until the order is another one, which takes a few draws at most."""
    if all(item == items[0] for item in items):
        return items
    moved = list(items)
    while tuple(moved) == items:
        rng.shuffle(moved)
    return tuple(moved)


@dataclass(slots=True)  # one for each trial: to freeze it takes three times as long as to make it
class RenderedChat:
    """Chat messages in order, each (role, content)."""

    messages: tuple[tuple[str, str], ...]
    inputs: Mapping[str, str] = field(default_factory=dict, compare=False)  # for `endpoint: http`


@dataclass(slots=True)
class RenderedText:
    """One plain text to be continued."""

    text: str
    inputs: Mapping[str, str] = field(default_factory=dict, compare=False)  # for `endpoint: http`


Rendered: TypeAlias = RenderedChat | RenderedText
