"""Every error that ends a command, each with its exit code.

    HarnessError                      1
      UsageError                      2   the command line asks for something impossible
      FilesError                      2   problems in the files that people write
      JournalDamaged                  2   a journal line does not match its checksum
      RunLocked                       2   another process is working on this run
      RunChanged                      2   the files changed since the run began
      RunIncomplete                   4   the run could not be finished; it can be resumed
        Waiting                       4   answers that were bought are not ready; they can be fetched later
        StorageFailed                 4   a write or fsync failed (disk full, read-only)
      EndpointUnusable                5   wrong key, unknown model, exhausted quota; 4 once something was measured
      Interrupted                 130/143 stopped by a signal; it can be resumed
    any other exception              70   an unexpected error of the harness, never a verdict

A bad trial is never an error: it is a `Failure` value in a `Record` (see record.py).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path


class Exit(IntEnum):
    """The exit codes of all commands."""

    READY = 0
    NOT_READY = 1
    USAGE = 2
    INCONCLUSIVE = 3
    INCOMPLETE = 4
    ENDPOINT_UNUSABLE = 5
    UNEXPECTED = 70
    INTERRUPTED = 130
    TERMINATED = 143


class HarnessError(Exception):
    """Ends a command; says what was wrong, where, and what to do next.

    `fix` is one sentence in the imperative; empty where nothing can be advised. `resumable` is set once a run
    has begun, so that measuring can go on from what is saved; `run` is its folder then, where it is known.
    """

    exit_code: Exit = Exit.NOT_READY
    resumable: bool = False
    run: Path | None = None

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


class UsageError(HarnessError):
    """The command line asks for something impossible."""

    exit_code = Exit.USAGE


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in one place of one file that a person wrote."""

    file: Path
    line: int | None  # 1-based; None when it concerns the whole file
    field: str  # dotted path such as `thresholds[2]`; empty when it concerns the whole file
    message: str
    fix: str = ""

    def __str__(self) -> str:
        file = re.sub(r"^(s3|hf):/", r"\1://", str(self.file))  # a path has lost one stroke of an address
        where = f"{file}:{self.line}" if self.line else file
        field = f" {self.field}:" if self.field else ""
        ended = "" if self.message.endswith((".", "!", "?", ":")) else "."
        fix = f"{ended} {self.fix}" if self.fix else ""
        return f"{where}:{field} {self.message}{fix}"


def _place(problem: Problem) -> tuple[str, int, str, str]:
    return (str(problem.file), problem.line or 0, problem.field, problem.message)


_ALIKE = 10  # problems of a file that say the same; more are one line that lists where


class FilesError(HarnessError):
    """All problems of all files, reported together before the first call."""

    exit_code = Exit.USAGE

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(set(problems), key=lambda p: (str(p.file), p.line or 0, p.field, p.message)))
        of_kind: dict[tuple[Path, str, str], list[Problem]] = {}
        for problem in self.problems:
            of_kind.setdefault((problem.file, problem.message, problem.fix), []).append(problem)
        said = {problem: "" for alike in of_kind.values() if len(alike) <= _ALIKE for problem in alike}
        for first, *others in (alike for alike in of_kind.values() if len(alike) > _ALIKE):
            where = ", ".join(str(each.line or each.field) for each in others[:_ALIKE])
            more = f" and {len(others) - _ALIKE:,} more places" if others[_ALIKE:] else ""
            said[first] = f" (also at {where}{more})"
        super().__init__("\n".join(f"{problem}{said[problem]}" for problem in self.problems if problem in said))


class JournalDamaged(HarnessError):
    """A journal line does not match its checksum or sequence; it is named and refused, never skipped."""

    exit_code = Exit.USAGE


class RunLocked(HarnessError):
    """Another live process is working on this run."""

    exit_code = Exit.USAGE


class RunChanged(HarnessError):
    """Prompt, suite, parameters or origin changed since the run began."""

    exit_code = Exit.USAGE


class RunIncomplete(HarnessError):
    """The run could not be finished; finished trials are saved and `harness resume` goes on."""

    exit_code = Exit.INCOMPLETE


class Waiting(RunIncomplete):
    """What was bought is not ready: the provider works on it, or somebody does offline."""


class StorageFailed(RunIncomplete):
    """A write or fsync failed; dispatching stopped at once."""


class EndpointUnusable(HarnessError):
    """The endpoint refuses every call in the same way: wrong key, unknown model, exhausted quota."""

    exit_code = Exit.ENDPOINT_UNUSABLE


class Interrupted(HarnessError):
    """Stopped by a signal; finished trials are saved and `harness resume` goes on."""

    exit_code = Exit.INTERRUPTED

    def __init__(self, message: str, *, fix: str = "", terminated: bool = False) -> None:
        super().__init__(message, fix=fix)
        self.exit_code = Exit.TERMINATED if terminated else Exit.INTERRUPTED


def how_to_install(extra: str) -> str:
    """Name the packages of an extra for pip, each by itself.

    No index has this project, so an index's package of its name would be somebody else's.
    """
    from importlib.metadata import PackageNotFoundError, requires

    try:
        lines = requires("prompt-readiness") or []
    except PackageNotFoundError:
        lines = []
    wanted = [line.partition(";")[0].strip() for line in lines if line.endswith((f"'{extra}'", f'"{extra}"'))]
    packages = " ".join(f"'{package}'" for package in wanted)
    return f"Run: pip install {packages}." if wanted else f"Install the project again, with its extra `{extra}`."


@contextmanager
def fitting_together(run: Path) -> Iterator[None]:
    """Turn what the files of a run from elsewhere can make of a calculation into an error that names it.

    Each file is checked by itself where it is read; that they belong together nobody can check beforehand.
    What was found by whoever does not know the folder is told with it.
    """
    try:
        yield
    except (JournalDamaged, UsageError) as error:
        if str(run) not in error.message:
            error.message = f"{run}: {error.message}"
            error.args = (error.message,)
        raise
    except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as error:
        raise UsageError(
            f"{run}: what its files say does not fit together ({type(error).__name__}).",
            fix="Restore the folder from a copy; if this harness wrote it as it is, please report that.",
        ) from error
