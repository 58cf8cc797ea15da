"""`harness gate` in real git repositories, against a loopback classifier that reacts to the prompt."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from commanded import write_lines, write_yaml
from gated import (
    CASES,
    PROMPT,
    SUITE,
    Done,
    branch,
    classifier,
    command,
    commit,
    gate_json,
    served,
    write_prompt,
    write_repository,
)
from scripted import Answer, Request, Script, ScriptedServer

Serve = Callable[[Script], ScriptedServer]
PRICE = {"input": 1000.0, "output": 1000.0}


@pytest.fixture
def server(scripted_server: Serve) -> ScriptedServer:
    return scripted_server(classifier)


@pytest.fixture
def repo(tmp_path: Path, server: ScriptedServer) -> Path:
    write_repository(tmp_path, served(server.url, price=PRICE))
    return tmp_path


def gate(repo: Path, *more: str) -> Done:
    return command(repo, "gate", SUITE, "--base", "main", "--quiet", "--json", *more)


def checks(document: dict[str, Any]) -> dict[str, str]:
    (prompt,) = document["prompts"]
    return {check["name"]: check["status"] for check in prompt["checks"]}


def test_a_head_that_improves_the_prompt_passes(repo: Path, server: ScriptedServer) -> None:
    branch(repo, "better")
    write_prompt(repo, "Sort well: {{ message }}")
    commit(repo, "better")
    done = gate(repo)
    document = gate_json(done)
    assert (done.returncode, document["status"]) == (0, "PASS"), document["headline"]
    assert len(server.requests) == 240  # both versions on 120 cases
    texts = [request.json()["messages"][0]["content"] for request in server.requests]
    head = [text.startswith("Sort well") for text in texts]
    assert 0.3 < sum(head[:120]) / 120 < 0.7, "base and head are measured interleaved"
    (prompt,) = document["prompts"]
    assert len(prompt["comparison"]["fixed"]) == 6
    assert document["cost"] == {
        "calls": 240,
        "reused": 0,
        "money": pytest.approx(240 * 12 * 1000 / 1e6),
        "currency": "USD",
        "priced": True,
        "by_currency": {"USD": pytest.approx(240 * 12 * 1000 / 1e6)},
        "free": False,
    }


def test_a_head_that_breaks_recall_fails_and_names_the_broken_cases(repo: Path) -> None:
    branch(repo, "worse")
    write_prompt(repo, "Sort badly: {{ message }}")
    commit(repo, "worse")
    done = gate(repo, "--out", "gate-out")
    document = gate_json(done)
    assert done.returncode == 1
    assert checks(document)["recall[spam] >= 80%"] == "FAIL"
    assert checks(document)["recall[spam] at most 6 points below baseline"] == "FAIL"
    (prompt,) = document["prompts"]
    wrong = {f"c{2 * n}" for n in range(60) if n % 3 == 0} - {f"c{2 * n}" for n in range(0, 60, 10)}
    assert {change["case"] for change in prompt["comparison"]["broken"]} == wrong
    comment = (repo / "gate-out" / "gate.md").read_text()
    assert f"{len(wrong)} cases broken: c" in comment
    listed = command(repo, "list").stdout.splitlines()
    assert listed[2] == "  gate: FAIL", "the run's own verdict is that of its better candidate"
    assert json.loads(command(repo, "list", "--json").stdout)[0]["decided"] == "gate: FAIL"
    assert "-Sort: {{ message }}\n+Sort badly: {{ message }}" in comment
    assert {path.name for path in (repo / "gate-out").iterdir()} == {
        "gate.md",
        "gate.json",
        "gate-junit.xml",
        "report.html",
    }


def test_a_head_that_only_touches_whitespace_makes_no_call_and_shows_no_difference(
    repo: Path, server: ScriptedServer
) -> None:
    branch(repo, "space")
    (repo / PROMPT).write_text("# a comment\nmessages:\n  - role: user\n    content: 'Sort: {{message}}'\n\nname: v1\n")
    commit(repo, "space")
    done = gate(repo)
    document = gate_json(done)
    assert (done.returncode, document["cost"]["calls"], len(server.requests)) == (0, 0, 0)
    assert "no difference shown" in document["headline"]
    assert document["run_id"] is None


def test_stored_replies_of_the_base_serve_both_sides_of_a_prompt_that_sends_the_same(
    repo: Path, server: ScriptedServer
) -> None:
    command(repo, "run", SUITE, "--quiet")
    paid = len(server.requests)
    branch(repo, "space")
    write_prompt(repo, "Sort: {{message}}")
    commit(repo, "space")
    document = gate_json(gate(repo))
    assert len(server.requests) == paid == 120
    (prompt,) = document["prompts"]
    assert document["cost"] == {
        "calls": 0, "reused": 240, "money": None, "currency": None, "priced": False, "free": True,
        "by_currency": {},
    }  # fmt: skip
    assert prompt["comparison"]["broken"] == prompt["comparison"]["fixed"] == []
    accuracy = next(m for m in prompt["comparison"]["metrics"] if m["metric"] == "accuracy")
    assert accuracy["verdict"] in {"no difference shown", "can't tell"}
    assert accuracy["difference"]["value"] == 0


def test_stored_replies_of_the_base_halve_the_cost_and_then_latency_is_not_compared(
    repo: Path, server: ScriptedServer
) -> None:
    command(repo, "run", SUITE, "--quiet")
    branch(repo, "better")
    write_prompt(repo, "Sort well: {{ message }}")
    commit(repo, "better")
    document = gate_json(gate(repo))
    assert (document["status"], document["cost"]["calls"], len(server.requests)) == ("PASS", 120, 240)
    (prompt,) = document["prompts"]
    assert prompt["reused"]
    assert not [m for m in prompt["comparison"]["metrics"] if m["metric"].startswith("latency")]


def test_stored_replies_serve_cases_that_got_other_ids_or_ask_as_another_does(
    repo: Path, server: ScriptedServer
) -> None:
    command(repo, "run", SUITE, "--quiet")
    rows = [json.loads(line) for line in (repo / CASES).read_text().splitlines()]
    rows = [row | {"id": f"new-{row['id']}"} if n < 10 else row for n, row in enumerate(rows)]
    write_lines(repo / CASES, [*rows, rows[3] | {"id": "alike"}, rows[20] | {"id": "as c20"}])
    commit(repo, "renumbered")
    branch(repo, "better")
    write_prompt(repo, "Sort well: {{ message }}")
    commit(repo, "better")
    before = len(server.requests)
    cost = gate_json(gate(repo))["cost"]
    assert (cost["calls"], cost["reused"], len(server.requests) - before) == (122, 122, 122)


def test_the_bases_policy_can_forbid_to_reuse_replies_and_the_branch_cannot_allow_it(
    repo: Path, server: ScriptedServer
) -> None:
    suite = yaml.safe_load((repo / SUITE).read_text())
    write_yaml(repo / SUITE, suite | {"gate": {"margin": "5%", "reuse": "never"}})
    commit(repo, "never")
    command(repo, "run", SUITE, "--quiet")
    branch(repo, "better")
    write_prompt(repo, "Sort well: {{ message }}")
    write_yaml(repo / SUITE, suite | {"gate": {"margin": "90%", "reuse": "30 days"}})
    commit(repo, "better")
    document = gate_json(gate(repo))
    assert (document["cost"]["calls"], document["cost"]["reused"], document["margin"]) == (240, 0, 0.05)
    assert [edit for edit in document["edits"] if "gate.margin" in edit]


def test_a_head_that_lowers_its_bar_is_judged_by_the_bases_policy_and_reported(repo: Path) -> None:
    branch(repo, "cheat")
    write_prompt(repo, "Sort badly: {{ message }}")
    suite = (repo / SUITE).read_text()
    (repo / SUITE).write_text(suite.replace("recall[spam] >= 80%", "recall[spam] >= 10%"))
    rows = [json.loads(line) for line in (repo / CASES).read_text().splitlines()]
    kept = [row for row in rows if row["id"] not in {"c6", "c12", "c18"}]
    kept[0] |= {"expected": "ham"}
    kept[1] |= {"message": "message 3"}
    (repo / CASES).write_text("".join(json.dumps(row) + "\n" for row in kept))
    (repo / "baselines.yml").write_text("small: {}\n")
    entry = yaml.safe_load((repo / "harness.yml").read_text())["models"]["m"]
    write_yaml(repo / "harness.yml", {"models": {"m": entry | {"price": {"input": 0.1}, "timeout": "9 s"}}})
    commit(repo, "cheat")
    done = gate(repo)
    document = gate_json(done)
    assert done.returncode == 1
    assert checks(document)["recall[spam] >= 80%"] == "FAIL"
    assert document["prompts"][0]["comparison"]["paired_cases"] == 120
    assert document["edits"][:4] == [
        "threshold loosened: `recall[spam] >= 80%` -> `recall[spam] >= 10%`.",
        "3 cases deleted: c6, c12, c18.",
        "1 case edited: c1.",
        "1 case relabelled: c0 (spam -> ham).",
    ]
    assert "baselines.yml edited." in document["edits"]
    assert any("price.input" in edit for edit in document["edits"])
    assert document["prompts"][0]["changed"] == ["prompt"], "what a call costs moves no answer"


def test_files_of_names_are_the_bases_as_all_of_the_policy(tmp_path: Path, server: ScriptedServer) -> None:
    names, values = tmp_path / "suites" / "labels.txt", tmp_path / "suites" / "values.json"
    names.parent.mkdir()
    names.write_text("spam\nham\n")
    values.write_text('{"junk": "spam"}')
    form = {"file": "cases.jsonl", "values": {"expected": {"file": "values.json"}}}
    write_repository(tmp_path, served(server.url), cases=60, labels={"file": "labels.txt"})
    suite = yaml.safe_load((tmp_path / SUITE).read_text())
    write_yaml(tmp_path / SUITE, suite | {"cases": form})
    commit(tmp_path, "names")
    branch(tmp_path, "cheat")
    write_prompt(tmp_path, "Sort well: {{ message }}")
    names.write_text("spam\nham\nother\n")
    values.write_text('{"spam": "other", "ham": "spam"}')
    commit(tmp_path, "cheat")
    document = gate_json(gate(tmp_path))
    (prompt,) = document["prompts"]
    assert prompt["comparison"]["paired_cases"] == 60
    assert checks(document)["recall[spam] >= 80%"] == "PASS"
    assert any("other" in edit for edit in document["edits"]), document["edits"]
    assert any("60 cases relabelled" in edit for edit in document["edits"])


def test_policy_head_obeys_the_branch_and_says_so_loudly(repo: Path) -> None:
    branch(repo, "own")
    write_prompt(repo, "Sort badly: {{ message }}")
    suite = yaml.safe_load((repo / SUITE).read_text())
    write_yaml(repo / SUITE, suite | {"thresholds": ["accuracy >= 10%"], "gate": {"margin": "60%"}})
    commit(repo, "own")
    done = command(repo, "gate", SUITE, "--base", "main", "--policy", "head", "--quiet")
    assert done.returncode == 0, done.stdout
    assert "WARNING: Judged by the policy of this very branch" in done.stdout


def test_without_a_changed_prompt_it_exits_at_once_and_says_so(repo: Path, server: ScriptedServer) -> None:
    branch(repo, "docs")
    (repo / "README.md").write_text("hello\n")
    commit(repo, "docs")
    done = command(repo, "gate", SUITE, "--base", "main")
    assert done.returncode == 0
    assert "No prompt, model or reply rule changed since main" in done.stdout
    assert not server.requests


def test_a_prompt_that_the_suite_lacks_is_a_mistake_and_no_pass(repo: Path, server: ScriptedServer) -> None:
    branch(repo, "better")
    write_prompt(repo, "Sort well: {{ message }}")
    commit(repo, "better")
    name = Path(PROMPT).name.removesuffix(".prompt.yml")
    done = gate(repo, "--prompt", f"{name}x")
    assert done.returncode == 2
    assert f"--prompt {name}x: the suite has no such prompt." in done.stderr
    assert f"Did you mean `{name}`?" in done.stderr
    assert server.requests == []
    assert gate(repo, "--prompt", name).returncode == 0
    assert gate(repo, "--prompt", PROMPT).returncode == 0


def test_a_new_prompt_is_judged_on_the_thresholds_alone(repo: Path) -> None:
    branch(repo, "new")
    write_prompt(repo, "Sort well: {{ message }}", "prompts/v2.prompt.yml")
    commit(repo, "new")
    document = gate_json(gate(repo))
    (prompt,) = document["prompts"]
    assert (prompt["kind"], prompt["comparison"], document["status"]) == ("new", None, "PASS")
    assert [check["of"] for check in prompt["checks"]] == ["threshold", "threshold"]


@pytest.mark.parametrize(
    ("entry", "said"), [({"price": PRICE}, "more than --max-cost"), ({}, "has no price in harness.yml")]
)
def test_max_cost_refuses_before_paying(
    tmp_path: Path, server: ScriptedServer, entry: dict[str, Any], said: str
) -> None:
    write_repository(tmp_path, served(server.url, **entry), cases=20)
    branch(tmp_path, "better")
    write_prompt(tmp_path, "Sort well: {{ message }}")
    done = command(tmp_path, "gate", SUITE, "--base", "main", "--max-cost", "$0.10", "--quiet")
    assert done.returncode == 2
    assert said in done.stderr
    assert not server.requests


def test_an_interrupted_gate_goes_on_where_it_stopped(tmp_path: Path, scripted_server: Serve) -> None:
    def refuses_later(request: Request) -> Answer:
        return classifier(request) if request.number < 30 else Answer(status=401)

    failing = scripted_server(refuses_later)
    write_repository(tmp_path, served(failing.url), cases=40)
    branch(tmp_path, "better")
    write_prompt(tmp_path, "Sort well: {{ message }}")
    done = gate(tmp_path)
    assert done.returncode == 4
    assert "Run the same `harness gate` command again" in done.stderr
    first = len(failing.requests)
    failing.script = classifier
    done = gate(tmp_path)
    assert done.returncode in {0, 3}, done.stderr
    assert len(failing.requests) - first == 80 - 30
    assert len([path for path in (tmp_path / "results").iterdir() if path.is_dir()]) == 1


@pytest.mark.parametrize(("days", "more"), [(6, ()), (8, ()), (1, ("--no-reuse",)), (3, ("--no-reuse",))])
def test_an_interrupted_gate_goes_on_no_longer_than_stored_replies_may_be_used(
    tmp_path: Path, scripted_server: Serve, days: int, more: tuple[str, ...]
) -> None:
    failing = scripted_server(lambda request: classifier(request) if request.number < 30 else Answer(status=401))
    write_repository(tmp_path, served(failing.url), cases=40)
    branch(tmp_path, "better")
    write_prompt(tmp_path, "Sort well: {{ message }}")
    assert gate(tmp_path, *more).returncode == 4
    (manifest,) = (tmp_path / "results").glob("*/manifest.json")
    written = json.loads(manifest.read_text())
    written["created_utc"] = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    manifest.write_text(json.dumps(written))
    first, failing.script = len(failing.requests), classifier
    done = gate(tmp_path, *more)
    assert done.returncode in {0, 3}, done.stderr
    old = days in {3, 8}
    assert len(failing.requests) - first == (80 if old else 80 - 30)
    assert (f"`harness resume {manifest.parent.name}`" in done.stderr) is old


def test_a_gate_without_reuse_goes_on_with_none_that_may_hold_older_replies(
    tmp_path: Path, scripted_server: Serve
) -> None:
    failing = scripted_server(lambda request: classifier(request) if request.number < 30 else Answer(status=401))
    write_repository(tmp_path, served(failing.url), cases=40)
    branch(tmp_path, "better")
    write_prompt(tmp_path, "Sort well: {{ message }}")
    assert gate(tmp_path).returncode == 4
    first = len(failing.requests)
    failing.script = lambda request: classifier(request) if request.number < first + 50 else Answer(status=401)
    assert gate(tmp_path, "--no-reuse").returncode == 4, "it began anew: 50 replies are less than both sides ask"
    second = len(failing.requests)
    failing.script = classifier
    done = gate(tmp_path, "--no-reuse")
    assert done.returncode in {0, 3}, done.stderr
    assert len(failing.requests) - second == 80 - 50, "its own replies are kept"


@pytest.mark.parametrize("hostile", ["{% for i in range(10**9) %}{% endfor %}", "{{ message.__class__ }}"])
def test_a_hostile_prompt_is_refused_before_a_call(repo: Path, server: ScriptedServer, hostile: str) -> None:
    branch(repo, "hostile")
    write_prompt(repo, hostile)
    commit(repo, "hostile")
    done = gate(repo)
    assert done.returncode == 2
    assert "prompts/v1.prompt.yml" in done.stderr
    assert not server.requests


def test_replies_that_a_branch_committed_are_not_taken_for_the_bases(repo: Path, server: ScriptedServer) -> None:
    (repo / ".gitignore").write_text("")
    commit(repo, "results are tracked")
    command(repo, "run", SUITE, "--quiet")
    branch(repo, "forged")
    write_prompt(repo, "Sort: {{message}}")
    commit(repo, "a run of its own making")
    document = gate_json(gate(repo))
    assert (document["cost"]["reused"], document["run_id"]) == (0, None)


def test_a_relative_threshold_refers_to_the_base_version_measured_beside(repo: Path) -> None:
    suite = yaml.safe_load((repo / SUITE).read_text())
    write_yaml(repo / SUITE, suite | {"thresholds": ["recall[spam] >= baseline - 10%"]})
    commit(repo, "relative")
    branch(repo, "worse")
    write_prompt(repo, "Sort badly: {{ message }}")
    commit(repo, "worse")
    (prompt,) = gate_json(gate(repo))["prompts"]
    check = prompt["checks"][0]
    assert check["status"] == "FAIL"
    assert "the baseline's 90" in check["why"]
