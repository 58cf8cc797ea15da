"""`run --stop` and `gate --stop` in two processes, killed and gone on with: they settle what one process does."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import yaml
from commanded import COMMAND, HANGS_S, environment
from gated import SUITE, branch, command, commit, gate_json, served, write_prompt, write_repository
from measured import events_of, records, write_project
from scripted import Answer, Held, Request, Script, ScriptedServer, chat_reply
from threaded import settle

from harness.files.suite import asked_order
from harness.record import CaseRow, Stopped
from harness.rundir import read_manifest

Serve = Callable[[Script], ScriptedServer]
CASES = 300
STOP = {"every": 5, "from": 30}
TWO = 300  # calls in flight: more than one process keeps
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


def test_a_run_of_two_processes_that_is_killed_settles_what_one_does(tmp_path: Path, scripted_server: Serve) -> None:
    held = Held(poor)
    server = scripted_server(held)
    suite = write_project(tmp_path, server.url, cases=CASES)
    suite.write_text(suite.read_text() + yaml.safe_dump({"thresholds": ["accuracy >= 90%"], "stop": STOP}))
    assert command(tmp_path, "run", suite.name, "--processes", "1", "--quiet").returncode == 3
    whole = latest(tmp_path)
    assert killed("run", suite.name, "--processes", "2", at=tmp_path, server=server, held=held) >= 2
    run = latest(tmp_path)
    assert (settled(run), len(records(run)) <= KILLED) == ({}, True)
    assert command(tmp_path, "resume", run.name, "--quiet").returncode == 3
    assert settled(run) == settled(whole) != {}
    assert beginning(run) == beginning(whole)
    assert len(records(run)) < CASES


def test_a_gate_of_two_processes_that_is_killed_decides_as_one_does(tmp_path: Path, scripted_server: Serve) -> None:
    held = Held(poor)
    server = scripted_server(held)
    decided: list[dict[str, Any]] = []
    runs = []
    for in_flight in (8, TWO):
        root = tmp_path / str(in_flight)
        model = served(server.url) | {"limits": {"concurrency": in_flight}}
        write_repository(root, model, cases=CASES, stop=STOP, thresholds=["accuracy >= 50%"])
        branch(root, "worse")
        write_prompt(root, "Sort badly: {{ message }}")
        commit(root, "worse")
        gate = ("gate", SUITE, "--base", "main")
        if in_flight == TWO:
            killed(*gate, at=root, server=server, held=held)
            assert settled(latest(root)) == {}
        decided.append(gate_json(command(root, *gate, "--quiet", "--json")))
        (run,) = (root / "results").iterdir()
        runs.append(run)
    assert [document["status"] for document in decided] == ["FAIL", "FAIL"]
    one, two = ({check["name"]: check["status"] for check in document["prompts"][0]["checks"]} for document in decided)
    assert one == two
    assert settled(runs[0]) == settled(runs[1])
    assert beginning(runs[0]) == beginning(runs[1])
