"""`harness demo` and `harness init`: from nothing to a first report."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlsplit

import typer

from harness.cli.ground import UsageError, emit, note, options
from harness.cli.judged import conclude, measure_bundle

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

SOURCE = "git+https://github.com/OWNER/prompt-readiness@COMMIT"  # what `init` fills in where it knows better
DEMO_SUITE = Path("suites", "sms_spam.suite.yml")
DEMO_CASES = 75  # of 150: the whole first run, install and download included, stays under four minutes


def demo(repeats: options.Repeats = None, processes: options.Processes = None, quiet: options.Quiet = False) -> None:
    """Run the SMS spam suite with three prompt versions on the embedded model."""
    from harness.files.bundle import load_bundle

    suite = _demo_suite()
    note(f"demo: three prompt versions on a small language model, on this machine, on {DEMO_CASES} cases")
    note(f"(all cases, in a few minutes more: harness run {suite})")
    _fetch_weights(quiet=quiet)
    bundle = load_bundle(suite, repeats=repeats, first=DEMO_CASES)
    folder = measure_bundle(bundle, processes=processes, quiet=quiet)
    conclude(folder)  # a demo that says NOT READY has done its work: exit 0


def _demo_suite() -> Path:
    """Find the demo's suite: here, beside the source, or unpacked from the package into ./harness-demo."""
    for root in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if (root / DEMO_SUITE).exists():
            return root / DEMO_SUITE
    return unpack_demo(Path.cwd() / "harness-demo") / DEMO_SUITE


def _fetch_weights(*, quiet: bool) -> None:
    from harness.cli.progress import fetching
    from harness.measure.endpoint.embedded import ensure_weights

    with fetching(quiet=quiet) as progress:
        ensure_weights("smollm2-135m-instruct", progress=progress)


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", file_okay=False, help="Where to write; made when missing.")
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are already there.")] = False,
) -> None:
    """Write a small working project: harness.yml, a suite, two prompts and a GitHub workflow."""
    files = starter_files()
    present = [name for name in files if (folder / name).exists()]
    if present and not force:
        raise UsageError(
            f"{folder / present[0]} is already there", fix="Choose another folder, or overwrite with --force."
        )
    try:
        write_files(folder, files)
    except OSError as error:
        said = f"could not write {error.filename or folder}: {error.strerror}"
        raise UsageError(said, fix="Choose another folder.") from error
    emit("\n".join(f"wrote {folder / name}" for name in files))
    if unnamed := [name for name, text in files.items() if SOURCE in text]:
        note(f"{folder / unnamed[0]} installs the harness from {SOURCE}: put your copy of its repository there")
    emit(f"\nnext: {shlex.join(['harness', 'run', str(folder / 'suites' / 'urgency.suite.yml')])}")


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
