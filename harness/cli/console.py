"""Where the command line writes: results to stdout, everything else to stderr, JSON alone on stdout."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from harness.errors import HarnessError


@cache
def stderr() -> Console:
    """Give the console for progress, notes and errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def note(text: str) -> None:
    """Say something on stderr that is not a result; markup in it stays text."""
    stderr().print(text, markup=False)


def emit(text: str) -> None:
    """Write a result to stdout, in characters that its encoding has."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
    sys.stdout.write("" if text.endswith("\n") else "\n")
    sys.stdout.flush()


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
