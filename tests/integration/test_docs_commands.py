"""The commands of the README and of docs/ work as they stand there.

A block that begins with ```sh runnable is run by bash, page by page, in a fresh project of `harness init`,
whose model answers from a file here. A verdict (exit 0, 1 or 3) is what a command is for; any other code is a
mistake.
"""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commanded import HANGS_S, environment

from harness.cli.starter import starter_files, write_files

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sh runnable\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EVERY_PAGE = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
PAGES = {
    str(page.relative_to(ROOT)): blocks
    for page in EVERY_PAGE
    if (blocks := BLOCK.findall(page.read_text(encoding="utf-8")))
}
PREAMBLE = """
set -eo pipefail
harness() {
  "$PYTHON" -m harness "$@" && return
  code=$?
  case $code in 1|3) ;; *) echo "exit code $code of: harness $*" >&2; exit 99;; esac
}
"""


def write_project(root: Path) -> None:
    """Write what `harness init` writes, with recorded replies in place of the model that it runs."""
    write_files(root, starter_files())
    lines = [json.loads(line) for line in (root / "suites/urgency.jsonl").read_text().splitlines()]
    replies = [{"case": c["id"], "reply": c["expected"], "latency_s": 0.2} for c in lines]
    replies[0] = {**replies[0], "prompt": "v1", "reply": "routine"}
    replies.append({**replies[0], "prompt": "v2", "reply": "urgent"})
    (root / "replies.jsonl").write_text("".join(json.dumps(reply) + "\n" for reply in replies))
    written = (root / "harness.yml").read_text()
    model = re.compile(r"  smollm2:\n(?:    .*\n)+")
    assert model.search(written)
    recorded = "  smollm2: {endpoint: replay, replies: replies.jsonl}\n"
    (root / "harness.yml").write_text(model.sub(recorded, written, count=1))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("docs")
    write_project(root)
    ran = bash(root, "harness run suites/urgency.suite.yml --quiet\n")
    assert ran.returncode == 0, ran.stderr
    return root


def bash(at: Path, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", PREAMBLE + script],
        cwd=at,
        env=environment(PYTHON=sys.executable),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANGS_S,
        check=False,
    )


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_work(page: str, measured: Path, tmp_path: Path) -> None:
    shutil.copytree(measured, tmp_path, dirs_exist_ok=True)
    done = bash(tmp_path, "\n".join(PAGES[page]))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_pages_that_newcomers_read_have_commands_that_run() -> None:
    assert {"README.md", "docs/quick-start.md", "docs/export.md"} <= PAGES.keys()


def test_a_command_that_fails_fails_its_page(tmp_path: Path) -> None:
    done = bash(tmp_path, "harness show none | cat\n")
    assert (done.returncode, "exit code 2 of: harness show none" in done.stderr) == (99, True)


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: page.name)
def test_no_link_of_a_page_leads_nowhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("text", [*(page.read_text("utf-8") for page in EVERY_PAGE), *starter_files().values()])
def test_no_page_and_no_starter_file_names_a_hosted_model_that_will_be_gone(text: str) -> None:
    assert not re.findall(r"\b(?:gpt-\d|o\d-|claude-[a-z0-9]|gemini-\d|mistral-(?:large|small|medium))\S*", text)


def test_the_page_of_the_command_line_is_what_help_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    page = importlib.import_module("command_line").page()
    assert page == (ROOT / "docs" / "command-line.md").read_text("utf-8"), "run: python docs/command_line.py"


def test_every_page_begins_with_what_it_is_for_and_holds_no_long_paragraph() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        blocks = [block for block in re.split(r"\n\s*\n", text) if not block.lstrip().startswith(("|", "<", "!"))]
        assert blocks[0].startswith("# "), page
        for block in blocks:
            for part in re.split(r"\n(?=\s*(?:[-*]|\d+\.) )", block):
                assert len(part.split()) <= 100, f"{page.name}: {part[:60]}"
