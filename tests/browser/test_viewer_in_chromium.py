"""The viewer in a real browser: what people see, press and can be attacked with."""

from __future__ import annotations

import functools
import http.server
import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from chromium import AXE, PHONE, WCAG_AA, Chromium, Page
from commanded import HANGS_S, REPLAY, harness, write_yaml
from viewed import RUN, case_id, events, expected, manifest, write_run
from viewing import viewing

from harness.journal import JournalWriter
from harness.rundir import JOURNAL, LOCK

PAGES = {
    "runs": "/runs",
    "filtered runs": "/runs?suite=suite&verdict=NOT+READY",
    "report": f"/runs/{RUN}",
    "cases": f"/runs/{RUN}/cases?candidate=v1%40mini",
    "side by side": f"/runs/{RUN}/cases?candidate=all&differ=1&cadidate=v1",
    "no cases": f"/runs/{RUN}/cases?search=nowhere",
    "case": f"/runs/{RUN}/case?id=case-002&candidate=v1%40mini",
    "hostile case": f"/runs/{RUN}/case?id=case-003",
    "choice": f"/compare?head={RUN}",
    "comparison": f"/compare?base={RUN}&base_candidate=v1%40mini&head={RUN}&head_candidate=v2%40mini",
    "history": "/history",
}
every_page = pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)


@every_page
def test_a_page_loads_cleanly_asks_nobody_else_and_fits_a_phone(browser: Chromium, viewer: str, path: str) -> None:
    with browser.page() as page:
        page.open(viewer + path)
        assert page.problems == []
        assert page.evaluate("document.querySelectorAll('h1').length") == 1
        assert page.evaluate("document.title")
        asked = [url for url in page.requests if not url.startswith(("data:", "about:"))]
        assert {origin(url) for url in asked} == {viewer}
        assert len(asked) == 4  # the page, two style sheets, a script
        page.show(size=PHONE, touch=True)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE[0], page.evaluate(WIDE)


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


WIDE = """[...document.querySelectorAll('body *')]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
  .filter(e => !e.closest('.scroll'))
  .slice(0, 5).map(e => e.outerHTML.slice(0, 120))"""


@every_page
def test_a_page_meets_wcag_aa_in_light_and_dark(browser: Chromium, viewer: str, axe: str, path: str) -> None:
    rules = WCAG_AA if path == PAGES["report"] else [*WCAG_AA, "best-practice"]
    with browser.page() as page:
        page.open(viewer + path)
        wait_settled(page)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        page.evaluate(axe)
        for dark in (False, True):
            page.show(dark=dark)
            assert page.evaluate(AXE % json.dumps(rules)) == [], f"dark: {dark}"


def wait_settled(page: Page) -> None:
    """Wait until a page that goes on by itself, as a comparison that is being made, has come to its end."""

    def settled() -> bool:
        with suppress(RuntimeError):  # the page was just replaced
            return bool(page.evaluate("document.readyState === 'complete' && !document.body.matches('[data-live]')"))
        return False

    wait_for(settled)


def test_light_and_dark_are_two_looks_of_one_page(browser: Chromium, viewer: str) -> None:
    seen = {}
    for dark in (False, True):
        with browser.page(dark=dark) as page:
            page.open(viewer + PAGES["case"])
            colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
            seen[dark] = (colour, page.screenshot_bytes(), page.evaluate("document.body.innerText"))
    assert seen[False][0] == "rgb(255, 255, 255)"
    assert seen[True][0] == "rgb(20, 24, 29)"
    assert seen[False][1] != seen[True][1]
    assert seen[False][2] == seen[True][2]


def rows(page: Page) -> list[str]:
    found: list[str] = page.evaluate("[...document.querySelectorAll('.rows tbody tr a')].map(a => a.innerText)")
    return found


def test_filters_narrow_the_cases_and_clear_again(browser: Chromium, viewer: str) -> None:
    with browser.page() as page:
        page.open(f"{viewer}/runs/{RUN}/cases")
        assert len(rows(page)) == 50
        page.evaluate("document.querySelector('[name=right]').value = 'never'")
        page.expect_load(lambda: page.evaluate("document.querySelector('.filters button').click()"))
        assert rows(page) == [f"case-{number:03d}" for number in (0, 3, 10, 20, 30, 40, 50)]
        assert page.evaluate("document.querySelector('[name=right]').value") == "never"
        page.evaluate("document.querySelector('[name=expected]').value = 'spam'")
        page.expect_load(lambda: page.evaluate("document.querySelector('.filters button').click()"))
        assert rows(page) == ["case-000", "case-003", "case-030"]
        page.expect_load(lambda: page.evaluate("document.querySelector('.filters .buttons a').click()"))
        assert len(rows(page)) == 50


def test_everything_works_without_javascript(browser: Chromium, viewer: str) -> None:
    with browser.page(script=False) as page:
        page.open(f"{viewer}/runs/{RUN}/cases")
        page.call("DOM.enable")
        assert "keys" not in visible_text(page)
        focus(page, "[name=search]")
        for letter in "prize":
            page.press(letter)
        page.expect_load(lambda: page.press("Enter"))
        assert "1 case of 60" in visible_text(page)
        focus(page, ".rows td a")
        page.expect_load(lambda: page.press("Enter"))
        assert "Message number 7 about a Prize" in visible_text(page)
        assert page.problems == []


def focus(page: Page, selector: str) -> None:
    root = page.call("DOM.getDocument")["root"]["nodeId"]
    node = page.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
    page.call("DOM.focus", nodeId=node)


def visible_text(page: Page) -> str:
    """Read the page without its own scripts: through the tree that a screen reader gets."""
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    return " ".join(str(node["name"].get("value", "")) for node in nodes if not node["ignored"] and "name" in node)


def test_keys_walk_through_rows_and_pages(browser: Chromium, viewer: str) -> None:
    with browser.page() as page:
        page.open(f"{viewer}/runs/{RUN}/cases")
        focused = "document.activeElement.innerText"
        for key, there in (("j", "case-000"), ("j", "case-001"), ("j", "case-002"), ("k", "case-001")):
            page.press(key)
            assert page.evaluate(focused) == there
        page.press("/")
        assert page.evaluate("document.activeElement.name") == "search"
        page.press("n")  # a letter in a field is a letter
        assert page.evaluate("document.activeElement.value") == "n"
        page.evaluate("document.activeElement.blur()")
        page.expect_load(lambda: page.press("n"))
        assert len(rows(page)) == 10
        page.expect_load(lambda: page.press("p"))
        page.press("j")
        page.expect_load(lambda: page.press("Enter"))
        assert page.evaluate("document.querySelector('h1').innerText") == "Case case-000"
        page.expect_load(lambda: page.press("n"))
        assert page.evaluate("document.querySelector('h1').innerText") == "Case case-001"


def test_the_first_tab_stop_skips_to_the_content(browser: Chromium, viewer: str) -> None:
    with browser.page() as page:
        page.open(f"{viewer}/runs")
        page.press("Tab")
        assert page.evaluate("document.activeElement.innerText") == "Skip to the content"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_hostile_replies_stay_text(browser: Chromium, viewer: str) -> None:
    with browser.page() as page:
        page.open(viewer + PAGES["hostile case"])
        reply = page.evaluate("document.querySelector('.trial .reply').innerText")
        for attack in ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "{{ 7*7 }}", "\\u202e"):
            assert attack in reply
        assert page.evaluate("document.querySelectorAll('img, iframe, main script, main form').length") == 0
        assert page.evaluate("[...document.links].filter(a => a.origin !== location.origin).length") == 0
        assert page.problems == []


def test_two_runs_are_chosen_and_compared(browser: Chromium, viewer: str) -> None:
    with browser.page() as page:
        page.open(f"{viewer}/compare?base={RUN}&head={RUN}")
        page.evaluate("document.querySelector('[name=base_candidate]').value = 'v2@mini'")
        page.evaluate("document.querySelector('[name=head_candidate]').value = 'v1@mini'")
        page.expect_load(lambda: page.evaluate("document.querySelector('.filters button').click()"))
        until = time.monotonic() + HANGS_S  # on a slow machine a page that continues by itself comes first
        headings: list[str] = []
        while "Cases fixed: 0" not in headings and time.monotonic() < until:
            time.sleep(0.2)
            with suppress(RuntimeError):  # the page was just replaced
                headings = page.evaluate("[...document.querySelectorAll('h2')].map(h => h.innerText)")
        assert "Cases fixed: 0" in headings
        assert page.evaluate("document.querySelectorAll('article.case a').length") >= 7


SEVEN_PAGES = ("runs", "report", "cases", "side by side", "case", "comparison", "history")
SEVEN_WIDTHS = (320, 360, 390, 600, 768, 1024, 1440)


@pytest.mark.parametrize("name", SEVEN_PAGES)
def test_no_page_scrolls_sideways_at_any_width(browser: Chromium, viewer: str, name: str) -> None:
    with browser.page() as page:
        page.open(viewer + PAGES[name])
        wait_settled(page)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        for width in SEVEN_WIDTHS:
            page.show(size=(width, 900), touch=width < 700)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (width, page.evaluate(WIDE))


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the origin of a viewer over one run, of v1 alone, that misses its threshold."""
    root = tmp_path_factory.mktemp("failing")
    whole = manifest()
    write_run(
        root / "results",
        journal=[event for event in events() if getattr(event, "candidate", "v1@mini") == "v1@mini"],
        candidates=whole.candidates[:1],
        planned_trials=whole.planned_trials // 2,
        suite={**whole.suite, "thresholds": ["accuracy >= 99%"]},
    )
    write_yaml(root / "harness.yml", REPLAY)
    with viewing(root) as (_, address):
        yield address.removesuffix("/runs")


WRONG_IN_V1 = [case_id(n) for n in sorted({2, 3, *range(0, 60, 10), *range(1, 60, 10)})]
HAM_READ_AS_SPAM = [case_id(n) for n in (1, 10, 11, 20, 31, 40, 41, 50)]


@pytest.mark.parametrize(
    ("place", "cases"),
    [
        (".block a", WRONG_IN_V1), ("[id$=-confused] a[href*=read_as]", HAM_READ_AS_SPAM),
        ('.matrix .margin a[href*="expected=spam"]', [case_id(n) for n in range(60) if expected(n) == "spam"]),
    ],
    ids=["failing check", "confusion", "total of a label"],
)  # fmt: skip
def test_one_click_leads_from_what_is_wrong_to_its_cases(
    browser: Chromium, failing: str, place: str, cases: list[str]
) -> None:
    with browser.page() as page:
        page.open(f"{failing}/runs/{RUN}")
        page.expect_load(lambda: page.evaluate(f"document.querySelector('{place}').click()"))
        assert rows(page) == cases


def tab_to(page: Page, selector: str) -> None:
    for _ in range(200):
        page.press("Tab")
        if page.evaluate(f"document.activeElement.matches('{selector}')"):
            return
    raise AssertionError(f"no tab stop is {selector}")


def test_the_keyboard_alone_leads_from_the_runs_to_a_case_of_a_failing_check(browser: Chromium, failing: str) -> None:
    with browser.page() as page:
        page.open(f"{failing}/runs")
        for place in (".rows td a", ".block a", ".rows td a", ".chips a"):
            tab_to(page, place)
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            if place != ".chips a":
                page.expect_load(lambda: page.press("Enter"))
        page.press("Enter")
        assert page.evaluate("document.querySelector('.trial:target').tagName") == "ARTICLE"


def test_the_heads_of_a_reports_tables_sort_their_rows(browser: Chromium, viewer: str) -> None:
    with browser.page() as page:
        page.open(viewer + PAGES["report"])
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        heads = page.evaluate("document.querySelectorAll('th button.sort').length")
        assert heads > 0
        for order, sign in (("ascending", 1), ("descending", -1)):
            page.evaluate("document.querySelector('th button.sort').click()")
            texts = page.evaluate(FIRST_COLUMN)
            assert page.evaluate("document.querySelector('th[aria-sort]').getAttribute('aria-sort')") == order
            assert texts == sorted(texts, reverse=sign < 0)
        assert page.problems == []


FIRST_COLUMN = """(() => {
  const cell = document.querySelector('th button.sort').closest('th');
  return [...cell.closest('table').tBodies[0].rows].map(r => r.cells[cell.cellIndex].textContent.trim().toLowerCase());
})()"""


def test_the_keys_are_listed_and_can_be_turned_off(browser: Chromium, viewer: str) -> None:
    with browser.page() as page:
        page.open(f"{viewer}/runs/{RUN}/cases")
        page.press("?")
        assert page.evaluate("document.querySelector('#keys').open")
        assert "all runs" in page.evaluate("document.querySelector('#keys').innerText")
        page.evaluate("document.querySelector('#keys-off').click()")
        tab_to(page, "#keys .close")
        page.press("Enter")
        assert not page.evaluate("document.querySelector('#keys').open")
        page.press("j")
        assert page.evaluate("document.activeElement.closest('.rows')") is None  # single keys are off
        page.evaluate("document.querySelector('#keys-off').click()")
        page.press("j")
        assert page.evaluate("document.activeElement.innerText") == "case-000"
        page.expect_load(lambda: page.press("u"))
        assert page.evaluate("location.pathname") == f"/runs/{RUN}"


def test_runs_are_ticked_and_compared(browser: Chromium, viewer: str) -> None:
    with browser.page(script=False) as page:
        page.open(f"{viewer}/runs")
        page.call("DOM.enable")
        for number in (1, 2):
            focus(page, f".rows tbody tr:nth-child({number}) input")
            page.press(" ")
        focus(page, "form[aria-label='Compare two runs'] button")
        page.expect_load(lambda: page.press("Enter"))
        wait_for(lambda: "What changed" in visible_text(page))
        assert page.problems == []


@pytest.mark.parametrize("how", ["file", "sub-path"])
def test_exported_pages_work_without_a_server_of_ours(
    browser: Chromium, project: Path, tmp_path: Path, axe: str, how: str
) -> None:
    assert harness("view", RUN, "--export", str(tmp_path / "a b" / "c"), at=project).returncode == 0
    with strangers_page(tmp_path) as port, browser.page() as page, browser.page(script=False) as plain:
        start = (tmp_path / "a b" / "c").as_uri() if how == "file" else f"http://127.0.0.1:{port}/a%20b/c"
        plain.open(f"{start}/index.html")
        assert "Cases to look at" in visible_text(plain)
        page.open(f"{start}/index.html")
        for step in ("index.html", "cases/", "case/"):
            assert page.evaluate("location.href").startswith(f"{start}/{step}")
            assert (
                page.evaluate("getComputedStyle(document.querySelector('.viewer-bar')).display") == "block"
            )  # it is styled
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            if how == "sub-path":  # from a file, axe itself asks for the style sheets again, which the policy refuses
                page.evaluate(axe)
                assert page.evaluate(AXE % json.dumps(WCAG_AA)) == []
            page.show(size=PHONE, touch=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
            page.show()
            if step != "case/":
                way = "header a[data-key=c]" if step == "index.html" else ".rows td a"
                page.expect_load(lambda way=way: page.evaluate(f"document.querySelector('{way}').click()"))  # type: ignore[misc]
        assert all(url.startswith((start, "data:")) for url in page.requests)
        assert page.problems == plain.problems == []


@contextmanager
def strangers_page(folder: Path) -> Iterator[int]:
    """Serve a page of somebody else on another port."""
    (folder / "index.html").write_text("<!doctype html><title>stranger</title><h1>stranger</h1>")
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


STEAL = """(async (viewer) => {
  const read = async (options) => { try { return await (await fetch(viewer + '/runs.json', options)).text(); }
    catch (error) { return 'refused'; } };
  const load = (tag, path) => new Promise((done) => { const e = document.createElement(tag);
    e.onload = () => done('loaded'); e.onerror = () => done('refused'); e.src = viewer + path;
    document.body.append(e); });
  const frame = await load('iframe', '/runs').then(() => { try {
    return document.querySelector('iframe').contentDocument ? 'read' : 'refused';
  } catch { return 'refused'; } });
  return {frame, fetched: await read({}), opaque: await read({mode: 'no-cors'}),
    credentials: await read({credentials: 'include'}), script: await load('script', '/static/viewer.js'),
    image: await load('img', '/runs.json')};
})"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["same site", "cross site"])
def test_a_strangers_page_reads_nothing(browser: Chromium, viewer: str, tmp_path: Path, host: str) -> None:
    with strangers_page(tmp_path) as port, browser.page() as page:
        page.open(f"http://{host}:{port}/")
        taken: dict[str, Any] = page.evaluate(f"{STEAL}({json.dumps(viewer)})")
        assert taken.pop("opaque") in {"", "refused"}
        assert set(taken.values()) == {"refused"}


def test_a_name_that_was_made_to_mean_this_machine_reads_nothing(browser: Chromium, viewer: str) -> None:
    """DNS rebinding: to the browser, the page at evil.example and the viewer are of one origin."""
    with browser.page() as page:
        page.open(f"http://evil.example:{urlsplit(viewer).port}/runs")
        text = page.evaluate("document.body.innerText")
        assert text.startswith("This viewer answers only under the address that it printed")
        assert page.evaluate("fetch('/runs.json').then(answer => answer.status)") == 421


def test_a_run_that_goes_on_is_followed_in_the_browser(browser: Chromium, tmp_path: Path) -> None:
    everything = list(events())
    folder = write_run(tmp_path / "results", journal=everything[:100], judge=False)
    (folder / LOCK).write_text(json.dumps({"pid": os.getpid(), "host": platform.node(), "since": ""}))
    with viewing(tmp_path, "latest") as (_, address), browser.page() as live, browser.page(script=False) as plain:
        live.open(address)
        plain.open(address)
        live.evaluate("window.untouched = true")
        assert "39 of 360 trials" in live.evaluate("document.body.innerText")
        writer = JournalWriter.reopen(folder / JOURNAL, RUN)
        for event in everything[100:200]:
            writer.append(event)
        writer.close()
        wait_for(lambda: "139 of 360 trials" in live.evaluate("document.body.innerText"))
        assert live.evaluate("window.untouched") is True  # only the content was replaced
        wait_for(lambda: "139 of 360 trials" in visible_text(plain))
        assert live.problems == plain.problems == []


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + HANGS_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.2)
