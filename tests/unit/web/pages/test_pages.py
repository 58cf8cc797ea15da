"""Pages as values and as HTML: the figures, the addresses, and what hostile text can't do."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
import pytest
from run_of import case_row, record
from viewed import ATTACK, CASES, ODD_ID, RUN, a_case, case_id, events, write_run

from harness.judge.documents import Estimate
from harness.record import Attempt, Failure
from harness.rundir import JOURNAL
from harness.web.app import application
from harness.web.pages.case import TrialShown
from harness.web.site import Made, Results, Site
from harness.web.sketches import TrendRun, sparkline, timeline

OTHER = "20260102T000000Z-suite-bbbbbb"


@dataclass(frozen=True)
class Viewer:
    """The application, asked without a network."""

    site: Site

    def get(self, address: str) -> tuple[int, str]:
        parts = urlsplit(address)
        scope = {
            "type": "http", "method": "GET", "path": parts.path, "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(), "headers": [(b"host", b"127.0.0.1:80")],
            "http_version": "1.1", "scheme": "http", "asgi": {"spec_version": "2.4"},
            "server": ("127.0.0.1", 80), "root_path": "",
        }  # fmt: skip
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(application(self.site)(scope, receive, send))  # type: ignore[arg-type]
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()

    def page(self, address: str) -> str:
        status, body = self.get(address)
        assert status == 200, body
        return body

    def json(self, path: str, **query: str) -> Any:
        status, body = self.get(f"{path}.json?{urlencode(query)}")
        assert status == 200, body
        return json.loads(body)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two judged runs of one suite, the second a day later and the same."""
    root = tmp_path_factory.mktemp("project") / "results"
    first = write_run(root)
    shutil.copytree(first, root / OTHER)
    stored = json.loads((first / "manifest.json").read_bytes())
    later = {**stored, "run_id": OTHER, "created_utc": "2026-01-02T00:00:00+00:00"}
    (root / OTHER / "manifest.json").write_text(json.dumps(later))
    return root


@pytest.fixture(scope="module")
def viewer(results: Path) -> Viewer:
    return Viewer(Site(Results(results), patience_s=60))


def test_runs_are_listed_newest_first_with_the_best_candidate(viewer: Viewer) -> None:
    page = viewer.json("/runs")
    assert [run["run"] for run in page["runs"]] == [OTHER, RUN]
    best = page["runs"][0]["candidates"][0]
    assert (best["name"], best["accuracy"]["value"]) == ("v2@mini", 1.0)
    (trend,) = page["trends"]
    assert [point["accuracy"] for point in trend["points"]] == [1.0, 1.0]


def test_runs_are_filtered_by_prompt_model_and_verdict(viewer: Viewer) -> None:
    assert viewer.json("/runs", prompt="v1", model="mini")["paging"]["total"] == 2
    assert viewer.json("/runs", prompt="v1", model="maxi")["runs"] == []
    assert viewer.json("/runs", verdict="NOT READY")["runs"] == []
    trend = viewer.json("/runs", prompt="v1")["trends"][0]["points"]
    # 360 trials, half of them v1's: 18 wrong, 6 wrong once, 3 unparseable, 1 failed
    assert trend[0]["accuracy"] == pytest.approx((180 - 18 - 6 - 3 - 1) / 180)


def test_a_run_s_json_is_its_report(viewer: Viewer, results: Path) -> None:
    assert viewer.json(f"/runs/{RUN}") == json.loads((results / RUN / "report.json").read_bytes())


def test_the_run_page_is_the_report_with_ways_into_the_cases(viewer: Viewer) -> None:
    html = viewer.page(f"/runs/{RUN}")
    assert "Confusion matrix" in html
    assert f"/runs/{RUN}/cases?candidate=v1%40mini&amp;right=never" in html


def asked_for(viewer: Viewer, link: str) -> list[str]:
    """Give the ids of the cases that a link leads to."""
    return [row["case"] for row in viewer.json(urlsplit(link).path, **dict(parse_qsl(urlsplit(link).query)))["rows"]]


WRONG_IN_V1 = {case_id(n) for n in (2, 3, *range(0, 60, 10), *range(1, 60, 10))}


@pytest.mark.parametrize(
    ("section", "shown", "cases"),
    [
        ("checks", "84.4% (", WRONG_IN_V1),
        ("confusion", "16", {case_id(n) for n in (1, 10, 11, 20, 31, 40, 41, 50)}),
        ("labels", "85.8% (", {case_id(n) for n in (1, 2, 10, 11, 20, 31, 40, 41, 50)}),
        ("labels", "78.4% (", WRONG_IN_V1 - {case_id(2)}),
        ("labels", "75.4% (", {case_id(n) for n in (1, 10, 11, 20, 31, 40, 41, 50)}),
        ("quality", "3", {case_id(3)}),
        ("scales", "84.4%", WRONG_IN_V1),
        ("labels", "16 × spam", {case_id(n) for n in (1, 10, 11, 20, 31, 40, 41, 50)}),
        ("quality", "84.4% (", WRONG_IN_V1),
        ("stability", "88", {case_id(n) for n in (2, *range(1, 60, 10))}),
        ("generalization", "78.9% (", WRONG_IN_V1 & {case_id(n) for n in range(0, 60, 2)}),
        ("slices", "15", {case_id(n) for n in range(0, 60, 4)}),
        ("cases", "case-003", None),
    ],
)
def test_a_figure_leads_to_the_cases_that_it_stands_for(
    viewer: Viewer, section: str, shown: str, cases: set[str] | None
) -> None:
    page = viewer.page(f"/runs/{RUN}")
    part = page[page.index(f'id="c2-{section}"') :].partition("</section>")[0]
    found = re.findall(r'<a(?: class="to-cases")? href="([^"]+)">(?:<bdi>)?([^<]+)', part)
    link = next(unescape(link) for link, text in found if text.startswith(shown))
    if cases is None:
        assert viewer.json(f"/runs/{RUN}/case", **dict(parse_qsl(urlsplit(link).query)))["case"] == shown
    else:
        assert set(asked_for(viewer, link)) == cases


def test_what_went_wrong_leads_to_the_cases_of_each_kind(viewer: Viewer) -> None:
    page = viewer.page(f"/runs/{RUN}")
    section = page[(start := page.index('id="c2-wrong"')) : page.index("</section>", start)]
    links = [unescape(link) for link in re.findall(r'<a href="([^"]+/cases[^"]*)"', section)]
    found = {}
    for link in links:
        asked = dict(parse_qsl(urlsplit(link).query))
        rows = viewer.json(urlsplit(link).path, **asked)["rows"]
        found[asked.get("search") or asked["outcome"]] = [row["case"] for row in rows]
    assert found == {"timeout:": [case_id(2)], "unparseable": [case_id(3)]}


def test_a_case_says_why_no_label_was_read_from_a_reply(viewer: Viewer) -> None:
    assert "No label: no label in it" in viewer.page(f"/runs/{RUN}/case?id={case_id(3)}")
    assert "No label:" not in viewer.page(f"/runs/{RUN}/case?id={case_id(0)}")


def test_the_cases_table_pages_through_what_matches(viewer: Viewer) -> None:
    first = viewer.json(f"/runs/{RUN}/cases", candidate="v1@mini")
    assert (first["paging"]["total"], first["paging"]["pages"], len(first["rows"])) == (CASES, 2, 50)
    last = viewer.json(f"/runs/{RUN}/cases", candidate="v1@mini", page="2")
    assert [row["case"] for row in last["rows"]] == [case_id(number) for number in range(50, 60)]
    beyond = viewer.json(f"/runs/{RUN}/cases", page="99")
    assert beyond["paging"]["page"] == 2
    (row,) = viewer.json(f"/runs/{RUN}/cases", candidate="v1@mini", search="case-021")["rows"]
    assert row["answers"] == {"spam": 2, "ham": 1}
    assert (row["right"], row["trials"], row["flipped"], row["slow"]) == (2, 3, True, False)
    assert row["slowest_s"] == pytest.approx(0.121)
    assert row["reply"] == "ham"  # the wrong one is shown


@pytest.mark.parametrize("query", ["split=test", "order=up", "right=maybe", "page=one", "candidate=x", "page=-1"])
def test_a_filter_that_does_not_exist_is_said_not_ignored(viewer: Viewer, query: str) -> None:
    status, body = viewer.get(f"/runs/{RUN}/cases?{query}")
    assert status == 400
    assert "Traceback" not in body


def test_candidates_stand_side_by_side_with_what_differs_and_what_is_wrong_in_any(viewer: Viewer) -> None:
    every = viewer.json(f"/runs/{RUN}/cases", candidate="all")
    assert every["paging"]["total"] == CASES
    row = next(row for row in every["rows"] if row["case"] == case_id(21))
    assert row["by_candidate"] == {"v1@mini": {"spam": 2, "ham": 1}, "v2@mini": {"spam": 3}}
    assert (row["right"], row["trials"]) == (5, 6)
    differ = viewer.json(f"/runs/{RUN}/cases", candidate="all", differ="1")["rows"]
    assert [row["case"] for row in differ] == [case_id(n) for n in (0, 3, 10, 20, 30, 40, 50)]  # 21's majority agrees
    wrong = viewer.json(f"/runs/{RUN}/cases", candidate="all", right="wrong")["rows"]
    assert {row["case"] for row in wrong} == WRONG_IN_V1
    html = viewer.page(f"/runs/{RUN}/cases?candidate=all&differ=1")
    assert f'<a href="/runs/{RUN}/cases?candidate=all&amp;differ=1" aria-current="page">' in html
    assert f"/runs/{RUN}/case?candidate=v2%40mini&amp;differ=1&amp;id=case-000" in html


def test_of_equally_frequent_answers_the_order_of_trials_decides_nothing(tmp_path: Path) -> None:
    some = [case_row("a", "spam"), case_row("b", "spam")]
    said = {
        ("a", "v1@mini"): "spam ham",
        ("a", "v2@mini"): "ham spam",
        ("b", "v1@mini"): "spam ham",
        ("b", "v2@mini"): "ham ham",
    }
    trials = [
        record(case, reply, repeat=repeat, candidate=who)
        for (case, who), replies in said.items()
        for repeat, reply in enumerate(replies.split())
    ]
    write_run(tmp_path, journal=[*some, *trials], judge=False)
    rows = Viewer(Site(Results(tmp_path), patience_s=60)).json(f"/runs/{RUN}/cases", candidate="all", differ="1")[
        "rows"
    ]
    assert [row["case"] for row in rows] == ["b"]


def test_what_is_filtered_downloads_whole_as_csv_and_as_json_lines(viewer: Viewer) -> None:
    query = "candidate=v1%40mini&right=never"
    as_csv = viewer.page(f"/runs/{RUN}/cases.csv?{query}")
    rows = list(csv.DictReader(io.StringIO(as_csv, newline="")))
    assert [row["case"] for row in rows] == [case_id(n) for n in (0, 3, 10, 20, 30, 40, 50)]
    assert (rows[0]["tags"], rows[0]["right"], json.loads(rows[0]["answers"])) == ("short", "0", {"ham": 3})
    assert rows[1]["reply"].startswith(ATTACK[:200])
    lines = viewer.page(f"/runs/{RUN}/cases.jsonl?{query}").splitlines()
    assert [json.loads(line)["case"] for line in lines] == [row["case"] for row in rows]
    assert len(viewer.page(f"/runs/{RUN}/cases.jsonl").splitlines()) == CASES  # not one page of them
    assert viewer.get(f"/runs/{RUN}/cases.csv?split=nowhere")[0] == 400


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_a_spreadsheet_finds_no_formula_in_a_download(tmp_path: Path, begins: str) -> None:
    bad = f"{begins}HYPERLINK(1)"
    case = case_row(bad, "spam", tags=(bad,), split=bad, inputs={"m": bad})
    write_run(tmp_path, journal=[case, record(bad, bad, candidate="v1@mini")], judge=False)
    as_csv = Viewer(Site(Results(tmp_path), patience_s=60)).page(f"/runs/{RUN}/cases.csv")
    (row,) = csv.DictReader(io.StringIO(as_csv, newline=""))
    assert {row[name] for name in ("case", "text", "tags", "split", "reply")} == {f"'{bad}"}


def test_a_filter_that_no_page_knows_is_said_and_left_out(viewer: Viewer) -> None:
    for path in ("/runs", f"/runs/{RUN}/cases", f"/runs/{RUN}/case?id=case-001", "/compare", "/history"):
        mark = "&" if "?" in path else "?"
        assert "knows no filter" not in viewer.page(path)
        assert "This page knows no filters <code>&lt;b&gt;</code>, <code>cadidate</code>" in viewer.page(
            f"{path}{mark}%3Cb%3E=1&cadidate=v1"
        )
    told = viewer.json(f"/runs/{RUN}/cases", cadidate="v1")
    assert (told["unknown_filters"], told["paging"]["total"]) == (["cadidate"], CASES)


def test_a_run_is_compared_with_the_one_before_and_two_that_were_ticked(viewer: Viewer) -> None:
    page = viewer.json("/compare", base="previous", head=OTHER, head_candidate="v1@mini")
    assert (page["base"]["run"], page["base"]["candidate"], page["head"]["candidate"]) == (RUN, "v1@mini", "v1@mini")
    ticked = viewer.json("/compare", **{f"tick.{OTHER}": "1", f"tick.{RUN}": "1"})
    assert (ticked["base"]["run"], ticked["head"]["run"]) == (RUN, OTHER)  # the older one is the baseline
    assert "Tick two judged runs" in viewer.json("/compare", **{f"tick.{RUN}": "1"})["why"]
    assert "no judged run of this suite before" in viewer.json("/compare", base="previous", head=RUN)["why"]
    html = viewer.page("/runs")
    assert html.count("with previous") == 1
    assert html.count('type="checkbox" name="tick.') == 2


def test_runs_are_sorted_and_told_apart(viewer: Viewer) -> None:
    assert [run["run"] for run in viewer.json("/runs", order="best")["runs"]] == [OTHER, RUN]
    assert viewer.get("/runs?order=up")[0] == 400
    html = viewer.page("/runs?order=best")
    assert 'aria-sort="descending"><a class="sort" href="/runs?order=worst">Accuracy' in html
    assert "passed its only check" in html  # the headline
    chosen = viewer.page("/compare")
    assert "suite · aaaaaa · 100.0% · 2026-01-01 00:00 · READY" in chosen
    assert "suite · bbbbbb · 100.0% · 2026-01-02 00:00 · READY" in chosen


def test_a_filter_s_value_that_no_run_has_stays_chosen_to_be_seen(viewer: Viewer) -> None:
    assert '<option value="maxi" selected>maxi (none here)</option>' in viewer.page("/runs?model=maxi")


def test_a_case_begins_with_every_answer_as_a_link_to_its_trial(viewer: Viewer) -> None:
    html = viewer.page(f"/runs/{RUN}/case?id={case_id(21)}&candidate=v1%40mini")
    chips = re.findall(r'<a class="badge (\w+)" href="#([^"]+)">. (\w+)</a>', html)
    assert [(tone, label) for tone, _, label in chips] == [("pass", "spam")] * 2 + [("fail", "ham")] + [
        ("pass", "spam")
    ] * 3
    assert len({place for _, place, _ in chips}) == 6
    assert all(f'<article class="trial" id="{place}"' in html for _, place, _ in chips)


def test_a_case_shows_every_trial_and_what_was_sent(viewer: Viewer) -> None:
    page = viewer.json(f"/runs/{RUN}/case", id=case_id(2))
    assert (page["trials"], page["expected"], page["split"]) == (6, "ham", "dev")
    v1, v2 = page["candidates"]
    (shown,) = v1["variants"]
    assert shown["messages"] == [["user", "v1@mini: Message number 2 about nothing"]]
    failed = shown["trials"][0]
    assert (failed["read_as"], failed["reply"]) == ("failed", "timeout: no answer within 50 ms")
    assert failed["total_ns"] == 2_000_000 + 9_000_000 + 30_000_000 + 50_000_000 + 300_000
    assert [trial["right"] for trial in v2["variants"][0]["trials"]] == [True] * 3


def test_neighbours_are_those_of_the_table_that_was_filtered(viewer: Viewer) -> None:
    query = {"candidate": "v1@mini", "right": "never"}
    page = viewer.json(f"/runs/{RUN}/case", id=case_id(10), **query)
    assert (page["before"], page["after"], page["place"], page["of"]) == (case_id(3), case_id(20), 3, 7)
    outside = viewer.json(f"/runs/{RUN}/case", id=case_id(4), **query)
    assert (outside["before"], outside["place"], outside["of"]) == (None, None, 7)


def test_an_id_with_every_odd_character_has_a_page_and_a_link_to_it(viewer: Viewer) -> None:
    html = viewer.page(f"/runs/{RUN}/cases?page=2")
    links = [href for href in Links.of(html) if "/case?" in href]
    assert ODD_ID in [dict(parse_qsl(urlsplit(href).query))["id"] for href in links]
    assert viewer.json(f"/runs/{RUN}/case", id=ODD_ID)["case"] == ODD_ID


def test_a_lone_surrogate_in_an_id_comes_back_as_it_was(tmp_path: Path) -> None:
    odd = msgspec.structs.replace(a_case(0), id="lone \ud800 surrogate")
    write_run(tmp_path, journal=[*events(), odd], judge=False)
    viewer = Viewer(Site(Results(tmp_path), patience_s=60))
    query = urlencode({"id": odd.id}, errors="surrogatepass")
    assert "lone \\ud800 surrogate" in viewer.page(f"/runs/{RUN}/case?{query}")
    assert viewer.get(f"/runs/{RUN}/case.json?{query}")[0] == 200


def test_two_candidates_of_one_run_are_compared(viewer: Viewer) -> None:
    page = viewer.json("/compare", base=RUN, head=RUN, base_candidate="v1@mini", head_candidate="v2@mini")
    fixed = [change["case"] for change in page["comparison"]["fixed"]]
    assert {case_id(number) for number in (0, 3, 10, 20, 30, 40, 50)} <= set(fixed)
    assert page["comparison"]["broken"] == []
    swapped = viewer.json("/compare", base=RUN, head=RUN, base_candidate="v2@mini", head_candidate="v1@mini")
    assert [change["case"] for change in swapped["comparison"]["broken"]] == fixed
    html = viewer.page(f"/compare?base={RUN}&head={RUN}&base_candidate=v2%40mini&head_candidate=v1%40mini")
    figures = dict(
        re.findall(r'<td>([^<]+)</td>\n<td class="number" data-label="Baseline">.*\n.*href="([^"]+)">', html)
    )
    assert set(asked_for(viewer, unescape(figures["accuracy"]))) == WRONG_IN_V1
    assert set(asked_for(viewer, unescape(figures["recall[ham]"]))) < WRONG_IN_V1
    groups = re.findall(r'<span class="many"><a href="#([^"]+)">(\d+)', html)
    parts = [html.partition(f'id="{name}"')[2].partition('id="')[0] for name, _ in groups]
    assert [part.count("<article") for part in parts] == [int(many) for _, many in groups]
    assert sum(int(many) for _, many in groups) == len(fixed)


def test_the_history_has_both_runs_of_the_suite(viewer: Viewer) -> None:
    page = viewer.json("/history")
    assert [c["candidate"] for c in page["candidates"]] == ["v1@mini", "v2@mini"]
    for candidate in page["candidates"]:
        assert [point["run_id"] for point in candidate["history"]["points"]] == [RUN, OTHER]


def test_the_history_lists_a_run_that_began_after_the_latest_finished_one(results: Path, tmp_path: Path) -> None:
    root, begun = tmp_path / "results", "20260103T000000Z-suite-cccccc"
    shutil.copytree(results, root)
    shutil.copytree(root / OTHER, root / begun)
    (root / begun / "report.json").unlink()
    stored = json.loads((root / OTHER / "manifest.json").read_bytes())
    later = {**stored, "run_id": begun, "created_utc": "2026-01-03T00:00:00+00:00"}
    (root / begun / "manifest.json").write_text(json.dumps(later))
    lines = (root / OTHER / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (root / begun / "journal.jsonl").write_bytes(b"".join(lines[:-1]))
    viewer = Viewer(Site(Results(root), patience_s=60))
    history = viewer.json("/history")["candidates"][0]["history"]
    assert (history["run_id"], history["points"][-1]["run_id"]) == (OTHER, begun)
    assert f"/runs/{begun}" in viewer.page("/history")


def test_a_long_comparison_says_that_it_goes_on_until_it_is_there(results: Path) -> None:
    begun: list[Callable[[], None]] = []  # and done when the test says so
    hasty = Viewer(Site(Results(results), patience_s=0, begin=begun.append))
    sides = {"base": RUN, "head": OTHER}
    first = hasty.json("/compare", **sides)
    assert (first["comparison"], first["live"]) == (None, True)
    assert "goes on by itself" in first["why"]
    (comparing,) = begun
    comparing()
    page = hasty.json("/compare", **sides)
    assert page["comparison"]["paired_cases"] == CASES


def test_what_could_not_be_made_is_tried_again() -> None:
    made = Made()
    with pytest.raises(ZeroDivisionError):
        made.once("key", lambda: 1 // 0)
    assert made.once("key", lambda: 7) == made.once("key", lambda: 8) == 7


@pytest.mark.parametrize(
    "address",
    [
        "/nothing", "/runs/nothing", "/runs/..", "/runs/../../etc/passwd", "/runs/%2e%2e/x",
        "/static/nothing", "/static/..", "/static/viewer.css/../../app.py", f"/runs/{RUN}/journal.jsonl",
        f"/runs/{RUN}/case?id=none", f"/runs/{RUN}/manifest.json", "/history?suite=nothing",
    ],
)  # fmt: skip
def test_what_is_not_a_page_is_not_found(viewer: Viewer, address: str) -> None:
    status, body = viewer.get(address)
    assert status == 404
    assert "root:" not in body


class Links(HTMLParser):
    """Collects links, and every tag and attribute that could act."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.acting: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a":
            self.links.append(values.get("href") or "")
        if tag == "script" and values.get("src") != "/static/viewer.js":
            self.acting.append(f"{tag} {values}")
        if tag in {"iframe", "object", "embed", "base", "img", "style"} and not (tag == "style" and not attrs):
            self.acting.append(tag)
        self.acting += [name for name in values if name.startswith("on") or name in {"style", "srcdoc"}]

    @classmethod
    def of(cls, html: str) -> list[str]:
        parser = cls()
        parser.feed(html)
        return parser.links


def test_hostile_text_stays_text_on_every_page(tmp_path: Path) -> None:
    attacked = [
        msgspec.structs.replace(event, tags=(ATTACK,), split="<script>alert(2)</script>", inputs={ATTACK: ATTACK})
        if event == a_case(3)
        else event
        for event in events()
    ]
    write_run(tmp_path, journal=attacked, judge=True)
    viewer = Viewer(Site(Results(tmp_path), patience_s=60))
    addresses = [
        "/runs",
        f"/runs/{RUN}",
        f"/runs/{RUN}/cases?{urlencode({'search': ATTACK[:200]})}",
        f"/runs/{RUN}/cases",
        f"/runs/{RUN}/case?id={case_id(3)}",
        f"/compare?base={RUN}&head={RUN}",
        "/history",
    ]
    for address in addresses:
        html = viewer.page(address)
        parser = Links()
        parser.feed(html)
        assert parser.acting == [], address
        assert all(link.startswith(("/", "#")) for link in parser.links), address
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", html), address
    assert "&lt;script&gt;alert(1)" in viewer.page(addresses[4])
    for path in (f"/runs/{RUN}/cases", f"/runs/{RUN}/case"):
        viewer.json(path, id=case_id(3))


def test_a_run_that_is_not_judged_says_how_far_it_is(tmp_path: Path) -> None:
    write_run(tmp_path, journal=list(events())[:121], judge=False)
    viewer = Viewer(Site(Results(tmp_path), patience_s=60))
    page = viewer.json(f"/runs/{RUN}")
    assert (page["state"], page["journalled_trials"], page["planned_trials"]) == ("not judged", 60, 360)
    assert page["candidates"][1]["accuracy"]["value"] == 1.0
    assert f"harness report {RUN}" in page["why"]
    assert viewer.json("/runs")["runs"][0]["state"] == "not judged"


def test_a_damaged_journal_is_named_on_the_page(tmp_path: Path) -> None:
    folder = write_run(tmp_path, judge=False)
    lines = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
    (folder / JOURNAL).write_bytes(b"".join([*lines[:50], lines[50].replace(b"e", b"f"), *lines[51:]]))
    viewer = Viewer(Site(Results(tmp_path), patience_s=60))
    status, body = viewer.get(f"/runs/{RUN}/cases")
    assert status == 500
    assert "line 51" in body


def test_a_manifest_that_can_t_be_read_spoils_only_its_own_run(tmp_path: Path) -> None:
    write_run(tmp_path)
    broken = tmp_path / OTHER
    broken.mkdir()
    (broken / "manifest.json").write_text('{"schema_version": 1, "run_id": 7}')
    page = Viewer(Site(Results(tmp_path))).json("/runs")
    assert [(run["run"], run["state"]) for run in page["runs"]] == [(OTHER, "unreadable"), (RUN, "judged")]


def test_a_suite_of_another_version_is_said_on_the_page(tmp_path: Path) -> None:
    folder = write_run(tmp_path, judge=False)
    stored = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps({**stored, "suite": {"name": "suite"}}))
    status, body = Viewer(Site(Results(tmp_path))).get(f"/runs/{RUN}/cases")
    assert status == 400
    assert "is not a manifest" in body


def test_a_timeline_is_drawn_to_scale() -> None:
    limited = Failure(kind="rate_limited", message="429", status=429)
    trial = TrialShown(
        candidate="c", variant="original", repeat=0, read_as="ham", right=True, reply="ham", failed=False,
        why="", finish_reason="", latency_s=0.3, total_ns=400, queue_ns=100, own_ns=0,
        attempts=(
            Attempt(duration_ns=50, status=429, failure=limited),
            Attempt(duration_ns=150, backoff_ns=100, first_byte_ns=100),
        ),
        tokens_in=None, tokens_out=None, served_model="", request_id="", started_utc="", in_flight=1,
        recorded=False,
    )  # fmt: skip
    drawn = re.findall(r'class="part (\w+)[^"]*" x="([\d.]+)%" y="1" width="([\d.]+)%"', timeline(trial, 800))
    assert [(kind, float(x), float(width)) for kind, x, width in drawn] == [
        ("queue", 0.0, 12.5),
        ("failed", 12.5, 6.25),
        ("backoff", 18.75, 12.5),
        ("waiting", 31.25, 12.5),
        ("receiving", 43.75, 6.25),
        ("own", 50.0, 0.0),
    ]


def test_a_sparkline_says_in_words_what_it_draws(viewer: Viewer) -> None:
    points = viewer.site.all_runs()
    assert (
        sparkline([])
        == sparkline([TrendRun(run="r", created_utc="", candidate="c", verdict="READY", accuracy=0.9)])
        == ""
    )
    assert points[0].candidates[0].accuracy == Estimate(
        value=1.0, n=180, low=points[0].candidates[0].accuracy.low, high=1.0, method="Wilson, clustered by case"
    )
    assert 'aria-label="Accuracy over 2 runs, the last ones 100.0%, 100.0%"' in viewer.page("/runs")
