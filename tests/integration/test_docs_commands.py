"""What the README and the pages of docs/ show is so: commands, what they print, files, links.

Every command is typed in the order of its page, in a project as `harness init` writes it; tests/specimens/pages.py
says how a page excuses one, tests/specimens/typed.py who types it.
"""

from __future__ import annotations

import importlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pages
import pytest
import typer
from batching import Batches
from commanded import in_process
from pages import PAGES, ROOT
from scripted import Answer, Request
from snippets import wrong
from threaded import serving
from typed import Reader, answer, as_cloned, write_project

from harness.cli.main import app
from harness.cli.starter import starter_files

COMMAND = typer.main.get_command(app)
by_name = pytest.mark.parametrize("page", PAGES, ids=pages.name)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    batches = Batches(reply=answer)

    def script(request: Request) -> Answer:
        taken = request.path.startswith(("/v1/logs", "/hook"))
        return Answer.of_json({}) if taken else batches(request)

    with serving(script) as started:
        yield started.url


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, server: str) -> Path:
    """Give a project in which `harness run` was typed once."""
    root = tmp_path_factory.mktemp("docs")
    write_project(root, server)
    ran = in_process("run", "suites/urgency.suite.yml", "--quiet", at=root)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return root


@by_name
def test_the_commands_of_a_page_work_and_print_what_it_shows(
    page: Path, measured: Path, server: str, tmp_path: Path
) -> None:
    blocks = pages.blocks(page)
    project = tmp_path / "project"
    shutil.copytree(measured, project)
    typed = "".join(block.text for block in blocks if block.language == "sh" and block.excused is None)
    if "--base " in typed and "git init" not in typed:
        as_cloned(project)
    fills_in = {
        "SERVER": server,
        "RUN": next((project / "results").iterdir()).name,
        "JOURNAL": str(next((project / "results").glob("*/journal.jsonl"))),
        "REPLIES": str(project / "replies.jsonl"),
        "OPENAI_API_KEY": "none",
        "SLACK_WEBHOOK_URL": f"{server}/hook",
    }
    reader = Reader(project, fills_in)
    with reader.stack:
        for block in blocks:
            reader.follow(block)


@by_name
def test_every_snippet_of_a_page_is_what_the_harness_reads(page: Path, tmp_path: Path) -> None:
    shown = pages.blocks(page)
    for block in shown:
        if block.language == "python" and block.path:
            (tmp_path / block.path).parent.mkdir(exist_ok=True)
            (tmp_path / block.path).write_text(block.text)
    read = [block for block in shown if block.language in {"yaml", "json"}]
    assert [said for block in read for said in wrong(block, tmp_path)] == []


@by_name
def test_every_block_of_a_page_is_held_against_the_real_thing_or_says_why_not(page: Path) -> None:
    assert [mistake for block in pages.blocks(page) for mistake in pages.mistakes(block)] == []


@by_name
def test_every_command_that_a_page_names_exists_with_all_its_options(page: Path) -> None:
    assert [lacks for typed in pages.mentioned(page) if (lacks := unknown(typed))] == []


def unknown(typed: str) -> str:
    """Give what the command line does not know of `harness ...`, or nothing."""
    command: Any = COMMAND
    words = typed.split()[1:]
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        name = words.pop(0)
        if name not in command.commands:
            return f"{typed}: there is no {name}"
        command = command.commands[name]
    known = {"--help", "-h", "--install-completion", "--show-completion"} | {
        option for each in command.params for option in (*each.opts, *each.secondary_opts)
    }
    asked = [word.partition("=")[0].strip("[]") for word in words if re.match(r"\[?--?[a-z]", word)]
    return "; ".join(f"{typed}: there is no {option}" for option in asked if option not in known)


@by_name
def test_no_link_of_a_page_leads_nowhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("text", [*(page.read_text("utf-8") for page in PAGES), *starter_files().values()])
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
