"""Writes a model's `adapt` into the text of harness.yml; comments and layout stay as they are.

The text is edited where its YAML says that the entry is, then read again: unless just that entry changed, and to just
that, nothing is written.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import yaml

from harness.errors import UsageError
from harness.files.project.entry import Adapt
from harness.files.project.reading import read_project
from harness.files.written import Findings, reason

_PLAIN = re.compile(r"(?!(?:true|false|null|yes|no|on|off)$)[a-z][a-z0-9_]*")


def with_adapt(text: str, name: str, adapt: Adapt) -> str:
    """Give the text of harness.yml with this `adapt` in a model's entry. Raises UsageError where it can't be."""
    written = flow(_said(adapt))
    entry, aliased = _entry(text, name)
    pairs = {key.value: (key, value) for key, value in entry.value} if entry is not None else {}
    if entry is None or aliased or not pairs:
        raise _by_hand(name, written)
    if "adapt" in pairs:
        key, value = pairs["adapt"]
        start, end = key.end_mark.index, _end(value, text)
        if "#" in text[start:end]:
            raise _by_hand(name, written)  # a comment stands in it
        return f"{text[:start]}: {written}{text[end:]}"
    last = pairs.get("params", entry.value[-1])[1]
    end = _end(last, text)
    if entry.flow_style:
        return f"{text[:end]}, adapt: {written}{text[end:]}"
    line_end = text.find("\n", end)
    at = len(text) if line_end < 0 else line_end
    newline = "\r\n" if "\r\n" in text else "\n"
    at -= 1 if text[at - 1 : at] == "\r" else 0
    return f"{text[:at]}{newline}{' ' * entry.value[0][0].start_mark.column}adapt: {written}{text[at:]}"


def adapted(path: Path, name: str, adapt: Adapt) -> tuple[str, str]:
    """Give harness.yml as it is and as it would be. Raises UsageError where more than the entry would change."""
    try:
        before = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read: {error}", fix="Save it as UTF-8.") from None
    mark = "\ufeff" if before.startswith("\ufeff") else ""
    after = with_adapt(before.removeprefix(mark), name, adapt)
    findings = Findings()
    old, new = (read_project(path, findings, text).project.models for text in (before.removeprefix(mark), after))
    if findings.total or new != {**old, name: old[name].model_copy(update={"adapt": adapt})}:
        raise _by_hand(name, flow(_said(adapt)))
    return before, mark + after


def replace_text(path: Path, text: str) -> None:
    """Replace a file in one step, bytes as given. Raises UsageError where it can't be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(text.encode())
        temporary.chmod(path.stat().st_mode)
        temporary.replace(path.resolve())
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(f"{path}: {reason(error)}.", fix="Allow writing there.") from None


def _said(adapt: Adapt) -> dict[str, Any]:
    return {key: value for key, value in adapt.model_dump(mode="json").items() if value}


def _entry(text: str, name: str) -> tuple[yaml.MappingNode | None, bool]:
    """Find the mapping of a model, and whether it stands elsewhere, under an anchor."""
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    for step in ("models", name):
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        found = next(((key, value) for key, value in pairs if key.value == step), None)
        if found is None:
            return None, False
        key, node = found
        if node.start_mark.index < key.start_mark.index:
            return None, True
    return (node, False) if isinstance(node, yaml.MappingNode) else (None, False)


def _end(node: yaml.Node, text: str) -> int:
    """Give where a value ends in the text, without what follows it: blank lines, comments."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last, text)
    end: int = node.end_mark.index
    return len(text[:end].rstrip()) if isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"} else end


def flow(value: object) -> str:
    """Write a value as YAML on one line, as a person would."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _by_hand(name: str, written: str) -> UsageError:
    return UsageError(
        f"models.{name}: `adapt` can't be written into harness.yml without changing more than it",
        fix=f"Write it there yourself: `adapt: {written}`.",
    )
