"""What the README and the pages of docs/ show is so: commands, what they print, files, links.

Every command is typed in the order of its page, in a project as `harness init` writes it; tests/specimens/pages.py
says how a page excuses one, tests/specimens/typed.py who types it.
"""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pages
import pytest
import typer
import yaml
from batching import Batches
from bucket import Bucket, bucket
from commanded import in_process
from pages import PAGES, ROOT
from prepared import answer, as_cloned, write_project
from scripted import Answer, Request
from snippets import wrong
from stored_elsewhere import ANSWERS, deepeval, document
from threaded import serving
from typed import Reader

from harness.cli.main import app
from harness.cli.starter import starter_files
from harness.files.schema import schemas
from harness.measure.sharding import shard_asked

COMMAND = typer.main.get_command(app)
by_name = pytest.mark.parametrize("page", PAGES, ids=pages.name)


@pytest.fixture(scope="module")
def provider() -> Batches:
    return Batches(reply=answer)


@pytest.fixture(scope="module")
def server(provider: Batches) -> Iterator[str]:
    def script(request: Request) -> Answer:
        taken = request.path.startswith(("/v1/logs", "/hook"))
        return Answer.of_json({}) if taken else provider(request)

    with serving(script) as started:
        yield started.url


@pytest.fixture(scope="module")
def store() -> Iterator[Bucket]:
    with bucket() as started:
        yield started


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
    page: Path, measured: Path, server: str, provider: Batches, store: Bucket, tmp_path: Path
) -> None:
    blocks = pages.blocks(page)
    project = tmp_path / "project"
    shutil.copytree(measured, project)
    typed = "".join(block.text for block in blocks if block.excused is None and block.language in {"sh", "yaml"})
    if "--base " in typed and "git init" not in typed:
        as_cloned(project)
    fills_in = {
        "SERVER": server,
        "RUN": next((project / "results").iterdir()).name,
        "JOURNAL": str(next((project / "results").glob("*/journal.jsonl"))),
        "REPLIES": str(project / "replies.jsonl"),
        "DEEPEVAL": str(document(tmp_path / "test_run.json", deepeval(ANSWERS))),
        "OPENAI_API_KEY": "none",
        "SLACK_WEBHOOK_URL": f"{server}/hook",
    }
    reader = Reader(project, fills_in, provider, store)
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
    read = [block for block in shown if block.language in {"yaml", "json"} and "job" not in block.marks]
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
    name, *words = typed.split()
    if name == "make":
        return "" if re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE) else f"no {typed}"
    if name == "python":
        script = ROOT / words[0]
        options = re.findall(r"--[a-z-]+", typed)
        lacking = [one for one in options if one not in script.read_text()] if script.is_file() else [words[0]]
        return f"{typed}: there is no {', '.join(lacking)}" if lacking else ""
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
    long: list[str] = []
    for page in (ROOT / "docs").glob("*.md"):
        text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        blocks = [block for block in re.split(r"\n\s*\n", text) if not block.lstrip().startswith(("|", "<", "!"))]
        assert blocks[0].startswith("# "), page
        for block in blocks:
            for part in re.split(r"\n(?=\s*(?:[-*]|\d+\.) )", block):
                long += [f"{page.name}: {part[:60]}"] if len(part.split()) > 100 else []
    assert not long


def test_what_a_page_gives_the_action_and_the_hook_is_known_to_them() -> None:
    inputs = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"].keys()
    hooks = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    seen = 0
    for block in (block for page in PAGES for block in pages.blocks(page) if block.language == "yaml"):
        for step in parts(yaml.safe_load(block.text)):
            used = str(step.get("uses", ""))
            if "/.github/workflows/" in used:
                assert (ROOT / used.partition("prompt-readiness/")[2].partition("@")[0]).is_file(), block.place
            elif "/prompt-readiness@" in used:
                seen += 1
                assert step.get("with", {}).keys() <= inputs, block.place
            if "/prompt-readiness" in str(step.get("repo", "")):
                seen += 1
                assert {hook["id"] for hook in step["hooks"]} <= hooks, block.place
    assert seen >= 2


def test_every_job_that_a_page_divides_takes_a_share_of_its_own() -> None:
    page = (ROOT / "docs/scaling.md").read_text("utf-8")
    jobs = [yaml.safe_load(block.text) for block in pages.blocks(ROOT / "docs/scaling.md") if block.language == "yaml"]
    (github,) = (each["jobs"]["shard"] for each in jobs if "jobs" in each)
    (gitlab,) = (each["shard"] for each in jobs if "shard" in each)
    (pod,) = (each["spec"] for each in jobs if each.get("kind") == "Job")
    (container,) = pod["template"]["spec"]["containers"]
    said = {each["name"]: each["value"] for each in container["env"]}
    array = re.search(r"sbatch --array=1-(\d+) --wrap '(.*)'", page)
    assert array is not None
    last = int(array[1])
    (typed,) = (step["run"] for step in github["steps"] if "run" in step)
    asked = {
        "GitHub": [(typed.replace("${{ matrix.shard }}", str(n)), {}) for n in github["strategy"]["matrix"]["shard"]],
        "GitLab": [
            (gitlab["script"], {"CI_NODE_INDEX": str(n), "CI_NODE_TOTAL": str(gitlab["parallel"])})
            for n in range(1, gitlab["parallel"] + 1)
        ],
        "Slurm": [
            (array[2], dict(zip(SLURM, map(str, (n, last, 1)), strict=True)))  # as `man sbatch` tells its variables
            for n in range(1, last + 1)
        ],
        "Kubernetes": [
            (shlex.join(container["command"]), {**said, "JOB_COMPLETION_INDEX": str(n)})
            for n in range(pod["completions"])
        ],
    }
    for jobs_ in asked.values():
        shares = [shard_asked(line.partition("--shard ")[2], environ) for line, environ in jobs_]
        assert [(each.number, each.of) for each in shares] == [(n, len(shares)) for n in range(1, len(shares) + 1)]
        assert {unknown(line) for line, _ in jobs_} == {""}


SLURM = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN")


def parts(tree: object) -> Iterator[dict[str, Any]]:
    """Give every mapping in a document."""
    if isinstance(tree, dict):
        yield tree
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from parts(part)


def test_every_key_that_the_harness_reads_stands_on_a_page_and_no_table_of_keys_lists_another() -> None:
    prose = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`\n]+`", prose))))
    everything = {
        key
        for schema in schemas().values()
        for place in (schema, *schema.get("$defs", {}).values())
        for key in place.get("properties", {})
    }
    assert everything - named == set()
    tables = re.findall(r"^\| key \|.* default \|.*\n\|[-| :]+\n((?:\|.*\n)+)", prose, re.MULTILINE)
    rows = [row.split("|")[1] for table in tables for row in table.splitlines()]
    listed = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    assert len(listed) >= 50
    assert listed - everything == set()


WRONG = {  # what stands on a page -> what is said of it
    "```sh\nharness show none\n```": "exit code 2 of harness show none",
    "```sh\nharness show none | cat\n```": "exit code 2 of: harness show none",
    "```sh\nharness list\n```\n\n```text\nNOT READY\n```": "not printed:\nNOT READY",
    "```text\nREADY\n```": "not printed",
    '```text of="harness schema --help"\nall its options\n```': "not printed",
    '```python\nraise SystemExit("no")\n```': "no",
}


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_a_page_that_shows_what_is_not_so_is_told(text: str, measured: Path, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(f"# Page\n\n{text}\n")
    *before, last = pages.blocks(tmp_path / "page.md")
    reader = Reader(measured)
    for block in before:
        reader.follow(block)
    with pytest.raises(AssertionError, match=re.escape(WRONG[text])):
        reader.follow(last)


@pytest.mark.parametrize(
    "text",
    [
        "```\nharness list\n```",
        "```console\n$ harness list\n```",
        '```sh not-run="no"\nls\n```',
        '```sh of="x"\nls\n```',
    ],
)
def test_a_block_that_is_neither_run_nor_excused_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(text)
    (block,) = pages.blocks(tmp_path / "page.md")
    assert len(pages.mistakes(block)) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("```yaml\nname: x\nthresholds: [accuracy > ninety]\n```", "thresholds"),
        ("```yaml\nmodels:\n  one: {endpoint: chat, base_url: http://127.0.0.1:1}\n```", "model"),
        ("```yaml\nmessages: [{role: boss, content: hello}]\n```", "role"),
        ("```yaml\njobs: {}\n```", "no file of the harness"),
        ('```json\n{"case": "1", "answer": "spam"}\n```', "answer"),
    ],
)
def test_a_snippet_that_the_harness_does_not_read_is_told(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(text)
    (block,) = pages.blocks(tmp_path / "page.md")
    (told,) = wrong(block, tmp_path)
    assert said in told


@pytest.mark.parametrize(
    ("typed", "lacks"),
    [
        ("harness run SUITE --max-cost '$2'", ""),
        ("harness run SUITE --maxcost 2", "--maxcost"),
        ("harness models tset mini", "tset"),
        ("harness baseline show --nope", "--nope"),
        ("python benchmarks/nothing.py", "benchmarks/nothing.py"),
        ("make everything", "make everything"),
    ],
)
def test_a_command_that_does_not_exist_is_told(typed: str, lacks: str) -> None:
    said = unknown(typed)
    assert lacks in said
    assert bool(said) == bool(lacks)
