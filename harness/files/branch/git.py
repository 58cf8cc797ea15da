"""The only place that runs git: no code, no configuration and no file of a branch has a say in how.

What git could be made to run is switched off in every call: hooks, the file system monitor, external diffs,
text conversions, the filters that attributes name, pagers, replace refs, transports (and with them the lazy
fetching of a partial clone). The repository is found once, by the `.git` that no commit can hold, never by a
`HEAD` or `config` that lies about in a folder; from then on git is told where it is. Of the environment git
gets what it needs to start and to find the user's own configuration, so no key and no `GIT_*` of a caller
(a hook of a linked worktree sets some) reaches it.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UsageError

GIT_S = 120.0

_OFF = (
    ("safe.bareRepository", "explicit"),
    ("core.fsmonitor", ""),
    ("core.hooksPath", os.devnull),
    ("core.attributesFile", os.devnull),
    ("core.untrackedCache", "false"),
    ("core.pager", "cat"),
    ("diff.external", ""),
    ("protocol.allow", "never"),
    ("submodule.recurse", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
)
_KEPT = (  # of the environment: to be found, to find the user's configuration, to start at all on each system
    *("PATH", "HOME", "XDG_CONFIG_HOME", "USER", "LOGNAME", "TMPDIR", "LD_LIBRARY_PATH", "DEVELOPER_DIR"),
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP"),
    *("USERPROFILE", "HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA"),
)
_SET = {
    "LC_ALL": "C",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
}
_FIX = "A gate compares a branch with another: run it inside a clone."


@dataclass(frozen=True)
class Git:
    """A working tree and where its repository is. Raises UsageError where git can't do what it is asked."""

    top: Path
    folder: Path  # the git directory: of a linked worktree or a submodule, its own
    shared: Path  # the git directory that holds the objects
    _filters: tuple[str, ...] = field(default=(), repr=False)  # that the user's configuration defines
    _seconds: float = GIT_S

    @classmethod
    def around(cls, folder: Path, *, seconds: float = GIT_S) -> "Git":
        """Find the repository whose working tree a folder lies in."""
        start = folder.resolve()
        top = next((each for each in (start, *start.parents) if os.path.lexists(each / ".git")), None)
        if top is None:
            raise UsageError(f"{folder} is not in a git repository.", fix=_FIX)
        # Asked without --git-dir, so that git itself refuses a repository of another user.
        said = [
            _run(top, ("rev-parse", asked), seconds)
            for asked in ("--show-toplevel", "--absolute-git-dir", "--git-common-dir")
        ]
        wrong = next((done for done in said if done.returncode != 0), None)
        if wrong is not None and b"safe.directory" in wrong.stderr:
            fix = f"Where you trust what lies there, run: {_why(wrong).strip()}"
            raise UsageError(f"git refuses {top}: it belongs to another user.", fix=fix)
        if wrong is not None:
            raise UsageError(f"{folder} is not in a git repository: {_why(wrong)}", fix=_FIX)
        found, own, shared = (top / os.fsdecode(done.stdout).rstrip("\n") for done in said)
        if found.resolve() != top:
            raise UsageError(f"{top / '.git'} is not a git repository.", fix=_FIX)
        git = cls(top, own, shared.resolve(), (), seconds)
        return cls(top, own, shared.resolve(), git._configured_filters(), seconds)

    def ask(self, *arguments: str) -> bytes:
        """Give what a git command prints."""
        done = self.tried(*arguments)
        if done.returncode != 0:
            why = _why(done)
            fix = "Check the repository."
            if self._is_partial():
                fix = "This clone is partial: fetch all of it (`git fetch --refetch --no-filter origin`)."
            raise UsageError(f"git {arguments[0]} failed: {why}", fix=fix)
        return done.stdout

    def tried(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run a git command that may fail."""
        where = (f"--git-dir={self.folder}", f"--work-tree={self.top}")
        return _run(self.top, (*self._filters, *where, *arguments), self._seconds)

    def _is_partial(self) -> bool:
        """Tell whether objects were left at the remote, from which nothing is fetched here."""
        return self.tried("config", "--get-regexp", r"^remote\..*\.(promisor|partialclonefilter)$").returncode == 0

    def _configured_filters(self) -> tuple[str, ...]:
        """Give the options that empty every filter driver: attributes are files of the branch."""
        done = self.tried("config", "-z", "--name-only", "--get-regexp", r"^filter\.")
        names = {os.fsdecode(key).rpartition(".")[0] for key in done.stdout.split(b"\0") if key}
        if wrong := next((name for name in names if "=" in name or "\n" in name), None):
            raise UsageError(f"git's configuration has a {wrong!r}.", fix="Rename it: without `=`.")
        return tuple(
            part
            for name in sorted(names)
            for key in ("clean=", "smudge=", "process=", "required=false")
            for part in ("-c", f"{name}.{key}")
        )


def _run(folder: Path, arguments: Sequence[str], seconds: float) -> subprocess.CompletedProcess[bytes]:
    off = [part for key, value in _OFF for part in ("-c", f"{key}={value}")]
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | _SET
    asked = next((each for each in arguments if each[:1] != "-" and "=" not in each), "")
    try:
        return subprocess.run(  # noqa: S603 (a list of arguments; what is foreign stands behind an end of options)
            [_program(), *off, "--no-pager", "--literal-pathspecs", "-C", str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            env=environment,
            check=False,
        )
    except OSError as error:
        raise UsageError(f"git could not be started: {error.strerror}.", fix="Install git.") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"git {asked} did not end within {seconds:g} s.") from None


def _program() -> str:
    """Find git in the folders of PATH, never in the working directory: the branch may have put one there."""
    name = "git.exe" if os.name == "nt" else "git"
    for folder in os.get_exec_path():
        program = Path(folder) / name
        if program.is_absolute() and program.is_file() and os.access(program, os.X_OK):
            return str(program)
    raise UsageError("git is not installed.", fix="Install git: the gate reads the base from it.")


def _why(done: subprocess.CompletedProcess[bytes]) -> str:
    return done.stderr.decode(errors="replace").strip().rpartition("\n")[2] or f"it exited {done.returncode}"
