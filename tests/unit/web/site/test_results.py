"""Only runs of the results folder are found, and only files of their own are read."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from viewed import RUN, write_run

from harness.errors import UsageError
from harness.rundir import LOCK
from harness.web.site import Results, results_for


@pytest.fixture
def results(tmp_path: Path) -> Path:
    write_run(tmp_path / "results", judge=False)
    return tmp_path / "results"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../results", f"../results/{RUN}", f"{RUN}/", f"./{RUN}", "\0", "a" * 300, "nothing", "é"]
)
def test_nothing_but_an_exact_name_is_a_run(results: Path, name: str) -> None:
    assert Results(results).run(name) is None


def test_a_link_to_a_run_elsewhere_is_no_run(results: Path, tmp_path: Path) -> None:
    elsewhere = write_run(tmp_path / "private", "20260101T000000Z-other-bbbbbb", judge=False)
    (results / "linked").symlink_to(elsewhere)
    assert Results(results).run("linked") is None
    assert [run.name for run in Results(results).runs()] == [RUN]


def test_a_link_to_a_file_elsewhere_is_not_read(results: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text("{}")
    folder = results / RUN
    (folder / "report.json").symlink_to(secret)
    (folder / "journal.jsonl").unlink()
    (folder / "journal.jsonl").symlink_to("journal.jsonl")  # a loop
    run = Results(results).run(RUN)
    assert run is not None
    assert run.report is None
    assert run.journal is None


def test_a_run_elsewhere_is_shown_alone(results: Path, tmp_path: Path) -> None:
    write_run(tmp_path / "archive", "20250101T000000Z-old-cccccc", judge=False)
    wanted = write_run(tmp_path / "archive", "20250102T000000Z-old-dddddd", judge=False)
    found, opened = results_for(results, str(wanted))
    assert opened == wanted.name
    assert [run.name for run in found.runs()] == [wanted.name]


def test_a_folder_whose_name_can_t_be_an_address_is_refused(results: Path, tmp_path: Path) -> None:
    odd = write_run(tmp_path / "archive", "a run with blanks", judge=False)
    with pytest.raises(UsageError, match="a run with blanks"):
        results_for(results, str(odd))


def lock(results: Path, pid: int, host: str) -> None:
    (results / RUN / LOCK).write_text(json.dumps({"pid": pid, "host": host, "since": ""}))


def test_a_run_is_live_while_the_process_that_holds_it_lives(results: Path) -> None:
    run = Results(results).run(RUN)
    assert run is not None
    assert not run.live
    lock(results, os.getpid(), platform.node())
    assert run.live
    lock(results, os.getpid(), "another-machine")
    assert not run.live
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    lock(results, ended.pid, platform.node())
    assert not run.live
    (results / RUN / LOCK).write_text("")  # given back
    assert not run.live
