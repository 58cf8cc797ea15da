"""A suite over time: every candidate's comparable runs, what changed between them, and what is left out."""

import msgspec

from harness.files.thresholds import ACCURACY
from harness.judge import History, PastRun, undefined
from harness.judge.history.found import past_runs
from harness.judge.history.reference import as_share
from harness.judge.history.series import MARGIN, history_of
from harness.rundir import runs_of_suite
from harness.web.site import NotFound, Query, Site

CONFIDENCE = 0.95


class CandidateHistory(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate; the history is None while there is only one run of it."""

    candidate: str
    runs: int
    latest: str  # the run that the others are held against
    history: History | None


class HistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    """The candidates of a suite over time."""

    suite: str
    suites: tuple[str, ...]
    candidates: tuple[CandidateHistory, ...]
    live: bool = False


def history_page(site: Site, query: Query) -> HistoryPage:
    """Make the history of a suite; of the one that was measured last when none is named."""
    runs = site.all_runs()
    suites = tuple(dict.fromkeys(run.suite for run in runs if run.suite))
    suite = query.get("suite", "") or (suites[0] if suites else "")
    if suite and suite not in suites:
        raise NotFound(f"there is no run of a suite {suite!r} here")
    candidates = tuple(_candidates(site, suite)) if suite else ()
    return HistoryPage(suite=suite, suites=tuple(sorted(suites)), candidates=candidates)


def _candidates(site: Site, suite: str) -> list[CandidateHistory]:
    by_name: dict[str, list[PastRun]] = {}
    for run in past_runs(runs_of_suite(site.results.root, suite)):
        if site.results.run(run.run_id) is not None:  # links and runs under another name stay out
            by_name.setdefault(run.candidate, []).append(run)
    return sorted((_candidate(runs) for runs in by_name.values()), key=lambda c: (-c.runs, c.candidate))


def _candidate(runs: list[PastRun]) -> CandidateHistory:
    now = next((run for run in reversed(runs) if run.complete), runs[-1])
    before = [run for run in runs if run.when < now.when]
    accuracy = now.figures.get(ACCURACY.written) or undefined(now.why_no_figures or "it was not judged")
    return CandidateHistory(
        candidate=now.candidate,
        runs=len(runs),
        latest=now.run_id,
        history=history_of(before, now, as_share(accuracy), margin=MARGIN, confidence=CONFIDENCE),
    )
