"""The runs of one results folder, and nothing outside of it: names are checked, links are not followed."""

import json
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from harness.rundir import (
    DECISIONS,
    JOURNAL,
    LOCK,
    MANIFEST,
    REPORT,
    Manifest,
    decision_of,
    find_run,
    list_runs,
    plain_content,
    read_manifest,
)

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run: its name and its files, as long as they are its own."""

    name: str
    path: Path

    def file(self, name: str) -> Path | None:
        """Give a file of this folder; None when it is missing, or a link that leads elsewhere."""
        path = self.path / name
        try:
            inside = path.resolve(strict=True).parent == self.path.resolve(strict=True)
            return path if inside and path.is_file() else None
        except (OSError, RuntimeError):  # a loop of links
            return None

    @property
    def journal(self) -> Path | None:
        """The journal, when there is one."""
        return self.file(JOURNAL)

    @property
    def report(self) -> Path | None:
        """The report for machines, when the run was judged."""
        return self.file(REPORT)

    def manifest(self) -> Manifest:
        """Read what the run was. Raises UsageError."""
        return read_manifest(self.path)

    @property
    def verdicts(self) -> list[Path]:
        """What says how it came out: its report, and the decision of the gate or upgrade that it was measured for."""
        return [path for name in (REPORT, *DECISIONS) if (path := self.file(name)) is not None]

    def decision(self) -> str | None:
        """Say what that gate or upgrade decided."""
        return decision_of(self.path)

    @property
    def live(self) -> bool:
        """Whether a process of this machine works on the run; asked of its lock's text, never by locking."""
        path = self.file(LOCK)
        if path is None:
            return False
        try:
            holder = json.loads(plain_content(path))
            if holder["host"] != platform.node():
                return False
            os.kill(int(holder["pid"]), 0)
        except PermissionError:
            return True  # it lives, as somebody else's
        except (OSError, OverflowError, ValueError, KeyError, TypeError):
            return False
        return True


class Results:
    """The results folder; `only` narrows it to one run, for a run that lies elsewhere."""

    def __init__(self, root: Path, *, only: str | None = None) -> None:
        self.root = root.resolve()
        self._only = only

    def run(self, name: str) -> RunFolder | None:
        """Find a run by its exact name; None for anything that is not a run of this folder."""
        if not _NAME.fullmatch(name) or (self._only is not None and name != self._only):
            return None
        folder = RunFolder(name, self.root / name)
        if folder.path.is_symlink() or folder.file(MANIFEST) is None:
            return None
        return folder

    def runs(self) -> list[RunFolder]:
        """Every run, newest first."""
        found = (self.run(path.name) for path in reversed(list_runs(self.root)))
        return [folder for folder in found if folder is not None]


def results_for(root: Path, ref: str | None) -> tuple[Results, str | None]:
    """Give the results to show and the run to open: an id, a prefix, `latest`, or a path anywhere."""
    if ref is None:
        return Results(root), None
    path = find_run(root, ref).resolve()
    if path.parent == root.resolve():
        return Results(root), path.name
    if not _NAME.fullmatch(path.name):
        fix = "Rename it: letters, digits, dots, dashes and underscores."
        raise UsageError(f"the viewer can't show a folder named {path.name!r}", fix=fix)
    return Results(path.parent, only=path.name), path.name
