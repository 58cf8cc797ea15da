"""Reads suites and prompts, each with its problems at their lines."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from harness.files.project import Written
from harness.files.prompts.prompt import Prompt
from harness.files.suite import Suite
from harness.files.written.decoding import read_written
from harness.files.written.findings import Findings, did_you_mean, nearest, shortlist, shown
from harness.files.written.validation import Checked, check
from harness.files.written.yaml_lines import Path_, parse

# Where scalars stay text, as written.
PROMPT_TEXTS: tuple[Path_, ...] = (
    ("name",),
    ("description",),
    ("model",),
    ("text",),
    ("grammar",),
    ("messages", "*", "content"),
    ("examples", "*", "*"),
)
SUITE_TEXTS: tuple[Path_, ...] = (
    *(
        (key,)
        for key in ("name", "description", "labels", "positive", "cases", "prompts", "models", "volume")
    ),
    *(
        (key, "*")
        for key in ("labels", "cases", "prompts", "models", "columns", "perturbations", "thresholds")
    ),
    ("perturbations",),
    ("thresholds",),
    ("reply", "pattern"),
    ("reply", "aliases", "**"),
)

_NO_SUITES = {  # what is often named in place of one
    "harness.yml": "the project's file",
    ".prompt.yml": "a prompt",
    ".prompt.yaml": "a prompt",
    ".jsonl": "a file of cases",
    ".csv": "a file of cases",
    ".parquet": "a file of cases",
}

T = TypeVar("T", bound=Written)


def read_suite(path: Path, findings: Findings) -> Checked[Suite] | None:
    """Read a suite; with stand-ins for its broken parts, None when nothing can be made of it."""
    kind = next((what for ending, what in _NO_SUITES.items() if path.name.endswith(ending)), None)
    if kind is not None and path.is_file():
        findings.add(path, None, "", f"is {kind}, not a suite.", "Name a *.suite.yml file.")
        return None
    stand_ins = {"name": "suite", "labels": ["a", "b"], "cases": ["none"]}
    checked = _read(Suite, path, findings, SUITE_TEXTS, stand_ins)
    if checked is None:
        return None
    _suite_problems(checked)
    return _with(checked, path=path)


def _suite_problems(checked: Checked[Suite]) -> None:
    suite = checked.model
    if checked.whole("labels"):
        _label_problems(checked)
    if checked.whole("reply"):
        _reply_problems(checked)
    for field in ("thresholds", "perturbations", "models", "prompts", "cases"):
        for text, n in Counter(getattr(suite, field)).items():
            if n > 1:
                at = len(getattr(suite, field)) - 1 - getattr(suite, field)[::-1].index(text)
                checked.problem((field, at), f"`{shown(text)}` stands twice.", "Keep one of them.")
    odd = [label for label, value in suite.prevalence.items() if not 0 < value < 1]
    for label in odd:
        checked.problem(("prevalence", label), "must lie between 0% and 100%.")
    if not odd and sum(suite.prevalence.values()) > 1 + 1e-9:
        checked.problem(("prevalence",), "the shares sum to more than 100%.")
    if suite.costs is not None and suite.positive is None and checked.whole("positive"):
        checked.problem(("costs",), "costs per error need a positive label.", "Add `positive:`.")


def _label_problems(checked: Checked[Suite]) -> None:
    suite = checked.model
    seen: dict[str, str] = {}
    for i, label in enumerate(suite.labels):
        folded = label if suite.reply.case_sensitive else label.casefold()
        if not label.strip() or label != label.strip() or not label.isprintable() or len(label) > 200:
            checked.problem(
                ("labels", i),
                f"`{shown(label)}` is not a label.",
                "Write a short text without edges of spaces.",
            )
        if folded in seen:
            message = f"`{shown(label)}` and `{shown(seen[folded])}` are the same label."
            checked.problem(("labels", i), message, "Keep one of them, or set `reply.case_sensitive: true`.")
        seen[folded] = label
    named: list[tuple[Path_, str]] = [(("prevalence", label), label) for label in suite.prevalence]
    named += [(("reply", "aliases", label), label) for label in suite.reply.aliases]
    if suite.positive is not None:
        named.append((("positive",), suite.positive))
    for at, label in named:
        if label not in suite.labels:
            checked.problem(
                at, f"`{shown(label)}` is not one of the labels.", did_you_mean(label, suite.labels)
            )


def _reply_problems(checked: Checked[Suite]) -> None:
    rule = checked.model.reply
    fold: Callable[[str], str] = str if rule.case_sensitive else str.casefold
    owner = {fold(label): label for label in checked.model.labels} if checked.whole("labels") else {}
    for label, aliases in rule.aliases.items():
        for i, alias in enumerate(aliases):
            at = ("reply", "aliases", label, i)
            other = owner.setdefault(fold(alias), label)
            if not alias.strip():
                checked.problem(at, "is empty.", "Remove it.")
            elif other != label:
                checked.problem(at, f"`{shown(alias)}` already means `{shown(other)}`.", "Keep one meaning.")
    if rule.as_ == "regex":
        if rule.pattern is None:
            checked.problem(("reply", "pattern"), "is required for `as: regex`.", "Add `pattern:`.")
        else:
            try:
                re.compile(rule.pattern)
            except (re.error, RecursionError, OverflowError) as error:
                checked.problem(("reply", "pattern"), f"is not a regular expression: {error}.")
    elif rule.pattern is not None:
        checked.problem(("reply", "pattern"), f"does not apply to `as: {rule.as_}`.", "Use `as: regex`.")


def read_prompt(path: Path, findings: Findings) -> Checked[Prompt] | None:
    """Read a prompt; with stand-ins for its broken parts, None when nothing can be made of it."""
    checked = _read(Prompt, path, findings, PROMPT_TEXTS, {})
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
        checked.problem(
            ("jsonSchema",), "is text, but not a JSON object.", "Write the schema as YAML or JSON."
        )
    if isinstance(prompt.response_format, str) and prompt.response_format not in _FORMATS:
        fix = did_you_mean(prompt.response_format, _FORMATS)
        checked.problem(("responseFormat",), f"must be one of {shortlist(_FORMATS)}.", fix)
    return _with(checked, path=path, name=plain_name(path), title=prompt.title)


def _is_schema(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


_FORMATS = ("text", "json_object", "json_schema")


def plain_name(path: Path) -> str:
    """Name a prompt after its file: v3.prompt.yml -> v3."""
    return re.sub(r"(\.prompt)?\.ya?ml$", "", path.name, flags=re.IGNORECASE) or path.name


def _read(
    cls: type[T], path: Path, findings: Findings, texts: tuple[Path_, ...], stand_ins: Mapping[str, Any]
) -> Checked[T] | None:
    text = read_written(path, findings)
    tree = None if text is None else parse(text, path, findings)
    return None if tree is None else check(cls, tree, path, findings, texts=texts, stand_ins=stand_ins)


def _with(checked: Checked[T], **update: object) -> Checked[T]:
    model = checked.model.model_copy(update=update)
    return Checked(model, checked.tree, checked.path, checked.broken, checked.findings)
