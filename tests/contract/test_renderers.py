"""Every renderer passes one suite: what it promises of any assessment, a hostile one first."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser

import pytest
from judged import assessment, manifest, three
from judged_extremes import HOSTILE, empty, hostile
from markdown_it import MarkdownIt
from rich.console import Console

from harness.judge.documents import Assessment
from harness.report.run import render_document, render_html, render_junit, render_markdown, run_view, terminal_report

Render = Callable[[Assessment], str]


def terminal(judged: Assessment) -> str:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    return terminal_report(judged, manifest(judged), console=console, full=True)


RENDERERS: dict[str, Render] = {
    "html": lambda judged: render_html(run_view(judged, manifest(judged))),
    "markdown": lambda judged: render_markdown(run_view(judged, manifest(judged))),
    "terminal": terminal,
    "junit": lambda judged: render_junit(judged, run_view(judged)).decode(),
    "json": lambda judged: render_document(judged).decode(),
}
renderers = pytest.mark.parametrize("render", RENDERERS.values(), ids=RENDERERS)


@renderers
def test_every_kind_of_assessment_is_rendered_as_utf8(render: Render) -> None:
    for judged in (assessment(), three(), empty(), hostile()):
        assert render(judged).encode("utf-8")


@renderers
def test_the_same_assessment_gives_the_same_text(render: Render) -> None:
    assert render(three()) == render(three())


@renderers
def test_no_control_character_gets_through(render: Render) -> None:
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", render(hostile()))


@renderers
def test_the_verdict_is_said(render: Render) -> None:
    assert "NOT READY" in render(assessment())


@pytest.mark.parametrize("render", [RENDERERS[n] for n in ("html", "markdown", "terminal", "junit")])
def test_no_reader_is_fooled_by_text_order_or_invisible_text(render: Render) -> None:
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\ufeff\U000e0000-\U000e0fff]", render(hostile()))


class Structure(HTMLParser):
    """The tags of a page, in order, without what text says."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}


def test_hostile_text_adds_no_tag_to_the_page() -> None:
    page = Structure(RENDERERS["html"](hostile()))
    known = Structure(RENDERERS["html"](assessment()))
    assert set(page.tags) <= set(known.tags)
    assert page.attributes <= known.attributes
    assert "alert(1)" in RENDERERS["html"](hostile())


def test_hostile_text_adds_no_html_link_or_image_to_markdown() -> None:
    source = RENDERERS["markdown"](hostile())
    tokens = MarkdownIt("commonmark").enable("table").parse(source)
    flat = [t for token in tokens for t in (token, *(token.children or ()))]
    assert not {t.type for t in flat} & {"link_open", "image", "fence", "code_block", "html_inline"}
    blocks = "".join(t.content for t in flat if t.type == "html_block")
    assert set(re.findall(r"</?(\w+)", blocks)) == {"details", "summary", "b"}
    read = unescape(blocks) + "".join(t.content for t in flat if t.type == "text")
    assert "octocat" in read
    assert not re.search(r"@\w|#\d|[a-z]://", read)


def test_markdown_stays_within_githubs_limit_with_its_details_closed() -> None:
    huge = assessment(*(hostile().candidates * 30))
    source = RENDERERS["markdown"](huge)
    assert len(source) <= 65_536
    assert source.count("\n<details>") == source.count("\n</details>")
    assert "Cut here" in source


def test_every_attack_is_still_shown_to_the_reader() -> None:
    text = "".join(ET.fromstring(RENDERERS["junit"](hostile()).encode()).itertext())
    for attack in HOSTILE[1:5]:
        assert attack in text


def test_templates_in_foreign_text_are_not_run() -> None:
    for render in RENDERERS.values():
        assert "7*7" in render(hostile()).replace("\\", "")
        assert "{{ 49 }}" not in render(hostile())
