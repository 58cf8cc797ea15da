"""`harness gate --all`: every suite that a branch touches in one plan, one bound, one decision."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from commanded import write_yaml
from gated import (
    SUITE,
    Done,
    branch,
    classifier,
    command,
    commit,
    gate_json,
    git,
    served,
    write_prompt,
    write_repository,
)
from scripted import Answer, Request, Script, ScriptedServer

Serve = Callable[[Script], ScriptedServer]
CASES = 60
OTHER, THIRD = "suites/other.suite.yml", "suites/third.suite.yml"
BAR = ["recall[spam] >= 85%"]
PRICE = {"input": 1000.0, "output": 1000.0}


@pytest.fixture
def server(scripted_server: Serve) -> ScriptedServer:
    return scripted_server(classifier)


@pytest.fixture
def repo(tmp_path: Path, server: ScriptedServer) -> Path:
    """Write three suites over the same cases, each with its own prompt, on one model."""
    write_repository(tmp_path, served(server.url, price=PRICE), cases=CASES, gate={"margin": "30%"}, thresholds=BAR)
    suite = yaml.safe_load((tmp_path / SUITE).read_text())
    for path in (OTHER, THIRD):
        name = path.removeprefix("suites/").removesuffix(".suite.yml")
        (tmp_path / "prompts" / name).mkdir()
        write_prompt(tmp_path, "Sort: {{ message }}", f"prompts/{name}/v1.prompt.yml")
        write_yaml(tmp_path / path, suite | {"name": name, "prompts": [f"../prompts/{name}/*.prompt.yml"]})
    commit(tmp_path, "three suites")
    return tmp_path


def gate(repo: Path, *more: str) -> Done:
    return command(repo, "gate", "--all", "--base", "main", "--quiet", "--json", *more)


def change(repo: Path, other: str) -> None:
    branch(repo, "changed")
    write_prompt(repo, "Sort well: {{ message }}")
    write_prompt(repo, other, "prompts/other/v1.prompt.yml")
    commit(repo, "changed")


def judged(document: dict[str, Any]) -> dict[str, str]:
    return {prompt["suite"]: prompt["status"] for prompt in document["prompts"]}


def test_all_suites_that_a_branch_touches_are_one_decision_comment_and_test_report(
    repo: Path, server: ScriptedServer
) -> None:
    change(repo, "Sort badly: {{ message }}")
    done = gate(repo, "--out", "out")
    document = gate_json(done)
    assert (done.returncode, judged(document)) == (1, {SUITE: "PASS", OTHER: "FAIL"}), document["headline"]
    assert document["suites"] == [OTHER, SUITE]
    assert len(server.requests) == document["cost"]["calls"] == 4 * CASES, "the third suite is not touched"
    comment = (repo / "out" / "gate.md").read_text()
    assert comment.count("<!-- prompt-readiness gate -->") == 1
    assert f"v1 on m in {OTHER}: FAIL" in comment.replace("\\", "").replace("\u2060", "")
    assert all(f"`harness show {run}`" in comment for run in document["run_ids"])
    assert f"v1 on m in {SUITE}: PASS" in comment.replace("\\", "").replace("\u2060", "")
    tests = ET.parse(repo / "out" / "gate-junit.xml").getroot()
    assert {test.get("classname") for test in tests.iter("testcase")} == {f"{OTHER}.v1@m", f"{SUITE}.v1@m"}
    assert (
        len(document["run_ids"])
        == len({path.name for path in (repo / "results").iterdir()} & {*document["run_ids"]})
        == 2
    )
    assert {path.name for path in (repo / "out").iterdir()} >= {"gate.json", "report.html", "report-2.html"}


def test_a_model_that_all_use_is_measured_in_each_suite(repo: Path, server: ScriptedServer) -> None:
    branch(repo, "model")
    write_yaml(repo / "harness.yml", {"models": {"m": served(server.url, price=PRICE, model="m-2")}})
    commit(repo, "model")
    document = gate_json(gate(repo))
    assert set(judged(document)) == {SUITE, OTHER, THIRD}
    assert len(server.requests) == 6 * CASES


def test_one_bound_is_for_all_suites_together(repo: Path, server: ScriptedServer) -> None:
    change(repo, "Sort well: {{ message }}")
    one = gate(repo, "--max-cost", "$1.70")
    assert (one.returncode, "this may cost" in one.stderr, len(server.requests)) == (2, True, 0), one.stderr
    alone = command(repo, "gate", SUITE, "--base", "main", "--quiet", "--json", "--max-cost", "$1.70")
    assert alone.returncode == 0, alone.stderr


def test_nothing_is_paid_where_one_of_the_suites_may_not_be_judged(repo: Path, server: ScriptedServer) -> None:
    change(repo, "Sort well: {{ message }}")
    models = {"m": served(server.url, price=PRICE), "n": served("http://127.0.0.1:9")}
    write_yaml(repo / "harness.yml", {"models": models})
    write_yaml(repo / THIRD, yaml.safe_load((repo / THIRD).read_text()) | {"models": ["n"]})
    done = gate(repo)
    assert (done.returncode, "not judged" in done.stderr, len(server.requests)) == (2, True, 0)


def test_where_no_suite_is_touched_it_passes_without_a_call(repo: Path, server: ScriptedServer) -> None:
    branch(repo, "docs")
    (repo / "README.md").write_text("hello\n")
    commit(repo, "docs")
    done = gate(repo)
    assert (done.returncode, gate_json(done)["prompts"], len(server.requests)) == (0, [], 0)


def test_a_deleted_suite_is_said_and_a_renamed_one_keeps_its_policy(repo: Path) -> None:
    branch(repo, "moved")
    git(repo, "rm", "-q", THIRD)
    git(repo, "mv", OTHER, "suites/else.suite.yml")
    suite = yaml.safe_load((repo / "suites/else.suite.yml").read_text())
    write_yaml(repo / "suites/else.suite.yml", suite | {"thresholds": ["accuracy >= 1%"], "gate": {"margin": "99%"}})
    write_prompt(repo, "Sort badly: {{ message }}", "prompts/other/v1.prompt.yml")
    commit(repo, "moved")
    done = gate(repo)
    document = gate_json(done)
    assert (done.returncode, judged(document)) == (1, {"suites/else.suite.yml": "FAIL"}), done.stderr
    assert f"{THIRD}: {THIRD} deleted." in document["edits"]
    assert f"suites/else.suite.yml: {OTHER} renamed to suites/else.suite.yml." in document["edits"]


def test_a_new_suite_beside_the_others_is_said_to_have_no_other_policy(repo: Path) -> None:
    change(repo, "Sort well: {{ message }}")
    suite = yaml.safe_load((repo / SUITE).read_text())
    write_yaml(repo / "suites/new.suite.yml", suite | {"name": "new", "prompts": ["../prompts/other/*.prompt.yml"]})
    document = gate_json(gate(repo))
    assert document["policy"] == "base"
    assert "suites/new.suite.yml: suites/new.suite.yml is new: the base has no policy for it." in document["edits"]
    assert set(judged(document)) == {SUITE, OTHER, "suites/new.suite.yml"}


def test_an_interrupted_gate_over_all_pays_no_suite_twice(tmp_path: Path, scripted_server: Serve) -> None:
    def refuses_later(request: Request) -> Answer:
        return classifier(request) if request.number < 3 * CASES else Answer(status=401)

    server = scripted_server(refuses_later)
    write_repository(tmp_path, served(server.url), cases=CASES, gate={"margin": "30%", "reuse": "never"})
    (tmp_path / "prompts" / "other").mkdir()
    write_prompt(tmp_path, "Sort: {{ message }}", "prompts/other/v1.prompt.yml")
    suite = yaml.safe_load((tmp_path / SUITE).read_text())
    write_yaml(tmp_path / OTHER, suite | {"name": "other", "prompts": ["../prompts/other/*.prompt.yml"]})
    commit(tmp_path, "two suites")
    change(tmp_path, "Sort well: {{ message }}")
    assert gate(tmp_path).returncode == 4
    server.script = classifier
    first = len(server.requests)
    done = gate(tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(server.requests) - first == 4 * CASES - 3 * CASES
    assert len(json.loads(done.stdout)["run_ids"]) == 2


@pytest.mark.parametrize("arguments", [["gate"], ["gate", SUITE, "--all"], ["gate", "--all", "--prompt", "v1"]])
def test_one_suite_or_all_of_them(repo: Path, arguments: list[str]) -> None:
    done = command(repo, *arguments, "--base", "main")
    assert (done.returncode, "name one suite, or all by --all" in done.stderr) == (2, True)
