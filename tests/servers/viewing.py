"""The real `harness view` in a process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commanded import COMMAND, environment


@contextmanager
def viewing(root: Path, *args: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the viewer and give its process and the address that it printed."""
    process = subprocess.Popen(
        [*COMMAND, "view", "--port", "0", *args],
        cwd=root,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
