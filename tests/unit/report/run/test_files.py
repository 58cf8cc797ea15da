"""Reports are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from judged import assessment, manifest

from harness.errors import FilesError, StorageFailed
from harness.report.run import write_reports


def test_all_reports_are_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    judged = assessment()
    paths = write_reports(tmp_path, judged, manifest(judged))
    assert {kind: path.name for kind, path in paths.items()} == {
        "json": "report.json",
        "html": "report.html",
        "md": "report.md",
        "junit": "junit.xml",
    }
    assert sorted(p.name for p in tmp_path.iterdir()) == ["junit.xml", "report.html", "report.json", "report.md"]


def test_writing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    judged = assessment()
    first = {k: p.read_bytes() for k, p in write_reports(tmp_path, judged, manifest(judged)).items()}
    again = {k: p.read_bytes() for k, p in write_reports(tmp_path, judged, manifest(judged)).items()}
    assert first == again


def test_a_broken_template_leaves_the_old_reports_alone(tmp_path: Path) -> None:
    judged, templates = assessment(), tmp_path / "templates"
    paths = write_reports(tmp_path, judged, manifest(judged))
    before = {k: p.read_bytes() for k, p in paths.items()}
    templates.mkdir()
    (templates / "report.md.j2").write_text("{% if %}")
    with pytest.raises(FilesError):
        write_reports(tmp_path, assessment(suite="other"), manifest(judged), template_dir=templates)
    assert {k: p.read_bytes() for k, p in paths.items()} == before


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    judged = assessment()
    with pytest.raises(StorageFailed, match="could not write"):
        write_reports(tmp_path / "gone", judged, manifest(judged))
