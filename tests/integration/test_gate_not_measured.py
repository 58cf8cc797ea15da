"""A gate whose endpoint refuses or fails: no branch is blocked by it, none is let through."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from gated import SUITE, branch, classifier, command, commit, gate_json, served, write_prompt, write_repository
from scripted import Answer, Request, Script, ScriptedServer

from harness.judge.history.found import past_runs
from harness.rundir import runs_of_suite

Serve = Callable[[Script], ScriptedServer]


@pytest.fixture
def server(scripted_server: Serve) -> ScriptedServer:
    return scripted_server(classifier)


@pytest.fixture
def repo(tmp_path: Path, server: ScriptedServer) -> Path:
    write_repository(tmp_path, served(server.url))
    branch(tmp_path, "better")
    write_prompt(tmp_path, "Sort well: {{ message }}")
    commit(tmp_path, "better")
    return tmp_path


def test_a_gate_that_could_not_measure_the_changed_prompt_exits_5(repo: Path, server: ScriptedServer) -> None:
    def script(request: Request) -> Answer:
        if b"Sort well" in request.body:
            return Answer.of_json({"error": {"message": "max_tokens is too low"}}, status=400)
        return classifier(request)

    server.script = script
    done = command(repo, "gate", SUITE, "--base", "main", "--quiet", "--json")
    document = gate_json(done)
    assert done.returncode == document["exit_code"] == 5
    assert "NOT MEASURED" in document["headline"]
    assert "max_tokens is too low" in document["headline"]
    assert sum(b"Sort well" in request.body for request in server.requests) <= 8
    server.script = classifier
    again = command(repo, "gate", SUITE, "--base", "main", "--quiet", "--json")
    assert (again.returncode, gate_json(again)["status"]) == (0, "PASS")


def test_failed_calls_of_one_side_alone_block_no_branch(repo: Path, server: ScriptedServer) -> None:
    def script(request: Request) -> Answer:
        number = int(request.json()["messages"][-1]["content"].rsplit(" ", 1)[1])
        if b"Sort well" in request.body and number % 3 == 0:
            return Answer.of_json({"error": {"message": f"no {'x' * (1 + number % 7)}"}}, status=400)
        return classifier(request)

    server.script = script
    done = command(repo, "gate", SUITE, "--base", "main", "--quiet", "--json")
    document = gate_json(done)
    (prompt,) = document["prompts"]
    failing = {check["name"] for check in prompt["checks"] if check["status"] == "FAIL"}
    assert failing == {"failures <= 10%"}
    sent = len(server.requests)
    server.script = classifier
    again = command(repo, "gate", SUITE, "--base", "main", "--quiet", "--json")
    assert (again.returncode, gate_json(again)["status"]) == (0, "PASS")
    assert len(server.requests) - sent == 40, "only what failed is sent again"


def test_what_a_branch_measured_is_no_past_of_the_suite(repo: Path) -> None:
    assert command(repo, "gate", SUITE, "--base", "main", "--quiet", "--json").returncode == 0
    runs = list(runs_of_suite(repo / "results", "small"))
    assert len(runs) == 1
    assert past_runs(runs) == ()
    done = command(repo, "baseline", "set", "latest")
    assert done.returncode == 2
    assert "belongs to a gate" in done.stderr
