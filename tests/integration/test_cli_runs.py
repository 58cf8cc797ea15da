"""Finding runs again: filters of `list`, `export` through the command, and what the shell offers on Tab."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from commanded import COMMAND, HANGS_S, ended, environment, write_replayed
from commanded import in_process as harness

from harness.cli.ground import options
from harness.cli.main import app


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Measure a small replayed project once."""
    root = tmp_path_factory.mktemp("measured")
    answers = {("spam", "spam"): 20, ("spam", "ham"): 9, ("ham", "ham"): 21}
    write_replayed(root, answers, thresholds=["accuracy >= 99%"])
    assert harness("run", "seed.suite.yml", "-q", at=root).returncode == 1
    return root


@pytest.fixture
def project(measured: Path, tmp_path: Path) -> Path:
    """Give a copy with a second, older run of another suite, and one folder that is broken."""
    root = Path(shutil.copytree(measured, tmp_path / "project"))
    (run,) = (root / "results").iterdir()
    older = run.with_name("20200102T030405Z-other-abcdef")
    shutil.copytree(run, older)
    manifest = json.loads((older / "manifest.json").read_text())
    manifest |= {"run_id": older.name, "suite_name": "other", "created_utc": "2020-01-02T03:04:05Z"}
    (older / "manifest.json").write_text(json.dumps(manifest))
    (older / "report.json").unlink()
    return root


def test_runs_are_filtered_by_each_option(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)

    def listed(*args: str) -> list[str]:
        app(["list", "--json", *args], standalone_mode=False)
        return [row["suite"] for row in json.loads(capsys.readouterr().out)]

    assert listed() == ["seed", "other"]
    assert listed("--suite", "other") == ["other"]
    assert listed("--verdict", "not-ready", "--model", "recorded", "--prompt", "v1") == ["seed"]
    assert listed("--since", "2021-01-01") == listed("--since", "7 d") == listed("--since", "12 h") == ["seed"]
    assert listed("--verdict", "not-judged", "--limit", "1") == ["other"]
    assert listed("--prompt", "v9") == []


def test_a_folder_that_is_broken_does_not_hide_the_others(project: Path) -> None:
    (project / "results/20200102T030405Z-other-abcdef/manifest.json").write_text("{")
    done = harness("list", at=project)
    assert done.returncode == 0
    assert "NOT READY" in done.stdout.splitlines()[1]
    assert "UNREADABLE" in done.stdout.splitlines()[2]


def test_a_list_has_a_head_and_each_runs_verdict_accuracy_and_date(project: Path) -> None:
    head, newest, older = harness("list", at=project).stdout.splitlines()
    assert head.split("  ")[0] == "Run"
    assert newest[head.index("Verdict") :].split("  ")[0] == "NOT READY"
    assert newest[head.index("Accuracy") :].split()[0] == "82.0%"
    assert older[head.index("Begun") :].startswith("2020-01-02 03:04")
    assert older[head.index("Accuracy") : head.index("Begun")].isspace(), "it was never judged"


def test_a_misspelt_filter_names_what_it_may_have_meant(project: Path) -> None:
    assert "did you mean 'other'?" in harness("list", "--suite", "othr", at=project).stderr
    since = harness("list", "--since", "yesterday", at=project)
    assert (since.returncode, "2026-11-24" in since.stderr) == (2, True)


def test_export_writes_rows_to_stdout_or_to_a_file(project: Path) -> None:
    done = ended([*COMMAND, "export", "--to", "csv"], at=project)
    rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    assert (len(rows), sum(row["right"] == "true" for row in rows)) == (50, 41)
    said = harness("export", "--to", "parquet", "--output", "t.parquet", "--json", at=project)
    assert json.loads(said.stdout)["rows"] == 50
    assert (project / "t.parquet").read_bytes()[:4] == b"PAR1"
    missing = harness("export", "--to", "csv", "-o", "none/t.csv", at=project)
    assert (missing.returncode, "none/t.csv" in missing.stderr) == (2, True)


def test_bash_is_offered_the_runs(project: Path) -> None:
    """The protocol that the installed completion script speaks."""
    asked = {"_HARNESS_COMPLETE": "complete_bash", "COMP_WORDS": "harness show ", "COMP_CWORD": "2"}
    done = subprocess.run(
        COMMAND, cwd=project, env=environment(**asked), capture_output=True, text=True, timeout=HANGS_S, check=True
    )
    newest = json.loads(harness("list", "--json", at=project).stdout)[0]["run"]
    assert done.stdout.split() == ["latest", newest, "20200102T030405Z-other-abcdef"]


def offered(offer: object, incomplete: str = "") -> list[str]:
    return [name for name, _ in offer(incomplete)]  # type: ignore[operator]


def test_suites_prompts_and_models_are_offered_by_what_was_begun(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "suites").mkdir()
    (project / "suites/late.suite.yml").write_text("name: late\n")
    monkeypatch.chdir(project)
    assert offered(options.suites) == ["seed.suite.yml", "suites/late.suite.yml"]
    assert options.suites("./su") == [("./suites/late.suite.yml", "late")]
    assert offered(options.suites, f"{project}/su") == [f"{project}/suites/"]
    assert offered(options.prompts) == ["v1"]
    assert offered(options.models, "rec") == ["recorded"]
    assert offered(options.models, "x") == []
    assert offered(options.suite_names) == ["other", "seed"]
    (project / "results/20200102T030405Z-other-abcdef/manifest.json").write_text(
        '{"suite_name": "\u00dcb \\"other\\""}'
    )
    assert offered(options.suite_names) == ["seed", 'Üb "other"']
    (project / "results/20200102T030405Z-other-abcdef/manifest.json").write_text('{"suite_name": "cut \\u00')
    assert offered(options.suite_names) == ["other", "seed"]  # what can't be read hides no other suite
    (project / "results/20200102T030405Z-other-abcdef/manifest.json").write_text('{"suite_name": "bad \\q"}')
    assert offered(options.suite_names) == ["other", "seed"]
    monkeypatch.chdir(project / "suites")
    assert offered(options.models) == ["recorded"]  # harness.yml is found upward


def test_nothing_is_offered_and_nothing_said_where_files_are_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "harness.yml").write_text("models: [\x00")
    (tmp_path / "results").write_text("not a folder")
    monkeypatch.chdir(tmp_path)
    everything = (options.runs, options.models, options.suites, options.suite_names)
    assert [offered(offer) for offer in everything] == [[], [], [], []]
    assert offered(options.suites, "/none/here") == []
    assert capfd.readouterr() == ("", "")
