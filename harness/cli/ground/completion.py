"""What the shell offers on Tab: runs, suites, prompts, models; quick, and silent about whatever is wrong.

No file is validated here: a key press must not wait for that, and a message would end up in the command line.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, TypeAlias

Offers: TypeAlias = list[tuple[str, str]]

_RUN = re.compile(r"\d{8}T\d{6}Z-(?P<suite>.+)-[0-9a-f]{6}")
_MOST = 200
_SKIPPED = frozenset({"node_modules", "results", "__pycache__"})
_DEEPEST = 4


def _quietly(offer: Callable[[str], Iterable[tuple[str, str]]]) -> Callable[[str], Offers]:
    """Offer nothing where something goes wrong: the command itself will say what."""

    @wraps(offer)
    def offered(incomplete: str) -> Offers:
        with suppress(Exception):
            return [pair for pair in offer(incomplete) if pair[0].startswith(incomplete)][:_MOST]
        return []

    return offered


@_quietly
def runs(incomplete: str) -> Iterator[tuple[str, str]]:  # noqa: ARG001 (one signature)
    """Offer `latest` and the runs, newest first."""
    folders = _run_folders()
    if folders:
        yield "latest", folders[0].name
    for folder in folders:
        match = _RUN.fullmatch(folder.name)
        yield folder.name, match["suite"] if match else ""


@_quietly
def suites(incomplete: str) -> Iterator[tuple[str, str]]:
    """Offer the suite files below this folder, and the folders on the way to others."""
    typed = Path(incomplete if incomplete.endswith("/") else incomplete.rpartition("/")[0] or ".")
    if ".." in typed.parts or typed.is_absolute():
        for entry in sorted(typed.iterdir()):
            if entry.is_dir():
                yield f"{entry}/", ""
            elif entry.name.endswith(".suite.yml"):
                yield str(entry), ""
        return
    prefix = "./" if incomplete.startswith("./") else ""
    for path in _below(Path(), ".suite.yml"):
        yield f"{prefix}{path}", _name_in(path)


@_quietly
def suite_names(incomplete: str) -> Iterator[tuple[str, str]]:  # noqa: ARG001
    """Offer the suites that have runs."""
    found = (_RUN.fullmatch(folder.name) for folder in _run_folders())
    yield from ((name, "") for name in sorted({match["suite"] for match in found if match}))


@_quietly
def prompts(incomplete: str) -> Iterator[tuple[str, str]]:
    """Offer prompts by name, or by path once a path was begun."""
    for path in _below(_root(), ".prompt.yml"):
        name = path.name.removesuffix(".prompt.yml")
        if "/" in incomplete:
            yield str(path), _name_in(_root() / path)
        else:
            yield name, str(path)


@_quietly
def models(incomplete: str) -> Iterator[tuple[str, str]]:  # noqa: ARG001
    """Offer the models of harness.yml."""
    written = _project().get("models") or {}
    for name, entry in written.items():
        yield str(name), str(entry.get("endpoint", "")) if isinstance(entry, dict) else ""


def _root() -> Path:
    """Give the folder of harness.yml, or this one."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "harness.yml").is_file()), here)


def _project() -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load((_root() / "harness.yml").read_bytes(), Loader=loader) or {}  # noqa: S506 (a safe loader)


def _run_folders() -> list[Path]:
    project: dict[str, Any] = {}
    with suppress(Exception):
        project = _project()
    results = _root() / str(project.get("results") or "results")
    return sorted((f for f in results.iterdir() if (f / "manifest.json").is_file()), reverse=True)


def _below(root: Path, ending: str, depth: int = _DEEPEST) -> Iterator[Path]:
    """Yield the files with an ending, relative to `root`, not deeper than a project has them."""
    for entry in sorted(root.iterdir()):
        if entry.is_dir() and depth and entry.name[0] != "." and entry.name not in _SKIPPED:
            for path in _below(entry, ending, depth - 1):
                yield Path(entry.name) / path
        elif entry.name.endswith(ending) and entry.is_file():
            yield Path(entry.name)


def _name_in(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("name:"):
                return line.removeprefix("name:").partition(" #")[0].strip().strip("\"'")
    return ""
