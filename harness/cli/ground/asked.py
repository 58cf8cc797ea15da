"""What a command line asks for: the project here, a run of it, a share, what it may send and pay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.ground.stores import fetch_run
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.files.bundle import Bundle
    from harness.files.project import Project
    from harness.measure.bounds import Most
    from harness.rundir import Manifest


def project_here(folder: Path | None = None) -> Project:
    """Read the harness.yml around the working directory, or another folder. Raises FilesError."""
    from harness.files.project import load_project

    return load_project(folder or Path.cwd())


def run_asked(run: str, project: Path | None = None) -> tuple[Path, Manifest]:
    """Find a run by id, prefix, path, `latest`, or its address in an object store, from which it is copied.

    Gives its folder here and its manifest. Raises UsageError.
    """
    folder, manifest, candidate = candidate_asked(run, project)
    if candidate:
        raise UsageError(f"{run}: this takes the whole run, not one candidate of it.", fix=f"Write `{folder.name}`.")
    return folder, manifest


def candidate_asked(run: str, project: Path | None = None) -> tuple[Path, Manifest, str]:
    """Find a run likewise, or one candidate of it, as `RUN:CANDIDATE`: the name is empty where none is named."""
    from harness.rundir import candidate_named, read_manifest

    found = project_here(project)
    results = found.results if project is None else found.root / found.results
    folder, name = found_or_fetched(results, run)
    manifest = read_manifest(folder)
    return folder, manifest, name and candidate_named(manifest.candidates, name, run)


def found_or_fetched(results: Path, ref: str) -> tuple[Path, str]:
    """Give the folder here of the run that is meant, and the candidate as written (empty: none is). UsageError."""
    from harness.rundir import find_candidate

    return fetch_run(ref, results) if "://" in ref else find_candidate(results, ref)


def retiring_models(bundle: Bundle) -> tuple[str, ...]:
    """Say which models of the candidates retire soon, by their `retires` and today's date."""
    from datetime import UTC, datetime

    from harness.files.project import retiring

    return retiring({one.model_name: one.model for one in bundle.candidates}, datetime.now(UTC).date())


def margin_of(written: str) -> float:
    """Read `--margin`: a share between 0% and 100%. Raises UsageError."""
    from harness.files.written import units

    try:
        share = units.share(written)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise UsageError(f"--margin {written}: must be a share between 0% and 100%.", fix="Write it as `2%`.")
    return share


def bounds_asked(max_cost: str | None, max_trials: int | None) -> Most:
    """Read `--max-cost` and `--max-trials`. Raises UsageError."""
    from harness.files.written import units
    from harness.measure.bounds import Most

    if max_cost is None:
        return Most(trials=max_trials)
    try:
        amount = units.read_money(max_cost)
    except ValueError as error:
        raise UsageError(f"--max-cost {max_cost}: {error}.") from None
    return Most(trials=max_trials, money=amount, currency=units.currency_of(max_cost))
