"""What a branch changed, and files as they are on the branch it goes to.

Nothing is checked out: the index stays as it is. A ref is resolved to a commit once; from then on only its
digits are passed. Paths are literal (no pathspec magic) and relative to the top of the repository. Whether a
file on disk is that of a commit is told by its own bytes, not by what the index remembers of it: a file
that is marked as unchanged, or that a filter would turn into another, is what it holds.
"""

import hashlib
import os
import posixpath
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.errors import UsageError
from harness.files.branch.git import GIT_S, Git

_LINK, _SUBMODULE, _MOST_LINKS = "120000", "160000", 8
LFS = b"version https://git-lfs.github.com/spec/"
_LFS_OID = re.compile(rb"^oid sha256:([0-9a-f]{64})$", re.MULTILINE)
_NO_NAME = re.compile(r"[~^:]|@\{")  # what may follow the name of a ref, and no name holds
_HUNK = re.compile(rb"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
_PLAIN = ("--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules")
_TREES = ("--no-renames", "--name-only", "-z", "--ignore-submodules=none")


@dataclass(frozen=True, slots=True)
class Blob:
    """A file in a commit."""

    mode: str
    oid: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A path of the index."""

    path: str
    submodule: bool
    skipped: bool  # not wanted on disk: a sparse checkout


class Repository:
    """A git working tree."""

    def __init__(self, git: Git) -> None:
        self.git = git
        self.top = git.top

    @classmethod
    def around(cls, folder: Path, *, seconds: float = GIT_S) -> "Repository":
        """Find the repository that a folder lies in. Raises UsageError."""
        return cls(Git.around(folder, seconds=seconds))

    def commit(self, ref: str) -> str:
        """Resolve a ref to the id of a commit. Raises UsageError."""
        done = self.git.tried("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if done.returncode != 0:
            raise UsageError(
                f"--base {ref!r}: git knows no such commit.",
                fix=f"Fetch it first: `git fetch origin {ref.removeprefix('origin/')}`. "
                "In CI, check out with the whole history (`fetch-depth: 0`).",
            )
        self._refuse_ambiguous(ref)
        return done.stdout.decode().strip()

    def _refuse_ambiguous(self, ref: str) -> None:
        """Refuse a name that two refs have: whoever may push a tag could stand in for the base."""
        name = _NO_NAME.split(ref, maxsplit=1)[0]
        places = [
            f"refs/{each.format(name)}" for each in ("{}", "tags/{}", "heads/{}", "remotes/{}", "remotes/{}/HEAD")
        ]
        listed = self.git.ask("for-each-ref", "--format=%(refname) %(objectname)", "--", *places)
        found = dict(line.split(" ", 1) for line in os.fsdecode(listed).splitlines())
        named = [place for place in places if place in found]
        digits = re.fullmatch(r"[0-9a-f]{4,39}", name) and bool(named)
        if digits or len({found[place] for place in named}) > 1:
            which = ", ".join([*named, *(["the id of a commit"] if digits else [])])
            full = f"{named[-1]}{ref.removeprefix(name)}"
            raise UsageError(f"--base {ref!r} is ambiguous: {which}.", fix=f"Write it in full: `--base {full}`.")

    def merge_base(self, commit: str) -> str:
        """Give the commit at which this branch left the other. Raises UsageError."""
        done = self.git.tried("merge-base", "--end-of-options", commit, "HEAD")
        if done.returncode != 0:
            fix = "The clone is probably shallow: check out with the whole history (`fetch-depth: 0`)."
            raise UsageError(f"this branch and {commit[:12]} have no common commit here.", fix=fix)
        return done.stdout.decode().strip()

    def changed(self, since: str) -> frozenset[str]:
        """Give the tracked files that differ between a commit and the working tree, deleted ones too."""
        listed = self.git.ask("diff", *_PLAIN, "--name-only", "-z", "--end-of-options", since, "--")
        snapshot = self.at(since)
        return frozenset(path for path in _names(listed) if not snapshot.is_on_disk(path))

    def brought(self, since: str) -> frozenset[str]:
        """Give every path that HEAD, the index or a tracked file on disk has otherwise than a commit."""
        trees = self.git.ask("diff-tree", "-r", *_TREES, "--end-of-options", since, self.commit("HEAD"), "--")
        index = self.git.ask("diff-index", "--cached", *_TREES, "--end-of-options", since, "--")
        return frozenset((*_names(trees), *_names(index), *self.changed(since)))

    def untracked(self) -> frozenset[str]:
        """Give the files that git does not know and does not ignore."""
        return frozenset(_names(self.git.ask("ls-files", "--others", "--exclude-standard", "-z")))

    @cached_property
    def index(self) -> tuple[Entry, ...]:
        """All paths of the index."""
        found = []
        for entry in self.git.ask("ls-files", "--stage", "-v", "-z").split(b"\0"):
            if entry:
                about, path = entry.split(b"\t", 1)
                tag, mode, _ = about.decode().split(" ", 2)
                found.append(Entry(os.fsdecode(path), mode == _SUBMODULE, tag in "Ss"))
        return tuple(found)

    def nested(self, path: str) -> str | None:
        """Give the folder of another repository (a submodule) that a path lies in; None mostly."""
        folders = [posixpath.dirname(path)]
        while folders[-1]:
            folders.append(posixpath.dirname(folders[-1]))
        submodules = {entry.path for entry in self.index if entry.submodule}
        inside = (each for each in folders if each)
        return next((each for each in inside if each in submodules or os.path.lexists(self.top / each / ".git")), None)

    def changed_lines(self, since: str, path: str) -> tuple[int, int] | None:
        """Give the first run of lines of a file that is new since a commit; None when only lines went."""
        diff = self.git.ask("diff", *_PLAIN, "--unified=0", "--end-of-options", since, "--", path)
        for match in _HUNK.finditer(diff):
            first, many = int(match[1]), int(match[2] or 1)
            if many:
                return first, first + many - 1
        return None

    def at(self, commit: str) -> "Snapshot":
        """Look at the files of a commit."""
        return Snapshot(self, commit)

    def relative(self, path: Path) -> str:
        """Write a path relative to the top, links in its folders resolved. Raises UsageError."""
        resolved = path.parent.resolve() / path.name
        try:
            return resolved.relative_to(self.top).as_posix()
        except ValueError:
            said = f"{path} lies outside of the git repository {self.top}."
            raise UsageError(said, fix="Name a file in it.") from None

    def names_of(self, place: Path) -> Iterator[str]:
        """Name a place below the top as it is written and as each link leads on; nothing for one elsewhere."""
        path = Path.cwd() / place
        for _ in range(_MOST_LINKS):
            path = Path(os.path.normpath(path))
            if path.is_relative_to(self.top):
                yield path.relative_to(self.top).as_posix()
            link = next((each for each in (*reversed(path.parents), path) if each.is_symlink()), None)
            if link is None:
                return
            path = link.parent / link.readlink() / path.relative_to(link)

    def brought_as(self, place: Path, brought: frozenset[str]) -> str | None:
        """Give a name of a place under which it is, or lies below, one of these paths."""
        return next((name for name in self.names_of(place) if lies_in(name, brought)), None)


class Snapshot:
    """The files of one commit."""

    def __init__(self, repository: Repository, commit: str) -> None:
        self.repository = repository
        self.commit = commit

    @cached_property
    def files(self) -> Mapping[str, Blob]:
        """All files, by path; submodules are not files."""
        listed = self.repository.git.ask("ls-tree", "-r", "-z", "--full-tree", "--end-of-options", self.commit)
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
        path = self.led(path)
        blob = self.files.get(path)
        return None if blob is None or blob.mode == _LINK else self._fetched(path, self._raw(blob))

    def led(self, path: str) -> str:
        """Give the path to which the links on a path lead."""
        return [path, *(to for _, to in self._led(path))][-1]

    def _led(self, path: str) -> Iterator[tuple[str, str]]:
        """Give each link on a path, its folders first, and the path to which it leads."""
        for _ in range(_MOST_LINKS):
            above = (path[:end] for end, letter in enumerate(f"{path}/") if letter == "/")
            link = next((each for each in above if each in self.files and self.files[each].mode == _LINK), None)
            if link is None:
                return
            path = posixpath.normpath(posixpath.join(self._target(link), posixpath.relpath(path, link)))
            yield link, path

    def _target(self, link: str) -> str:
        return posixpath.normpath(posixpath.join(posixpath.dirname(link), os.fsdecode(self._raw(self.files[link]))))

    def is_on_disk(self, path: str) -> bool:
        """Tell whether the working tree holds the very bytes of a file, its line ends aside."""
        blob = self.files.get(path)
        place = self.repository.top / path
        if blob is None or blob.mode == _LINK or place.is_symlink() or not place.is_file():
            return False
        content = place.read_bytes()
        if blob.oid in {_oid(form, blob.oid) for form in (content, content.replace(b"\r\n", b"\n"))}:
            return True
        return _lfs_oid(self._raw(blob)) == hashlib.sha256(content).hexdigest()

    def _raw(self, blob: Blob) -> bytes:
        return self.repository.git.ask("cat-file", "blob", blob.oid)

    def _fetched(self, path: str, content: bytes) -> bytes:
        """Give the content that a Git LFS pointer stands for, from this clone; anything else as it is."""
        oid = _lfs_oid(content)
        if oid is None:
            return content
        stored = self.repository.git.shared / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
        found = stored.read_bytes() if stored.is_file() else b""
        if hashlib.sha256(found).hexdigest() != oid:
            said = f"{path} at {self.commit[:12]} is kept by Git LFS, and this clone does not hold it."
            raise UsageError(said, fix=f"Run `git lfs fetch origin {self.commit[:12]}`, then again.")
        return found

    def copy(self, path: str, into: Path) -> bool:
        """Write a file below a folder, under its own path, with the links that lead to it; False when there is none."""
        content = self.read(path)
        if content is None:
            return False
        for link, _ in self._led(path):
            (into / link).parent.mkdir(parents=True, exist_ok=True)
            if not (into / link).is_symlink():
                (into / link).symlink_to(into / self._target(link))
        target = into / self.led(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return True


def lies_in(path: str, brought: frozenset[str]) -> bool:
    """Tell whether a path is one of these, or lies below one.

    Letters are compared as file systems do that know no case and no composed letters.
    """
    here = _folded(path)
    return any(here == each or here.startswith(f"{each}/") for each in map(_folded, brought))


def touches(path: str, brought: frozenset[str]) -> bool:
    """Tell whether a path is one of these, lies below one, or holds one; letters as in `lies_in`."""
    below = f"{_folded(path)}/"
    return lies_in(path, brought) or any(_folded(each).startswith(below) for each in brought)


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _oid(content: bytes, like: str) -> str:
    """Give the id of a blob, in the kind of digest that the repository has."""
    digest = hashlib.sha256() if len(like) == hashlib.sha256().digest_size * 2 else hashlib.sha1()  # noqa: S324 (git's own ids)
    digest.update(b"blob %d\0" % len(content))
    digest.update(content)
    return digest.hexdigest()


def _lfs_oid(content: bytes) -> str | None:
    found = _LFS_OID.search(content[:1024]) if content.startswith(LFS) else None
    return None if found is None else found[1].decode()


def _names(listed: bytes) -> Iterator[str]:
    return (os.fsdecode(name) for name in listed.split(b"\0") if name)
