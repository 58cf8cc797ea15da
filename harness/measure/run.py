"""A new run: folder, manifest, journal, and its first session."""

import hashlib
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.errors import EndpointUnusable, UsageError
from harness.files.branch import Repository
from harness.files.bundle import Bundle, Candidate
from harness.journal import JournalWriter, RunLock
from harness.measure.endpoint.origin import api_key, resolved_headers
from harness.measure.endpoint.transports import log_to
from harness.measure.plan import Plan
from harness.measure.session import Begin, Nobody, Observer, keyboard_interrupts, run_session, utc_now
from harness.record import Record
from harness.rundir import (
    DEBUG_LOG,
    JOURNAL,
    LOCK,
    SCHEMA_VERSION,
    CandidateEntry,
    FileDigest,
    Manifest,
    create_run,
    write_manifest,
)

__all__ = ["Observer", "measure"]


def measure(
    bundle: Bundle,
    results: Path,
    *,
    observer: Observer | None = None,
    processes: int | None = None,
    debug: bool = False,
    command: Sequence[str] = (),
    amend: Callable[[Manifest], Manifest] | None = None,
    reused: Sequence[Record] = (),
) -> Path:
    """Measure all trials of a bundle in a new run; gives its folder.

    `amend` may add to the manifest before it is written; `reused` are records that stand for trials of the
    plan, which are not sent then. `debug` writes every exchange, without keys, to the run's debug.log.

    Raises what ended it early (EndpointUnusable, Interrupted, RunIncomplete, StorageFailed); every finished
    trial is saved then, and the error names the run to resume.
    """
    with keyboard_interrupts():
        plan = Plan(bundle)
        for candidate in plan.candidates:  # before there is a folder: a run without a call is none
            api_key(candidate.model_name, candidate.model)
            resolved_headers(candidate.model_name, candidate.model)
        content = " ".join((bundle.suite_digest, *(c.prompt_digest + c.model_digest for c in plan.candidates)))
        run = create_run(results, bundle.suite.name, content)
        with _none_left_empty(run), RunLock(run / LOCK):
            if debug:
                log_to(run / DEBUG_LOG)
            manifest = make_manifest(run, bundle, plan, command)
            # The manifest makes the folder a run: what dies before it leaves none, later there is a journal.
            writer = JournalWriter.create(run / JOURNAL, run.name)
            try:
                write_manifest(run, manifest if amend is None else amend(manifest))
            except BaseException:
                writer.close()
                raise
            done = plan.nothing_done()
            kept = tuple(record for record in reused if plan.mark(done, record))
            begin = Begin(event="started", cases=plan.cases, done=done, reused=kept)
            run_session(run, bundle, plan, writer, begin, observer=observer or Nobody(), processes=processes)
    return run


@contextmanager
def _none_left_empty(run: Path) -> Iterator[None]:
    """Remove a run that ended before its first call: nothing is in it, and it would be the latest one."""
    try:
        yield
    except (EndpointUnusable, UsageError) as error:
        if not error.resumable:
            shutil.rmtree(run, ignore_errors=True)
        raise


_PACKAGES = ("prompt-readiness", "jinja2", "msgspec", "numpy", "pyreqwest", "scipy", "tenacity", "uvloop")
_GIT_S = 5.0


def make_manifest(run: Path, bundle: Bundle, plan: Plan, command: Sequence[str]) -> Manifest:
    """Describe a run that is about to begin."""
    root = bundle.project.root.resolve()
    commit, dirty = git_state(root)
    return Manifest(
        schema_version=SCHEMA_VERSION,
        run_id=run.name,
        created_utc=utc_now(),
        suite_name=bundle.suite.name,
        suite=bundle.suite.model_dump(mode="json"),
        suite_digest=bundle.suite_digest,
        candidates=tuple(_entry(candidate) for candidate in bundle.candidates),
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
        notes={"reload": _reload(run, bundle, root)},
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
        commit = repository.head()
    except UsageError:
        return None, None
    try:
        return commit, bool(repository.changed(commit))
    except (UsageError, OSError):
        return commit, None


def _entry(candidate: Candidate) -> CandidateEntry:
    return CandidateEntry(
        name=candidate.name,
        prompt_name=candidate.prompt.name,
        model_name=candidate.model_name,
        prompt=candidate.prompt.model_dump(mode="json"),
        model=candidate.model.model_dump(mode="json"),
        prompt_digest=candidate.prompt_digest,
        model_digest=candidate.model_digest,
        places=dict(candidate.places),
    )


def file_digest(path: Path, root: Path) -> FileDigest:
    """Digest a file that a run reads."""
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            sha256.update(chunk)
    return FileDigest(path=os.path.relpath(path.resolve(), root), sha256=sha256.hexdigest())


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
    }


def _relative(path: Path | None, root: Path) -> str | None:
    return None if path is None else os.path.relpath(path.resolve(), root)
