"""Every renderer of a comparison: it says what changed, and hostile text in it stays inert."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import cache
from html import unescape
from html.parser import HTMLParser

import pytest
from compared import Asked, asked, viewed
from judged_extremes import HOSTILE
from markdown_it import MarkdownIt
from rich.console import Console

from harness.judge.compare import compare
from harness.judge.documents import Comparison
from harness.record import Failure
from harness.report.comparison import render_comparison_html, render_comparison_markdown, terminal_comparison
from harness.report.parts.neutral import MARKDOWN_LIMIT

Render = Callable[[Comparison], str]


def terminal(comparison: Comparison) -> str:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    return terminal_comparison(comparison, console=console, full=True)


RENDERERS: dict[str, Render] = {
    "html": render_comparison_html,
    "markdown": render_comparison_markdown,
    "terminal": terminal,
}
renderers = pytest.mark.parametrize("render", RENDERERS.values(), ids=RENDERERS)


@cache
def plain() -> Comparison:
    base = [asked(n, "11", inputs={"message": f"text {n}"}, tags=("short",)) for n in range(40)]
    marks = ["00" if n < 12 else "11" for n in range(40)]
    head = [asked(n, mark, inputs={"message": f"text {n}"}, tags=("short",)) for n, mark in enumerate(marks)]
    return compare(
        viewed(base, prompt="Is it spam? {{ message }}"),
        viewed(head, "v2@mini", prompt="Is it really spam? {{ message }}"),
    )


@cache
def hostile(times: int = 1) -> Comparison:
    attack = "\n".join(HOSTILE) * times
    labels = ("@team/spam|<b>", "ham`\x1b[2J")

    def said(case: int, text: str) -> Asked:
        fields = {"inputs": {"message": HOSTILE[case] * times}, "tags": (HOSTILE[case],)}
        return Asked(HOSTILE[case].replace("\ud800", "?"), labels[0], (text,), fields=fields)

    base = [said(n, labels[0]) for n in range(len(HOSTILE))]
    head = [said(n, HOSTILE[n] + attack) for n in range(len(HOSTILE))]
    rule = {"labels": labels, "positive": labels[0]}
    return compare(
        viewed(base, prompt="Sort {{ message }}", **rule),  # type: ignore[arg-type]
        viewed(head, "x@y", prompt=f"{{{{ message }}}} {attack.replace('{', '(')}", **rule),  # type: ignore[arg-type]
    )


@renderers
def test_a_comparison_says_both_sides_the_verdicts_and_the_broken_cases(render: Render) -> None:
    text = re.sub("[\u2060\\\\]", "", render(plain()))
    for said in ("v1@mini", "v2@mini", "worse", "accuracy", "−30.0 points", "case-0003", "really", "FAIL"):
        assert said in text, said


@renderers
def test_the_same_comparison_gives_the_same_text(render: Render) -> None:
    assert render(plain()) == render(plain())


@renderers
def test_nothing_in_common_and_nothing_changed_are_rendered(render: Render) -> None:
    one, other = viewed([asked(1, "1")]), viewed([asked(2, "1")])
    assert "no case in common" in " ".join(render(compare(one, other)).split())
    assert "same prompt" in " ".join(render(compare(one, one)).split())


def test_what_was_not_answered_is_asked_again_before_cases_are_added() -> None:
    apart = render_comparison_html(compare(viewed([asked(1, "1")]), viewed([asked(2, "1")])))
    assert "Measure both on the same cases" in apart
    assert 'id="differences"' not in apart
    failed = Failure(kind="server_error", message="HTTP 500: sorry")
    right = [asked(n, "1", expected="spam" if n % 2 else "ham") for n in range(300)]
    lost = [Asked(one.case, one.expected, (failed,)) if n < 60 else one for n, one in enumerate(right)]
    page = render_comparison_html(compare(viewed(right), viewed(lost)))
    assert "Send the failed calls again (<code>harness resume RUN --failed</code>) before you take" in page
    assert "Add cases" not in apart + page


@renderers
def test_no_control_character_gets_through(render: Render) -> None:
    text = render(hostile())
    assert text.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.bad += [f"{tag} {name}" for name, _ in attrs if name.startswith("on") or name in {"src", "srcdoc"}]


def test_the_page_runs_and_loads_nothing() -> None:
    page = render_comparison_html(hostile())
    tags = _Tags()
    tags.feed(page)
    assert not tags.names & {"script", "img", "iframe", "object", "embed", "form", "base"}
    assert tags.bad == []
    assert "default-src 'none'" in unescape(page)


def test_markdown_notifies_links_and_formats_nothing() -> None:
    text = render_comparison_markdown(hostile())
    html = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    assert "<img" not in html
    assert "<script" not in html
    assert "href" not in html
    outside = re.sub("`[^`\n]*`", "", text)
    assert "@octocat" not in outside
    assert len(re.findall("^<details>", text, re.M)) == len(re.findall("^</details>", text, re.M)) > 0


def test_markdown_is_never_longer_than_github_accepts() -> None:
    text = render_comparison_markdown(hostile(times=200))
    assert len(text) <= MARKDOWN_LIMIT
    assert len(re.findall("^<details>", text, re.M)) == len(re.findall("^</details>", text, re.M)) > 0
