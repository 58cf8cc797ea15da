"""A YAML file -> a pydantic model, with every problem at its line.

When some top-level keys are wrong, the model is built from the others, so that what depends only on them is
checked in the same pass and reported together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.files.findings import Findings, did_you_mean, shown
from harness.files.project import Written
from harness.files.written_yaml import Entries, Node, Path_, dotted, node_at, plain_value

M = TypeVar("M", bound=Written)

# fields that a loader fills in, never a file
_FILLED = {
    "Prompt": frozenset({"path", "labels", "title"}),
    "Suite": frozenset({"path"}),
    "Project": frozenset({"path", "root"}),
}

_PLAIN = {
    "string_type": "must be text.",
    "dict_type": "must be a mapping of keys to values.",
    "model_type": "must be a mapping of keys to values.",
    "tuple_type": "must be a list.",
    "list_type": "must be a list.",
    "int_type": "must be a whole number.",
    "int_parsing": "must be a whole number.",
    "int_from_float": "must be a whole number.",
    "float_type": "must be a number.",
    "float_parsing": "must be a number.",
    "finite_number": "must be a finite number.",
    "bool_type": "must be true or false.",
    "bool_parsing": "must be true or false.",
    "path_type": "must be a path.",
}


@dataclass(frozen=True, slots=True)
class Checked(Generic[M]):
    """A model with the tree it came from; `broken` names the top-level keys that stand-ins replace."""

    model: M
    tree: Entries
    path: Path
    broken: frozenset[str]
    findings: Findings

    def problem(self, at: Sequence[str | int], message: str, fix: str = "") -> None:
        """Note a problem at a place of the file."""
        _, line, _ = node_at(self.tree, at)
        self.findings.add(self.path, line, dotted(at), message, fix)

    def whole(self, *keys: str) -> bool:
        """Say whether none of these top-level keys was broken."""
        return not self.broken.intersection(keys)


def check(
    cls: type[M],
    tree: Entries,
    path: Path,
    findings: Findings,
    *,
    texts: Sequence[Path_],
    stand_ins: Mapping[str, Any],
) -> Checked[M] | None:
    """Validate a tree; None when not even a model with stand-ins can be built."""
    raw = plain_value(tree, texts)
    _refuse_internal(cls, raw, tree, path, findings)
    broken: set[str] = set()
    try:
        return Checked(cls.model_validate(raw), tree, path, frozenset(broken), findings)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            _report(cls, detail, tree, path, findings)
            if detail["loc"]:
                broken.add(str(detail["loc"][0]))
    for key in broken:
        raw.pop(key, None)
    for key, value in stand_ins.items():
        raw.setdefault(key, value)
    try:
        return Checked(cls.model_validate(raw), tree, path, frozenset(broken), findings)
    except ValidationError:
        return None


def _refuse_internal(
    cls: type[BaseModel], raw: dict[str, Any], tree: Entries, path: Path, findings: Findings
) -> None:
    refused = {key for key in raw if key in _FILLED.get(cls.__name__, frozenset())}
    for key in refused:
        raw.pop(key)
        _unknown(cls, (key,), tree, path, findings)


def report_all(
    cls: type[BaseModel],
    error: ValidationError,
    tree: Node,
    path: Path,
    findings: Findings,
    prefix: Path_ = (),
) -> None:
    """Note every problem of a validation that was done on a part of the file."""
    for detail in error.errors(include_url=False, include_input=False):
        detail["loc"] = (*prefix, *detail["loc"])
        _report(cls, detail, tree, path, findings, skip=len(prefix))


def _report(
    cls: type[BaseModel], detail: ErrorDetails, tree: Node, path: Path, findings: Findings, skip: int = 0
) -> None:
    loc = tuple(step for step in detail["loc"] if step != "[key]")
    if detail["type"] == "extra_forbidden":
        _unknown(cls, loc, tree, path, findings, skip)
        return
    _, line, walked = node_at(tree, loc)
    if detail["type"] == "missing":
        findings.add(path, line, dotted(loc), "is required but missing.", f"Add `{loc[-1]}:`.")
        return
    findings.add(path, line, dotted(walked or loc), _message(detail))


def _unknown(
    cls: type[BaseModel], loc: Path_, tree: Node, path: Path, findings: Findings, skip: int = 0
) -> None:
    _, line, _ = node_at(tree, loc)
    known = _known_keys(_model_at(cls, loc[skip:-1]))
    key = shown(str(loc[-1]))
    findings.add(path, line, dotted(loc), f"unknown key `{key}`.", did_you_mean(key, known))


def _model_at(cls: type[BaseModel], loc: Sequence[str | int]) -> type[BaseModel]:
    """Find the model whose keys stand at `loc`, following fields and what their containers hold."""
    for step in loc:
        for name, info in cls.model_fields.items():
            if step in (name, info.alias):
                cls = _inner(info.annotation) or cls
    return cls


def _inner(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _inner(part)
        if found is not None:
            return found
    return None


def _known_keys(cls: type[BaseModel]) -> list[str]:
    hidden = _FILLED.get(cls.__name__, frozenset())
    return [
        info.alias or name for name, info in cls.model_fields.items() if (info.alias or name) not in hidden
    ]


def _message(detail: ErrorDetails) -> str:
    kind, ctx = detail["type"], detail.get("ctx", {})
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind == "value_error":
        return f"{ctx['error']}."
    if kind == "literal_error":
        return f"must be one of {str(ctx['expected']).replace(chr(39), '`')}."
    bounds = {
        "greater_than_equal": ("at least", "ge"),
        "greater_than": ("more than", "gt"),
        "less_than_equal": ("at most", "le"),
        "less_than": ("less than", "lt"),
    }
    if kind in bounds:
        word, key = bounds[kind]
        return f"must be {word} {ctx[key]:g}."
    if kind in {"too_short", "string_too_short"}:
        return f"needs at least {ctx.get('min_length')}."
    if kind in {"too_long", "string_too_long"}:
        return f"holds more than {ctx.get('max_length')}."
    if kind == "string_pattern_mismatch":
        return f"must look like the pattern {ctx['pattern']}."
    return detail["msg"].removeprefix("Value error, ").rstrip(".") + "."
