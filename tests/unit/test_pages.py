"""The pages of docs/: reached from the README, true to the code where they are made from it, whole in their links."""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = (README, ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
LINK = re.compile(r"\]\(([^)\s]+)\)")


@cache
def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


@cache
def anchors(page: Path) -> set[str]:
    """Give the names that GitHub gives to the headings of a page."""
    heads = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@cache
def links(page: Path) -> frozenset[Path]:
    targets = (target.partition("#")[0] for target in LINK.findall(prose(page)))
    return frozenset((page.parent / target).resolve() for target in targets if target.endswith(".md"))


@cache
def near() -> frozenset[Path]:
    """Give the pages that a reader of the README has before him after at most two links."""
    first = links(README)
    return first.union(*(links(page) for page in first))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_to_a_heading_leads_to_one(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        path, mark, anchor = target.partition("#")
        if mark and "://" not in target:
            leads = (page.parent / path).resolve() if path else page
            assert anchor in anchors(leads), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.name)
def test_every_page_is_two_links_from_the_readme_at_most(page: Path) -> None:
    assert page in near()


@pytest.mark.parametrize("page", ["metrics.md", "outputs.md"])
def test_a_page_made_from_the_code_is_what_the_code_says(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    made = importlib.import_module("reference").page(page)
    assert made == (ROOT / "docs" / page).read_text("utf-8"), "run: python docs/reference.py"


def test_every_variable_of_the_environment_that_is_read_is_listed() -> None:
    read = re.compile(r'environ(?:\.get)?[\[(]"(\w+)"(?!\] =)|envvar="(\w+)"')
    sources = (path.read_text("utf-8") for path in (ROOT / "harness").rglob("*.py"))
    names = {one or other for source in sources for one, other in read.findall(source)}
    assert {"HARNESS_CACHE", "HARNESS_VIEW_TOKEN"} <= names
    listed = (ROOT / "docs" / "command-line.md").read_text("utf-8").partition("## Environment variables")[2]
    assert {name for name in names if f"`{name}`" not in listed} == set()


@pytest.mark.parametrize("page", PAGES[3:], ids=lambda page: page.name)
def test_a_page_begins_with_a_paragraph_of_prose(page: Path) -> None:
    assert re.match(r"# .+\n\n[A-Z`].{40}", page.read_text("utf-8")), "say below the title what the page is for"


ANSWERED = [  # what five kinds of reader ask, written down before the pages were looked at; and what answers it
    # an engineer
    ("How do I get from my own CSV to a verdict?", "docs/tutorial-spreadsheet.md", "harness import tickets.csv"),
    ("How do I point it at Azure, vLLM or a service of my own?", "docs/endpoints.md", "## Worked entries"),
    ("My model reasons and its replies are cut?", "docs/reasoning.md", "Give it `max_completion_tokens: 2000`"),
    ("How do I ask for JSON, and how is the label read?", "docs/reasoning.md", "reply: {as: json, pointer: /label}"),
    ("Where are the wrong cases, with their replies?", "docs/viewer.md", "`harness show latest --wrong`"),
    ("Can replies that we have be judged without a call?", "docs/judging.md", "replies that are there already"),
    # a manager
    ("What does READY mean?", "docs/reading-a-report.md", "READY: every threshold is shown to be met"),
    ("What will it cost, and can it be capped?", "docs/choosing.md", "## What it costs"),
    ("INCONCLUSIVE: what now?", "docs/choosing.md", "## When everything is INCONCLUSIVE"),
    ("Which of our candidates do we take?", "docs/comparing.md", "**The recommendation**"),
    ("Our model is retired: may we switch?", "docs/upgrading.md", "**SWITCH**, **DON'T SWITCH**"),
    ("How do we notice that it got worse after the release?", "docs/stability.md", "## After the release"),
    # a statistician
    ("How often is READY wrong?", "docs/statistics.md", "| READY, one candidate that is not |"),
    ("Which interval has each figure?", "docs/statistics.md", "## Which interval each figure has"),
    ("How is the best of K corrected?", "docs/statistics.md", "Holm over candidates"),
    ("How are repeats of a case treated?", "docs/metrics.md", "n_eff = p(1-p) / SE^2"),
    ("How does stopping early keep the error?", "docs/stopping.md", "Ville 1939"),
    ("Which test compares two versions?", "docs/comparing.md", "### How it is computed"),
    # who reviews its security
    ("What is sent where?", "SECURITY.md", "## Where data goes"),
    ("Where are keys kept?", "SECURITY.md", "## Keys"),
    ("Where do personal data lie, and how are they deleted?", "docs/runs.md", "To throw a run away"),
    ("What can a stranger's branch do?", "docs/gating.md", "**Where a key goes is never a branch's to say.**"),
    ("Who can reach the viewer?", "docs/viewer.md", "## Who can read it"),
    ("What does installing it bring in?", "SECURITY.md", "## What is installed"),
    # who owns CI
    ("What do I copy for GitHub?", "docs/ci.md", "on:\n  pull_request:"),
    ("And for GitLab?", "docs/ci.md", "allow_failure: {exit_codes: [3]}"),
    ("Which exit codes fail the job?", "docs/ci.md", "## What fails the job"),
    ("What does a pull request cost, and how long does it take?", "docs/ci.md", "## What a pull request costs"),
    ("What of a fork, without secrets?", "docs/ci.md", "**Forks.**"),
    ("Which field holds the verdict, and does it stay?", "docs/outputs.md", "Fields are only added"),
]


@pytest.mark.parametrize(("question", "page", "answer"), ANSWERED, ids=[question for question, _, _ in ANSWERED])
def test_a_question_is_answered_within_two_pages_of_the_readme(question: str, page: str, answer: str) -> None:
    assert ROOT / page in near()
    assert answer in (ROOT / page).read_text("utf-8"), question
