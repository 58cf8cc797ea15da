"""Where the command line writes: results to stdout, everything else to stderr, JSON alone on stdout."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from harness.errors import StorageFailed

if TYPE_CHECKING:
    from rich.console import Console

    from harness.errors import HarnessError


@cache
def stderr() -> Console:
    """Give the console for progress, notes and errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


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


def keep_streams_usable() -> None:
    """Let a closed stdout drop what is written to it, and nothing fail because of stderr."""
    _fill_closed_streams()
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - to the end
    sys.stderr = cast("TextIO", LastingStream(sys.stderr))


def _fill_closed_streams() -> None:
    """Open what of 0, 1 and 2 is closed, lest the journal get that number and native code's messages."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)


def note(text: str) -> None:
    """Say something on stderr that is not a result; markup in it stays text."""
    stderr().print(text, markup=False)


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
        raise StorageFailed(
            f"the output could not be written: {error.strerror}", fix="Make room, or send it elsewhere."
        ) from error


def drop(stream: TextIO) -> None:
    """Send what a stream still holds, and all that follows, nowhere: Python flushes it once more at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def emit_json(document: object) -> None:
    """Write one JSON document to stdout: sorted keys, ASCII, no NaN."""
    import json

    import msgspec

    emit(json.dumps(msgspec.to_builtins(document, order="sorted"), indent=2, sort_keys=True, allow_nan=False))


def show_error(error: HarnessError) -> None:
    """Print what was wrong, where, and what to do next; never a traceback."""
    console = stderr()
    console.print(
        f"error: {error.message}", style="bold red" if "\n" not in error.message else "red", markup=False
    )
    if error.fix:
        console.print(f"  {error.fix}", markup=False)
