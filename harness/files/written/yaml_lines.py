"""YAML -> a tree that keeps what was written and where.

Theory of operation. The tree is built from parser events with a depth and a size limit, so that no
document can exhaust the stack, and an alias counts as large as what it repeats, so that no document can
exhaust memory ("billion laughs"). Nothing is constructed from tags. A plain scalar stays text until
`value` turns it into one: as text in the places that `texts` names (labels stay `no`, `010`,
`12:30`), elsewhere by the core schema of YAML 1.2 (only true/false, null and numbers are special).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from harness.files.written.findings import Findings, shown

DEEPEST = 40
_LARGEST = 100_000  # nodes, aliases expanded

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TRUE_FALSE = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_INT = re.compile(r"[-+]?[0-9]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?")
_CORE = "tag:yaml.org,2002:"

Path_: TypeAlias = tuple[str | int, ...]


@dataclass(slots=True)
class Scalar:
    """A piece of text; `plain` when it was written without quotes and without a tag."""

    text: str
    plain: bool
    line: int
    block: bool = False  # `|` or `>`: its content begins on the next line
    size: int = 1

    def value(self, texts: Sequence[Path_] = (), at: Path_ = ()) -> bool | int | float | str | None:
        """Give the text as it stands where a pattern of `texts` matches; else what YAML's core schema makes of it.

        A pattern is a path in which `*` stands for any one step and `**`, at its end, for everything below.
        """
        if self.plain and not any(_matches(pattern, at) for pattern in texts):
            if self.text in _NULL:
                return None
            if self.text in _TRUE_FALSE:
                return _TRUE_FALSE[self.text]
            if _INT.fullmatch(self.text):
                return int(self.text)
            if _FLOAT.fullmatch(self.text):
                return float(self.text)
            return self.text
        return None if self.plain and self.text == "" else self.text


@dataclass(slots=True)
class Items:
    """A list."""

    line: int
    items: "list[Node]" = field(default_factory=list)
    size: int = 1

    def value(self, texts: Sequence[Path_] = (), at: Path_ = ()) -> list[Any]:
        """Give the list in plain Python."""
        return [item.value(texts, (*at, i)) for i, item in enumerate(self.items)]


@dataclass(slots=True)
class Entries:
    """A mapping: key -> (line of the key, value)."""

    line: int
    entries: "dict[str, tuple[int, Node]]" = field(default_factory=dict)
    size: int = 1

    def value(self, texts: Sequence[Path_] = (), at: Path_ = ()) -> dict[str, Any]:
        """Give the mapping in plain Python."""
        return {key: item.value(texts, (*at, key)) for key, (_, item) in self.entries.items()}

    def at(self, path: Sequence[str | int]) -> "tuple[Node, int, Path_]":
        """Walk as far along `path` as the tree goes: the node there, its line, and the part that was walked."""
        node: Node = self
        line, walked = self.line, ()
        for step in path:
            if isinstance(node, Entries) and step in node.entries:
                line, node = node.entries[str(step)]
            elif isinstance(node, Items) and isinstance(step, int) and 0 <= step < len(node.items):
                node = node.items[step]
                line = node.line
            else:
                break
            walked = (*walked, step)  # type: ignore[assignment]  # grows by one step
        return node, line, walked

    def lines(self, above: str = "") -> dict[str, int]:
        """Give the line of every key, by its path: `modelParameters.max_tokens`."""
        found: dict[str, int] = {}
        for name, (line, value) in self.entries.items():
            found[f"{above}{name}"] = line
            if isinstance(value, Entries):
                found |= value.lines(f"{above}{name}.")
        return found


Node: TypeAlias = Scalar | Items | Entries


class _Refused(Exception):
    def __init__(self, line: int, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.line, self.message, self.fix = line, message, fix


def parse(text: str, path: Path, findings: Findings) -> Entries | None:
    """Parse one YAML document whose top level is a mapping; None when there was a fatal problem."""
    node = parse_any(text, path, findings)
    if node is not None and not isinstance(node, Entries):
        findings.add(path, node.line, "", "must be a mapping of keys to values.")
        return None
    return node


def parse_any(text: str, path: Path, findings: Findings) -> Node | None:
    """Parse one YAML document; None when there was a fatal problem."""
    last = max(1, len(text.splitlines()))  # an error at the end of a file is shown on its last line
    try:
        node = _Builder(path, findings).build(text)
    except _Refused as refused:
        findings.add(path, refused.line, "", refused.message, refused.fix)
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        findings.add(path, min(mark.line + 1, last) if mark else 1, "", f"is not valid YAML: {_said(error)}.")
        return None
    except (yaml.YAMLError, UnicodeError) as error:
        findings.add(path, 1, "", f"is not valid YAML: {shown(str(error).splitlines()[0], 200)}.")
        return None
    if node is None:
        findings.add(path, 1, "", "is empty.")
        return None
    return node


def _said(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return shown(", ".join(parts) or "it cannot be parsed", 200)


class _Builder:
    """Builds the tree from parser events with a stack of its own."""

    def __init__(self, path: Path, findings: Findings) -> None:
        self._path, self._findings = path, findings
        self._anchors: dict[str, Node] = {}
        self._open: list[tuple[Node, str | None]] = []  # container, its anchor
        self._keys: list[tuple[str, int] | None] = []  # the pending key of each open container
        self._root: Node | None = None

    def build(self, text: str) -> Node | None:
        documents = 0
        for event in yaml.parse(text, Loader=_LOADER):
            line = event.start_mark.line + 1 if event.start_mark else 1
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused(line, "holds more than one YAML document.", "Keep only one; remove `---`.")
            elif isinstance(event, yaml.NodeEvent):
                self._node(event, line)
            elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
                node, anchor = self._open.pop()
                self._keys.pop()
                if anchor:
                    self._anchors[anchor] = node
                self._place(node, node.line)
        return self._root

    def _node(self, event: yaml.NodeEvent, line: int) -> None:
        if isinstance(event, yaml.AliasEvent):
            anchor = event.anchor or ""
            if any(name == anchor for _, name in self._open):
                raise _Refused(line, f"the alias `*{shown(anchor)}` contains itself.", "Write the value out.")
            if anchor not in self._anchors:
                raise _Refused(line, f"the alias `*{shown(anchor)}` has no anchor above it.", "Write the value out.")
            self._place(self._anchors[anchor], line)
            return
        tag = getattr(event, "tag", None)
        if isinstance(event, yaml.ScalarEvent):
            if tag not in {None, "!"} and tag not in {_CORE + t for t in ("str", "int", "float", "bool", "null")}:
                raise _Refused(line, f"the tag `{shown(str(tag))}` is not allowed.", "Remove it.")
            plain = event.style in {None, ""} and tag not in {"!", _CORE + "str"}
            made = Scalar(event.value, plain, line, block=event.style in {"|", ">"})
            if event.anchor:
                self._anchors[event.anchor] = made
            self._place(made, line)
            return
        if tag not in {None, "!", _CORE + "seq", _CORE + "map"}:
            raise _Refused(line, f"the tag `{shown(str(tag))}` is not allowed.", "Remove it.")
        if len(self._open) >= DEEPEST:
            raise _Refused(line, f"is nested more than {DEEPEST} levels deep.", "Flatten it.")
        node: Node = Items(line) if isinstance(event, yaml.SequenceStartEvent) else Entries(line)
        self._open.append((node, event.anchor))
        self._keys.append(None)

    def _place(self, node: Node, line: int) -> None:
        if not self._open:
            self._root = node
            return
        parent = self._open[-1][0]
        if isinstance(parent, Items):
            parent.items.append(node)
        elif isinstance(parent, Entries):
            pending = self._keys[-1]
            if pending is None:
                self._keys[-1] = self._key(node, line)
                return
            self._keys[-1] = None
            self._enter(parent, pending, node)
        parent.size += node.size
        if parent.size > _LARGEST:
            raise _Refused(line, f"has more than {_LARGEST:,} values once its aliases are expanded.", "Shorten it.")

    def _key(self, node: Node, line: int) -> tuple[str, int]:
        if not isinstance(node, Scalar):
            raise _Refused(line, "a key must be a single word or text.", "Put quotes around a key with brackets.")
        if node.plain and node.text == "<<":
            raise _Refused(line, "the merge key `<<` is not supported.", "Write the values out.")
        return node.text, line

    def _enter(self, parent: Entries, key: tuple[str, int], node: Node) -> None:
        text, line = key
        if text in parent.entries:
            first = parent.entries[text][0]
            message = f"the key `{shown(text)}` stands twice (first on line {first})."
            self._findings.add(self._path, line, self._where(text), message, "Keep one of them.")
            return
        parent.entries[text] = (line, node)

    def _where(self, text: str) -> str:
        above = [key[0] for key in self._keys[:-1] if key is not None]
        return dotted((*above, text))


def _matches(pattern: Path_, at: Path_) -> bool:
    if pattern and pattern[-1] == "**":
        head = pattern[:-1]
        return len(at) >= len(head) and _matches(head, at[: len(head)])
    return len(pattern) == len(at) and all(p in ("*", a) for p, a in zip(pattern, at, strict=True))


def dotted(path: Sequence[str | int]) -> str:
    """Write a path as people read it: `thresholds[2]`, `models.mini.price`."""
    out = ""
    for step in path:
        out += f"[{step}]" if isinstance(step, int) else f".{shown(step)}" if out else shown(step)
    return out


def as_text(value: object) -> str:
    """Write a value of a file as text: numbers as written, true/false as in JSON, null as nothing."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, (bool, list, dict)):
        return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    return str(value)


def as_label(value: object) -> str:
    """Write a label; one that a cell has as JSON text, as Langfuse and others export it, without the quotes."""
    return re.sub(r'^"([^"\\]+)"$', r"\1", as_text(value).strip()).strip()
