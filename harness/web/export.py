"""A run's pages as files that link to each other: for an artifact or a bucket, with no server and no script needed.

From the report on, every page that a page links to is made, so that a link never leads nowhere: the tables behind
the report's figures, all cases in each order, and one page a case. Names of files are numbers: whatever a case
is called, it can't choose a place.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, StorageFailed, UsageError
from harness.web import rendering, site
from harness.web.pages import case, cases
from harness.web.pages import run as reports

MARKER = "harness-export.json"
_FILES = re.compile(
    rf"index\.html|report\.json|{re.escape(MARKER)}|cases|case|static"
    r"|(?:cases|case)/\d+(?:-\d+)?\.(?:html|csv|jsonl)|static/(?:report\.css|viewer\.css|viewer\.js)",
    re.ASCII,
)
_SORTED = {"candidate", "order", "page"}  # other tables are saved in one order


class FileAddresses(site.Addresses):
    """Where the files are, as seen from the one that is being written; what was asked for is kept in order."""

    served = False

    def __init__(self, run: str, candidate: str, numbers: dict[str, int]) -> None:
        self._run = f"/runs/{run}"
        self._candidate = candidate  # whose cases are shown where none is named
        self._numbers = numbers  # of the cases, by id
        self._names: dict[tuple[str, frozenset[tuple[str, str]]], str] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []  # name, kind, query
        self.root = ""

    def page(self, path: str, query: site.Query | None = None, **more: str | int | None) -> str:
        """Where a page is; empty where it is not among the files."""
        values = {**(query or {}), **{name: str(value) for name, value in more.items() if value is not None}}
        given = {name: value for name, value in values.items() if value and (name, value) != ("page", "1")}
        kind = path.removeprefix(self._run)
        if kind == "/case":
            if given.get("id") not in self._numbers:
                return ""
            given = {name: given[name] for name in ("id", "trials") if name in given}
        elif kind in {"/cases", "/cases.csv", "/cases.jsonl"}:
            given = {"candidate": self._candidate, **given}
            if "order" in given and not given.keys() <= _SORTED:
                return ""
        elif kind:
            return ""
        return self.root + self._name(kind, given)

    def static(self, name: str) -> str:
        """Where a style sheet or the script is."""
        return f"{self.root}static/{name}"

    def _name(self, kind: str, given: dict[str, str]) -> str:
        key = (kind, frozenset(given.items()))
        if key not in self._names:
            folder, _, ending = kind.removeprefix("/").partition(".")
            number = str(len(self._names))
            if kind == "/case":
                number = str(self._numbers[given["id"]] + 1) + (f"-{given['trials']}" if "trials" in given else "")
            self._names[key] = f"{folder}/{number}.{ending or 'html'}" if kind else "index.html"
            self.asked.append((self._names[key], kind, given))
        return self._names[key]


def export(found: site.Site, run: str, folder: Path, *, tell: Callable[[int], None] = lambda _done: None) -> int:
    """Write the files, after removing those of an earlier export; gives how many. UsageError, StorageFailed."""
    index = found.shelf.index(found.run(run))
    if isinstance(index, site.ReadSoFar):
        raise UsageError(f"the journal of {run} could not be read in time", fix="Try again.")
    at = FileAddresses(run, index.candidates[0], index.cases.number)
    try:
        _clear(folder)
        _write(folder / MARKER, [json.dumps({"run": run, "index": "index.html"}) + "\n"])
        for name, content in rendering.static_files().items():
            _write(folder / "static" / name, [content])
        at.run(run)
        with found.lending():
            for name, kind, query in at.asked:  # grows while pages are made
                at.root = "../" if "/" in name else ""
                _write(folder / name, _content(found, run, kind, query, at))
                tell(len(at.asked))
        report = found.run(run).report
        if report is not None:
            _write(folder / "report.json", [report.read_text("utf-8")])
    except OSError as error:
        raise StorageFailed(f"could not write {error.filename or folder}: {error.strerror}") from error
    return len(at.asked)


def _content(found: site.Site, run: str, kind: str, query: dict[str, str], at: FileAddresses) -> Iterator[str]:
    machine = "" if kind else "report.json"
    values: dict[str, Any] = {"at": at, "run": run, "live": False, "machine": machine, "path": f"/runs/{run}{kind}"}
    template = f"{kind.removeprefix('/') or 'so_far'}.html.j2"
    page: Any
    try:
        match kind:
            case "":
                page = reports.run_page(found, run)
            case "/case":
                page = case.case_page(found, run, query)
            case "/cases":
                page = cases.cases_page(found, run, query)
            case _:
                lines = cases.cases_download(found, run, query, kind.partition(".")[2])
                yield from () if isinstance(lines, cases.StillReading) else lines
                return
    except HarnessError as error:  # a report that does not fit its run: the link says so, the others lead on
        template, page = "problem.html.j2", {"status": 404, "message": error.message, "fix": ""}
    if isinstance(page, reports.JudgedRun):
        view = page.view
        yield rendering.viewer_page("run.html.j2", report=view, cases_link=reports.cases_link(run, view, at), **values)
    else:
        yield rendering.viewer_page(template, page=page, **values)


def _clear(folder: Path) -> None:
    """Remove the files of an earlier export; refuse a folder that holds anything else."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", fix="Name a folder for --export.")
    present = sorted(folder.rglob("*")) if folder.is_dir() else []
    names = {path: path.relative_to(folder).as_posix() for path in present}
    foreign = [name for path, name in names.items() if path.is_symlink() or not _FILES.fullmatch(name)]
    if foreign or (present and not (folder / MARKER).is_file()):
        holds = f"it holds {foreign[0]!r}" if foreign else f"it has no {MARKER}"
        said = f"{folder} is not empty and not an earlier export: {holds}"
        raise UsageError(said, fix="Name a new or an empty folder.")
    for path in names:
        if path.is_file():
            path.unlink()


def _write(path: Path, content: Iterator[str] | list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8", newline="") as out:  # never over what is there
        out.writelines(content)
