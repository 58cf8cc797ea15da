"""Commands on terminals that can do little: narrow, without cursor or colour, or without UTF-8."""

from __future__ import annotations

import os
import pty
import re
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path

import pytest
from commanded import harness, write_replayed

ANSWERS = {("spam", "spam"): 30, ("spam", "ham"): 9, ("ham", "spam"): 4, ("ham", "ham"): 57}
COLUMNS = 40
SUITE = "seed.suite.yml"


def on_terminal(root: Path, *words: str, **environment: str) -> str:
    """Give what a command writes to a terminal of 40 columns, streams together."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, COLUMNS, 0, 0))
    known = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "FORCE_COLOR"}}
    command = [sys.executable, "-m", "harness", *words]
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    with subprocess.Popen(command, cwd=root, env={**known, **environment}, **streams):  # type: ignore[call-overload]
        os.close(theirs)
        written = b""
        while part := _read(ours):
            written += part
    os.close(ours)
    return written.decode(errors="replace").replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says so when the last writer has closed it
        return b""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    write_replayed(root, ANSWERS, thresholds=["accuracy >= 80%", "recall[spam] >= 90%"])
    on_terminal(root, "run", SUITE, TERM="dumb")
    return root


COMMANDS = (["list"], ["show"], ["report"], ["compare", "latest", "latest"], ["history", SUITE], ["check", SUITE])
COMMANDS += (["run", SUITE],)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_dumb_terminal_gets_no_escape_and_lines_that_fit(project: Path, words: list[str]) -> None:
    text = on_terminal(project, *words, TERM="dumb")
    assert "\x1b" not in text
    assert "Traceback" not in text
    wide = [line for line in text.splitlines() if len(line) > COLUMNS and "/" not in line]
    assert wide == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_terminal_without_utf8_gets_ascii(project: Path, words: list[str]) -> None:
    text = on_terminal(project, *words, TERM="xterm", PYTHONIOENCODING="ascii")
    assert text.isascii()
    assert "\\u2026" not in text


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_colour_means_none(project: Path, words: list[str]) -> None:
    text = on_terminal(project, *words, TERM="xterm-256color", NO_COLOR="1")
    styles = {style for found in re.findall("\x1b\\[([0-9;]*)m", text) for style in found.split(";")}
    assert styles <= {"", "0", "1", "2", "7"}  # bold, dim and reverse are no colours


def test_a_narrow_list_says_verdict_accuracy_and_time_below_each_run(project: Path) -> None:
    _, run, told = on_terminal(project, "list", TERM="dumb").splitlines()[:3]
    assert re.fullmatch(r"\d{8}T\d{6}Z-[a-z]+-[0-9a-f]{6}", run)
    assert re.fullmatch(r"  [A-Z ]{12}  87\.0%  \d{4}-\d\d-\d\d \d\d:\d\d", told)


def test_a_pipe_gets_whole_lines_unless_narrow_ones_are_asked_for(project: Path) -> None:
    narrow = harness("check", SUITE, at=project, env={"COLUMNS": str(COLUMNS)}).stdout
    assert max(map(len, narrow.splitlines())) <= COLUMNS
    whole = harness("check", SUITE, at=project).stdout
    assert max(map(len, whole.splitlines())) > COLUMNS
