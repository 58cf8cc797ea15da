"""`gate --stop` and `upgrade --stop`: a pair whose verdict is settled is asked no more, and says the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commanded import write_lines, write_yaml
from gated import SUITE, Done, branch, command, commit, gate_json, served, write_prompt, write_repository
from measured import records
from scripted import Answer, Request, Script, ScriptedServer, chat_reply

Serve = Callable[[Script], ScriptedServer]
PRICE = {"input": 1000.0, "output": 1000.0}
CASES = 300


def half_missed(request: Request) -> Answer:
    """Miss half of the spam where the prompt says `badly`, else a thirtieth."""
    said = request.json()["messages"][-1]["content"]
    number = int(said.rsplit(" ", 1)[1])
    missed = (number // 2) % (2 if "badly" in said else 30) == 0
    return Answer.of_json(chat_reply("ham" if number % 2 or missed else "spam"))


@pytest.fixture
def server(scripted_server: Serve) -> ScriptedServer:
    return scripted_server(half_missed)


def repository(root: Path, server: ScriptedServer, **suite: Any) -> Path:
    """Write a project whose branch has a prompt that misses half of the spam."""
    write_repository(root, served(server.url, price=PRICE), cases=CASES, **suite)
    branch(root, "worse")
    write_prompt(root, "Sort badly: {{ message }}")
    commit(root, "worse")
    return root


def gate(repo: Path, *more: str) -> Done:
    return command(repo, "gate", SUITE, "--base", "main", "--quiet", "--json", *more)


def statuses(document: dict[str, Any]) -> dict[str, str]:
    (prompt,) = document["prompts"]
    return {check["name"]: check["status"] for check in prompt["checks"]}


def test_a_gate_that_stops_fails_as_one_that_asks_all_does_and_says_what_it_saved(
    tmp_path: Path, server: ScriptedServer
) -> None:
    repo = repository(tmp_path, server)
    done = gate(repo, "--stop", "--out", "out")
    document = gate_json(done)
    assert done.returncode == 1, done.stderr
    asked = len(server.requests)
    assert asked < 2 * CASES // 2
    (prompt,) = document["prompts"]
    assert prompt["settled"]["asked"] < prompt["settled"]["of"] == CASES
    assert prompt["settled"]["saved_calls"] == 2 * CASES - asked
    assert prompt["settled"]["saved"] == pytest.approx((2 * CASES - asked) * 12 * 1000 / 1e6)
    assert "FAIL" in statuses(document).values()
    told = f"Settled after {prompt['settled']['asked']:,} of {CASES:,} cases"
    assert told in (repo / "out" / "gate.md").read_text()
    (run,) = (repo / "results").iterdir()
    assert json.loads((run / "report.json").read_text())["complete"]
    whole = gate_json(gate(repo))
    assert whole["status"] == "FAIL"
    for name, status in statuses(document).items():
        assert status in {"INCONCLUSIVE", statuses(whole)[name]}, name
    assert len(server.requests) - asked == 2 * CASES  # without --stop all are asked, in a run of its own


def test_a_gate_over_equal_prompts_does_not_fail_and_asks_all_that_is_open(
    tmp_path: Path, server: ScriptedServer
) -> None:
    write_repository(tmp_path, served(server.url), cases=CASES)
    branch(tmp_path, "same")
    write_prompt(tmp_path, "Sort this: {{ message }}")
    commit(tmp_path, "same")
    document = gate_json(gate(tmp_path, "--stop"))
    assert document["status"] == "PASS"
    assert len(server.requests) == 2 * CASES  # precision has no evidence that holds at every look
    assert document["prompts"][0]["settled"] is None


def test_a_gate_cut_anywhere_goes_on_to_the_same_decision(tmp_path: Path, server: ScriptedServer) -> None:
    repo = repository(tmp_path, server)
    before = gate_json(gate(repo, "--stop"))
    (run,) = (repo / "results").iterdir()
    lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
    settled = next(place for place, line in enumerate(lines) if b'"type":"settled"' in line)
    for cut in (CASES + 60, settled, settled + 1):
        (run / "journal.jsonl").write_bytes(b"".join(lines[:cut]))
        after = gate_json(gate(repo, "--stop"))
        assert len(list((repo / "results").iterdir())) == 1
        assert (after["status"], statuses(after)) == (before["status"], statuses(before))
        assert after["prompts"][0]["settled"]["asked"] == before["prompts"][0]["settled"]["asked"]


def test_repeats_are_weighed_by_bets(tmp_path: Path, server: ScriptedServer) -> None:
    repo = repository(tmp_path, server, repeats=3, thresholds=["failures <= 10%"])
    document = gate_json(gate(repo, "--stop"))
    assert document["status"] == "FAIL"
    assert len(server.requests) < 2 * 3 * CASES
    failed = {name for name, status in statuses(document).items() if status == "FAIL"}
    assert failed & {"accuracy at most 6 points below baseline", "recall[spam] at most 6 points below baseline"}


def upgrade(root: Path, *more: str) -> tuple[int, dict[str, Any]]:
    done = command(root, "upgrade", "s.suite.yml", "--from", "old", *more, "--confirm", "0", "--quiet", "--json")
    assert done.stdout, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, document


def test_a_new_model_that_falls_is_dropped_and_the_others_go_on(tmp_path: Path) -> None:
    labels = ("spam", "ham")
    write_lines(
        tmp_path / "cases.jsonl",
        [{"id": f"c{n:03}", "message": f"text {n}", "expected": labels[n % 2]} for n in range(CASES)],
    )
    wrong = {"old": lambda n: n % 40 == 0, "good": lambda n: n % 40 == 1, "bad": lambda n: n % 3 == 0}
    for model, misses in wrong.items():
        write_lines(
            tmp_path / f"{model}.jsonl",
            [{"case": f"c{n:03}", "reply": labels[(n + misses(n)) % 2], "latency_s": 0.2} for n in range(CASES)],
        )
    limits = {"concurrency": 2}  # few at once: no model runs ahead of the one that it is held against
    entry = {"endpoint": "replay", "limits": limits}
    models = {model: {**entry, "replies": f"{model}.jsonl"} for model in wrong}
    write_yaml(tmp_path / "harness.yml", {"models": models})
    write_yaml(tmp_path / "p.prompt.yml", {"name": "p", "messages": [{"role": "user", "content": "{{ message }}"}]})
    suite = {"name": "s", "labels": list(labels), "positive": "spam", "cases": "cases.jsonl", "repeats": 1}
    suite |= {"prompts": ["p.prompt.yml"], "models": ["old"], "thresholds": ["accuracy >= 80%"]}
    write_yaml(tmp_path / "s.suite.yml", suite)
    asked = ("--to", "good", "--to", "bad", "--margin", "10%")
    code, early = upgrade(tmp_path, *asked, "--stop")
    (run,) = (tmp_path / "results").iterdir()
    shutil.move(run, tmp_path / "early")
    _, whole = upgrade(tmp_path, *asked)
    verdicts = {one["model"]: one["verdict"] for one in early["prompts"]}
    assert verdicts == {one["model"]: one["verdict"] for one in whole["prompts"]}
    assert verdicts["bad"] == "DON'T SWITCH"
    settled = {one["model"]: one["settled"] for one in early["prompts"]}
    assert settled["good"] is None
    assert settled["bad"]["asked"] < CASES // 2
    sent = sum(record.candidate.endswith("@bad") for record in records(tmp_path / "early"))  # those in flight, too
    assert settled["bad"]["saved_calls"] == CASES - sent > 0
    assert code == whole["exit_code"]
