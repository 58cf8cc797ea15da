"""The application: addresses -> pages, each as HTML or, under the same address with `.json`, as JSON."""

import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from harness.errors import HarnessError, UsageError
from harness.report.parts import json_ready
from harness.report.run import render_json
from harness.web.guard import Guard
from harness.web.pages.case import case_page
from harness.web.pages.cases import StillReading, cases_page
from harness.web.pages.compare import compare_page
from harness.web.pages.history import history_page
from harness.web.pages.run import JudgedRun, cases_link, report_stamp, run_page
from harness.web.pages.runs import runs_page
from harness.web.rendering import render_page, style_sheet
from harness.web.site import NotFound, Query, Results, Site, query_of, run_address

_STATIC = Path(__file__).parent / "static"
_JSON = ".json"


def viewer(results: Results, *, hosts: Collection[str], token: str | None = None, opened: str | None = None) -> ASGIApp:
    """Make the guarded application over a results folder; `opened` is a run that will be asked for first."""
    site = Site(results)
    threading.Thread(target=prepare, args=(site, opened), name="prepare", daemon=True).start()
    return Guard(application(site), hosts=hosts, token=token)


def application(site: Site) -> Starlette:
    """Make the application without its guard."""

    def of_site(make: Callable[[Site, Query], Any]) -> Callable[[Request], Any]:
        return lambda request: make(site, query_of(request.scope["query_string"]))

    def of_run(make: Callable[[Site, str, Query], Any]) -> Callable[[Request], Any]:
        return lambda request: make(site, request.path_params["run"], query_of(request.scope["query_string"]))

    pages: list[tuple[str, str, Callable[[Request], Any]]] = [
        ("/runs", "runs.html.j2", of_site(runs_page)),
        ("/compare", "compare.html.j2", of_site(compare_page)),
        ("/history", "history.html.j2", of_site(history_page)),
        ("/runs/{run}/cases", "cases.html.j2", of_run(cases_page)),
        ("/runs/{run}/case", "case.html.j2", of_run(case_page)),
    ]
    routes = [
        Route("/", lambda _request: RedirectResponse("/runs", status_code=303)),
        Route("/static/{name}", _static),
        *(route for path, template, make in pages for route in _both(path, template, make)),
        Route("/runs/{run}", lambda request: _run(site, request)),
    ]
    for route in routes:
        route.methods = {"GET", "HEAD"}
    errors: dict[Any, Any] = dict.fromkeys((HarnessError, HTTPException, OSError, Exception), _failed)
    return Starlette(routes=routes, exception_handlers=errors)


def _both(path: str, template: str, make: Callable[[Request], Any]) -> tuple[Route, Route]:
    def as_html(request: Request) -> Response:
        page = make(request)
        if isinstance(page, StillReading):
            return _html(request, "reading.html.j2", page, run=page.run, live=True)
        return _html(request, template, page, run=getattr(page, "run", ""), live=page.live)

    def as_json(request: Request) -> Response:
        page = make(request)
        return _json(page, 202 if isinstance(page, StillReading) else 200)

    return Route(path, as_html), Route(path + _JSON, as_json)


def _run(site: Site, request: Request) -> Response:
    """Answer with a run's report, or with what there is of it."""
    name = request.path_params["run"]
    wants_json = name.endswith(_JSON) and site.results.run(name) is None
    page = run_page(site, name.removesuffix(_JSON) if wants_json else name)
    if isinstance(page, JudgedRun):
        if wants_json:
            return Response(render_json(page.assessment), media_type="application/json")
        return Response(report_html(site, page), media_type="text/html")
    if wants_json:
        return _json(page)
    return _html(request, "so_far.html.j2", page, run=page.run, live=page.live)


def report_html(site: Site, page: JudgedRun) -> str:
    """Render a run's report within the viewer; its charts take a second or more, so it is kept."""
    path = run_address(page.run)
    values = {"path": path, "machine": path + _JSON, "run": page.run, "live": False}

    def made() -> str:
        view = page.view
        return render_page("run.html.j2", report=view, cases_link=cases_link(view), **values)

    return site.reports.once(report_stamp(site.run(page.run)), made)


def prepare(site: Site, run: str | None) -> None:
    """Make the page of the run that is going to be opened, else of the latest, before it is asked for."""
    try:
        name = run or next((folder.name for folder in site.results.runs() if folder.report is not None), None)
        page = None if name is None else run_page(site, name)
        if isinstance(page, JudgedRun):
            report_html(site, page)
    except (HarnessError, OSError):
        return  # the page itself will say it


def _static(request: Request) -> Response:
    match request.path_params["name"]:
        case "report.css":
            return Response(style_sheet(), media_type="text/css")
        case "viewer.css":
            return Response((_STATIC / "viewer.css").read_bytes(), media_type="text/css")
        case "viewer.js":
            return Response((_STATIC / "viewer.js").read_bytes(), media_type="text/javascript")
    raise NotFound("there is no such file")


def _html(request: Request, template: str, page: object, *, run: str, live: bool, status: int = 200) -> Response:
    text = _rendered(request, template, page=page, run=run, live=live)
    return Response(text, media_type="text/html", status_code=status)


def _rendered(request: Request, template: str, **values: object) -> str:
    path, query = request.scope["path"], request.url.query
    machine = path + _JSON + (f"?{query}" if query else "")
    return render_page(template, path=path, machine=machine, **values)


def _json(page: object, status: int = 200) -> Response:
    try:
        encoded = msgspec.json.encode(page)
    except UnicodeEncodeError:  # a lone surrogate somewhere
        encoded = msgspec.json.encode(json_ready(page))
    return Response(msgspec.json.format(encoded, indent=2), media_type="application/json", status_code=status)


def _failed(request: Request, error: Exception) -> Response:
    """Answer with what is wrong and what to do, never with a traceback."""
    status, message, fix = _told(error)
    if request.scope["path"].endswith(_JSON):
        return _json({"error": message, "fix": fix}, status)
    if request.scope["path"].startswith("/static/"):
        return PlainTextResponse(f"{message}\n", status_code=status)
    problem = {"status": status, "message": message, "fix": fix}
    return _html(request, "problem.html.j2", problem, run="", live=False, status=status)


def _told(error: Exception) -> tuple[int, str, str]:
    match error:
        case NotFound():
            return 404, error.message, error.fix
        case UsageError():
            return 400, error.message, error.fix
        case HarnessError():
            return 500, error.message, error.fix
        case HTTPException():
            return error.status_code, "there is nothing under this address", "Begin at the list of runs."
        case OSError():
            return 500, f"a file can't be read: {error.strerror or error}", ""
    fix = "The terminal in which the viewer runs says more; please report it."
    return 500, f"this page could not be made ({type(error).__name__})", fix
