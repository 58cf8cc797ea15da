"""Whether a run is this project's: before a key is sent, or code is imported, because its folder says so.

A run's folder may come from elsewhere, and its manifest may name any files. What may be trusted is the
harness.yml that is found from the working directory, or from a folder that the command line names: a run is
gone on with only if it lies among that project's results, and names that project's files.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from harness.errors import RunChanged, UsageError
from harness.files.bundle import load_project
from harness.files.project import find_project
from harness.rundir import Manifest


class Places(msgspec.Struct, frozen=True):
    """Where the files of a run are, as its manifest says: relative to the folder of the run, and below it."""

    root: str
    suite: str
    prompts: tuple[str, ...] = ()
    project: str | None = None
    cases: str | None = None


def places_of(run: Path, manifest: Manifest) -> Places:
    """Read where a run's files are. Raises UsageError when the manifest does not say."""
    try:
        return msgspec.convert(manifest.notes.get("reload") or {}, type=Places)
    except msgspec.ValidationError:
        raise UsageError(f"{run}: the manifest does not say where the files are.", fix="Start a new run.") from None


def refuse_foreign(run: Path, places: Places, trusted: Path) -> None:
    """Refuse a run that is not of the project around the folder `trusted`. Raises RunChanged."""
    differences = list(_differences(run.resolve(), places, trusted.resolve()))
    if differences:
        listed = "".join(f"\n  {each}" for each in differences)
        raise RunChanged(
            f"{run.name} is not a run of the project here, so nothing that it names is trusted:{listed}",
            fix="If you trust its project, name that one's folder: `harness resume RUN --project DIR`.",
        )


def _differences(run: Path, places: Places, trusted: Path) -> Iterator[str]:
    found = find_project(trusted)
    own = trusted if found is None else found.parent
    root = (run / places.root).resolve()
    if root != own:
        yield f"root: {root} in the run, {own} here"
    named = None if places.project is None else (root / places.project).resolve()
    if named != found:
        yield f"harness.yml: {named or 'none'} in the run, {found or 'none'} here"
    results = (own / load_project(trusted).results).resolve()
    if run.parent != results:
        yield f"it lies in {run.parent}, the results are in {results} here"
    for path in (places.suite, *places.prompts):
        file = (root / path).resolve()
        if not file.is_relative_to(own) or file.is_relative_to(results):
            yield f"file: {file} is none of this project's"
