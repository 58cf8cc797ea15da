"""What is broken before the command line is read must not end with the code of a verdict."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("arguments", [["--help"], ["judge", "results/x"], []])
def test_a_broken_import_at_the_start_is_no_verdict(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "typer.py").write_text("raise ImportError('broken')\n")
    done = subprocess.run(
        [sys.executable, "-c", "from harness.__main__ import command; command()", *arguments],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 70
    assert "broken" in done.stderr


def test_a_system_that_it_does_not_run_on_is_named_and_the_code_is_no_verdict() -> None:
    """As Python is on Windows, where the packages can be installed but parts of the standard library are missing."""
    windows = "sys.platform = 'win32'; sys.modules['fcntl'] = None"
    start = f"import sys; from harness.__main__ import command; {windows}; command()"
    done = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "needs Linux or macOS" in done.stderr
    assert "WSL" in done.stderr
    assert "Traceback" not in done.stderr
