"""Reads harness.yml, each model by itself, so that one wrong entry does not hide the others; and their `ca_file`s."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from harness.errors import UsageError
from harness.files.project.entry import ModelEntry
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
    shortest,
    shown,
)

PROJECT_FILE = "harness.yml"
_NEARLY = ("harness.yaml", ".harness.yml", ".harness.yaml", "harness.yml.txt")

PROJECT_TEXTS: tuple[Path_, ...] = (
    ("results",),
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
_SPOKEN = _COMMON | _REMOTE | {"model", "base_url", "stream", "adapt"}
_OPENAI = _SPOKEN | {"azure"}
APPLIES: Mapping[str, frozenset[str]] = {
    "local": _COMMON | {"model", "weights", "threads", "context", "stream", "adapt"},
    "chat": _OPENAI,
    "completions": _OPENAI,
    "responses": _OPENAI,
    "anthropic": _SPOKEN,
    "http": _COMMON | _REMOTE | {"model", "url", "method", "body", "reply", "score", "usage", "finish"},
    "replay": _COMMON | {"model", "replies"},
}
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "local": ("weights",),
    "chat": ("base_url", "model"),
    "completions": ("base_url", "model"),
    "responses": ("base_url", "model"),
    "anthropic": ("base_url", "model"),
    "http": ("url", "reply"),
    "replay": ("replies",),
}


class Project(Written):
    """harness.yml, or the defaults where there is none."""

    models: dict[str, ModelEntry] = Field({}, description="Named models that suites may use.")
    results: Path = Field(Path("results"), description="Folder of the runs, relative to harness.yml.")
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
    models, wrong = {}, set()
    if isinstance(written, Entries):
        for name in written.entries:
            entry = _read_entry(name, tree, path, findings)
            if entry is None:
                wrong.add(name)
            else:
                models[name] = entry
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
        _, where, _ = tree.at((*at, key))
        findings.add(path, where, f"models.{shown(name)}.{key}", message, fix)
    try:
        entry = ModelEntry.model_validate(raw)
    except ValidationError as error:
        Reporter(ModelEntry, tree, path, findings, at).all(error)
        return None
    return entry if findings.of(path) == before else None


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


_MOST = 16 * 1024 * 1024
_ONE = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
CERTIFICATES_FIX = "Name a PEM file with the certificate of your company's authority, or of the server."


def read_certificates(path: Path) -> tuple[bytes, ...]:
    """Give each certificate of a PEM file. Raises ValueError, in words, where it holds none to be read."""
    import ssl

    try:
        if path.stat().st_size > _MOST:
            raise ValueError("is too large for certificates.")
        found = tuple(_ONE.findall(path.read_bytes()))
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}.") from None
    if not found:
        raise ValueError("holds no certificate in PEM form (-----BEGIN CERTIFICATE-----).")
    try:
        trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusted.load_verify_locations(cadata=b"\n".join(found).decode("ascii", "replace"))
    except (ssl.SSLError, ValueError):
        raise ValueError("holds a certificate that is damaged.") from None
    return found
