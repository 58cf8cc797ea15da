"""Judging by other thresholds is a what-if: it stands beside the verdict of record and says whose it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commanded import in_process as harness
from commanded import write_replayed

RIGHT = {("spam", "spam"): 200, ("ham", "ham"): 200}
OF_RECORD = ("report.json", "report.html", "report.md", "junit.xml")
BANNER = "What if: this run judged by the thresholds of strict er.yml, not by its own."


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_replayed(tmp_path, RIGHT, thresholds=["accuracy >= 90%"])
    (tmp_path / "strict er.yml").write_text("- latency.p95 <= 1 ms\n")
    assert harness("run", "seed.suite.yml", at=tmp_path).returncode == 0
    (folder,) = (tmp_path / "results").iterdir()
    return folder


def test_a_what_if_leaves_every_file_and_list_of_the_run_as_it_was(run: Path) -> None:
    root = run.parent.parent
    before = {name: (run / name).read_bytes() for name in OF_RECORD}
    history = harness("history", "seed.suite.yml", at=root).stdout
    assert harness("report", "latest", "--thresholds", "strict er.yml", at=root).returncode == 1
    assert {name: (run / name).read_bytes() for name in OF_RECORD} == before
    assert " READY" in harness("list", at=root).stdout
    assert "NOT READY" not in harness("list", at=root).stdout
    assert harness("history", "seed.suite.yml", at=root).stdout == history
    assert harness("baseline", "set", "latest", at=root).returncode == 0


def test_every_format_of_a_what_if_names_its_source_first(run: Path) -> None:
    root = run.parent.parent
    done = harness("report", "latest", "--thresholds", "strict er.yml", at=root)
    assert done.stdout.startswith(f"! {BANNER}")
    named = {path.name: path.read_text() for path in run.glob("*what-if*")}
    assert set(named) == {
        f"{kind}.what-if-strict-er.yml.{ending}"
        for kind, ending in (("report", "json"), ("report", "html"), ("report", "md"), ("junit", "xml"))
    }
    assert BANNER in named["report.what-if-strict-er.yml.html"]
    assert "What if: this run judged by the thresholds of strict er" in named["report.what-if-strict-er.yml.md"]
    assert "(what if: strict er.yml)" in named["junit.what-if-strict-er.yml.xml"]
    assert json.loads(named["report.what-if-strict-er.yml.json"])["what_if"] == "strict er.yml"
    told = json.loads(harness("report", "--thresholds", "strict er.yml", "--json", at=root).stdout)
    assert (told["what_if"], told["verdict"]) == ("strict er.yml", "NOT READY")


def test_a_run_judged_again_keeps_its_files_and_tells_a_verdict_that_changed(run: Path) -> None:
    root = run.parent.parent
    before = (run / "report.json").read_bytes()
    again = harness("report", "latest", at=root)
    assert "verdict of record" not in again.stderr
    assert (run / "report.json").read_bytes() == before
    (run / "report.json").write_text((run / "report.json").read_text().replace('"READY"', '"NOT READY"'))
    again = harness("report", "latest", at=root)
    assert "the verdict of record was NOT READY; judged again, it is READY" in again.stderr


def test_thresholds_may_be_typed_and_repeated(run: Path) -> None:
    root = run.parent.parent
    done = harness("report", "latest", "--thresholds", "accuracy >= 90%; latency.p95 <= 1 ms", at=root)
    assert (done.returncode, done.stdout.startswith("! What if")) == (1, True)
    assert "by the thresholds of the command line, not by its own" in done.stdout.splitlines()[0]
    wrong = harness("report", "--thresholds", "acuracy >= 90%", "--thresholds", "recall[eggs] >= 1%", at=root)
    assert wrong.returncode == 2
    assert "unknown metric" in wrong.stderr
    assert "eggs" in wrong.stderr


def test_a_run_is_measured_resumed_and_judged_by_the_thresholds_that_were_typed(run: Path) -> None:
    root = run.parent.parent
    typed = ("--thresholds", "recall[spam] >= 99.9%", "--thresholds", "strict er.yml")
    asked = ("run", "seed.suite.yml", *typed, "--json")
    told = json.loads(harness(*asked, at=root).stdout)
    assert told["policy"] == ["recall[spam] >= 99.9%", "latency.p95 <= 1 ms"]
    part = harness(*asked, "--max-trials", "10", at=root)
    assert part.returncode == 4
    resumed = json.loads(harness("resume", "latest", "--json", at=root).stdout)
    assert (resumed["run_id"], resumed["verdict"]) == (json.loads(part.stdout)["run_id"], told["verdict"])
    assert resumed["policy"] == told["policy"]
    unreachable = harness("run", "seed.suite.yml", "--thresholds", "pass^3 >= 90%", at=root)
    assert (unreachable.returncode, len(list(run.parent.iterdir()))) == (2, 3)
    assert "--thresholds: thresholds[0]: pass^3 needs 3 repeats" in unreachable.stderr
    planned = json.loads(harness("check", "seed.suite.yml", *typed, "--json", at=root).stdout)
    assert [row["threshold"] for row in planned["power"]] == told["policy"]
