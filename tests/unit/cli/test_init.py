"""The files that `harness init` ships."""

from __future__ import annotations

import json
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from commanded import in_process as harness

from harness.cli.starter import SOURCE, own_source, starter_files, write_files

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WORKFLOW = ".github/workflows/prompts.yml"


@pytest.fixture
def noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Stand before this interpreter's packages one whose install noted what a test says (PEP 610)."""

    def write(said: dict[str, Any]) -> None:
        folder = tmp_path / "site" / "prompt_readiness-9.dist-info"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: prompt-readiness\nVersion: 9\n")
        (folder / "direct_url.json").write_text(json.dumps(said))

    monkeypatch.syspath_prepend(tmp_path / "site")
    write({})
    assert metadata.version("prompt-readiness") == "9"
    return write


def test_the_workflow_installs_from_the_commit_that_this_harness_came_from(noted: Any) -> None:
    noted({"url": "https://github.com/acme/readiness", "vcs_info": {"vcs": "git", "commit_id": COMMIT}})
    (line,) = [line for line in starter_files()[WORKFLOW].splitlines() if "pip install" in line]
    assert (
        line.strip() == f"- run: pip install 'prompt-readiness[local] @ git+https://github.com/acme/readiness@{COMMIT}'"
    )


def test_of_a_clone_it_is_the_clones_origin_and_commit(noted: Any, tmp_path: Path) -> None:
    clone = tmp_path / "a clone"
    git = ["git", "-C", str(clone), "-c", "user.name=n", "-c", "user.email=e@example.com"]
    subprocess.run(["git", "init", "-q", str(clone)], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    subprocess.run([*git, "remote", "add", "origin", "https://git.acme.example/x/y.git"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    noted({"url": clone.as_uri(), "dir_info": {"editable": True}})
    assert own_source() == f"git+https://git.acme.example/x/y.git@{head}"


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"url": "https://name:secret@github.com/acme/readiness", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
        {"url": "https://github.com/acme/x' --pre; id #", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
        {"url": "https://github.com/acme/readiness", "vcs_info": {"vcs": "git", "commit_id": "main"}},
        {"url": "ssh://git@github.com/acme/readiness", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
        {"url": "file:///nowhere/at/all", "dir_info": {}},
        {"url": "https://example.com/prompt_readiness-9-py3-none-any.whl", "archive_info": {}},
    ],
)
def test_an_origin_that_is_unknown_or_must_not_be_written_is_left_to_fill_in(noted: Any, said: dict[str, Any]) -> None:
    noted(said)
    assert own_source() is None
    assert SOURCE in starter_files()[WORKFLOW]


def test_the_starter_project_ignores_its_results_and_holds_no_template_suffix() -> None:
    files = starter_files()
    assert files[".gitignore"] == "results/\nreports/\n"
    assert not [name for name in files if name.endswith((".tmpl", ".py"))]
    assert {"harness.yml", "suites/urgency.suite.yml", "suites/urgency.jsonl"} <= files.keys()


def test_files_are_written_below_the_folder_with_their_own_folders(tmp_path: Path) -> None:
    write_files(tmp_path / "new", {"a/b/c.txt": "caf\N{LATIN SMALL LETTER E WITH ACUTE}\n"})
    assert (tmp_path / "new/a/b/c.txt").read_bytes() == b"caf\xc3\xa9\n"


def test_a_project_is_made_around_a_table_and_says_which_columns_it_took(tmp_path: Path) -> None:
    texts = {"delivery": "parcel {} did not arrive and I wait", "refund": "I want my money back for order {}"}
    rows = [f"{n},{label},{text.format(n)}" for n in range(20) for label, text in texts.items()]
    (tmp_path / "tickets.csv").write_text("\n".join(["id,team,said", *rows]) + "\n")
    done = harness("init", "new", "--cases", "tickets.csv", at=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "label: the column `team`; text: `said`" in done.stdout
    made = {str(path.relative_to(tmp_path / "new")) for path in (tmp_path / "new").rglob("*") if path.is_file()}
    assert made == {
        ".gitignore",
        WORKFLOW,
        "harness.yml",
        "prompts/tickets/v1.prompt.yml",
        "suites/tickets.jsonl",
        "suites/tickets.suite.yml",
    }
    workflow = (tmp_path / "new" / WORKFLOW).read_text()
    assert ("suites/tickets.suite.yml" in workflow, "urgency" in workflow, "sixty" in workflow) == (True, False, False)
    assert harness("check", "new/suites/tickets.suite.yml", at=tmp_path).returncode == 0
    again = harness("init", "new", "--cases", "tickets.csv", at=tmp_path)
    assert (again.returncode, "is already there, and nothing is overwritten" in again.stderr) == (2, True)
    assert "--to" not in again.stderr  # it has no such option


def test_a_table_that_is_not_there_makes_no_project(tmp_path: Path) -> None:
    done = harness("init", "new", "--cases", "none.csv", at=tmp_path)
    assert (done.returncode, (tmp_path / "new").exists()) == (2, False)
