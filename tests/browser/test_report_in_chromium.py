"""report.html in a real browser: what a reader on a phone sees."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from chromium import AXE, DESKTOP, PHONE, WCAG_AA, Chromium
from compared import broken_and_fixed
from judged import manifest, three
from run_of import judged
from went_wrong import SITUATIONS

from harness.report.comparison import render_comparison_html
from harness.report.run import render_html, run_view

NARROW_PHONE = (320, 640)
SCREEN = (1440, 900)
LINES = """e => {
  const range = document.createRange();
  range.selectNodeContents(e);
  return new Set([...range.getClientRects()].map(r => r.top)).size;
}"""


def saved(folder: Path, html: str) -> str:
    """Save a page; gives its address."""
    file = folder / "page.html"
    file.write_text(html, encoding="utf-8")
    return file.as_uri()


@pytest.mark.parametrize("size", [PHONE, NARROW_PHONE])
def test_candidates_are_read_on_a_phone_without_scrolling_sideways(
    browser: Chromium, tmp_path: Path, size: tuple[int, int]
) -> None:
    address = saved(tmp_path, render_html(run_view(three(), manifest(three()))))
    with browser.page(size=size, touch=True) as page:
        page.open(address)
        assert page.problems == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        cards = "document.querySelector('#leaderboard .cards')"
        assert page.evaluate(f"{cards}.scrollWidth - {cards}.clientWidth") == 0
        figures = f"[...{cards}.querySelectorAll('tbody tr:nth-child(2) td[data-label]')]"
        said = page.evaluate(f"{figures}.map(td => td.dataset.label)")
        assert said[:2] == ["accuracy >= 90%", "recall[spam] >= 80%"]
        lines = f"[...{cards}.querySelectorAll('td[data-label] small')].map({LINES})"
        assert set(page.evaluate(lines)) == {1}, "no interval is broken over two lines"


@pytest.mark.parametrize("dark", [False, True])
def test_candidates_and_their_chart_meet_wcag_aa(browser: Chromium, tmp_path: Path, axe: str, dark: bool) -> None:
    address = saved(tmp_path, render_html(run_view(three(), manifest(three()))))
    with browser.page(dark=dark) as page:
        page.open(address)
        page.evaluate(axe)
        assert page.evaluate("document.querySelector('#standing figure svg').getAttribute('aria-label')")
        for size in (DESKTOP, PHONE):
            page.show(size=size, dark=dark)
            assert page.evaluate(AXE % json.dumps(WCAG_AA)) == []


@pytest.mark.parametrize("size", [PHONE, NARROW_PHONE])
def test_what_changed_is_read_on_a_phone_without_scrolling_sideways(
    browser: Chromium, tmp_path: Path, size: tuple[int, int]
) -> None:
    address = saved(tmp_path, render_comparison_html(broken_and_fixed()))
    with browser.page(size=size, touch=True) as page:
        page.open(address)
        assert page.problems == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        wide = "[...document.querySelectorAll('.cards')].filter(e => e.scrollWidth > e.clientWidth)"
        assert page.evaluate(f"{wide}.map(e => e.getAttribute('aria-label'))") == []
        assert page.evaluate("document.querySelectorAll('.cards').length") == 4


def test_the_first_screen_of_a_comparison_says_verdict_why_what_now_and_what_broke(
    browser: Chromium, tmp_path: Path
) -> None:
    with browser.page(size=SCREEN) as page:
        page.open(saved(tmp_path, render_comparison_html(broken_and_fixed())))
        assert page.evaluate("document.querySelector('.top .verdict').innerText") == "✗ BETTER AND WORSE"
        told = page.evaluate("document.querySelector('.top .next').innerText")
        assert told.startswith("→ Keep v1@mini, or mend v2@mini: ham became spam in 12 of 14 broken cases, such as ")
        for part in (".top .next", ".block", "#differences tbody tr:last-child", "#became h2", "#prompt h2"):
            bottom = f"document.querySelector('{part}').getBoundingClientRect().bottom"
            assert page.evaluate(bottom) <= SCREEN[1], part
        for group in ("1", "0"):  # the second is folded
            page.evaluate(f"document.querySelector('.confused a[href=\"#became-{group}\"]').click()")
            assert page.evaluate("document.querySelector(location.hash + ' article').getClientRects().length") == 1


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("situation", ["refused_alike", "unreadable", "one_of_three"])
def test_what_went_wrong_meets_wcag_aa_and_fits_a_phone(
    browser: Chromium, tmp_path: Path, axe: str, situation: str, dark: bool
) -> None:
    judged = SITUATIONS[situation]()
    address = saved(tmp_path, render_html(run_view(judged, manifest(judged))))
    with browser.page(dark=dark) as page:
        page.open(address)
        page.evaluate(axe)
        assert page.evaluate("document.querySelectorAll('.trouble, .block.cause').length") == 1
        for size in (DESKTOP, PHONE, NARROW_PHONE):
            page.show(size=size, dark=dark)
            assert page.evaluate(AXE % json.dumps(WCAG_AA)) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


WRONG = [("spam", "ham", 30), ("spam", "spam", 70), ("ham", "spam", 12), ("ham", "ham", 188)]
WANTED = ("accuracy >= 90%", "recall[spam] >= 85%", "latency.p95 <= 1 s")


def test_the_first_screen_says_why_what_now_and_what_is_wrong(browser: Chromium, tmp_path: Path) -> None:
    address = saved(tmp_path, render_html(run_view(judged(WRONG, ("spam", "ham"), thresholds=WANTED))))
    with browser.page(size=SCREEN) as page:
        page.open(address)
        assert page.evaluate("document.querySelector('.top .verdict').innerText") == "✗ NOT READY"
        assert page.evaluate("document.querySelector('.top .next').innerText").startswith("→ Fix the prompt: ")
        for part in (".top .next", ".block:nth-of-type(2)", "#c1-scales", ".confused", "#c1-confusion td"):
            bottom = f"document.querySelector('{part}').getBoundingClientRect().bottom"
            assert page.evaluate(bottom) <= SCREEN[1], part
        page.evaluate("document.querySelector('.block a').click()")
        assert page.evaluate("location.hash") == "#c1-confused"
        assert page.evaluate("document.querySelector(location.hash + ' .confused b').innerText") == "spam"


def test_a_perfect_report_prints_on_three_pages(browser: Chromium, tmp_path: Path) -> None:
    made = judged([("spam", "spam", 300), ("ham", "ham", 600)], ("spam", "ham"), thresholds=WANTED, repeats=3)
    with browser.page() as page:
        page.open(saved(tmp_path, render_html(run_view(made))))
        printed = base64.b64decode(page.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"])
    assert 1 <= len(re.findall(rb"/Type\s*/Page[^s]", printed)) <= 3


A4_WITHIN_MARGINS = (695, 1000)


def test_a_matrix_of_40_labels_is_on_the_first_screen_and_printed_whole(browser: Chromium, tmp_path: Path) -> None:
    labels = [f"intent_number_{n}" for n in range(40)]
    answers = [(label, labels[(n * 7) % 40 if n % 3 == 0 else n], 5) for n, label in enumerate(labels)]
    wanted = ["accuracy >= 99%", *(f"recall[{label}] >= 90%" for label in labels)]
    address = saved(tmp_path, render_html(run_view(judged(answers, labels, thresholds=wanted))))
    with browser.page(size=SCREEN) as page:
        page.open(address)
        for part in (
            ".top .next",
            ".block:nth-of-type(3)",
            "#c1-scales .value",
            ".confused",
            ".matrix tbody tr:last-child",
        ):
            bottom = f"document.querySelector('{part}').getBoundingClientRect().bottom"
            assert page.evaluate(bottom) <= SCREEN[1], part
    with browser.page(size=A4_WITHIN_MARGINS) as page:
        page.open(address)
        page.call("Emulation.setEmulatedMedia", media="print")
        edges = "[...document.querySelectorAll('.matrix th, .matrix td')].map(e => e.getBoundingClientRect().right)"
        assert page.evaluate(f"{edges}.length") > 140
        assert page.evaluate(f"Math.max(...{edges})") <= A4_WITHIN_MARGINS[0]
        heads, last = (
            "document.querySelectorAll('.matrix thead th')",
            "document.querySelector('.matrix tr:last-child td b')",
        )
        left = "Math.round({}.getBoundingClientRect().left)"
        below = f"{left.format(f'{last}.parentElement')} - {left.format(f'{heads}[34]')}"
        assert abs(page.evaluate(below)) <= 1, (
            "number_39, read as number_33, stands below that, however many zeros are before it"
        )
        counts = "[...document.querySelectorAll('.matrix tbody td b')]"
        assert page.evaluate(f"{counts}.filter(e => e.scrollWidth > e.parentElement.clientWidth).length") == 0


def test_a_matrix_of_77_labels_is_read_without_a_glass_and_printed_whole(browser: Chromium, tmp_path: Path) -> None:
    labels = [f"country_automatic_stolen_delivery_{n}" for n in range(77)]
    answers = [(label, labels[(n * 7) % 77 if n % 3 == 0 else n], 2) for n, label in enumerate(labels)]
    address = saved(tmp_path, render_html(run_view(judged(answers, labels, thresholds=["accuracy >= 99%"]))))
    size = "parseFloat(getComputedStyle(document.querySelector('.matrix tbody b')).fontSize)"
    with browser.page(size=SCREEN) as page:
        page.open(address)
        assert page.evaluate(size) >= 9
        assert page.evaluate("(e => e.scrollWidth - e.clientWidth)(document.querySelector('.matrix'))") == 0
        page.show(size=PHONE)
        assert page.evaluate(size) >= 9
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        page.show(size=A4_WITHIN_MARGINS)
        page.call("Emulation.setEmulatedMedia", media="print")
        edges = "[...document.querySelectorAll('.matrix th, .matrix td')].map(e => e.getBoundingClientRect().right)"
        assert page.evaluate(f"Math.max(...{edges})") <= A4_WITHIN_MARGINS[0]


@pytest.mark.parametrize("count", [2, 5, 7])
def test_a_matrix_of_few_labels_is_printed_whole(browser: Chromium, tmp_path: Path, count: int) -> None:
    labels = [f"delivery_status_question_{n}" for n in range(count)]
    answers = [(label, labels[n - 1 if n else 0], 20) for n, label in enumerate(labels)]
    address = saved(tmp_path, render_html(run_view(judged(answers, labels, thresholds=["accuracy >= 99%"]))))
    with browser.page(size=A4_WITHIN_MARGINS) as page:
        page.open(address)
        page.call("Emulation.setEmulatedMedia", media="print")
        wide = "[...document.querySelectorAll('.matrix')].map(e => e.scrollWidth - e.clientWidth)"
        assert page.evaluate(wide) == [0]
        edges = "[...document.querySelectorAll('.matrix th, .matrix td')].map(e => e.getBoundingClientRect().right)"
        assert page.evaluate(f"Math.max(...{edges})") <= A4_WITHIN_MARGINS[0]


def test_a_label_of_one_long_word_makes_no_page_wider(browser: Chromium, tmp_path: Path) -> None:
    labels = ("x" * 180, "spam")
    answers = [(labels[0], labels[0], 30), ("spam", labels[0], 9), ("spam", "spam", 30)]
    wanted = [f"recall[{label}] >= 80%" for label in labels]
    address = saved(tmp_path, render_html(run_view(judged(answers, labels, thresholds=wanted))))
    with browser.page(size=SCREEN) as page:
        page.open(address)
        for size in (SCREEN, PHONE):
            page.show(size=size)
            page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_a_name_from_right_to_left_leaves_threshold_and_figure_in_their_places(
    browser: Chromium, tmp_path: Path
) -> None:
    labels = ("ביטול", "spam")
    answers = [("ביטול", "ביטול", 30), ("spam", "ביטול", 9), ("spam", "spam", 30)]
    address = saved(tmp_path, render_html(run_view(judged(answers, labels, thresholds=["precision[ביטול] >= 80%"]))))
    digits = """(node, text) => {
      const range = document.createRange(), at = node.textContent.indexOf(text);
      range.setStart(node, at); range.setEnd(node, at + text.length);
      return range.getBoundingClientRect().left;
    }"""
    with browser.page(size=SCREEN) as page:
        page.open(address)
        row = "document.querySelector('.block div')"
        assert "80%" in page.evaluate(f"{row}.innerText")
        threshold = page.evaluate(f"({digits})({row}.querySelector('b').firstChild, '80%')")
        figure = page.evaluate(f"({digits})({row}.querySelector('b').nextSibling.nextSibling.firstChild, '76.9%')")
        assert threshold < figure
