"""Reads from git itself: what a branch changed, and files as they are on the branch it goes to.

Nothing is checked out: no hook runs, no filter of the working tree, and the index stays as it is. A ref is
resolved to a commit once; from then on only its forty digits are passed. Paths are literal (no pathspec
magic) and relative to the top of the repository.
"""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.errors import UsageError

GIT_S = 120.0
_LINK, _MOST_LINKS = "120000", 8
_LFS = b"version https://git-lfs.github.com/spec/"
_HUNK = re.compile(rb"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Blob:
    """A file in a commit."""

    mode: str
    oid: str


@dataclass(frozen=True)
class Repository:
    """A git working tree."""

    top: Path

    @classmethod
    def around(cls, folder: Path) -> Repository:
        """Find the repository that a folder lies in. Raises UsageError."""
        done = _run(folder, "rev-parse", "--show-toplevel")
        if done.returncode != 0:
            raise UsageError(
                f"{folder} is not in a git repository: {_why(done)}",
                fix="A gate compares a branch with another: run it inside a clone.",
            )
        return cls(Path(os.fsdecode(done.stdout).rstrip("\n")).resolve())

    def commit(self, ref: str) -> str:
        """Resolve a ref to the id of a commit. Raises UsageError."""
        done = _run(self.top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if done.returncode != 0:
            raise UsageError(
                f"--base {ref!r}: git knows no such commit.",
                fix=f"Fetch it first: `git fetch origin {ref.removeprefix('origin/')}`. "
                "In CI, check out with the whole history (`fetch-depth: 0`).",
            )
        return done.stdout.decode().strip()

    def merge_base(self, commit: str) -> str:
        """Give the commit at which this branch left the other. Raises UsageError."""
        done = _run(self.top, "merge-base", "--end-of-options", commit, "HEAD")
        if done.returncode != 0:
            raise UsageError(
                f"this branch and {commit[:12]} have no common commit here.",
                fix="The clone is probably shallow: check out with the whole history (`fetch-depth: 0`).",
            )
        return done.stdout.decode().strip()

    def head(self) -> str:
        """Give the commit that is checked out."""
        return self.commit("HEAD")

    def changed(self, since: str) -> frozenset[str]:
        """Give the tracked files that differ between a commit and the working tree, deleted ones too."""
        return frozenset(_names(self.ask("diff", *_PLAIN, "--name-only", "-z", "--end-of-options", since)))

    def untracked(self) -> frozenset[str]:
        """Give the files that git does not know and does not ignore."""
        return frozenset(_names(self.ask("ls-files", "--others", "--exclude-standard", "-z")))

    def changed_lines(self, since: str, path: str) -> tuple[int, int] | None:
        """Give the first run of lines of a file that is new since a commit; None when only lines went."""
        diff = self.ask("diff", *_PLAIN, "--unified=0", "--end-of-options", since, "--", path)
        for match in _HUNK.finditer(diff):
            first, many = int(match[1]), int(match[2] or 1)
            if many:
                return first, first + many - 1
        return None

    def at(self, commit: str) -> Snapshot:
        """Look at the files of a commit."""
        return Snapshot(self, commit)

    def relative(self, path: Path) -> str:
        """Write a path relative to the top, links in its folders resolved. Raises UsageError."""
        resolved = path.parent.resolve() / path.name
        try:
            return resolved.relative_to(self.top).as_posix()
        except ValueError:
            raise UsageError(
                f"{path} lies outside of the git repository {self.top}.", fix="Name a file in it."
            ) from None

    def ask(self, *arguments: str) -> bytes:
        """Give what a git command prints. Raises UsageError with what it said."""
        done = _run(self.top, *arguments)
        if done.returncode != 0:
            raise UsageError(f"git {arguments[0]} failed: {_why(done)}", fix="Check the repository.")
        return done.stdout


class Snapshot:
    """The files of one commit."""

    def __init__(self, repository: Repository, commit: str) -> None:
        self.repository = repository
        self.commit = commit

    @cached_property
    def files(self) -> Mapping[str, Blob]:
        """All files, by path; submodules are not files."""
        listed = self.repository.ask("ls-tree", "-r", "-z", "--full-tree", "--end-of-options", self.commit)
        found = {}
        for entry in listed.split(b"\0"):
            if entry:
                about, path = entry.split(b"\t", 1)
                mode, kind, oid = about.decode().split()
                if kind == "blob":
                    found[os.fsdecode(path)] = Blob(mode, oid)
        return found

    def read(self, path: str) -> bytes | None:
        """Read a file, through symbolic links inside the commit; None when there is none."""
        for _ in range(_MOST_LINKS):
            blob = self.files.get(path)
            if blob is None:
                return None
            content = self.repository.ask("cat-file", "blob", blob.oid)
            if blob.mode != _LINK:
                return self._fetched(path, content)
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), os.fsdecode(content)))
        return None

    def _fetched(self, path: str, content: bytes) -> bytes:
        """Give the content that a Git LFS pointer stands for; anything else as it is."""
        if not content.startswith(_LFS):
            return content
        found = self.repository.ask("cat-file", "--filters", f"{self.commit}:{path}")
        if found.startswith(_LFS):
            raise UsageError(
                f"{path} at {self.commit[:12]} is kept by Git LFS, which is not set up here.",
                fix="Run `git lfs install` and `git lfs fetch`, then again.",
            )
        return found

    def copy(self, path: str, into: Path) -> bool:
        """Write a file below a folder, under its own path; False when the commit has none."""
        content = self.read(path)
        if content is None:
            return False
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return True


_PLAIN = ("--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules")


def _names(listed: bytes) -> Iterator[str]:
    return (os.fsdecode(name) for name in listed.split(b"\0") if name)


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        return subprocess.run(  # noqa: S603 (a list of arguments; what is foreign stands behind an end of options)
            ["git", "--literal-pathspecs", "-C", str(folder), *arguments],  # noqa: S607 (the user's own git)
            capture_output=True,
            timeout=GIT_S,
            env=environment,
            check=False,
        )
    except FileNotFoundError:
        raise UsageError(
            "git is not installed.", fix="Install git: the gate reads the base from it."
        ) from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"git {arguments[0]} did not end within {GIT_S:g} s.") from None


def _why(done: subprocess.CompletedProcess[bytes]) -> str:
    """Give the last line that git said."""
    return done.stderr.decode(errors="replace").strip().rpartition("\n")[2] or f"it exited {done.returncode}"
