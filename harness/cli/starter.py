"""The projects that the package ships, and where it was installed from."""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from harness.errors import UsageError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

SOURCE = "git+https://github.com/OWNER/prompt-readiness@COMMIT"  # what `init` fills in where it knows better


def starter_files() -> dict[str, str]:
    """Give the starter project: relative path -> text, installing the harness from where this one came from."""
    source = own_source() or SOURCE
    texts = _texts(_shipped("harness.cli").joinpath("starter_project"))
    return {name: text.replace(SOURCE, source) for name, text in texts.items()}


def own_source() -> str | None:
    """Give the repository and commit that this harness was installed from, as pip takes them; None if unknown.

    Read from what pip noted at the install (PEP 610), and where that was a clone, from the clone. An address
    that holds a name or a key is not given: it would be written into a file.
    """
    from importlib.metadata import PackageNotFoundError, distribution

    from harness.files.branch.git import Git

    with contextlib.suppress(PackageNotFoundError, UsageError, ValueError, KeyError):
        noted = json.loads(distribution("prompt-readiness").read_text("direct_url.json") or "{}")
        url, commit = noted["url"], noted.get("vcs_info", {}).get("commit_id", "")
        if "dir_info" in noted:
            git = Git.around(Path(unquote(urlsplit(url).path)))
            url, commit = (
                os.fsdecode(git.ask(*asked)).strip()
                for asked in (("config", "--get", "remote.origin.url"), ("rev-parse", "HEAD"))
            )
        if re.fullmatch(r"https://[\w.-]+(:\d+)?/[\w./~-]+", url) and re.fullmatch(r"[0-9a-f]{40,64}", commit):
            return f"git+{url}@{commit}"
    return None


def unpack_demo(folder: Path) -> Path:
    """Write the demo's project to `folder` unless it is there; gives the folder."""
    if not (folder / "harness.yml").exists():
        write_files(folder, _texts(_shipped("harness").joinpath("demo_project")))
    return folder


def write_files(folder: Path, texts: dict[str, str]) -> None:
    """Write each text to its place below `folder`."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _shipped(package: str) -> Traversable:
    from importlib.resources import files  # what it brings along takes as long as all commands together

    return files(package)


def _texts(folder: Traversable, prefix: str = "") -> dict[str, str]:
    texts: dict[str, str] = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name = f"{prefix}{entry.name.removesuffix('.tmpl')}"
        if entry.is_dir():
            texts |= _texts(entry, f"{name}/")
        elif not entry.name.endswith((".pyc", ".py")):
            texts[name] = entry.read_text(encoding="utf-8")
    return texts
