"""The application: addresses -> pages, each as HTML or, under the same address with `.json`, as JSON."""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from harness.errors import HarnessError, UsageError
from harness.report.run import render_document
from harness.web.guard import Guard
from harness.web.pages.case import case_page
from harness.web.pages.cases import CASE_FILTERS, DOWNLOADS, StillReading, cases_download, cases_page
from harness.web.pages.compare import SIDES, TICKED, ComparePage, compare_page
from harness.web.pages.history import history_page
from harness.web.pages.run import JudgedRun, cases_link, report_stamp, run_page
from harness.web.pages.runs import RUN_FILTERS, runs_page
from harness.web.rendering import static_files, viewer_page
from harness.web.site import SERVED, NotFound, Query, Results, Site, query_of, run_address

_JSON = ".json"


def viewer(results: Results, *, hosts: Collection[str], token: str | None = None, opened: str | None = None) -> ASGIApp:
    """Make the guarded application over a results folder; `opened` is a run that will be asked for first."""
    site = Site(results)
    threading.Thread(target=prepare_first_page, args=(site, opened), name="prepare", daemon=True).start()
    return Guard(application(site), hosts=hosts, token=token)


def application(site: Site) -> Starlette:
    """Make the application without its guard."""
    routes = [
        Route("/", lambda _request: RedirectResponse("/runs", status_code=303)),
        Route("/static/{name}", _static),
        *(route for page in PAGES for route in _both(site, page)),
        *(Route(f"/runs/{{run}}/cases.{kind}", _download(site, kind)) for kind in DOWNLOADS),
        Route("/runs/{run}", lambda request: _run(site, request)),
    ]
    for route in routes:
        route.methods = {"GET", "HEAD"}
    errors: dict[Any, Any] = dict.fromkeys((HarnessError, HTTPException, OSError, Exception), _failed)
    return Starlette(routes=routes, exception_handlers=errors)


@dataclass(frozen=True, slots=True)
class _Page:
    """A page: where it is, how it looks, what makes it, and what an address may ask of it."""

    path: str
    template: str
    make: Callable[..., Any]
    asks: frozenset[str]

    def unknown(self, query: Query) -> tuple[str, ...]:
        """Give what an address asks for and this page does not know."""
        return tuple(name for name in query if name not in self.asks and not name.startswith(TICKED))


PAGES = (
    _Page("/runs", "runs.html.j2", runs_page, frozenset({*RUN_FILTERS, "order", "page"})),
    _Page("/compare", "compare.html.j2", compare_page, frozenset(SIDES)),
    _Page("/history", "history.html.j2", history_page, frozenset({"suite"})),
    _Page("/runs/{run}/cases", "cases.html.j2", cases_page, frozenset({*CASE_FILTERS, "page"})),
    _Page("/runs/{run}/case", "case.html.j2", case_page, frozenset({*CASE_FILTERS, "page", "id", "trials"})),
)


def _both(site: Site, page: _Page) -> tuple[Route, Route]:
    def made(request: Request) -> tuple[Any, tuple[str, ...]]:
        query = query_of(request.scope["query_string"])
        return page.make(site, *request.path_params.values(), query), page.unknown(query)

    def as_html(request: Request) -> Response:
        value, unknown = made(request)
        if isinstance(value, StillReading):
            return _html(request, "reading.html.j2", value, run=value.run, live=True)
        more: dict[str, Any] = {"run": getattr(value, "run", ""), "live": value.live, "unknown": unknown}
        if isinstance(value, ComparePage) and value.comparison:
            return _html(request, "compared.html.j2", value, **more, **value.values(SERVED))
        return _html(request, page.template, value, **more)

    def as_json(request: Request) -> Response:
        value, unknown = made(request)
        told = {**msgspec.to_builtins(value), "unknown_filters": unknown} if unknown else value
        return _json(told, 202 if isinstance(value, StillReading) else 200)

    return Route(page.path, as_html), Route(page.path + _JSON, as_json)


def _download(site: Site, kind: str) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        run, query = request.path_params["run"], query_of(request.scope["query_string"])
        lines = cases_download(site, run, query, kind)
        if isinstance(lines, StillReading):
            return RedirectResponse(SERVED.cases(run, query), status_code=303)
        name = {"Content-Disposition": f'attachment; filename="{run}-cases.{kind}"'}
        return StreamingResponse(lines, media_type=DOWNLOADS[kind], headers=name)

    return answer


def _run(site: Site, request: Request) -> Response:
    name = request.path_params["run"]
    wants_json = name.endswith(_JSON) and site.results.run(name) is None
    page = run_page(site, name.removesuffix(_JSON) if wants_json else name)
    if isinstance(page, JudgedRun):
        if wants_json:
            return Response(render_document(page.assessment), media_type="application/json")
        return Response(report_html(site, page), media_type="text/html")
    if wants_json:
        return _json(page)
    return _html(request, "so_far.html.j2", page, run=page.run, live=page.live)


def report_html(site: Site, page: JudgedRun) -> str:
    """Render a run's report within the viewer; its charts take a second or more, so it is kept."""
    path = run_address(page.run)
    values: dict[str, Any] = {"path": path, "machine": path + _JSON, "run": page.run, "live": False}

    def made() -> str:
        view = page.view
        return viewer_page("run.html.j2", report=view, cases_link=cases_link(page.run, view, SERVED), **values)

    return site.reports.once(report_stamp(site.run(page.run)), made)


def prepare_first_page(site: Site, run: str | None) -> None:
    """Make the page of the run that is going to be opened, else of the latest, before it is asked for."""
    try:
        name = run or next((folder.name for folder in site.results.runs() if folder.report is not None), None)
        page = None if name is None else run_page(site, name)
        if isinstance(page, JudgedRun):
            report_html(site, page)
    except (HarnessError, OSError):
        return  # the page itself will say it


def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in static_files():
        raise NotFound("there is no such file")
    kind = "text/javascript" if name.endswith(".js") else "text/css"
    return Response(static_files()[name], media_type=kind)


def _html(request: Request, template: str, page: object, *, status: int = 200, **values: Any) -> Response:  # noqa: ANN401
    path, asked = request.scope["path"], request.url.query
    machine = path + _JSON + (f"?{asked}" if asked else "")
    text = viewer_page(template, path=path, machine=machine, page=page, **values)
    return Response(text, media_type="text/html", status_code=status)


def _json(page: Any, status: int = 200) -> Response:  # noqa: ANN401
    return Response(render_document(page), media_type="application/json", status_code=status)


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
