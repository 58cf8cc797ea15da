"""A gate whose answers are bought in a batch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from batching import Batches
from gated import SUITE, branch, classifier, command, commit, gate_json, served, write_prompt, write_repository
from scripted import Request, Script, ScriptedServer

Serve = Callable[[Script], ScriptedServer]


def answer(text: str) -> str:
    """Answer as the classifier of the other gates does."""
    body = {"messages": [{"role": "user", "content": text}]}
    request = Request(number=0, method="POST", path="/", headers={}, body=json.dumps(body).encode())
    said: str = json.loads(classifier(request).body)["choices"][0]["message"]["content"]
    return said


def test_a_gate_waits_for_a_batch_and_the_same_command_goes_on(tmp_path: Path, scripted_server: Serve) -> None:
    provider = Batches(reply=answer)
    write_repository(tmp_path, served(scripted_server(provider).url))
    branch(tmp_path, "better")
    write_prompt(tmp_path, "Sort well: {{ message }}")
    commit(tmp_path, "better")
    provider.statuses.append(("cancelled", []))
    provider.results.append(lambda lines: lines[:3])
    args = ("gate", SUITE, "--base", "main", "--via", "batch", "--quiet", "--json")
    assert command(tmp_path, *args).returncode == 4
    done = command(tmp_path, *args)
    assert (done.returncode, gate_json(done)["status"]) == (0, "PASS"), done.stderr
    assert provider.synchronous == 0
    assert len(set(provider.asked)) == len(provider.asked) - (len(provider.made[0].lines) - 3)


def test_a_gate_takes_no_file(tmp_path: Path, scripted_server: Serve) -> None:
    write_repository(tmp_path, served(scripted_server(Batches()).url))
    branch(tmp_path, "better")
    write_prompt(tmp_path, "Sort well: {{ message }}")
    commit(tmp_path, "better")
    done = command(tmp_path, "gate", SUITE, "--base", "main", "--via", "file", "--quiet")
    assert done.returncode == 2
    assert "a gate can't wait for answers in a file" in done.stderr
