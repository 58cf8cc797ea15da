"""The action and the workflows: pinned, without injection, references that exist; the comment by running it.

zizmor (`make lint-workflows`) looks for more; these checks need no tool.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from judged_extremes import HOSTILE
from markdown_it import MarkdownIt

from harness.report.gate import STICKY

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FILES = [*WORKFLOWS, ROOT / "action.yml"]
COMMENT = ROOT / ".github" / "workflows" / "prompt-gate-comment.yml"

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def read(path: Path) -> dict[Any, Any]:
    document: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def steps(path: Path) -> Iterator[dict[str, Any]]:
    document = read(path)
    if "runs" in document:
        yield from document["runs"]["steps"]
    for job in document.get("jobs", {}).values():
        yield from job.get("steps", ())


@each_file
def test_every_action_is_pinned_to_a_full_commit_with_its_version_beside_it(path: Path) -> None:
    used = re.findall(
        r"uses: *(\S+)(.*)", "\n".join(re.sub("^ *#.*", "", line) for line in path.read_text().splitlines())
    )
    for name, rest in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", name), name
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", rest), f"{name} says no version"


@each_file
def test_no_expression_is_pasted_into_a_script(path: Path) -> None:
    assert not [step for step in steps(path) if "${{" in step.get("run", "")]


@each_file
def test_every_shell_script_parses(path: Path) -> None:
    scripts = [step["run"] for step in steps(path) if step.get("shell", "bash") == "bash" and "run" in step]
    for script in [*scripts, (ROOT / ".github" / "gate.sh").read_text()]:
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@each_file
def test_every_reference_to_a_step_or_an_input_names_one_that_exists(path: Path) -> None:
    document, text = read(path), path.read_text()
    ids = {step["id"] for step in steps(path) if "id" in step}
    assert set(re.findall(r"\bsteps\.([\w-]+)\.", text)) <= ids
    on = document.get(True, {})  # YAML reads the key `on` as true
    inputs = document.get("inputs") or (on.get("workflow_call") or {}).get("inputs", {})
    assert set(re.findall(r"\binputs\.([\w-]+)", text)) <= set(inputs)


@each_workflow
def test_rights_are_named_and_no_workflow_checks_out_a_stranger_with_them(path: Path) -> None:
    document = read(path)
    assert document["permissions"] in ({"contents": "read"}, {})
    on = document[True]
    assert "pull_request_target" not in on
    writes = [job for job in document["jobs"].values() if "write" in job.get("permissions", {}).values()]
    for job in writes:
        assert not [step for step in job["steps"] if "uses" in step], "a job that may write runs no action"
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


def test_only_the_comment_job_may_write_and_it_learns_the_number_from_github() -> None:
    document = read(COMMENT)
    (job,) = document["jobs"].values()
    assert job["permissions"] == {"actions": "read", "pull-requests": "write"}
    find, fetch, *_ = job["steps"]
    assert "repos/$REPO/pulls" in find["run"]
    assert "number" not in fetch["run"]
    assert "unzip -p" in fetch["run"], "no path of the archive is written"


def inert(folder: Path, report: bytes) -> str | None:
    """Run the comment job's own script on a report."""
    (job,) = read(COMMENT)["jobs"].values()
    script = next(step["run"] for step in job["steps"] if step.get("shell") == "python")
    (folder / "report.md").write_bytes(report)
    subprocess.run([sys.executable, "-I", "-c", script], cwd=folder, check=True)
    written = folder / "comment.md"
    return written.read_text(encoding="utf-8") if written.exists() else None


def test_a_report_that_a_stranger_made_up_is_posted_inert(tmp_path: Path) -> None:
    report = "\n\n".join(
        [
            "<details><summary>fine</summary>",
            *(each.encode("utf-8", "replace").decode() for each in HOSTILE),
            "[click](https://evil.example) ![i](//evil.example) <a href='https://evil.example'>x</a>",
            f"{STICKY} <!-- hidden",
            "</details>",
        ]
    )
    text = inert(tmp_path, report.encode())
    assert text is not None
    assert text.startswith(f"{STICKY}\n")
    assert text.count("<!--") == 1
    assert set(re.findall(r"</?[A-Za-z]+", text)) == {"<details", "</details", "<summary", "</summary"}
    assert not re.search(r"@\w|\]\(|[a-z]://|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u200b]", text)


def test_a_flood_is_cut_with_its_fences_and_details_closed(tmp_path: Path) -> None:
    text = inert(tmp_path, b"<details>\n\n```diff\n" + b"+ line of a prompt\n" * 20_000)
    assert text is not None
    assert len(text) < 65_536
    assert "Cut here" in text
    tokens = MarkdownIt("commonmark").parse(text.removeprefix(STICKY))
    assert tokens[-2].content.startswith("**Cut here:**")


def test_an_empty_report_is_not_posted_and_a_binary_one_does_not_break_the_job(tmp_path: Path) -> None:
    assert inert(tmp_path, b"\n") is None
    assert inert(tmp_path, bytes(range(256)) * 10) is not None
