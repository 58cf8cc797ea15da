"""Paths that files name: relative to the file, and inside the project after symlinks are resolved."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from harness.files.written.findings import nearest, shown

MOST_MATCHES = 1000
_WILD = frozenset("*?[")


class Outside(Exception):
    """A reference leaves the project."""


def resolve(written: str, base: Path, root: Path) -> Path:
    """Give the file that `written` names, relative to `base`. Raises Outside."""
    if "\0" in written:
        raise Outside
    target = (base / written).resolve()
    if not target.is_relative_to(root.resolve()):
        raise Outside
    return target


def expand(written: str, base: Path, root: Path) -> list[Path]:
    """Give the files that a pattern matches, in the order of their names. Raises Outside."""
    if not _WILD.intersection(written):
        return [resolve(written, base, root)]
    parts = Path(written).parts
    fixed = next(i for i, part in enumerate(parts) if _WILD.intersection(part))
    folder = resolve(str(Path(*parts[:fixed])) if fixed else ".", base, root)
    if ".." in parts[fixed:]:
        raise Outside
    found = sorted(folder.glob(str(Path(*parts[fixed:]))))[:MOST_MATCHES]
    return [resolve(str(path), base, root) for path in found if path.is_file()]


def shortest(path: Path) -> Path:
    """Write a path relative to the working directory when it lies inside, for messages."""
    try:
        return path.relative_to(Path.cwd())
    except (ValueError, OSError):
        return path


def near_file(path: Path) -> str:
    """Ask for the file of the same folder that was probably meant; empty where none is near."""
    try:
        names = [entry.name for entry in islice(path.parent.iterdir(), MOST_MATCHES)]
    except OSError:
        return ""
    near = nearest(path.name, names)
    return f"Did you mean `{shown(near)}`?" if near else ""
