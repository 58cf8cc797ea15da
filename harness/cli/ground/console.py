"""Where the command line writes: results to stdout, everything else to stderr, JSON alone on stdout."""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from harness.errors import StorageFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import Console

    from harness.errors import HarnessError

_SERVICES = ("GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")  # each reads commands from the output
_LINE_END = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")
_COMMAND = re.compile(rf"(?:^|(?<={_LINE_END.pattern}))\s*:(?=:)|##(?=(?:vso|teamcity)?\[)")

_MOST_FRAMES, _MOST_TEXT = 100, 200_000  # of a traceback
_LONGEST = len("##teamcity[")
_AFTER_HOST = re.compile(r"(https?://)(?:[^\s/?#]*@)?([^\s/?#]*)\S+")
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW", re.IGNORECASE)


@cache
def stderr() -> Console:
    """Give the console for progress, notes and errors."""
    from rich.console import Console

    return Console(stderr=True, emoji=False, highlight=False, soft_wrap=not sys.stderr.isatty())


class LastingStream:
    """A stream whose reader may leave or whose disk may fill up without ending what is under way.

    For stderr: a run that is paid for goes on without its progress.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open to the end

    def write(self, text: str) -> int:
        """Write, or from the first error on drop what is written."""
        try:
            return self._stream.write(text)
        except OSError:
            drop(self._stream)
            return len(text)

    def flush(self) -> None:
        """Flush, or from the first error on drop what is written."""
        try:
            self._stream.flush()
        except OSError:
            drop(self._stream)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


class InertStream:
    """A stream whose every line is text to the service that runs the command, never an instruction.

    GitHub takes a line that begins with `::`, and others take `##[`, `##vso[` and `##teamcity[` anywhere, for
    a command; a name, a label or a reply may hold one. They are parted by an invisible mark, also where
    they are written in pieces.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begun = ""  # the end of the line that is being written, as far as it could begin a command
        self._mark = "\u2060" if (stream.encoding or "").lower().startswith("utf") else "|"

    def write(self, text: str) -> int:
        """Write a text, its commands parted."""
        whole, written = self._begun + text, len(self._begun)
        for found in _COMMAND.finditer(whole):
            at = max(found.end(), len(self._begun))
            self._stream.write(whole[written:at] + self._mark)
            written = at
        self._stream.write(whole[written:])
        line = _LINE_END.split(whole)[-1]
        self._begun = line if re.fullmatch(r"\s*:?", line) else f"-{line[-_LONGEST:]}"
        return len(text)

    def write_command(self, command: str) -> None:
        """Write an instruction of ours, on a line of its own."""
        self._stream.write(f"{command}\n")
        self._begun = ""

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def keep_streams_usable() -> None:
    """Let a closed stdout drop what is written to it, and nothing fail because of stderr.

    Where a service reads the output for instructions, let it find none.
    """
    # Open what of 0, 1 and 2 is closed, lest the journal get that number and native code's messages
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - to the end
    sys.stderr = cast("TextIO", LastingStream(sys.stderr))
    if any(os.environ.get(variable) for variable in _SERVICES):
        sys.stdout, sys.stderr = (cast("TextIO", InertStream(each)) for each in (sys.stdout, sys.stderr))


def note(text: str, style: str | None = None) -> None:
    """Say something on stderr that is not a result; markup in it stays text, and nothing steers a terminal."""
    from harness.report.parts import visible

    stderr().print(visible(text), style=style, markup=False)


def emit(text: str) -> None:
    """Write a result to stdout, in characters that its encoding has. Raises StorageFailed on a full disk."""
    out = sys.stdout
    encoding = out.encoding or "utf-8"
    try:
        out.write(text.encode(encoding, "replace").decode(encoding))
        out.write("" if text.endswith("\n") else "\n")
        out.flush()
    except BrokenPipeError:
        drop(out)  # the reader left (`| head`): nothing is wrong, and the exit code stays the verdict's
    except OSError as error:
        drop(out)
        fix = "Make room, or send it elsewhere."
        raise StorageFailed(f"the output could not be written: {error.strerror}", fix=fix) from error


def columns_of_stdout() -> int | None:
    """Give the columns of the terminal on stdout; None for a pipe, which gets whole lines.

    A COLUMNS below 80 is a wish for narrow lines, in a pipe too.
    """
    import shutil

    asked = os.environ.get("COLUMNS", "")
    if sys.stdout.isatty() or (asked.isdecimal() and 0 < int(asked) < 80):
        return shutil.get_terminal_size().columns
    return None


def drop(stream: TextIO) -> None:
    """Send what a stream still holds, and all that follows, nowhere: Python flushes it once more at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def emit_json(document: object) -> None:
    """Write one JSON document to stdout: sorted keys, ASCII, no NaN."""
    import json

    import msgspec

    plain = msgspec.to_builtins(document, order="sorted")
    text = json.dumps(plain, indent=2, sort_keys=True, allow_nan=False)
    # The same value, and nothing in it is a command of a CI service.
    emit(text.replace("##", "#\\u0023") if isinstance(sys.stdout, InertStream) else text)


def show_error(error: HarnessError) -> None:
    """Print what was wrong, where, and what to do next; never a traceback."""
    note(f"error: {error.message}", "bold red" if "\n" not in error.message else "red")
    if error.fix:
        note(f"  {error.fix}")


def emit_command(command: str, *, error: bool = False) -> None:
    """Give the service that runs this command an instruction, on stdout or stderr."""
    out = sys.stderr if error else sys.stdout
    if isinstance(out, InertStream):
        out.write_command(command)
    else:
        print(command, file=out)


def tell_github(commands: Iterable[str], page: str, outputs: Mapping[str, str], *, error: bool) -> None:
    """Give GitHub annotations, the page of this step and its outputs; nothing where it does not run this command.

    With `error` the annotations go to stderr: stdout belongs to a document.
    """
    if not on_github():
        return
    for command in commands:
        emit_command(command, error=error)
    _append("GITHUB_STEP_SUMMARY", page)
    _append("GITHUB_OUTPUT", "".join(f"{name}={' '.join(text.split())}\n" for name, text in outputs.items()))


def on_github() -> bool:
    """Tell whether a workflow of GitHub runs this command."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def _append(variable: str, text: str) -> None:
    """Append to a file that GitHub names; it is GitHub's loss if that is not possible."""
    path = os.environ.get(variable)
    if path:
        try:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            note(f"{variable}: {error.strerror}")


def show_unexpected(error: Exception) -> None:
    """Apologise in one line that names a file with the details, without any key."""
    kind = type(error).__name__
    try:
        where = f"Details, without keys: {_details(error)}"
    except OSError:
        where = "The details could not be written."
    said = f"error: the harness itself failed ({kind}), sorry: this says nothing about a prompt. {where}"
    stderr().print(said, style="bold red", markup=False)


def command_line() -> tuple[str, ...]:
    """Give the command as a user would type it again; what follows an address's host may be a secret."""
    return ("harness", *(_AFTER_HOST.sub(r"\1\2/...", word) for word in sys.argv[1:]))


def _details(error: Exception) -> str:
    """Write a traceback into a file of its own that only this user can read; gives its path."""
    import tempfile
    import traceback

    from harness import __version__

    text = "".join(traceback.format_exception(error, limit=-_MOST_FRAMES, chain=True))
    number, path = tempfile.mkstemp(prefix="harness-error-", suffix=".txt", text=True)
    head = f"harness {__version__}, Python {sys.version}\n{command_line()!r}\n\n"
    with os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(without_keys(head + text)[-_MOST_TEXT:])
    return path


def without_keys(text: str) -> str:
    """Remove from a text whatever the environment has under the name of a secret."""
    from harness.measure.endpoint.secrets import redact

    return redact(text, also=[value for name, value in os.environ.items() if _SECRET.search(name)])
