"""The list of runs: filtered, newest first, with the trend of every suite."""

from collections.abc import Iterable
from typing import Any

import msgspec

from harness.errors import UsageError
from harness.web.site import CandidateSummary, Paging, Query, RunSummary, Site, number_of
from harness.web.sketches import TrendRun

_PER_PAGE = 50
_MOST_POINTS = 40
VERDICTS = ("READY", "NOT READY", "INCONCLUSIVE", "NOT MEASURED", "running", "not judged", "unreadable")
RUN_FILTERS = ("suite", "prompt", "model", "verdict")
ORDERS = ("newest", "suite", "verdict", "best", "worst", "fastest", "slowest", "trials")


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """Accuracy over the judged runs of a suite, oldest first: of the best candidate or the one asked for."""

    suite: str
    runs: int
    points: tuple[TrendRun, ...]


class RunsPage(msgspec.Struct, frozen=True, kw_only=True):
    """The matching runs, and what can be asked for."""

    runs: tuple[RunSummary, ...]
    trends: tuple[Trend, ...]
    paging: Paging
    total: int  # without filters
    wanted: dict[str, str]
    compared: tuple[str, ...]  # of the runs shown, those with a judged one of their suite before them
    suites: tuple[str, ...]
    prompts: tuple[str, ...]
    models: tuple[str, ...]
    verdicts: tuple[str, ...]
    live: bool


def runs_page(site: Site, query: Query) -> RunsPage:
    """Make the list of runs."""
    every = site.all_runs()
    wanted = {name: query.get(name, "") for name in RUN_FILTERS}
    order = query.get("order", "") or ORDERS[0]
    if order not in ORDERS:
        raise UsageError(f"there is no order {order!r}", fix=f"There are {', '.join(ORDERS)}.")
    found = [run for run in every if _fits(run, wanted)]
    oldest = {run.suite: run.run for run in every if run.state == "judged"}  # the last one named is the oldest
    trends = tuple(_trends(found, wanted["prompt"], wanted["model"]))
    if order != ORDERS[0]:
        found.sort(key=lambda run: _place(order, run, run.candidate(wanted["prompt"], wanted["model"])))
    paging = Paging.of(len(found), number_of(query, "page", 1), _PER_PAGE)
    candidates = [candidate for run in every for candidate in run.candidates]
    shown = found[paging.first : paging.last]
    return RunsPage(
        runs=tuple(shown),
        trends=trends,
        paging=paging,
        total=len(every),
        wanted={**wanted, "order": query.get("order", "")},
        compared=tuple(run.run for run in shown if run.state == "judged" and run.run != oldest[run.suite]),
        suites=_sorted(run.suite for run in every),
        prompts=_sorted(candidate.prompt for candidate in candidates),
        models=_sorted(candidate.model for candidate in candidates),
        verdicts=VERDICTS,
        live=any(run.state == "running" for run in shown),
    )


def _fits(run: RunSummary, wanted: dict[str, str]) -> bool:
    if wanted["suite"] not in {"", run.suite} or wanted["verdict"] not in {"", run.verdict or run.state}:
        return False
    if not wanted["prompt"] and not wanted["model"]:
        return True
    return run.candidate(wanted["prompt"], wanted["model"]) is not None


def _place(order: str, run: RunSummary, best: CandidateSummary | None) -> tuple[Any, ...]:
    """Give what a run is sorted by; what is not known comes last."""
    accuracy = best.accuracy.value if best and best.accuracy else None
    p95 = best.p95_s if best else None
    value: Any = {
        "suite": run.suite,
        "verdict": VERDICTS.index(run.verdict or run.state),
        "best": None if accuracy is None else -accuracy,
        "worst": accuracy,
        "fastest": p95,
        "slowest": None if p95 is None else -p95,
        "trials": -run.planned_trials,
    }[order]
    return (True,) if value is None else (False, value)


def _trends(newest_first: list[RunSummary], prompt: str, model: str) -> Iterable[Trend]:
    by_suite: dict[str, list[RunSummary]] = {}
    for run in newest_first:
        if run.suite:
            by_suite.setdefault(run.suite, []).append(run)
    for suite, runs in sorted(by_suite.items()):
        points = [point for run in runs if (point := _point(run, prompt, model)) is not None]
        yield Trend(suite=suite, runs=len(runs), points=tuple(reversed(points[:_MOST_POINTS])))


def _point(run: RunSummary, prompt: str, model: str) -> TrendRun | None:
    candidate = run.candidate(prompt, model)
    if candidate is None or candidate.accuracy is None or candidate.accuracy.value is None:
        return None
    accuracy, verdict = candidate.accuracy.value, candidate.verdict
    return TrendRun(
        run=run.run, created_utc=run.created_utc, candidate=candidate.name, accuracy=accuracy, verdict=verdict
    )


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name}))
