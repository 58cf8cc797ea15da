"""report.html: self-contained, inert, small, and open to a user's own blocks."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from compared import broken_and_fixed
from judged import assessment, candidate, manifest, scored, three
from run_of import judged

from harness.errors import FilesError, UsageError
from harness.report.comparison import comparison_values, render_comparison_html, render_comparison_markdown
from harness.report.rendering import render_page
from harness.report.run import render_html, run_view


class Page(HTMLParser):
    """Every start tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def html() -> str:
    made = three()
    return render_html(run_view(made, manifest(made)))


def test_the_page_asks_nobody_for_anything(html: str) -> None:
    page = Page(html)
    for tag, attributes in page.tags:
        assert tag not in {"script", "iframe", "object", "embed", "img", "form", "base"}
        for name in ("src", "href", "xlink:href", "action", "data", "srcset"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,"))
        assert not any(name.startswith("on") or name == "style" for name in attributes)
    assert "@import" not in html
    assert "url(http" not in html


def test_the_policy_allows_the_style_sheet_by_hash_and_nothing_else(html: str) -> None:
    policy = next(a["content"] for t, a in Page(html).tags if a.get("http-equiv"))
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def test_ids_are_unique_and_links_lead_somewhere(html: str) -> None:
    page = Page(html)
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {str(a["href"])[1:] for t, a in page.tags if t == "a"}
    assert targets <= set(ids)
    assert set(re.findall(r"url\(#([^)]+)\)", html)) <= set(ids)


def test_every_picture_has_a_text(html: str) -> None:
    pictures = [a for t, a in Page(html).tags if t == "svg"]
    assert len(pictures) > 20
    assert all(a.get("role") == "img" and a.get("aria-label") for a in pictures if "aria-hidden" not in a)
    unheard = [html[: found.start()] for found in re.finditer('<svg class="interval[^>]*aria-hidden', html)]
    assert len(unheard) > 10
    assert all(re.search(r"\d\)?(</a>)?(</span>)?$", before) for before in unheard), "its figure stands before it"


def test_a_long_threshold_breaks_before_its_label(html: str) -> None:
    assert '<span class="name">recall<wbr>[spam]' in html
    assert "<code>precision<wbr>[spam]" in html


def test_charts_take_their_colours_from_the_page(html: str) -> None:
    charts = re.findall(r'<svg class="chart".*?</svg>', html, re.DOTALL)
    assert charts
    for chart in charts:
        assert "var(--data" in chart
        assert not re.search(r'(fill|stroke)="(#|rgb)', chart)


def test_the_table_of_candidates_says_what_each_gets_wrong_most() -> None:
    answers = [("spam", "ham", 30), ("spam", "spam", 70), ("ham", "spam", 12), ("ham", "ham", 188)]
    one = judged(answers, ("spam", "ham"), thresholds=["accuracy >= 90%", "recall[spam] >= 85%"])
    other = msgspec.structs.replace(one.candidates[0], name="v2@mini", confused=())
    page = render_html(run_view(msgspec.structs.replace(one, candidates=(*one.candidates, other))))
    cells = re.findall(r'<td class="(?:worst|soft)".*?</td>', page)
    assert [re.sub("<[^>]+>", " ", cell).split() for cell in cells] == [
        ["spam", "as", "ham", "30", "of", "100", "trials"],
        ["none"],
    ]


def test_what_blocks_comes_worst_first_wherever_it_stands_in_the_policy() -> None:
    answers = [("a", "b", 3), ("a", "a", 17), ("b", "c", 9), ("b", "b", 11), ("c", "c", 40)]
    policy = [*(f"recall[{label}] >= 80%" for label in "abc"), "accuracy >= 50%"]
    (only,) = run_view(judged(answers, ("a", "b", "c"), thresholds=policy)).candidates
    assert [row.threshold for row in only.blocking] == ["recall[b] >= 80%", "recall[a] >= 80%"]
    assert [row.name for row in only.scales[0].rows][:2] == ["recall[b]", "recall[a]"]
    assert [row.threshold for row in only.checks] == policy


def test_sections_come_in_the_order_of_the_report(html: str) -> None:
    of_a_candidate = (
        "scales confused confusion cases checks labels stability latency robustness generalization leakage tradeoff "
        "history slices cost measurement"
    )
    order = ["leaderboard", *(f"c1-{key}" for key in of_a_candidate.split()), "c2-checks", "reproduce"]
    places = [html.index(f'id="{key}"') for key in order]
    assert places == sorted(places)


def test_the_most_points_that_an_assessment_holds_stay_under_the_limit() -> None:
    latency = candidate().latency
    points = tuple((i * 0.2, 0.1 + (i % 97) / 1000) for i in range(500))
    full = scored()
    heavy = type(latency)(**{f: getattr(latency, f) for f in latency.__struct_fields__} | {"over_time": points})
    judged = assessment(*(candidate(f"p{i}@m", latency=heavy, tradeoff=full.tradeoff) for i in range(5)))
    assert len(render_html(run_view(judged)).encode()) < 1_500_000


def test_a_users_block_replaces_ours_and_can_keep_it(tmp_path: Path) -> None:
    (tmp_path / "report.html.j2").write_text(
        '{% extends "default/report.html.j2" %}'
        "{% block banner %}<p>Team {{ report.suite }}</p>{{ super() }}{% endblock %}"
    )
    (tmp_path / "extra.css").write_text(".banner { border-color: teal; }")
    page = render_html(run_view(assessment(suite="<mine>")), template_dir=tmp_path)
    assert "<p>Team &lt;mine&gt;</p>" in page
    assert "NOT READY" in page
    assert "teal" in page
    test_the_policy_allows_the_style_sheet_by_hash_and_nothing_else(page)


@pytest.mark.parametrize(
    ("body", "line"), [("{% extends 'default/report.html.j2' %}\n{% block x %}", 2), ("a\nb\n{{ nothing.here }}", 3)]
)
def test_an_error_in_a_users_template_names_its_line(tmp_path: Path, body: str, line: int) -> None:
    (tmp_path / "report.html.j2").write_text(body)
    with pytest.raises(FilesError) as caught:
        render_html(run_view(assessment()), template_dir=tmp_path)
    (problem,) = caught.value.problems
    assert problem.file == tmp_path / "report.html.j2"
    assert problem.line == line


def test_a_missing_template_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a folder"):
        render_html(run_view(assessment()), template_dir=tmp_path / "none")


def test_a_comparison_says_what_a_difference_means_without_repeating_it() -> None:
    page = render_comparison_html(broken_and_fixed())
    meanings = re.findall(r'<td class="verdict-cell">.*?<span class="why">([^<]*)</span>', page)
    assert "No difference is shown." not in meanings  # cost per 1000, without an interval: the badge says it
    assert all(said.startswith(("No difference is shown", "Can&#39;t tell: ")) for said in meanings)


def test_cases_that_are_not_paired_lead_to_the_run_that_has_them() -> None:
    ids = ("gone<b>", *(f"gone-{n}" for n in range(13)))
    made = msgspec.structs.replace(broken_and_fixed(), unpaired_base=ids, edited=("edited-1",))
    assert "14 cases only in the baseline: gone&lt;b&gt;, gone-0, " in render_comparison_markdown(made)
    values = {**comparison_values(made), "cases_link": lambda side, cases: f"/{side}/{cases.get('id', '')}"}
    page = Page(render_page("comparison.html.j2", **values))
    links = {tag["href"] for name, tag in page.tags if name == "a" and tag.get("class") == "to-cases"}
    assert {"/base/gone<b>", "/base/gone-10", "/head/edited-1"} <= links
    assert "/base/gone-11" not in links  # twelve are named, the rest is counted
    assert "and 2 more" in render_page("comparison.html.j2", **values)
