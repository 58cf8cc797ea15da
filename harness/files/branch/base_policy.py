"""Lays the policy of a base branch out in a folder: harness.yml, suite, cases, baselines and recordings.

Only what the suite names is read from git. The loader of `bundle` then reads these copies like any project,
so a branch can change nothing of what it is judged by. Where the base has no harness.yml, the documented
default (the embedded model alone) is written down, or else the branch's own would be found.
"""

import json
import posixpath
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from pathlib import Path

from harness.errors import FilesError, Problem
from harness.files.baselines import BASELINES
from harness.files.branch.repository import Snapshot
from harness.files.project import EMBEDDED, PROJECT_FILE, read_project
from harness.files.suite.reading import files_beside, read_suite
from harness.files.written import REMOTE, Findings

_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPlaces:
    """Where a side of a gate lies: repository paths hang below `folder`."""

    folder: Path
    suite: Path
    project: Path


def project_of(files: Iterable[str], suite: str, working: str | None) -> str | None:
    """Find the harness.yml of a suite among the files of a commit, as `bundle` finds it on disk.

    `working` is the working directory, below the top of the repository; None when it lies elsewhere.
    """
    known = set(files)
    for start in (working, posixpath.dirname(suite)):
        if start is None:
            continue
        for folder in _upward(start):
            path = posixpath.join(folder, PROJECT_FILE)
            if path in known:
                if not folder or suite.startswith(f"{folder}/"):
                    return path
                break  # found, but the suite lies outside: look upward from the suite
    return None


def _upward(folder: str) -> Iterator[str]:
    while folder not in {"", "."}:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""


def lay_out(snapshot: Snapshot, suite: str, project: str | None, into: Path) -> PolicyPlaces:
    """Copy what the suite of a commit needs, except its prompts. Raises FilesError at the commit's files."""
    places = PolicyPlaces(folder=into, suite=into / suite, project=into / (project or _default_place(suite)))
    snapshot.copy(suite, into)
    if project is None:
        places.project.parent.mkdir(parents=True, exist_ok=True)
        written = {name: entry.model_dump(exclude_defaults=True) for name, entry in EMBEDDED.items()}
        places.project.write_text(json.dumps({"models": written}), encoding="utf-8")
    else:
        snapshot.copy(project, into)
    findings = Findings()
    read = read_project(places.project, findings)
    checked = read_suite(places.suite, findings)
    if findings.total or checked is None:
        raise at_commit(FilesError(findings.problems), into, snapshot.commit)
    wanted = [*matching(snapshot, files_beside(checked.model), suite)]
    root = posixpath.dirname(project or _default_place(suite))
    models = read.project.models.values()
    recordings = [str(entry.replies) for entry in models if entry.replies is not None]
    wanted += [posixpath.normpath(posixpath.join(root, path)) for path in recordings]
    wanted.append(posixpath.join(root, BASELINES))
    if any(":" in name for name in checked.model.perturbations):  # the suite's own code: the base's
        wanted += _below(snapshot, f"{root}/" if root else "", "*.py", 1)
    for path in dict.fromkeys(wanted):
        snapshot.copy(path, into)
    return places


def _default_place(suite: str) -> str:
    """Where there is no harness.yml, the root is the parent of the suite's folder."""
    return posixpath.join(posixpath.dirname(posixpath.dirname(suite)), PROJECT_FILE)


def nearest_suite(base: Snapshot, suite: str, touched: Collection[str]) -> str | None:
    """Find the base's suite that a new one replaces: of those that the branch deleted, the one most like it."""
    top = base.repository.top
    gone = [path for path in base.files if path in touched and is_suite(path) and not (top / path).is_file()]
    if not gone or not (top / suite).is_file():
        return None
    words = (top / suite).read_text(errors="replace").split()
    return nearest_text(base, gone, words)


def is_suite(path: str) -> bool:
    """Tell whether a path is that of a suite."""
    return path.endswith((".suite.yml", ".suite.yaml"))


def nearest_text(base: Snapshot, among: Sequence[str], words: Sequence[str]) -> str:
    """Give the file of a commit that has most words in common with a text."""

    def likeness(path: str) -> float:
        theirs = (base.read(path) or b"").decode(errors="replace").split()
        return SequenceMatcher(None, theirs, words).quick_ratio()

    return max(among, key=likeness)


def matching(snapshot: Snapshot, patterns: Sequence[str], suite: str) -> list[str]:
    """Give the files of a commit that a suite's entries may name, in the order of the entries.

    A pattern gives a few files too many at most: what it matches is decided on the copies.
    """
    found: list[str] = []
    for written in patterns:
        if written.startswith(REMOTE):
            continue
        path = posixpath.normpath(posixpath.join(posixpath.dirname(suite), written))
        if not _WILD.intersection(path):
            found.append(path)
            continue
        parts = path.split("/")
        fixed = next(i for i, part in enumerate(parts) if _WILD.intersection(part))
        folder = "".join(f"{part}/" for part in parts[:fixed])
        found += _below(snapshot, folder, parts[-1], len(parts) - fixed - 1)
    return list(dict.fromkeys(found))


def _below(snapshot: Snapshot, folder: str, name: str, links: int) -> Iterator[str]:
    """Give the files below a folder whose own names match, through at most so many links to folders."""
    led = snapshot.led(f"{folder}*")[:-1]
    for each in [path for path in snapshot.files if path.startswith(led)]:
        path = f"{folder}{each.removeprefix(led)}"
        if fnmatchcase(posixpath.basename(each), name):
            yield path
        if links and snapshot.led(each) != each:
            yield from _below(snapshot, f"{path}/", name, links - 1)


def at_commit(error: FilesError, folder: Path, commit: str) -> FilesError:
    """Name the files of a commit by their own paths instead of those of their copies."""
    problems = []
    for problem in error.problems:
        path = problem.file.resolve()
        if path.is_relative_to(folder.resolve()):
            named = Path(f"{path.relative_to(folder.resolve()).as_posix()} at {commit[:12]}")
            problem = Problem(named, problem.line, problem.field, problem.message, problem.fix)  # noqa: PLW2901
        problems.append(problem)
    return FilesError(problems)
