"""A suite over time: every candidate's comparable runs, what changed between them, and what is left out."""

import msgspec

from harness.judge import History
from harness.judge.history.found import histories, past_runs
from harness.rundir import runs_of_suite
from harness.web.site import NotFound, Query, Site


class CandidateHistory(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate: its latest finished run held against those before it, and those that began later."""

    candidate: str
    history: History


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
    return HistoryPage(suite=suite, suites=tuple(sorted(suites)), candidates=_candidates(site, suite) if suite else ())


def _candidates(site: Site, suite: str) -> tuple[CandidateHistory, ...]:
    stored = past_runs(runs_of_suite(site.results.root, suite))
    # links and runs under another name stay out
    found = histories([run for run in stored if site.results.run(run.run_id) is not None])
    made = [CandidateHistory(candidate=name, history=history) for name, history in found.items()]
    return tuple(sorted(made, key=lambda c: (-len(c.history.points) - len(c.history.not_comparable), c.candidate)))
