"""Bought in a batch, a suite has the records and the verdict of calls that are waited for; nothing is bought twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from batching import Batches
from commanded import in_process
from measured import places, records, write_project
from scripted import Script, ScriptedServer

Serve = Callable[[Script], ScriptedServer]


def run_of(root: Path) -> Path:
    (run,) = [path.parent for path in root.glob("results/*/manifest.json")]
    return run


def test_a_batch_gives_the_verdict_of_calls_that_are_waited_for(tmp_path: Path, scripted_server: Serve) -> None:
    provider = Batches(busy=1)
    write_project(tmp_path, scripted_server(provider).url, cases=40, repeats=2)
    done = in_process("run", "small.suite.yml", "--via", "batch", at=tmp_path)
    assert done.returncode in {0, 3}, done.stderr
    run = run_of(tmp_path)
    assert set(places(run).values()) == {1}
    assert len(records(run)) == 80
    assert {record.via for record in records(run)} == {"batch"}
    assert provider.synchronous == 0
    assert [len(made.lines) for made in provider.made] == [40, 40]
    report = json.loads((run / "report.json").read_text())
    assert report["candidates"][0]["classification"]["accuracy"]["value"] == 1.0
