"""A run is found by id, prefix, path or `latest`, and its manifest is whole or refused."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from run_of import manifest_of

from harness.errors import StorageFailed, UsageError
from harness.rundir import (
    MANIFEST,
    Manifest,
    create_run,
    decision_of,
    find_run,
    list_runs,
    read_manifest,
    write_manifest,
)


def manifest(run_id: str = "r", created: str = "2026-01-01T00:00:00+00:00", version: int = 1) -> Manifest:
    made = manifest_of(("spam", "ham"), planned=0)
    return msgspec.structs.replace(made, run_id=run_id, created_utc=created, schema_version=version)


def make_run(results: Path, name: str, created: str = "2026-01-01T00:00:00+00:00") -> Path:
    run = results / name
    run.mkdir(parents=True)
    write_manifest(run, manifest(name, created))
    return run


def test_a_run_is_named_after_time_suite_and_content(tmp_path: Path) -> None:
    run = create_run(tmp_path / "results", "SMS spam/№1", "content")
    assert re.fullmatch(r"\d{8}T\d{6}Z-SMS-spam-1-[0-9a-f]{6}", run.name)
    assert create_run(tmp_path / "results", "SMS spam/№1", "content") != run


def test_a_results_folder_that_is_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("")
    with pytest.raises(StorageFailed, match="results"):
        create_run(tmp_path / "results", "s", "c")


def test_a_run_is_found_by_id_prefix_path_and_latest(tmp_path: Path) -> None:
    old = make_run(tmp_path, "20260101T000000Z-s-aaaaaa")
    new = make_run(tmp_path, "20260102T000000Z-s-bbbbbb")
    assert list_runs(tmp_path) == [old, new]
    for ref in ("20260101T000000Z-s-aaaaaa", "20260101", str(old)):
        assert find_run(tmp_path, ref) == old
    assert find_run(tmp_path, "latest") == new


def test_a_run_whose_folder_was_renamed_is_found_by_both_names_and_is_as_old_as_before(tmp_path: Path) -> None:
    make_run(tmp_path, "20260101T000000Z-s-aaaaaa", "2026-01-01T00:00:00.5+00:00").rename(tmp_path / "the best one")
    new = make_run(tmp_path, "20260102T000000Z-s-bbbbbb", "2026-01-02T00:00:00+00:00")
    older = make_run(tmp_path, "20251231T000000Z-s-cccccc", "2025-12-31T00:00:00+00:00")
    (tmp_path / "unreadable").mkdir()
    (tmp_path / "unreadable" / MANIFEST).write_text("{")
    assert list_runs(tmp_path) == [tmp_path / "unreadable", older, tmp_path / "the best one", new]
    assert find_run(tmp_path, "latest") == new
    for name in ("20260101T000000Z-s-aaaaaa", "the best one", "the"):
        assert find_run(tmp_path, name) == tmp_path / "the best one"


def test_latest_within_one_second_is_the_one_created_last(tmp_path: Path) -> None:
    late = make_run(tmp_path, "20260101T000000Z-s-aaaaaa", "2026-01-01T00:00:00.900000+00:00")
    make_run(tmp_path, "20260101T000000Z-s-bbbbbb", "2026-01-01T00:00:00.100000+00:00")
    assert find_run(tmp_path, "latest") == late


def test_a_folder_that_is_no_run_names_the_runs_in_it(tmp_path: Path) -> None:
    run = make_run(tmp_path / "shard-1", "20260101T000000Z-s-aaaaaa")
    with pytest.raises(UsageError, match=r"shard-1 is not the folder of a run: it has no manifest\.json") as refused:
        find_run(tmp_path / "results", str(tmp_path / "shard-1"))
    assert str(run) in refused.value.fix
    (run / MANIFEST).unlink()  # as a command leaves one that was killed while it began
    with pytest.raises(UsageError, match="has no manifest") as refused:
        find_run(tmp_path / "results", str(run))
    assert refused.value.fix.startswith("Leave it out")


def test_an_ambiguous_or_unknown_reference_names_the_near_ones(tmp_path: Path) -> None:
    make_run(tmp_path, "20260101T000000Z-s-aaaaaa")
    make_run(tmp_path, "20260102T000000Z-s-bbbbbb")
    with pytest.raises(UsageError, match=r"beginning of 2 runs: 20260101T000000Z-s-aaaaaa, 20260102T"):
        find_run(tmp_path, "2026")
    with pytest.raises(UsageError, match=r"near ones: 20260102T000000Z-s-bbbbbb"):
        find_run(tmp_path, "20260102T000000Z-s-bbbbbx")
    with pytest.raises(UsageError, match="no run in"):
        find_run(tmp_path / "nowhere", "latest")
    with pytest.raises(UsageError, match="No run ''"):
        find_run(tmp_path, "")


def test_a_folder_without_a_manifest_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "20260101T000000Z-s-aaaaaa").mkdir()
    assert list_runs(tmp_path) == []


def test_a_manifest_comes_back_and_no_temporary_file_stays(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest("one"))
    write_manifest(tmp_path, manifest("two"))
    assert read_manifest(tmp_path) == manifest("two")
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]


def test_a_newer_or_damaged_manifest_is_refused_clearly(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest(version=2))
    with pytest.raises(UsageError, match=r"newer harness .schema 2"):
        read_manifest(tmp_path)
    (tmp_path / MANIFEST).write_bytes(msgspec.json.encode({"schema_version": 1}))
    with pytest.raises(UsageError, match="not a manifest"):
        read_manifest(tmp_path)
    (tmp_path / MANIFEST).write_bytes(b"{")
    with pytest.raises(UsageError, match="can't be read"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("gate.json", '{"status": "FAIL", "verdict": "READY"}', "gate: FAIL"),
        ("upgrade.json", '{"verdict": "DON\'T SWITCH"}', "upgrade: DON'T SWITCH"),
        *(("gate.json", content, None) for content in ("", "[1]", "{", "{}", '{"status": 1}', "[" * 10_000)),
    ],
)
def test_a_run_tells_what_it_was_measured_for(tmp_path: Path, file: str, content: str, told: str | None) -> None:
    (tmp_path / file).write_text(content)
    assert decision_of(tmp_path) == told


def test_a_decision_behind_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text('{"status": "PASS"}')
    (tmp_path / "gate.json").symlink_to("elsewhere")
    assert decision_of(tmp_path) is None
