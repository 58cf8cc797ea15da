"""`run --stop` and `gate --stop` in two processes, killed and gone on with: they settle what one process does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from gated import SUITE, branch, command, commit, gate_json, served, write_prompt, write_repository
from measured import records, write_project
from scripted import Held, Script, ScriptedServer
from stopped import KILLED, beginning, killed, latest, poor, settled

Serve = Callable[[Script], ScriptedServer]
CASES = 300
STOP = {"every": 5, "from": 30}
TWO = 300  # calls in flight: more than one process keeps


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
