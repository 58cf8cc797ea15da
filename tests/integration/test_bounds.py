"""`--max-cost` and `--max-trials`: refused before a call, or stopped with what was paid kept; in every command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from commanded import write_yaml
from gated import SUITE, Done, branch, classifier, command, served, write_prompt, write_repository
from measured import events_of
from msgspec.structs import replace
from scripted import Answer, Request, Script, ScriptedServer

from harness.record import Interference
from harness.rundir import list_runs, read_manifest, write_manifest

Serve = Callable[[Script], ScriptedServer]
CASES = 40
PRICE = {"input": 1000.0, "output": 1000.0}  # a reply of the specimens costs 12 tokens, so $0.012


@pytest.fixture
def server(scripted_server: Serve) -> ScriptedServer:
    return scripted_server(classifier)


def project(root: Path, server: ScriptedServer, **entry: Any) -> Path:
    write_repository(root, served(server.url, **{"price": PRICE, "limits": {"concurrency": 2}, **entry}), cases=CASES)
    return root


def measure(root: Path, *more: str) -> Done:
    return command(root, "run", SUITE, "--quiet", "--json", *more)


def outcomes(done: Done) -> dict[str, int]:
    found: dict[str, int] = json.loads(done.stdout)["candidates"][0]["outcomes"]
    return found


def test_a_bound_on_trials_is_kept_exactly_and_a_resume_goes_on(tmp_path: Path, server: ScriptedServer) -> None:
    project(tmp_path, server)
    done = measure(tmp_path, "--max-trials", "10")
    assert (done.returncode, len(server.requests)) == (4, 10), done.stderr
    assert "--max-trials is reached" in done.stderr
    assert "harness resume" in done.stderr
    assert outcomes(done)["label"] == 10
    done = command(tmp_path, "resume", "--quiet", "--json", "--max-trials", "25")
    assert (done.returncode, len(server.requests)) == (4, 35)
    done = command(tmp_path, "resume", "--quiet", "--json", "--max-trials", "5")
    assert done.returncode in {0, 1, 3}, done.stderr
    assert (len(server.requests), outcomes(done)["label"]) == (CASES, CASES)


def test_processes_share_one_bound_on_trials(tmp_path: Path, server: ScriptedServer) -> None:
    project(tmp_path, server)
    done = measure(tmp_path, "--max-trials", "11", "--processes", "2")
    assert (done.returncode, len(server.requests)) == (4, 11), done.stderr


@pytest.mark.parametrize(("noted", "by"), [(3, 3), (1, 1), (10**9, 1), (-1, 1)])
def test_a_resume_is_as_wide_as_its_run_was_asked_to_be(
    tmp_path: Path, server: ScriptedServer, noted: int, by: int
) -> None:
    project(tmp_path, server)
    measure(tmp_path, "--max-trials", "11", "--processes", "3")
    (run,) = list_runs(tmp_path / "results")
    manifest = read_manifest(run)
    assert manifest.notes["processes"] == 3
    write_manifest(run, replace(manifest, notes={**manifest.notes, "processes": noted}))
    command(tmp_path, "resume", "--quiet")
    assert len(server.requests) == CASES
    assert [each.processes for each in events_of(run, Interference)] == [3, by]


def test_what_is_planned_to_cost_more_is_refused_before_a_call_and_leaves_no_run(
    tmp_path: Path, server: ScriptedServer
) -> None:
    project(tmp_path, server)
    done = measure(tmp_path, "--max-cost", "$0.20")
    assert (done.returncode, "this may cost" in done.stderr, len(server.requests)) == (2, True, 0)
    assert not (tmp_path / "results").exists() or not list((tmp_path / "results").iterdir())
    assert measure(tmp_path, "--max-cost", "$0.20", "--max-trials", "5").returncode == 4
    done = command(tmp_path, "resume", "--quiet", "--max-cost", "$0.20")
    assert (done.returncode, "this may cost" in done.stderr, len(server.requests)) == (2, True, 5)


def test_replies_that_cost_more_than_planned_stop_the_run_at_the_bound(tmp_path: Path, scripted_server: Serve) -> None:
    def wordy(request: Request) -> Answer:
        answer = json.loads(classifier(request).body)
        answer["usage"] = {"prompt_tokens": 100, "completion_tokens": 0, "total_tokens": 100}
        return Answer.of_json(answer)

    server = scripted_server(wordy)
    project(tmp_path, server)
    done = measure(tmp_path, "--max-cost", "$1")
    assert (done.returncode, "--max-cost 1.0000 is reached" in done.stderr) == (4, True), done.stderr
    assert 10 <= len(server.requests) <= 12, "calls in flight may finish"
    assert outcomes(done)["label"] == len(server.requests), "whatever was paid for is kept"
    first = len(server.requests)
    assert command(tmp_path, "resume", "--quiet").returncode in {0, 1, 3}
    assert len(server.requests) == first + CASES - first


def test_money_that_no_price_counts_can_not_be_bounded(tmp_path: Path, server: ScriptedServer) -> None:
    project(tmp_path, server)
    entry = yaml.safe_load((tmp_path / "harness.yml").read_text())["models"]["m"]
    write_yaml(tmp_path / "harness.yml", {"models": {"m": {k: v for k, v in entry.items() if k != "price"}}})
    done = measure(tmp_path, "--max-cost", "$1")
    assert (done.returncode, "has no price" in done.stderr, len(server.requests)) == (2, True, 0)
    write_yaml(tmp_path / "harness.yml", {"models": {"m": entry}})
    done = measure(tmp_path, "--max-cost", "€1")
    assert (done.returncode, "is in EUR, the prices" in done.stderr, len(server.requests)) == (2, True, 0)


def test_a_gate_and_an_upgrade_stop_at_a_bound_and_the_same_command_goes_on(
    tmp_path: Path, server: ScriptedServer
) -> None:
    project(tmp_path, server)
    branch(tmp_path, "better")
    write_prompt(tmp_path, "Sort well: {{ message }}")
    asked = ("gate", SUITE, "--base", "main", "--quiet", "--max-trials", "70")
    done = command(tmp_path, *asked)
    assert (done.returncode, "--max-trials is reached" in done.stderr, len(server.requests)) == (4, True, 70)
    assert "Run the same `harness gate` command again" in done.stderr
    assert command(tmp_path, *asked).returncode in {0, 1, 3}
    assert len(server.requests) == 2 * CASES

    entry = yaml.safe_load((tmp_path / "harness.yml").read_text())["models"]["m"]
    write_yaml(tmp_path / "harness.yml", {"models": {"m": entry, "n": entry | {"model": "n-1"}}})
    asked = ("upgrade", SUITE, "--from", "m", "--to", "n", "--quiet", "--json", "--max-trials", "70")
    done = command(tmp_path, *asked)
    assert (done.returncode, "--max-trials is reached" in done.stderr, len(server.requests)) == (4, True, 150)
    assert not json.loads(done.stdout)["complete"]
    done = command(tmp_path, *asked)
    assert (json.loads(done.stdout)["complete"], len(server.requests)) == (True, 4 * CASES)


def test_a_bound_on_money_is_for_all_runs_of_one_command(tmp_path: Path, scripted_server: Serve) -> None:
    def wordy(request: Request) -> Answer:
        answer = json.loads(classifier(request).body)
        if request.json()["model"] == "n-1":
            answer["choices"][0]["message"]["content"] = "neither"
        answer["usage"] = {"prompt_tokens": 10, "completion_tokens": 0, "total_tokens": 10}
        return Answer.of_json(answer)

    server = scripted_server(wordy)
    project(tmp_path, server)
    entry = yaml.safe_load((tmp_path / "harness.yml").read_text())["models"]["m"]
    write_yaml(tmp_path / "harness.yml", {"models": {"m": entry, "n": entry | {"model": "n-1"}}})
    done = command(tmp_path, "upgrade", SUITE, "--from", "m", "--to", "n", "--quiet", "--json", "--max-cost", "$2")
    assert (done.returncode, len(server.requests)) == (1, 2 * CASES), done.stderr
    why = json.loads(done.stdout)["prompts"][0]["confirmation"]["why_not"]
    assert "more than --max-cost 2.0000, of which 1.2000 are left" in why
