"""The real command, in this process or one of its own, and small projects on disk for it to work on."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import yaml

HANGS_S = 240  # no command takes as long, on a busy machine either
COMMAND = [sys.executable, "-m", "harness"]
REPLAY = {"models": {"recorded": {"endpoint": "replay", "replies": "replies.jsonl"}}}


def environment(**more: str) -> dict[str, str]:
    """Give the environment of a plain terminal of fixed width, without anyone's keys."""
    kept = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY") and k != "NO_COLOR"}
    return {**kept, "COLUMNS": "100", "PYTHONWARNINGS": "error", **more}


def harness(*args: str | Path, at: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder and wait for it; it never shows a traceback."""
    return ended([*COMMAND, *map(str, args)], at=at, env=env)


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def in_process(*args: str | Path, at: Path, env: Mapping[str, str] | None = None, together: bool = False) -> Done:
    """Run the command as its entry point does, in a folder of its own but in this process; no traceback is shown.

    A process of its own costs a second or two: `harness` gives one where streams, signals or limits matter.
    `together`: both streams in `stdout`, in the order in which a terminal shows them.
    """
    from harness.cli.ground import stderr
    from harness.cli.main import main

    code: int | str | None = 0
    stderr.cache_clear()
    with (
        # A file, as `export` writes to the descriptor; what a terminal can't show it takes as any pipe does.
        tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as out,
        contextlib.nullcontext(out) if together else io.StringIO() as err,
        contextlib.chdir(at),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        patch.object(sys, "argv", ["harness", *map(str, args)]),
        patch.object(sys, "stdin", io.StringIO()),
        patch.dict(os.environ, environment(**(env or {})), clear=True),
    ):
        try:
            main()
        except SystemExit as ended_with:
            code = ended_with.code
        printed = out.seek(0) or out.read()
        said = printed if together else err.getvalue()
    stderr.cache_clear()
    assert "Traceback" not in said, said
    return Done(returncode=int(code or 0), stdout=printed, stderr="" if together else said)


def ended(
    command: Sequence[str], *, at: Path, env: Mapping[str, str] | None = None, alone: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run what starts the command, perhaps in a process group of its own, and wait for it."""
    done = subprocess.run(
        command,
        cwd=at,
        env=environment(**(env or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANGS_S,
        start_new_session=alone,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def write_yaml(path: Path, value: object) -> None:
    path.write_text(yaml.safe_dump(value, sort_keys=False))


def write_lines(path: Path, rows: Iterable[object]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_replayed(
    root: Path, answers: Mapping[tuple[str, str], int], *, thresholds: Sequence[str] = (), positive: str = "spam"
) -> Path:
    """Write a project whose recorded replies are as counted: (expected, predicted) -> cases."""
    labels = sorted({label for pair in answers for label in pair}, key=lambda label: label != positive)
    pairs = [pair for pair, count in answers.items() for _ in range(count)]
    write_yaml(root / "harness.yml", REPLAY)
    write_yaml(
        root / "seed.suite.yml",
        {
            "name": "seed",
            "labels": labels,
            "positive": positive,
            "cases": "cases.jsonl",
            "prompts": ["v1.prompt.yml"],
            "models": ["recorded"],
            "repeats": 1,
            "thresholds": list(thresholds),
        },
    )
    write_yaml(root / "v1.prompt.yml", {"messages": [{"role": "user", "content": "Sort: {{ message }}"}]})
    write_lines(
        root / "cases.jsonl",
        ({"id": f"c{n}", "message": f"message no. {n}", "expected": expected} for n, (expected, _) in enumerate(pairs)),
    )
    write_lines(
        root / "replies.jsonl", ({"case": f"c{n}", "reply": got, "latency_s": 0.2} for n, (_, got) in enumerate(pairs))
    )
    return root / "seed.suite.yml"
