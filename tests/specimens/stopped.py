"""Runs that stop early at a loopback server, killed in their middle, and what they settled on which cases."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import psutil
from commanded import COMMAND, HANGS_S, environment
from measured import events_of, records
from scripted import Answer, Held, Request, ScriptedServer, chat_reply
from threaded import settle

from harness.files.suite import asked_order
from harness.record import CaseRow, Stopped
from harness.rundir import read_manifest

KILLED = 25  # requests: fewer than the first look needs


def poor(request: Request) -> Answer:
    """Be wrong in a quarter of all cases; of a gate's prompts only the one that says `badly` is."""
    said = request.json()["messages"][-1]["content"]
    number = int(said.rpartition(" ")[2])
    wrong = number % 4 == 0 and "well" not in said
    return Answer.of_json(chat_reply("spam" if (number + wrong) % 2 else "ham"))


def killed(*arguments: str, at: Path, server: ScriptedServer, held: Held) -> int:
    """Start a command whose requests are not answered from one on, and kill it there; gives how many died with it."""
    held.number = len(server.requests) + KILLED
    process = subprocess.Popen(
        [*COMMAND, *arguments, "--quiet"],
        cwd=at,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + HANGS_S
    while len(server.requests) < held.number:
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.002)
    children = psutil.Process(process.pid).children()
    process.kill()
    process.wait(HANGS_S)
    assert psutil.wait_procs(children, timeout=HANGS_S)[1] == []
    settle(server)
    held.release()
    return len(children)


def latest(root: Path) -> Path:
    return max((root / "results").iterdir(), key=lambda run: run.stat().st_mtime_ns)


def settled(run: Path) -> dict[str, tuple[int, bool, dict[str, str]]]:
    """Give of each candidate after how many cases it ended, and what was settled."""
    return {one.candidate: (one.asked, one.ready, dict(one.statuses)) for one in events_of(run, Stopped)}


def beginning(run: Path) -> dict[str, set[str]]:
    """Give the cases, in the order of asking, on which each candidate was settled; all of them were asked."""
    order = asked_order([row.id for row in events_of(run, CaseRow)], read_manifest(run).seed)
    asked: dict[str, set[str]] = {}
    for record in records(run):
        asked.setdefault(record.candidate, set()).add(record.case)
    first = {name: set(order[:n]) for name, (n, _, _) in settled(run).items()}
    assert all(asked[name] >= cases for name, cases in first.items())
    return first
