"""Each neutraliser against what it is there for."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from harness.report.parts.neutral import (
    WORD_JOINER,
    ascii_only,
    cut_markdown,
    markdown,
    markdown_code,
    markdown_html,
    one_line,
    shorten,
    visible,
    xml,
)

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def shown(source: str) -> str:
    """Give the text that a reader sees of rendered Markdown, without word joiners."""
    html = MarkdownIt("commonmark").enable("table").render(source)
    text = ET.fromstring(f"<x>{html}</x>").itertext()
    return "".join(text).strip().replace(WORD_JOINER, "")


def test_escape_sequences_are_shown_not_sent() -> None:
    assert one_line("\x1b[31mred\x07\x9b2J") == "\\x1b[31mred\\x07\\x9b2J"
    assert not CONTROL.search(one_line("".join(map(chr, range(0xA0)))))


def test_a_terminal_line_stays_one_line() -> None:
    assert one_line("a\r\nb\tc\u2028d") == "a\\r\\nb\\tc\\u2028d"


def test_text_can_not_be_reordered_or_hidden() -> None:
    assert visible("\u202egnp.exe") == "\\u202egnp.exe"
    assert visible("a\u200bb\ufeff\U000e0041") == "a\\u200bb\\ufeff\\U000e0041"
    assert visible("lone \ud800") == "lone \\ud800"


def test_ordinary_text_of_any_script_stays_as_it_is() -> None:
    text = "naïve 中文 עברית 👩\u200d💻 line\nbreak\ttab"
    assert visible(text) == text


def test_ascii_folds_what_it_can_and_names_the_rest() -> None:
    assert ascii_only("café “x” → 90% – 中") == 'cafe "x" -> 90% - \\u4e2d'


def test_xml_keeps_only_what_xml_allows() -> None:
    dirty = "".join(map(chr, range(0x20))) + "\ud800\ufffe\uffff<&>"
    element = ET.Element("x", a=xml(one_line(dirty)))
    element.text = xml(dirty)
    assert ET.fromstring(ET.tostring(element)).text is not None


@pytest.mark.parametrize(
    "text",
    [
        "# heading",
        "- item",
        "1. first",
        "> quote",
        "===",
        "---",
        "*bold* _it_ `code` ~~gone~~",
        "[link](javascript:alert(1)) ![image](http://evil.example/x.png)",
        "<b>html</b> </details> <!-- comment",
        "&amp; &lt; &#x41;",
        "a | b \\| c",
        "ends with backslash \\",
        "www.evil.example and https://evil.example",
        "@octocat #12 GH-7 :tada: $x^2$",
        "90.4% (87.4 to 92.8)",
    ],
)
def test_markdown_shows_text_as_written_and_nothing_of_it_acts(text: str) -> None:
    for place in ("{}", "- {}", "**x** {}"):
        html = MarkdownIt("commonmark").enable("table").render(place.format(markdown(text)))
        assert not re.search(r"<(a|img|code|em|h\d|hr|blockquote|ol|details|b)\b", html), html
        assert text in shown(place.format(markdown(text)))
    row = f"| a | b |\n|---|---|\n| {markdown(text)} | end |"
    cells = re.findall(r"<td>(.*?)</td>", MarkdownIt("commonmark").enable("table").render(row))
    assert len(cells) == 2
    assert cells[1] == "end"


@pytest.mark.parametrize("text", ["@octocat", "a@b.example", "org/repo#12", "GH-7", "https://x.example", "www.x.y"])
def test_what_github_links_after_rendering_is_parted(text: str) -> None:
    for inert in (markdown(text), markdown_html(text)):
        assert WORD_JOINER in inert
        assert inert.replace(WORD_JOINER, "") == text


def test_a_reference_is_parted_before_entities_are_made() -> None:
    assert markdown("$5") == "&#36;5"


@pytest.mark.parametrize("text", ["`", "``a``", "", " ", "a|b", "x\\|y", "@octocat", "ends\\", "a\nb"])
def test_a_code_span_holds_any_text(text: str) -> None:
    row = f"| a | b |\n|---|---|\n| {markdown_code(text)} | end |"
    html = MarkdownIt("commonmark").enable("table").render(row)
    assert re.findall(r"<td>(.*?)</td>", html)[1:] == ["end"]
    if text.strip():
        assert html.count("<code>") == 1


def test_a_long_document_is_cut_at_a_line_with_everything_closed() -> None:
    lines = ["<details>", *["row of text" for _ in range(9000)], "</details>"]
    cut = cut_markdown("\n".join(lines))
    assert len(cut) <= 65_536
    assert cut.count("<details>") == cut.count("</details>")
    assert "Cut here" in cut
    assert cut_markdown("short") == "short"


def test_shortening_says_that_it_did() -> None:
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("abcd", 4) == "abcd"
