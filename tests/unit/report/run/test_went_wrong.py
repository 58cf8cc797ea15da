"""What went wrong, as readers meet it: the cause first, foreign words harmless, no rank for the unknown."""

from __future__ import annotations

import html
import io
import re
from html.parser import HTMLParser

import msgspec
import pytest
from judged import manifest
from rich.console import Console
from went_wrong import SITUATIONS, UNSUPPORTED

from harness.judge.documents import Assessment
from harness.report.rendering import html_environment
from harness.report.run import render_html, render_markdown, run_view, terminal_report


def terminal(judged: Assessment, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    return terminal_report(judged, manifest(judged), console=console)


def unwrapped(text: str) -> str:
    return " ".join(text.split())


def test_at_80_columns_the_first_lines_say_what_happened_why_and_what_to_do() -> None:
    shown = terminal(SITUATIONS["refused_alike"]())
    assert max(map(len, shown.splitlines())) <= 80
    first = unwrapped("\n".join(shown.splitlines()[:7]))
    assert "NOT MEASURED" in first
    assert UNSUPPORTED in first
    assert "prompts/v1.prompt.yml:4" in first


@pytest.mark.parametrize("situation", ["all_cut", "unreadable", "some_failed"])
def test_what_decides_stands_before_the_checks(situation: str) -> None:
    shown = terminal(SITUATIONS[situation]())
    assert shown.index("What went wrong") < shown.index("Checks:")
    assert "decides the verdict" in shown


@pytest.mark.parametrize("situation", ["refused_alike", "some_failed", "all_cut", "unreadable"])
def test_what_to_do_is_said_once(situation: str) -> None:
    judged = SITUATIONS[situation]()
    assert judged.next_step is not None
    view, step = run_view(judged, manifest(judged)), judged.next_step.sentence
    page = html.unescape(re.sub(r"</?code>", "`", re.sub(r"<style>.*</style>", "", render_html(view))))
    texts = (unwrapped(terminal(judged)), page, render_markdown(view).replace("\\", ""))
    assert [text.count(step) for text in texts] == [1, 1, 1]
    assert [text.lower().count(step[:20].lower()) for text in texts] == [1, 1, 1]


def test_a_candidate_that_was_not_measured_is_said_first_and_has_no_rank() -> None:
    view = run_view(SITUATIONS["one_of_three"]())
    assert [c.verdict for c in view.candidates] == ["NOT MEASURED", "INCONCLUSIVE", "NOT READY"]
    assert [row.name for row in view.leaderboard] == ["v2@mini", "v1@mini"]
    assert view.headline.startswith("1 of 3 NOT MEASURED: v1@reasoner: the endpoint refused every call")
    assert view.verdict == "INCONCLUSIVE"


def test_nothing_is_shown_of_a_candidate_that_was_not_measured_but_why() -> None:
    (c,) = run_view(SITUATIONS["refused_alike"]()).candidates
    assert c.checks == ()
    assert c.confusion is c.labels is c.latency is c.cost is None
    assert c.unshown.startswith("3 checks are not shown")


def test_two_candidates_of_which_none_was_measured_name_both() -> None:
    judged = SITUATIONS["refused_alike"]()
    (one,) = judged.candidates
    both = msgspec.structs.replace(judged, candidates=(one, msgspec.structs.replace(one, name="v2@mini")))
    view = run_view(both)
    assert view.leaderboard == ()
    shown = terminal(both)
    assert shown.count("NOT MEASURED") == 5  # the run, two lines, the first in full, the run again
    assert "v2@mini" in render_html(view)
    assert "v2@⁠mini" in render_markdown(view)


def attacked() -> Assessment:
    judged = SITUATIONS["refused_alike"]()
    (one,) = judged.candidates
    attack = "\u202e<b>no</b>`\n::error::x\n# head\n@octocat \x1b[31m |" + "y" * 5_000
    row = msgspec.structs.replace(one.went_wrong[0], message=attack, case=attack, where=attack, fix=attack)
    return msgspec.structs.replace(judged, candidates=(msgspec.structs.replace(one, went_wrong=(row,), reason="no"),))


def test_the_endpoints_words_are_cut_and_act_nowhere() -> None:
    judged = attacked()
    view = run_view(judged)
    for text in (terminal(judged), render_markdown(view), render_html(view)):
        assert "\u202e" not in text
        assert "\x1b" not in text
        assert not re.search(r"^\s*(::error|# head)", text, re.MULTILINE)
    assert terminal(judged).count("y") < 1_500
    assert "<b>no" not in render_html(view)


class _Read(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("told", "tags", "text"),
    [
        ("Raise `max_tokens` in f:4.", ["code"], "Raise max_tokens in f:4."),
        ("one ` alone", [], "one ` alone"),
        ("`<b>`", ["code"], "<b>"),
        ("<i>`a`</i>", ["code"], "<i>a</i>"),
    ],
)
def test_only_what_stands_between_backticks_becomes_code(told: str, tags: list[str], text: str) -> None:
    read = _Read(html_environment().from_string("{{ told | prose }}").render(told=told))
    assert (read.tags, read.text) == (tags, text)
