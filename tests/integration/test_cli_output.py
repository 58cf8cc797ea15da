"""What the commands print: JSON alone on stdout, text that any terminal and any pipe can take, help."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from commanded import COMMAND, HANGS_S, environment, write_replayed
from commanded import harness as of_its_own
from commanded import in_process as harness

ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Measure a small replayed project once; gives its folder and what the run printed with --json."""
    root = tmp_path_factory.mktemp("measured")
    answers = {("spam", "spam"): 28, ("spam", "ham"): 2, ("ham", "ham"): 29, ("ham", "bacon"): 1}
    write_replayed(root, answers, thresholds=["accuracy >= 60%"])
    suite = (root / "seed.suite.yml").read_text()
    (root / "seed.suite.yml").write_text(suite.replace("- bacon\n", ""))
    done = harness("run", "seed.suite.yml", "--json", at=root)
    assert done.returncode == 0, done.stderr
    return root, done.stdout


@pytest.fixture
def project(measured: tuple[Path, str], tmp_path: Path) -> Path:
    """Give a copy of the measured project, free to be changed."""
    return Path(shutil.copytree(measured[0], tmp_path / "project"))


def document(*args: str, at: Path) -> Any:
    return json.loads(harness(*args, "--json", at=at).stdout)  # more than one document does not parse


def test_run_gives_its_report_as_one_document(measured: tuple[Path, str]) -> None:
    root, printed = measured
    (report,) = root.glob("results/*/report.json")
    assert json.loads(printed) == json.loads(report.read_bytes())


def test_check_list_show_and_models_give_one_document_each(measured: tuple[Path, str]) -> None:
    root, printed = measured
    run_id = json.loads(printed)["run_id"]
    assert document("check", "seed.suite.yml", at=root)["plan"]["trials"] == 60
    (row,) = document("list", at=root)
    assert (row["run"], row["verdict"]) == (run_id, "READY")
    assert document("list", "--verdict", "not-ready", at=root) == []
    assert document("show", at=root)["run_id"] == run_id
    (trial,) = document("show", run_id, "--case", "c29", at=root)
    assert (trial["expected"], trial["reply"], trial["latency_s"]) == ("spam", "ham", 0.2)
    (model,) = document("models", at=root)
    assert (model["name"], model["endpoint"]) == ("recorded", "replay")
    assert json.loads(harness("schema", at=root).stdout).keys() == {
        "project", "suite", "prompt", "case", "reply", "report", "manifest", "journal", "gate", "comparison", "upgrade",
    }  # fmt: skip


def test_a_trial_without_a_label_says_why_and_what_to_change(measured: tuple[Path, str]) -> None:
    root = measured[0]
    (trial,) = document("show", "--case", "c59", at=root)
    assert trial["why"]
    assert "v1.prompt.yml" in trial["next"]
    (right,) = document("show", "--case", "c0", at=root)
    assert (right["why"], right["next"]) == (None, None)
    shown = harness("show", "--case", "c59", at=root).stdout
    assert f"no label: {trial['why']}" in shown
    assert f"next: {trial['next']}" in shown


def test_runs_are_listed_newest_first(project: Path) -> None:
    (run,) = project.glob("results/2*")
    older = shutil.copytree(run, run.with_name("20200101T000000Z-seed-aaaaaa"))
    manifest = json.loads((older / "manifest.json").read_bytes())
    manifest |= {"run_id": older.name, "created_utc": "2020-01-01T00:00:00+00:00"}
    (older / "manifest.json").write_text(json.dumps(manifest))
    lines = harness("list", at=project).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["Run", run.name, older.name]


def test_wrong_trials_are_listed_in_the_order_of_the_cases(measured: tuple[Path, str]) -> None:
    rows = document("show", "--wrong", at=measured[0])
    assert [(row["case"], row["expected"], row["read_as"]) for row in rows] == [
        ("c28", "spam", "ham"),
        ("c29", "spam", "ham"),
        ("c59", "ham", "unparseable"),
    ]


def test_a_run_is_judged_again_under_other_thresholds_without_its_endpoint(project: Path) -> None:
    (project / "replies.jsonl").unlink()
    (project / "strict.yml").write_text("- recall[spam] >= 99.9%\n")
    done = harness("report", "latest", "--thresholds", "strict.yml", "--json", at=project)
    judged = json.loads(done.stdout)
    assert done.returncode == 1
    assert judged["verdict"] == "NOT READY"
    assert judged["policy"] == ["recall[spam] >= 99.9%"]
    (report,) = project.glob("results/*/report.what-if-strict.yml.json")
    assert json.loads(report.read_bytes()) == judged
    bad = harness("report", "--thresholds", "strict.yml", at=project, env={"COLUMNS": "60"})
    assert bad.returncode == 1
    assert "recall[spam]" in bad.stdout
    (project / "strict.yml").write_text("- recall[spma] >= 99%\n")
    mistaken = harness("report", "--thresholds", "strict.yml", at=project)
    assert mistaken.returncode == 2
    assert "strict.yml:1:" in mistaken.stderr


@pytest.mark.parametrize("args", [["report"], ["show", "--full"], ["show", "--case", "ca\N{SNOWMAN}"]])
def test_an_ascii_terminal_gets_ascii(project: Path, args: list[str]) -> None:
    done = of_its_own(*args, at=project, env=ASCII)
    assert done.returncode in {0, 2}
    assert (done.stdout + done.stderr).isascii()
    assert "\x1b" not in done.stdout


def test_the_full_report_says_more_than_the_summary(measured: tuple[Path, str]) -> None:
    summary = harness("show", at=measured[0]).stdout
    full = harness("show", "--full", at=measured[0]).stdout
    assert len(full.splitlines()) > len(summary.splitlines())
    assert "READY" in summary.splitlines()[1]


@pytest.mark.parametrize(
    "args", [["--help"], ["schema"], ["show", "--wrong"], ["show", "--full"], ["list"], ["models"]]
)
def test_a_reader_that_leaves_early_gets_no_traceback(measured: tuple[Path, str], args: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*COMMAND, *args],
            cwd=measured[0],
            env=environment(),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=HANGS_S,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.stderr == ""


def test_init_writes_a_project_that_check_accepts_and_never_overwrites(tmp_path: Path) -> None:
    wrote = harness("init", at=tmp_path)
    assert wrote.returncode == 0
    assert "next: harness run suites/urgency.suite.yml" in wrote.stdout
    checked = harness("check", "suites/urgency.suite.yml", at=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "60 cases, 2 candidates, 2 repeats: 240 trials" in checked.stdout
    (tmp_path / "harness.yml").write_text("mine")
    again = harness("init", at=tmp_path)
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert (tmp_path / "harness.yml").read_text() == "mine"


def test_help_shows_whole_sentences_and_the_exit_codes(tmp_path: Path) -> None:
    done = harness("--help", at=tmp_path)
    assert done.returncode == 0
    assert "..." not in done.stdout.partition("Commands:")[2]
    codes = done.stdout.partition("Exit codes:")[2].split("\n")
    assert [line.split()[0] for line in codes if line[:1] == " " and line.strip()] == [
        "0", "1", "2", "3", "4", "5", "70", "130",
    ]  # fmt: skip


def test_without_runs_list_says_how_to_make_one(tmp_path: Path) -> None:
    done = harness("list", at=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "harness run SUITE" in done.stderr
    assert document("list", at=tmp_path) == []
