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


def test_a_gate_that_nobody_answers_still_says_why_in_every_report(repo: Path, server: ScriptedServer) -> None:
    write_prompt(repo, "Sort well: {{ message }}", modelParameters={"max_tokens": 8})
    commit(repo, "limited")
    server.script = lambda request: Answer.of_json({"error": {"message": "max_tokens is too low"}}, status=400)
    done = command(repo, "gate", SUITE, "--base", "main", "--quiet", "--out", "out", "--json")
    document = gate_json(done)
    assert (done.returncode, document["exit_code"], document["status"]) == (5, 5, "NOT MEASURED")
    assert document["prompts"][0]["status"] == "NOT MEASURED"
    assert document["cost"]["calls"] == len(server.requests) == 10
    assert "error: v1@m" in done.stderr
    assert (repo / "out" / "gate.md").read_text().count("is too low") >= 2
    assert "Its base version: the endpoint refused every call" in document["headline"]
    (run,) = (repo / "results").iterdir()
    assert {"report.json", "report.html", "report.md", "junit.xml", "gate.json"} <= {
        path.name for path in run.iterdir()
    }


def test_a_gate_whose_key_is_taken_back_in_the_middle_can_be_run_again(repo: Path, server: ScriptedServer) -> None:
    refused, before = Answer.of_json({"error": {"message": "no such key"}}, status=401), len(server.requests)
    server.script = lambda request: classifier(request) if request.number < before + 40 else refused
    done = command(repo, "gate", SUITE, "--base", "main", "--quiet", "--json")
    assert (done.returncode, gate_json(done)["exit_code"]) == (4, 4)
    assert "no such key" in done.stderr
    server.script = classifier
    assert command(repo, "gate", SUITE, "--base", "main", "--quiet").returncode == 0


def test_an_annotation_points_at_the_line_to_change(
    repo: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(request: Request) -> Answer:
        if b"Sort well" in request.body:
            return Answer.of_json({"error": {"message": "max_tokens is too low"}}, status=400)
        return classifier(request)

    write_prompt(repo, "Sort well: {{ message }}", modelParameters={"temperature": 0, "max_tokens": 8})
    commit(repo, "limited")
    server.script = script
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    done = command(repo, "gate", SUITE, "--base", "main", "--quiet")
    assert "::error file=prompts/v1.prompt.yml,line=6,endLine=6,title=v1 on m%3A NOT MEASURED::" in done.stdout


def test_places_to_change_are_named_from_the_top_of_the_repository(tmp_path: Path, server: ScriptedServer) -> None:
    project = tmp_path / "team" / "spam"
    project.mkdir(parents=True)
    write_repository(project, served(server.url))
    (project / ".git").rename(tmp_path / ".git")
    commit(tmp_path, "deeper")
    branch(tmp_path, "better")
    write_prompt(project, "Sort well: {{ message }}")
    commit(tmp_path, "better")
    server.script = lambda request: Answer.of_json({"error": {"message": "max_tokens is too low"}}, status=400)
    (prompt,) = gate_json(command(project, "gate", SUITE, "--base", "main", "--quiet", "--json"))["prompts"]
    assert prompt["path"] == "team/spam/prompts/v1.prompt.yml"
    assert [row["where"] for row in prompt["went_wrong"]] == ["team/spam/harness.yml:9"]
    assert "in team/spam/harness.yml:9" in prompt["headline"]
