"""What `harness init` writes and what `harness demo` unpacks: files shipped inside the package."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def starter_files() -> dict[str, str]:
    """Give the starter project: relative path -> text."""
    return _texts(files("harness.cli").joinpath("starter_project"))


def unpack_demo(folder: Path) -> Path:
    """Write the demo's project to `folder` unless it is there; gives the folder."""
    if not (folder / "harness.yml").exists():
        write_files(folder, _texts(files("harness").joinpath("demo_project")))
    return folder


def write_files(folder: Path, texts: dict[str, str]) -> None:
    """Write each text to its place below `folder`."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _texts(folder: Traversable, prefix: str = "") -> dict[str, str]:
    texts: dict[str, str] = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name = f"{prefix}{entry.name.removesuffix('.tmpl')}"
        if entry.is_dir():
            texts |= _texts(entry, f"{name}/")
        elif not entry.name.endswith((".pyc", ".py")):
            texts[name] = entry.read_text(encoding="utf-8")
    return texts
