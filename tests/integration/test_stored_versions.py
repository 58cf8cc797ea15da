"""Runs of every schema version ever written stay readable; what a newer harness wrote is refused by name."""

from __future__ import annotations

import json
import shutil
import zlib
from pathlib import Path

import pytest
from commanded import REPLAY, write_yaml
from commanded import in_process as harness

from harness import journal, rundir

FIXTURES = Path(__file__).parents[1] / "fixtures"
STORED = sorted(FIXTURES.glob("schema_*"))
VERSIONS = {
    "manifest.json": rundir.SCHEMA_VERSION,
    "report.json": rundir.SCHEMA_VERSION,
    "journal.jsonl": journal.SCHEMA_VERSION,
}


def project(root: Path, stored: Path) -> Path:
    """Put a stored run into a project of its own; gives the run."""
    write_yaml(root / "harness.yml", REPLAY)
    run_id = json.loads((stored / "manifest.json").read_bytes())["run_id"]
    run = root / "results" / run_id
    shutil.copytree(stored, run)
    return run


def test_there_is_a_stored_run_of_every_version() -> None:
    assert [path.name for path in STORED] == [f"schema_{n + 1}" for n in range(max(VERSIONS.values()))]


@pytest.mark.parametrize("stored", STORED, ids=lambda path: path.name)
def test_a_stored_run_is_judged_listed_shown_and_exported(tmp_path: Path, stored: Path) -> None:
    run = project(tmp_path, stored)
    then = json.loads((stored / "report.json").read_bytes())
    judged = harness("report", run.name, "--json", at=tmp_path)
    now = json.loads(judged.stdout)
    for before, after in zip(then["candidates"], now["candidates"], strict=True):
        if before["verdict"] == "NOT MEASURED":  # what was never sent counted as failed then, and is in no figure now
            assert (after["verdict"], after["not_run"], after["trials"]) == ("NOT MEASURED", 48, 0)
            assert sum(after["outcomes"].values()) == 0
            continue
        assert after["outcomes"] == before["outcomes"]
        assert after["classification"]["confusion"] == before["classification"]["confusion"]
        assert after["classification"]["accuracy"]["value"] == before["classification"]["accuracy"]["value"]
        # two failed calls of a case agreed then, and agree with nothing now
        agreed = before["stability"]["agreement"]["value"], after["stability"]["agreement"]["value"]
        assert agreed == (None, None) or agreed[1] <= agreed[0]
    (first, *others) = now["candidates"]
    if others:
        table = harness("report", run.name, at=tmp_path).stdout
        (row,) = (line for line in table.splitlines() if line.lstrip().startswith(first["name"]))
        assert f"{first['classification']['accuracy']['value']:.1%}" in row
    for count in ("planned_trials", "journalled_trials"):
        assert now[count] == then[count]
    (listed,) = json.loads(harness("list", "--json", at=tmp_path).stdout)
    assert listed["run"] == run.name
    shown = harness("show", run.name, "--case", "c10", at=tmp_path)
    assert "I can't say" in shown.stdout
    exported = harness("export", run.name, "--to", "jsonl", at=tmp_path)
    assert exported.returncode == 0, exported.stderr


def test_a_journal_states_the_version_that_knows_its_events() -> None:
    """An older harness would call the line of an event that it does not know damaged: it must be told to upgrade."""
    for stored, new in zip(STORED, (None, {"refused"}, {"settled"}, {"batch", "waiting"}), strict=True):
        lines = [json.loads(line)["event"] for line in (stored / "journal.jsonl").read_bytes().splitlines()]
        assert f"schema_{lines[0]['schema_version']}" == stored.name
        known = {"refused", "settled", "batch", "waiting"}
        assert known & {line["type"] for line in lines} == (new or set())


def as_newer(path: Path) -> None:
    """Raise the version that a file of a run states."""
    if path.suffix == ".jsonl":
        first, rest = path.read_bytes().split(b"\n", 1)
        said = json.loads(first)
        said["event"]["schema_version"] = VERSIONS[path.name] + 1
        tail = b'"seq":0,"event":' + json.dumps(said["event"], separators=(",", ":")).encode() + b"}"
        path.write_bytes(b'{"crc":"%08x",%b\n%b' % (zlib.crc32(tail), tail, rest))
    else:
        whole = json.loads(path.read_bytes())
        path.write_text(json.dumps({**whole, "schema_version": VERSIONS[path.name] + 1}))


@pytest.mark.parametrize("name", ["manifest.json", "journal.jsonl"])
@pytest.mark.parametrize("command", ["report", "resume", "show"])
def test_a_run_of_a_newer_harness_is_refused_with_what_to_do(tmp_path: Path, name: str, command: str) -> None:
    run = project(tmp_path, STORED[-1])
    as_newer(run / name)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    done = harness(command, run.name, at=tmp_path)
    assert done.returncode in {2, 4}
    assert done.stdout == ""
    assert "newer harness" in done.stderr
    assert "Upgrade" in done.stderr
    left = {path.name: path.read_bytes() for path in run.iterdir() if path.name in before}
    assert left == before, "nothing of it was changed"


def test_a_report_of_a_newer_harness_is_left_out_of_the_history_and_does_not_stop_a_run(tmp_path: Path) -> None:
    run = project(tmp_path, STORED[-1])
    as_newer(run / "report.json")
    done = harness("list", "--json", at=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["run"] == run.name
    assert harness("report", run.name, at=tmp_path).returncode in {0, 1, 3}  # judged anew from the journal
