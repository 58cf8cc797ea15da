"""A real `harness run` that is killed at a chosen system call, and what must hold once it was resumed.

strace counts the calls of one kind over all threads and sends SIGKILL as the n-th begins, or makes it fail.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commanded import COMMAND, ended
from measured import write_project
from scripted import Answer, Request, ScriptedServer, chat_reply
from threaded import serving, settle

CASES, REPEATS, IN_FLIGHT = 20, 2, 4
DELAY_S = 0.06  # more than the 50 ms between two fsyncs: ten rounds of replies make at least five of them anywhere
TRIALS = CASES * REPEATS

NEEDS_STRACE = "needs strace, and leave to trace (Debian: apt-get install strace)"


def _strace() -> str | None:
    """Give strace where it is installed and may trace."""
    found = shutil.which("strace")
    if found is None or subprocess.run([found, "-f", "true"], capture_output=True, check=False).returncode:
        return None
    return found


STRACE = _strace()
# What touches the disk, with the most of each that one thread makes in a run or a resume; `writev` speaks to
# the endpoint: killing there is killing between replies. strace counts each thread's calls by themselves.
CALLS = {"fsync": 6, "write": 85, "rename": 5, "mkdir": 2, "ftruncate": 2, "writev": 21}


def mostly_right(request: Request) -> Answer:
    """Answer as expected (odd numbers are spam) but for numbers that end in 7."""
    (message,) = request.json()["messages"]
    number = int(message["content"].rpartition(" ")[2])
    spam = bool(number % 2) and number % 10 != 7
    return Answer.of_json(chat_reply("spam" if spam else "ham"), delay_s=DELAY_S)


def make_project(root: Path, url: str) -> None:
    """Write a small project over a loopback endpoint, without warm-up: each request is a trial's."""
    write_project(root, url, cases=CASES, repeats=REPEATS, limits={"concurrency": IN_FLIGHT}, warmup=0)


@dataclass(frozen=True)
class Injection:
    """What strace does to the n-th call of one kind: SIGKILL, or an error such as ENOSPC."""

    call: str
    nth: int
    error: str | None = None
    path: Path | None = None  # count only the calls on this file

    @property
    def argument(self) -> str:
        """Give it in strace's words."""
        what = "signal=KILL" if self.error is None else f"error={self.error}"
        return f"inject={self.call}:{what}:when={self.nth}"


def run_command(root: Path, *args: str, injection: Injection | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command in a process group of its own, perhaps under strace."""
    command = [*COMMAND, *args, "--quiet"]
    if injection is not None:
        assert STRACE is not None
        traced = ["-f", "-qqq", "-o", "/dev/null", "-e", f"trace={injection.call}"]
        only = [] if injection.path is None else ["-P", str(injection.path)]
        command = [STRACE, *traced, *only, "-e", injection.argument, *command]
    return ended(command, at=root, alone=True)


def uninterrupted(root: Path) -> dict[str, Any]:
    """Give the figures of a run that nobody touched."""
    with serving(mostly_right) as server:
        make_project(root, server.url)
        run_command(root, "run", "small.suite.yml")
    (run,) = runs_of(root)
    return figures(run)


def runs_of(root: Path) -> list[Path]:
    """Give the run folders that `harness list` would show, the oldest first: names tell no order within a second."""
    found = [path.parent for path in root.glob("results/*/manifest.json")]
    return sorted(found, key=lambda run: json.loads((run / "manifest.json").read_text())["created_utc"])


def saved_trials(run: Path) -> list[str]:
    """Give the whole lines of finished trials in a journal; a torn last line is none."""
    journal = run / "journal.jsonl"
    if not journal.exists():
        return []
    whole, _, _ = journal.read_bytes().rpartition(b"\n")
    return [line.decode() for line in whole.splitlines() if b'"type":"trial"' in line]


def figures(run: Path) -> dict[str, Any]:
    """Give what a report says of the answers; times and the run's own name differ from run to run."""
    report = json.loads((run / "report.json").read_bytes())
    (candidate,) = report["candidates"]
    return {
        "complete": report["complete"],
        "verdict": report["verdict"],
        **{key: candidate[key] for key in ("trials", "outcomes", "classification", "slices")},
        "stability": answers_only(candidate["stability"]),
        "checks": {c["threshold"]: c["status"] for c in candidate["checks"] if "latency" not in c["metric"]},
    }


def answers_only(stability: dict[str, Any]) -> dict[str, Any]:
    """Leave out what times and calls in flight decide: they differ from run to run."""
    kept = {key: value for key, value in stability.items() if not key.startswith("concurrency")}
    kept["spread"] = [each for each in kept["spread"] if "latency" not in each["metric"]]
    return kept


@dataclass
class Crashed:
    """One project that was interrupted, resumed and counted."""

    root: Path
    server: ScriptedServer
    interruptions: int = 0

    def interrupt(self, injection: Injection) -> bool:
        """Start, or resume, until the injection strikes; false when the command ended before it did."""
        runs = runs_of(self.root)
        args = ("resume", runs[-1].name) if runs else ("run", "small.suite.yml")
        before = saved_trials(runs[-1]) if runs else []
        done = run_command(self.root, *args, injection=injection)
        struck = done.returncode == (-9 if injection.error is None else 4)
        assert struck or done.returncode in {0, 1, 3}, f"exit {done.returncode}: {done.stderr}"
        settle(self.server)
        self.interruptions += struck
        after = saved_trials(runs_of(self.root)[-1]) if runs_of(self.root) else []
        assert after[: len(before)] == before, "a finished trial was lost or changed"
        return struck

    def finish(self) -> Path:
        """Resume to the end, or start where nothing was begun; gives the run."""
        runs = runs_of(self.root)
        before = saved_trials(runs[-1]) if runs else []
        args = ("resume", runs[-1].name) if runs else ("run", "small.suite.yml")
        done = run_command(self.root, *args)
        assert done.returncode in {0, 1, 3}, done.stderr
        (run,) = runs_of(self.root)
        assert saved_trials(run)[: len(before)] == before, "a finished trial was lost or changed"
        return run

    def check(self, expected: dict[str, Any]) -> None:
        """Hold the finished run against an uninterrupted one, and count the requests at the server."""
        run = self.finish()
        places: Counter[tuple[str, int]] = Counter()
        for line in saved_trials(run):
            event = json.loads(line)["event"]
            places[event["case"], event.get("repeat", 0)] += 1
        assert places.total() == TRIALS
        assert set(places.values()) == {1}, "a trial was journalled twice"
        assert figures(run) == expected
        assert len(self.server.requests) <= TRIALS + IN_FLIGHT * self.interruptions
