"""The files that `harness init` ships."""

from __future__ import annotations

from pathlib import Path

from harness.cli.init import starter_files, write_files


def test_the_starter_project_ignores_its_results_and_holds_no_template_suffix() -> None:
    files = starter_files()
    assert files[".gitignore"] == "results/\n"
    assert not [name for name in files if name.endswith((".tmpl", ".py"))]
    assert {"harness.yml", "suites/urgency.suite.yml", "suites/urgency.jsonl"} <= files.keys()


def test_files_are_written_below_the_folder_with_their_own_folders(tmp_path: Path) -> None:
    write_files(tmp_path / "new", {"a/b/c.txt": "caf\N{LATIN SMALL LETTER E WITH ACUTE}\n"})
    assert (tmp_path / "new/a/b/c.txt").read_bytes() == b"caf\xc3\xa9\n"
