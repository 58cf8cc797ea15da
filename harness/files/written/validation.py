"""A YAML file -> a pydantic model, with every problem at its line.

When some top-level keys are wrong, the model is built from the others, so that what depends only on them is
checked in the same pass and reported together.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from harness.files.written.findings import Findings, did_you_mean, nearest, shown
from harness.files.written.reading import read_written
from harness.files.written.yaml_lines import Entries, Path_, dotted, parse


class Written(BaseModel):
    """Something that a person wrote: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation in (int, int | None):
            raise ValueError("must be a whole number")
        return value


M = TypeVar("M", bound=Written)

# fields that a loader fills in, never a file
FILLED_IN = {
    "Prompt": frozenset({"path", "labels", "title", "lines", "confined"}),
    "Suite": frozenset({"path", "labels_file"}),
    "Project": frozenset({"path", "root", "lines"}),
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
        _, line, _ = self.tree.at(at)
        self.findings.add(self.path, line, dotted(at), message, fix)

    def updated(self, **update: object) -> "Checked[M]":
        """Give the same with other values in the model."""
        return replace(self, model=self.model.model_copy(update=update))

    def whole(self, *keys: str) -> bool:
        """Say whether none of these top-level keys was broken."""
        return not self.broken.intersection(keys)


def read_tree(path: Path, findings: Findings) -> Entries | None:
    """Read a file whose top level is a mapping; None when there was a fatal problem."""
    text = read_written(path, findings)
    return None if text is None else parse(text, path, findings)


def read_model(cls: type[M], path: Path, findings: Findings, *, texts: Sequence[Path_]) -> Checked[M] | None:
    """Read a file as a model; `texts` are the places whose scalars stay as written, see `check`."""
    tree = read_tree(path, findings)
    return None if tree is None else check(cls, tree, path, findings, texts=texts, stand_ins={})


def check(
    cls: type[M], tree: Entries, path: Path, findings: Findings, *, texts: Sequence[Path_], stand_ins: Mapping[str, Any]
) -> Checked[M] | None:
    """Validate a tree; None when not even a model with stand-ins can be built."""
    raw = tree.value(texts)
    reporter = Reporter(cls, tree, path, findings)
    for key in FILLED_IN[cls.__name__].intersection(raw):
        raw.pop(key)
        reporter.unknown((key,))
    broken: set[str] = set()
    try:
        return Checked(cls.model_validate(raw), tree, path, frozenset(), findings)
    except ValidationError as error:
        reporter.all(error)
        broken.update(str(detail["loc"][0]) for detail in error.errors() if detail["loc"])
    for key in broken:
        raw.pop(key, None)
    for key, value in stand_ins.items():
        raw.setdefault(key, value)
    try:
        return Checked(cls.model_validate(raw), tree, path, frozenset(broken), findings)
    except ValidationError:
        return None


@dataclass(frozen=True, slots=True)
class Reporter:
    """Turns pydantic's errors into problems; `prefix` is the place of what was validated in the file."""

    cls: type[BaseModel]
    tree: Entries
    path: Path
    findings: Findings
    prefix: Path_ = ()

    def all(self, error: ValidationError) -> None:
        """Note every problem of one validation; a missing key that was only misspelt is one problem."""
        details = error.errors(include_url=False, include_input=False)
        meant = {self._meant(detail["loc"]) for detail in details if detail["type"] == "extra_forbidden"}
        told: dict[tuple[Path_, int], list[tuple[str, str]]] = {}
        for detail in details:
            if detail["type"] != "missing" or detail["loc"] not in meant:
                self._one(detail, told)
        for (at, line), messages in told.items():
            said = " or ".join(text.removeprefix("must be ").rstrip(".") for text, _ in messages)
            text = messages[0][0] if len(messages) == 1 else f"must be {said}."  # a union's parts
            self.findings.add(self.path, line, dotted(at), text, messages[0][1])

    def _meant(self, loc: Path_) -> Path_:
        near = nearest(str(loc[-1]), _known_keys(_model_at(self.cls, loc[:-1])))
        return (*loc[:-1], near or "")

    def unknown(self, loc: Path_) -> None:
        """Note a key that no field answers to, with the nearest one that does."""
        at = (*self.prefix, *loc)
        _, line, _ = self.tree.at(at)
        key = shown(str(loc[-1]))
        known = _known_keys(_model_at(self.cls, loc[:-1]))
        self.findings.add(self.path, line, dotted(at), f"unknown key `{key}`.", did_you_mean(key, known))

    def _one(self, detail: ErrorDetails, told: dict[tuple[Path_, int], list[tuple[str, str]]]) -> None:
        """Note a key that is missing or unknown; what is wrong with a value is told of its place once."""
        loc = tuple(step for step in detail["loc"] if step != "[key]")
        if detail["type"] == "extra_forbidden":
            self.unknown(loc)
            return
        at = (*self.prefix, *loc)
        node, line, walked = self.tree.at(at)
        if detail["type"] == "missing":
            self.findings.add(self.path, line, dotted(at), "is required but missing.", f"Add `{at[-1]}:`.")
        else:
            written = str(at[-1]) if detail["loc"][-1] == "[key]" else getattr(node, "text", "")
            told.setdefault((walked or at, line), []).append(message_of(detail, written))


def _model_at(cls: type[BaseModel], loc: Sequence[str | int]) -> type[BaseModel]:
    """Find the model whose keys stand at `loc`, following fields and what their containers hold."""
    for step in loc:
        for name, info in cls.model_fields.items():
            if step in (name, info.alias):
                cls = _inner(info.annotation) or cls
    return cls


def _inner(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _inner(part)
        if found is not None:
            return found
    return None


def _known_keys(cls: type[BaseModel]) -> list[str]:
    hidden = FILLED_IN.get(cls.__name__, frozenset())
    return [info.alias or name for name, info in cls.model_fields.items() if (info.alias or name) not in hidden]


_ENDS = frozenset({"ge", "gt", "le", "lt"})  # a bound between 0 and 1 is a share
_BOUNDS = {
    "greater_than_equal": "must be at least {ge}.",
    "greater_than": "must be more than {gt}.",
    "less_than_equal": "must be at most {le}.",
    "less_than": "must be less than {lt}.",
    "too_short": "needs at least {min_length} entries.",
    "too_long": "holds more than {max_length} entries.",
    "string_too_short": "must not be empty.",
    "string_too_long": "is longer than {max_length} characters.",
    "value_error": "{error}.",
}
PATTERNS = {  # in words: every pattern that a field of a file has
    r"^(auto|local|(ray://)?[^\s/@]+:[0-9]+)$": "must be auto, local, host:port or ray://host:port.",
    r"^[A-Z]{3}$": "must be three capital letters, such as `USD`.",
    r"^(/.*)?$": "must be a JSON pointer, such as `/label`.",
    r"^[^/\\\x00-\x1f]+$": "must hold no slash, backslash or control character.",
    r"^[0-9A-Za-z-]{1,40}$": "must hold only letters, digits and dashes, such as `2024-10-21`.",
}


def message_of(detail: ErrorDetails, written: str) -> tuple[str, str]:
    """Give what is wrong with a value and what was probably meant; what was written is not repeated."""
    kind, details = detail["type"], detail.get("ctx", {})
    if kind in _PLAIN:
        return _PLAIN[kind], ""
    if kind in _BOUNDS:
        bounds = {
            name: f"{bound:.0%}" if 0 < bound < 1 else f"{bound:g}" for name, bound in details.items() if name in _ENDS
        }
        return _BOUNDS[kind].format(**details | bounds), ""
    if kind == "string_pattern_mismatch":
        return PATTERNS[details["pattern"]], ""
    if kind == "literal_error":
        valid = re.findall(r"'([^']*)'", str(details["expected"]))
        near = nearest(written, valid)
        words = [f"`{word}`" for word in valid]
        return (f"must be one of {', '.join(words[:-1])} or {words[-1]}.", f"Did you mean `{near}`?" if near else "")
    return detail["msg"].rstrip(".") + ".", ""
