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
