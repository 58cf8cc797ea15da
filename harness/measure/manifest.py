"""The manifest of a run: what it says of the files, and whether these are this project's.

A run's folder may come from elsewhere, and its manifest may name any files. What may be trusted is the
harness.yml that is found from the working directory, or from a folder that the command line names: a run is
gone on with only if it lies among that project's results, and names that project's files; so before a key is
sent, or code is imported, because a folder says so.
"""

import hashlib
import os
import platform
import re
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from harness.errors import RunChanged, UsageError
from harness.files.branch.repository import Repository
from harness.files.project import find_project, load_project
from harness.files.suite import Suite
from harness.measure.plan import Bundle, Candidate, Plan
from harness.measure.timeline import RealClock
from harness.rundir import SCHEMA_VERSION, CandidateEntry, FileDigest, Manifest

_PACKAGES = ("prompt-readiness", "jinja2", "msgspec", "numpy", "pyreqwest", "scipy", "tenacity", "uvloop")
_GIT_S = 5.0


def make_manifest(run: Path, bundle: Bundle, plan: Plan, command: Sequence[str]) -> Manifest:
    """Describe a run that is about to begin."""
    root = bundle.project.root.resolve()
    commit, dirty = git_state(root)
    return Manifest(
        schema_version=SCHEMA_VERSION,
        run_id=run.name,
        created_utc=RealClock.utc(),
        suite_name=bundle.suite.name,
        suite=bundle.suite.model_dump(mode="json"),
        suite_digest=bundle.suite_digest,
        candidates=tuple(_entry(candidate, bundle.suite) for candidate in bundle.candidates),
        variants=plan.variants,
        repeats=plan.repeats,
        planned_trials=plan.planned,
        seed=plan.seed,
        files=tuple(file_digest(path, root) for path in bundle.files),
        versions=versions(),
        platform=platform.platform(),
        git_commit=commit,
        git_dirty=dirty,
        command=tuple(command),
        notes={"reload": _reload(run, bundle, root), "unasked": bundle.unasked},
    )


def versions() -> dict[str, str]:
    """Give the versions of Python and of the packages that touch the wire or the numbers."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_state(folder: Path) -> tuple[str | None, bool | None]:
    """Give the commit and whether tracked files differ from it; None where there is no git."""
    try:
        repository = Repository.around(folder, seconds=_GIT_S)
        commit = repository.commit("HEAD")
    except UsageError:
        return None, None
    try:
        return commit, bool(repository.changed(commit))
    except (UsageError, OSError):
        return commit, None


def _entry(candidate: Candidate, suite: Suite) -> CandidateEntry:
    return CandidateEntry(
        name=candidate.name,
        prompt_name=candidate.prompt.name,
        model_name=candidate.model_name,
        prompt=candidate.prompt.model_dump(mode="json"),
        model=candidate.model.model_dump(mode="json"),
        prompt_digest=candidate.prompt_digest,
        model_digest=candidate.model_digest,
        places=dict(candidate.places),
        reply=None if candidate.reply in (None, suite.reply) else candidate.reply.model_dump(mode="json"),
    )


def file_digest(path: Path, root: Path) -> FileDigest:
    """Digest a file that a run reads."""
    with path.open("rb") as file:
        return FileDigest(
            path=os.path.relpath(path.resolve(), root), sha256=hashlib.file_digest(file, "sha256").hexdigest()
        )


def _reload(run: Path, bundle: Bundle, root: Path) -> dict[str, object]:
    """Say where the files are, so that a resume finds them: all relative, the project may have moved."""
    prompts = dict.fromkeys(c.prompt.path for c in bundle.candidates if c.prompt.path is not None)
    assert bundle.suite.path is not None
    return {
        "root": os.path.relpath(root, run.resolve()),
        "project": _relative(bundle.project.path, root),
        "suite": _relative(bundle.suite.path, root),
        "prompts": [_relative(path, root) for path in prompts],
        "cases": _relative(bundle.replaced, root),
        **({"thresholds": list(bundle.suite.thresholds)} if bundle.demanded else {}),
    }


def _relative(path: Path | None, root: Path) -> str | None:
    return None if path is None else os.path.relpath(path.resolve(), root)


class RunFiles(msgspec.Struct, frozen=True):
    """Where the files of a run are, as its manifest says: relative to the folder of the run, and below it."""

    root: str
    suite: str
    prompts: tuple[str, ...] = ()
    project: str | None = None
    cases: str | None = None
    thresholds: tuple[str, ...] = ()  # in place of the suite's own


def files_of(run: Path, manifest: Manifest) -> RunFiles:
    """Read where a run's files are. Raises UsageError when the manifest does not say."""
    if "source" in manifest.notes:
        said = f"{run} was judged from what another tool stored: there is nothing to resume."
        raise UsageError(said, fix="Let that tool ask more, and judge its file again: `harness judge FILE`.")
    try:
        return msgspec.convert(manifest.notes.get("reload") or {}, type=RunFiles)
    except msgspec.ValidationError:
        raise UsageError(f"{run}: the manifest does not say where the files are.", fix="Start a new run.") from None


def refuse_foreign(run: Path, places: RunFiles, trusted: Path) -> None:
    """Refuse a run that is not of the project around the folder `trusted`. Raises RunChanged."""
    differences = list(_differences(run.resolve(), places, trusted.resolve()))
    if differences:
        listed = "".join(f"\n  {each}" for each in differences)
        raise RunChanged(
            f"{run.name} is not a run of the project here, so nothing that it names is trusted:{listed}",
            fix="If you trust its project, name that one's folder: `harness resume RUN --project DIR`.",
        )


def refuse_repeats(run: Path, manifest: Manifest, own: int) -> None:
    """Refuse more repeats than the suite's `own` and the run's command asked for: they would be paid for."""
    asked = manifest.repeats
    if asked > own and not re.search(rf"(?<!\S)(--repeats[ =]|-n ?){asked}(?!\S)", " ".join(manifest.command)):
        raise RunChanged(
            f"{run.name} asks {asked:,} times for each case, the suite here {own:,} times.",
            fix=f"If that is meant, write `repeats: {asked}` into the suite; else start a new run.",
        )


def _differences(run: Path, places: RunFiles, trusted: Path) -> Iterator[str]:
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
