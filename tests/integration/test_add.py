"""`run --add N RUN`: further cases of a suite settle what a run left open, and both looks keep their error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from commanded import Done, in_process
from measured import write_project
from scripted import Answer, Request, Script, ScriptedServer, chat_reply

Serve = Callable[[Script], ScriptedServer]
CASES, FIRST = 400, 100
SUITE = "small.suite.yml"


def mostly_right(request: Request) -> Answer:
    """Be wrong in one of twenty of either label."""
    number = int(request.json()["messages"][-1]["content"].rpartition(" ")[2])
    return Answer.of_json(chat_reply(("ham", "spam")[(number + (number % 40 < 2)) % 2]))


@pytest.fixture
def server(scripted_server: Serve) -> ScriptedServer:
    return scripted_server(mostly_right)


def project(root: Path, server: ScriptedServer, demand: str = "accuracy >= 90%", repeats: int = 1) -> None:
    suite = write_project(root, server.url, cases=CASES, repeats=repeats)
    suite.write_text(f"{suite.read_text()}thresholds: [{demand}]\n")


def run(root: Path, *more: str) -> Done:
    return in_process("run", SUITE, "--quiet", "--json", *more, at=root)


def report(done: Done) -> dict[str, Any]:
    assert done.stdout, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def asked(server: ScriptedServer) -> list[str]:
    return [request.json()["messages"][-1]["content"] for request in server.requests]


def test_only_further_cases_are_asked_and_both_stages_are_judged_together(
    tmp_path: Path, server: ScriptedServer
) -> None:
    project(tmp_path, server)
    first = report(run(tmp_path, "--limit", str(FIRST)))
    assert first["verdict"] == "INCONCLUSIVE"
    assert len(server.requests) == FIRST
    done = run(tmp_path, "--add", "200", first["run_id"])
    second = report(done)
    assert done.returncode == 0, done.stderr
    assert len(asked(server)) == len(set(asked(server))) == FIRST + 200
    assert second["candidates"][0]["cases"] == FIRST + 200
    assert second["candidates"][0]["classification"]["accuracy"]["n"] == FIRST + 200
    labels = second["candidates"][0]["classification"]["labels"]
    assert {name: label["support"] for name, label in labels.items()} == {"spam": 150, "ham": 150}
    (told,) = (trap["sentence"] for trap in second["candidates"][0]["traps"] if trap["kind"] == "second_look")
    assert told.startswith(f"100 of these 300 cases were looked at before, in {first['run_id']}: ")
    assert told.endswith("so that both looks together pass what is not so in at most 5.5% of runs.")
    assert report(in_process("report", second["run_id"], "--json", at=tmp_path))["verdict"] == second["verdict"]


def test_what_is_advised_names_the_command_and_the_command_works(tmp_path: Path, server: ScriptedServer) -> None:
    project(tmp_path, server)
    first = report(run(tmp_path, "--limit", str(FIRST)))
    told = first["next_step"]["sentence"]
    assert "Of the suite's cases 300 were not asked: `harness run small.suite.yml --add " in told
    command = told.partition("`harness ")[2].partition("`")[0].split()
    done = in_process(*command, "--json", "--quiet", at=tmp_path)
    second = report(done)
    assert second["candidates"][0]["cases"] == FIRST + int(command[3])
    assert "--add" not in json.dumps(second["next_step"])
    assert "--add" not in json.dumps(report(run(tmp_path))["next_step"])  # nothing is left to ask


def test_a_second_stage_cut_anywhere_resumes_to_the_same(tmp_path: Path, server: ScriptedServer) -> None:
    project(tmp_path, server, repeats=2)
    first = report(run(tmp_path, "--limit", str(FIRST), "--repeats", "3"))
    second = report(run(tmp_path, "--add", "100", first["run_id"]))
    assert second["candidates"][0]["repeats"] == 3
    folder = tmp_path / "results" / second["run_id"]
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    began = next(place for place, line in enumerate(lines) if b'"type":"session"' in line)
    for cut in (began + 1, began + 120):
        (folder / "journal.jsonl").write_bytes(b"".join(lines[:cut]))
        before = len(server.requests)
        again = report(in_process("resume", second["run_id"], "--json", "--quiet", at=tmp_path))
        assert len(server.requests) - before == sum(b'"type":"trial"' in line for line in lines[cut:])
        assert again["verdict"] == second["verdict"]
        assert [c["status"] for c in again["candidates"][0]["checks"]] == [
            c["status"] for c in second["candidates"][0]["checks"]
        ]


def test_a_third_look_and_a_look_at_what_is_settled_are_refused_before_a_call(
    tmp_path: Path, server: ScriptedServer
) -> None:
    project(tmp_path, server)
    first = report(run(tmp_path, "--limit", str(FIRST)))["run_id"]
    second = report(run(tmp_path, "--add", "20", first))["run_id"]
    settled = report(run(tmp_path, "--first", "395"))
    assert settled["verdict"] == "READY"
    calls = len(server.requests)
    for run_id, more, why in (
        (second, (), "cases were added to it already, and a third look would err too often"),
        (first, (), f"Cases were added to {first} already, by {second}"),
        (settled["run_id"], (), "is READY: there is nothing left to settle"),
        (first, ("--limit", "10"), "--limit can't change that"),
        (first, ("--repeats", "7"), "--repeats can't change that"),
    ):
        done = run(tmp_path, "--add", "20", run_id, *more)
        assert (done.returncode, why in done.stderr) == (2, True), done.stderr
    assert "must be 1 or more" in run(tmp_path, "--add", "0", first).stderr
    assert len(server.requests) == calls


def test_a_changed_prompt_or_nothing_left_to_ask_is_refused_with_what_it_is(
    tmp_path: Path, server: ScriptedServer
) -> None:
    project(tmp_path, server, "accuracy >= 94%")
    whole = report(run(tmp_path))
    assert whole["verdict"] == "INCONCLUSIVE"
    done = run(tmp_path, "--add", "20", whole["run_id"])
    assert (done.returncode, "asked all 400 cases of its suite" in done.stderr) == (2, True), done.stderr
    part = report(run(tmp_path, "--limit", "100"))
    (prompt,) = tmp_path.glob("*.prompt.yml")
    prompt.write_text(prompt.read_text().replace("is this spam", "is it spam"))
    done = run(tmp_path, "--add", "20", part["run_id"])
    assert done.returncode == 2
    assert "The files ask for another run" in done.stderr


def test_what_failed_for_one_of_two_models_that_are_asked_alike_is_left_to_send(
    tmp_path: Path, scripted_server: Serve
) -> None:
    """Prices, limits and tiers do not change what is asked: the second model's answer is not the first one's."""
    texts: list[str] = []
    refused_texts: list[str] = []

    def once_refused(request: Request) -> Answer:
        text = request.json()["messages"][-1]["content"]
        if len(texts) > 3 and not refused_texts and text not in texts:  # a first call's record is held back
            refused_texts.append(text)
            return Answer(status=400, body=b"no")
        texts.append(text)
        return mostly_right(request)

    server = scripted_server(once_refused)
    project(tmp_path, server)
    models = yaml.safe_load((tmp_path / "harness.yml").read_text())["models"]
    models["m"]["limits"]["concurrency"] = 1
    (tmp_path / "harness.yml").write_text(yaml.safe_dump({"models": {**models, "dear": {**models["m"], "timeout": 9}}}))
    first = report(run(tmp_path, "--limit", "8", "--model", "m", "--model", "dear"))
    assert len(server.requests) == 16
    refused = run(tmp_path, "--add", "200", first["run_id"])
    assert (refused.returncode, "is not finished" in refused.stderr) == (2, True), refused.stderr
    assert in_process("resume", first["run_id"], "--failed", "--json", "--quiet", at=tmp_path).returncode in {0, 1, 3}
    assert len(server.requests) == 17
