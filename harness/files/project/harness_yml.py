"""Reads harness.yml, each model by itself, so that one wrong entry does not hide the others; writes `adapt` into it.

Its text is edited where its YAML says that the entry is; comments and layout stay as they are. It is then read
again: unless just that entry changed, and to just that, nothing is written.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import Field, ValidationError

from harness.errors import UsageError
from harness.files.project.entry import Adapt, Engine, ModelEntry, Notify, Via
from harness.files.written import (
    Entries,
    Findings,
    Path_,
    Reporter,
    Written,
    check,
    nearest,
    parse,
    read_tree,
    reason,
    shortest,
    shown,
)

PROJECT_FILE = "harness.yml"
_NO_AZURE = "For Azure name its v1 address: `base_url: https://NAME.openai.azure.com/openai/v1`."
_NEARLY = ("harness.yaml", ".harness.yml", ".harness.yaml", "harness.yml.txt")

PROJECT_TEXTS: tuple[Path_, ...] = (
    ("results",),
    ("notify", "*"),
    *(
        ("models", "*", key)
        for key in ("model", "base_url", "api_key_env", "ca_file", "weights", "replies", "url", "retires")
    ),
    ("models", "*", "headers", "*"),
    ("models", "*", "azure", "api_version"),
    ("models", "*", "adapt", "drop", "**"),
)

_COMMON = frozenset(
    {"endpoint", "params", "price", "retires", "limits", "timeout", "timeout_s", "deadline", "deadline_s", "warmup"}
)
_REMOTE = frozenset({"transport", "api_key_env", "ca_file", "headers"})
_SPOKEN = _COMMON | _REMOTE | {"model", "base_url", "stream", "adapt", "via"}
_OPENAI = _SPOKEN | {"azure"}
_WITH_FLEX = frozenset({"chat", "responses"})  # endpoints that know service tiers
APPLIES: Mapping[str, frozenset[str]] = {
    "local": _COMMON | {"model", "weights", "threads", "context", "stream", "adapt"},
    **dict.fromkeys(("chat", "completions", "responses"), _OPENAI),
    "anthropic": _SPOKEN,
    "http": _COMMON | _REMOTE | {"model", "url", "method", "body", "reply", "score", "usage", "finish"},
    "replay": _COMMON | {"model", "replies"},
}
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "local": ("weights",),
    **dict.fromkeys(("chat", "completions", "responses", "anthropic"), ("base_url", "model")),
    "http": ("url", "reply"),
    "replay": ("replies",),
}


class Project(Written):
    """harness.yml, or the defaults where there is none."""

    models: dict[str, ModelEntry] = Field({}, description="Named models that suites may use.")
    results: Path = Field(Path("results"), description="Folder of the runs, relative to harness.yml.")
    engine: Engine = Field(Engine(name="local"), description="What measures: local, ray, or {name: ray, address: …}.")
    notify: Notify | None = Field(None, description="The server that `--notify` may send a key to.")
    path: Path | None = Field(None, exclude=True)  # the file itself
    lines: dict[str, int] = Field({}, exclude=True)  # of its keys: `models.mini.base_url`
    root: Path = Field(Path(), exclude=True)  # its folder: references must stay inside


EMBEDDED = {"smollm2": ModelEntry(endpoint="local", weights="smollm2-135m-instruct")}


def find_project(start: Path) -> Path | None:
    """Look for harness.yml in `start` and upward. Raises UsageError at what was meant to be one."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder / PROJECT_FILE
        for name in _NEARLY:
            if (folder / name).is_file():
                raise UsageError(f"{folder / name} is not read.", fix=f"Rename it to {PROJECT_FILE}.")
    return None


@dataclass(frozen=True, slots=True)
class ReadProject:
    """harness.yml with its tree; `wrong` names the models that are left out (`*`: any could be)."""

    project: Project
    tree: Entries | None = None
    wrong: frozenset[str] = frozenset()


def read_project(path: Path, findings: Findings, text: str | None = None) -> ReadProject:
    """Read harness.yml, or what `text` would make of it."""
    root = path.parent.resolve()
    tree = read_tree(path, findings) if text is None else parse(text, path, findings)
    if tree is None:
        return ReadProject(Project(path=path, root=root), None, frozenset({"*"}))
    _, written = tree.entries.get("models", (0, None))
    models: dict[str, ModelEntry] = {}
    for name in written.entries if isinstance(written, Entries) else ():
        entry = _read_entry(name, tree, path, findings)
        models |= {} if entry is None else {name: entry}
    wrong = set(written.entries) - set(models) if isinstance(written, Entries) else set()
    others = Entries(tree.line, {k: v for k, v in tree.entries.items() if k != "models" or written is None})
    if written is not None and not isinstance(written, Entries):
        findings.add(path, tree.entries["models"][0], "models", "must be a mapping of names to models.")
        wrong.add("*")
    elif written is None and any(nearest(key, ("models",)) for key in tree.entries if key != "results"):
        wrong.add("*")  # `modles:` is told below
    checked = check(Project, others, path, findings, texts=PROJECT_TEXTS, stand_ins={})
    project = checked.model if checked else Project()
    project = project.model_copy(update={"models": models, "path": path, "root": root, "lines": tree.lines()})
    return ReadProject(project, tree, frozenset(wrong))


def _read_entry(name: str, tree: Entries, path: Path, findings: Findings) -> ModelEntry | None:
    at = ("models", name)
    node, line, _ = tree.at(at)
    if not isinstance(node, Entries):
        findings.add(path, line, f"models.{shown(name)}", "must be a mapping with an `endpoint`.")
        return None
    before = findings.of(path)
    if not name or len(name) > 100 or not name.isprintable() or {"@", "/", "\\"} & set(name):
        findings.add(path, line, f"models.{shown(name)}", "a model's name is short and has no `@`, `/` or `\\`.")
    raw: dict[str, Any] = node.value(PROJECT_TEXTS, at)
    for key, message, fix in _entry_problems(raw):
        findings.add(path, tree.at((*at, key))[1], f"models.{shown(name)}.{key}", message, fix)
    try:
        entry = ModelEntry.model_validate(raw)
    except ValidationError as error:
        Reporter(ModelEntry, tree, path, findings, at).all(error)
        return None
    return entry.asked(entry.via) if findings.of(path) == before else None


def _entry_problems(raw: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    """Yield (key, message, fix) for what this kind of endpoint lacks, and for what does not apply to it."""
    kind = raw.get("endpoint")
    if kind == "function":
        yield "endpoint", "`function` is for models that Python code gives to `harness.run`.", "Name another kind."
    if not isinstance(kind, str) or kind not in APPLIES:
        return
    known = {info.alias or name for name, info in ModelEntry.model_fields.items()}
    meant = {nearest(key, known) for key in raw if key not in known}
    for key in REQUIRED[kind]:
        if raw.get(key) in (None, "") and key not in meant:
            yield key, f"is required for `endpoint: {kind}`.", f"Add `{key}:`."
    for key in raw:
        if key in known and key not in APPLIES[kind]:
            yield key, f"does not apply to `endpoint: {kind}`.", "Remove it."
    if raw.get("transport") == "openai" and kind in {"http", "anthropic"}:
        yield "transport", f"`openai` does not speak `endpoint: {kind}`.", "Use `wire` or `httpx`."
    if raw.get("azure") is not None and raw.get("transport") != "openai":
        yield "azure", "needs the official client.", "Add `transport: openai`, or remove `azure:`."
    if raw.get("azure") is not None and raw.get("via") in {"batch", "file"}:
        yield "via", f"{raw['via']!r} does not go with `azure:`.", _NO_AZURE
    if raw.get("via") == "flex" and kind not in _WITH_FLEX:
        yield "via", f"`endpoint: {kind}` has no tier `flex`.", "Write `via: batch`, or use `chat` or `responses`."


def checked_via(name: str, entry: ModelEntry, via: Via) -> ModelEntry:
    """Give the entry with its answers bought in another way. Raises UsageError where its endpoint has none."""
    bought = entry.asked(via)
    sold = (entry.azure is None or not bought.waits) and (via != "flex" or entry.endpoint in _WITH_FLEX)
    if via != "sync" and ("via" not in APPLIES.get(entry.endpoint, ()) or via not in get_args(Via) or not sold):
        raise UsageError(f"models.{name}: this endpoint can't be asked via {via}.", fix=f"Use --via sync. {_NO_AZURE}")
    return bought


def default_project(root: Path) -> Project:
    """Give the project where there is no harness.yml: the embedded model, results in `results`."""
    return Project(models=dict(EMBEDDED), root=root.resolve())


def load_project(start: Path) -> Project:
    """Read harness.yml, found upward from `start`; the defaults when there is none. Raises FilesError."""
    path = find_project(start)
    if path is None:
        return default_project(start)
    findings = Findings()
    read = read_project(shortest(path), findings)
    findings.raise_if_any()
    return read.project


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
    at = len(text) if (line_end := text.find("\n", end)) < 0 else line_end
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
    said = f"models.{name}: `adapt` can't be written into harness.yml without changing more than it"
    return UsageError(said, fix=f"Write it there yourself: `adapt: {written}`.")
