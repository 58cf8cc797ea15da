"""`harness view --export`: a run's pages as files, whose every link leads to a file of the export."""

from __future__ import annotations

import csv
import io
import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import pytest
from viewed import ATTACK, CASES, ODD_ID, RUN, a_case, case_id, events, write_run

from harness.errors import UsageError
from harness.judge.documents import Assessment
from harness.rundir import REPORT
from harness.web.export import MARKER, export
from harness.web.site import Results, Site


def exported(root: Path, folder: Path, **fields: Any) -> int:
    if not (root / RUN).is_dir():
        write_run(root, **fields)
    return export(Site(Results(root), patience_s=600), RUN, folder)


class Page(HTMLParser):
    """Collects what a page leads to, what it loads, and what could act."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.acting: list[str] = []
        self.policy = ""
        self.ids: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids.add(values.get("id") or "")
        if tag == "a":
            self.links.append(values.get("href") or "")
        if tag in {"link", "script", "img", "iframe"}:
            self.loads.append(values.get("href") or values.get("src") or "")
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values.get("content") or ""
        if tag in {"form", "iframe", "object", "embed", "base", "img"}:
            self.acting.append(tag)
        self.acting += [name for name in values if name.startswith("on") or name in {"style", "srcdoc"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("exported")
    hostile = [
        msgspec.structs.replace(event, tags=(ATTACK,), split="../../x", inputs={ATTACK: ATTACK})
        if event == a_case(3)
        else event
        for event in events()
    ]
    exported(root / "results", root / "site", journal=hostile)
    return root / "site"


def pages_of(folder: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text("utf-8")) for path in folder.rglob("*.html")}


def test_every_link_of_every_page_leads_to_a_file_of_the_export(folder: Path) -> None:
    pages = pages_of(folder)
    assert len([path for path in pages if path.parent.name == "case"]) == CASES
    for path, page in pages.items():
        assert len(page.links) > 3, path
        for link in page.links + [load for load in page.loads if load != "data:,"]:
            parts = urlsplit(unescape(link))
            assert (parts.scheme, parts.netloc, parts.query) == ("", "", ""), (path, link)
            assert not parts.path.startswith("/"), (path, link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), (path, link)
            assert target.is_relative_to(folder.resolve())
            if parts.fragment and target.suffix == ".html":
                assert parts.fragment in Page(target.read_text("utf-8")).ids, (path, link)


def test_pages_hold_nothing_that_acts_and_a_policy_as_strict_as_the_server_s(folder: Path) -> None:
    for path, page in pages_of(folder).items():
        assert page.acting == [], path
        allowed = dict(part.strip().split(" ", 1) for part in page.policy.split(";"))
        assert allowed["default-src"] == allowed["base-uri"] == allowed["form-action"] == "'none'", path
        assert allowed["script-src"] == "'self'"
        assert set(allowed) == {"default-src", "style-src", "script-src", "img-src", "base-uri", "form-action"}
    assert "&lt;script&gt;alert(1)" in (folder / "case" / "4.html").read_text("utf-8")


def test_a_figure_of_the_report_leads_to_its_cases_and_they_download_alike(folder: Path) -> None:
    index = (folder / "index.html").read_text("utf-8")
    links = [unescape(link) for link in re.findall(r'href="(cases/\d+\.html)"', index)]
    tables = {link: (folder / link).read_text("utf-8") for link in links}
    wrong = next(name for name, page in tables.items() if "<b>v1@mini</b> · right: <b>never</b>" in page)
    ids = re.findall(r'<a class="code" href="\.\./case/\d+\.html"><bdi>([^<]+)</bdi>', tables[wrong])
    assert ids == [case_id(n) for n in (0, 3, 10, 20, 30, 40, 50)]
    downloads = re.findall(r'href="\.\./(cases/\d+\.(?:csv|jsonl))"', tables[wrong])
    as_csv, as_json = ((folder / name).read_text("utf-8") for name in downloads)
    assert [row["case"] for row in csv.DictReader(io.StringIO(as_csv))] == ids
    assert [json.loads(line)["case"] for line in as_json.splitlines()] == ids


def test_the_report_for_machines_is_there(folder: Path) -> None:
    assert msgspec.json.decode((folder / "report.json").read_bytes(), type=Assessment).run_id == RUN


def test_an_earlier_export_is_replaced_as_a_whole(tmp_path: Path) -> None:
    root, folder = tmp_path / "results", tmp_path / "site"
    exported(root, folder)
    (folder / "case" / "999.html").write_text("of a case that is no more")
    (folder / "index.html").write_text("old")
    assert exported(root, folder) > CASES
    assert not (folder / "case" / "999.html").exists()
    assert "Runs" not in (folder / "index.html").read_text("utf-8").partition("<main")[0]
    assert ODD_ID not in "".join(path.name for path in folder.rglob("*"))


@pytest.mark.parametrize("planted", ["notes.txt", ".git/config", "case/notes.md", "static/evil.js", "cases/1.html/x"])
def test_a_folder_with_anything_else_in_it_is_refused_and_left_alone(tmp_path: Path, planted: str) -> None:
    root, folder = tmp_path / "results", tmp_path / "site"
    exported(root, folder)
    file = folder / planted
    if "1.html" in planted:
        file.parent.unlink()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("mine")
    before = sorted(folder.rglob("*"))
    with pytest.raises(UsageError, match="not empty and not an earlier export"):
        exported(root, folder)
    assert sorted(folder.rglob("*")) == before


def test_a_folder_without_the_mark_of_an_export_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text("somebody's home page")
    with pytest.raises(UsageError, match=MARKER):
        exported(tmp_path / "results", folder)
    assert (folder / "index.html").read_text() == "somebody's home page"


def test_a_link_planted_in_an_earlier_export_leads_nothing_astray(tmp_path: Path) -> None:
    root, folder, elsewhere = tmp_path / "results", tmp_path / "site", tmp_path / "elsewhere"
    exported(root, folder)
    elsewhere.mkdir()
    (elsewhere / "1.html").write_text("mine")
    for path in (folder / "case").iterdir():
        path.unlink()
    (folder / "case").rmdir()
    (folder / "case").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="'case'"):
        exported(root, folder)
    assert [path.name for path in elsewhere.iterdir()] == ["1.html"]


def test_a_report_that_does_not_fit_its_run_spoils_only_its_own_links(tmp_path: Path) -> None:
    root = tmp_path / "results"
    run = write_run(root)
    text = (run / REPORT).read_text().replace('"name": "holdout"', '"name": "gone"')
    (run / REPORT).write_text(text)
    exported(root, tmp_path / "site")
    told = [
        page for page in (tmp_path / "site" / "cases").glob("*.html") if "has no &#39;gone&#39;" in page.read_text()
    ]
    assert told


def test_a_run_that_was_not_judged_is_exported_with_its_figures_so_far(tmp_path: Path) -> None:
    exported(tmp_path / "results", tmp_path / "site", judge=False)
    index = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert "has no report yet" in index
    assert "cases/" in index
    assert not (tmp_path / "site" / "report.json").exists()
