"""Makes the screenshots of README.md and docs/.

    python docs/screenshots.py --reports [DIR]
    python docs/screenshots.py [RUN] [--only viewer-cases]

The first saves the first screen of a report in every situation (three candidates, twelve labels, forty, all
calls failed, all replies cut, perfect) and of a gate's comment, from the made-up runs of shown_runs.py: the
same on every machine. With a DIR it saves there each of them light, dark, on a phone and on paper, to be looked
at before a release. The second shows a real run in the viewer: RUN defaults to the latest run that has several
candidates. It needs Chromium, and the extra `view`. With
`--all DIR` it saves every page in light, dark and phone width instead, to be looked at before a release.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import tempfile
import time
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
sys.path[:0] = [str(ROOT / "tests" / "servers"), str(ROOT / "tests" / "specimens")]

from chromium import DESKTOP, HOW_TO_INSTALL, PHONE, Chromium, chromium, chromium_path  # noqa: E402
from viewing import viewing  # noqa: E402

SCREEN = (1440, 900)
LOOKS: dict[str, dict[str, Any]] = {"light": {}, "dark": {"dark": True}, "phone": {"size": PHONE, "touch": True}}
HEIGHTS = {"viewer-cases": 860, "viewer-case": 900, "viewer-compare": 980}
PICTURES = {"cases": "viewer-cases", "case": "viewer-case", "comparison": "viewer-compare"}


def fetch(address: str) -> Any:  # noqa: ANN401  # whatever a page's JSON holds
    """Read a page's JSON, once the journal behind it has been read."""
    while True:
        with urllib.request.urlopen(address) as answer:  # noqa: S310  # our own server
            if answer.status != HTTPStatus.ACCEPTED:
                return json.load(answer)
        time.sleep(0.2)


def pages(origin: str, run: str | None) -> dict[str, str]:
    """Give the address of every page, on a run that has something to show."""
    runs = fetch(f"{origin}/runs.json")["runs"]
    judged = [row for row in runs if row["state"] == "judged"]
    chosen = next(row for row in judged if row["run"] == run or (run is None and len(row["candidates"]) > 1))
    name, best = chosen["run"], chosen["candidates"][0]["name"]
    other = chosen["candidates"][-1]["name"]
    flipped = [_flipped(origin, name, candidate["name"]) for candidate in chosen["candidates"]]
    shown, rows = max(flipped, key=lambda found: len(found[1]))
    sides = {"base": name, "head": name, "base_candidate": other, "head_candidate": best}
    while fetch(f"{origin}/compare.json?{urlencode(sides)}")["live"]:
        time.sleep(0.2)
    return {
        "report.html": (ROOT / "results" / name / "report.html").as_uri(),
        "runs": "/runs",
        "report": f"/runs/{name}",
        "cases": f"/runs/{name}/cases?{urlencode({'candidate': best, 'order': 'wrong'})}",
        "case": f"/runs/{name}/case?{urlencode({'id': rows[-1]['case'], 'candidate': shown})}",
        "comparison": f"/compare?{urlencode(sides)}",
        "history": f"/history?{urlencode({'suite': chosen['suite']})}",
    }


def _flipped(origin: str, run: str, candidate: str) -> tuple[str, list[Any]]:
    """Give a candidate's cases that were answered in more than one way; all of them when there is none."""
    query = {"candidate": candidate, "flipped": "1"}
    rows: list[Any] = fetch(f"{origin}/runs/{run}/cases.json?{urlencode(query)}")["rows"]
    every = f"{origin}/runs/{run}/cases.json?{urlencode({'candidate': candidate})}"
    return candidate, rows or fetch(every)["rows"]


def full(origin: str, path: str) -> str:
    """Give the address of a page of the viewer, or of a file."""
    return path if path.startswith("file:") else origin + path


def save_pictures(browser: Chromium, origin: str, found: dict[str, str], only: str | None) -> None:
    """Save the pictures that README.md and docs/ show: the upper part of each page."""
    IMAGES.mkdir(exist_ok=True)
    for page_name, picture in PICTURES.items():
        if only not in {None, picture}:
            continue
        with browser.page(size=(DESKTOP[0], HEIGHTS[picture])) as page:
            page.open(full(origin, found[page_name]))
            page.screenshot(IMAGES / f"{picture}.png", whole=False)
            print(IMAGES / f"{picture}.png")  # noqa: T201


def written(folder: Path) -> dict[str, Path]:
    """Write the reports of the made-up runs and a gate's comment as pages; gives them by name."""
    from shown_runs import SHOWN, gate_page

    from harness.report.run import render_html, run_view

    pages = {name: render_html(run_view(make())) for name, make in SHOWN.items()} | {"gate": gate_page()}
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in pages}


def save_reports(browser: Chromium, folder: Path | None) -> None:
    """Save the first screen of every report; with a folder in every look, and as printed."""
    with tempfile.TemporaryDirectory() as made:
        for name, file in written(Path(made)).items():
            for look, options in LOOKS.items() if folder else {"": {}}.items():
                with browser.page(**{"size": SCREEN, **options}) as page:
                    page.open(file.as_uri())
                    target = (folder or IMAGES) / (f"{name}-{look}.png" if look else f"{name}.png")
                    page.screenshot(target, whole=False)
                    if look == "light":
                        paper = {"printBackground": True, "paperWidth": 8.27, "paperHeight": 11.69}
                        printed = page.call("Page.printToPDF", **paper)["data"]
                        target.with_name(f"{name}.pdf").write_bytes(base64.b64decode(printed))
                    print(target, *page.problems)  # noqa: T201


def save_all(browser: Chromium, origin: str, found: dict[str, str], folder: Path) -> None:
    """Save every page in every look."""
    folder.mkdir(parents=True, exist_ok=True)
    for look, options in LOOKS.items():
        for page_name, path in found.items():
            with browser.page(**options) as page:
                page.open(full(origin, path))
                page.screenshot(folder / f"{page_name}-{look}.png")
                print(folder / f"{page_name}-{look}.png", *page.problems)  # noqa: T201


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?")
    parser.add_argument("--only", choices=PICTURES.values(), help="this picture alone")
    parser.add_argument("--all", type=Path, metavar="DIR")
    parser.add_argument("--reports", type=Path, nargs="?", const=IMAGES, metavar="DIR", help="of made-up runs")
    chosen = parser.parse_args()
    path = chromium_path()
    if path is None:
        sys.exit(HOW_TO_INSTALL)
    if chosen.reports:
        chosen.reports.mkdir(parents=True, exist_ok=True)
        with chromium(path) as browser:
            save_reports(browser, None if chosen.reports == IMAGES else chosen.reports)
        return
    with viewing(ROOT) as (_, address), chromium(path) as browser:
        origin = address.removesuffix("/runs")
        found = pages(origin, chosen.run)
        if chosen.all:
            save_all(browser, origin, found, chosen.all)
        else:
            save_pictures(browser, origin, found, chosen.only)


if __name__ == "__main__":
    main()
