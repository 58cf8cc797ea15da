"""The page of one run: its report when it was judged, else how far it is and what can be said so far."""

from collections.abc import Callable

import msgspec
import numpy as np

from harness.judge import OUTCOMES, Assessment, Estimate
from harness.judge.scores import clustered_share
from harness.report.parts import Cases, ReportView
from harness.report.run import run_view
from harness.rundir import Manifest, StoredRun, plain_content
from harness.web.index import RunIndex
from harness.web.site import Addresses, JournalMissing, ReadSoFar, RunFolder, Site, State


class CandidateSoFar(msgspec.Struct, frozen=True, kw_only=True):
    """What an unfinished run says of a candidate: unchanged cases only, as in a report."""

    name: str
    trials: int
    outcomes: dict[str, int]
    accuracy: Estimate


class RunSoFar(msgspec.Struct, frozen=True, kw_only=True):
    """A run without a report of its own."""

    run: str
    suite: str
    created_utc: str
    state: State
    planned_trials: int
    journalled_trials: int | None  # None while the journal is being read
    indexed: float  # share of the journal that was read
    candidates: tuple[CandidateSoFar, ...]
    why: str  # why there is no report, and what makes one
    live: bool


class JudgedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run with its report; only `assessment` goes into JSON: it is report.json."""

    run: str
    assessment: Assessment
    manifest: Manifest

    @property
    def view(self) -> ReportView:
        """The report as every renderer renders it."""
        return run_view(self.assessment, self.manifest)


def run_page(site: Site, name: str) -> JudgedRun | RunSoFar:
    """Make the page of a run."""
    folder = site.run(name)
    manifest = folder.manifest()
    live = folder.live
    judged = "The run goes on; its verdict comes at its end." if live else _judged(folder, manifest)
    return judged if isinstance(judged, JudgedRun) else _so_far(site, folder, manifest, live=live, why=judged)


def cases_link(run: str, view: ReportView, at: Addresses) -> Callable[[str, Cases], str]:
    """Make what tells where the cases are that a figure of a candidate, named by its key, stands for."""
    names = {c.key: c.name for c in view.candidates}

    def link(key: str, cases: Cases) -> str:
        query = {"candidate": names.get(key, "")}
        if "id" in cases:
            return at.case(run, cases["id"], query)
        return at.cases(run, query, **cases)

    return link


def report_stamp(folder: RunFolder) -> tuple[str, int, int]:
    """Give what tells one version of a run's report from another."""
    status = (folder.report or folder.path).stat()
    return folder.name, status.st_mtime_ns, status.st_size


def _judged(folder: RunFolder, manifest: Manifest) -> JudgedRun | str:
    if folder.report is None:
        done = "shard" in manifest.notes and StoredRun(folder.path, manifest).is_finished()
        then = manifest.to_finish(shard_done=done)
        return f"It has no report yet: `harness report {folder.name}` judges what there is. {then}"
    try:
        assessment = msgspec.json.decode(plain_content(folder.report), type=Assessment)
    except (OSError, msgspec.MsgspecError) as error:
        return f"Its report.json can't be read ({error}): `harness report {folder.name}` writes it anew."
    return JudgedRun(run=folder.name, assessment=assessment, manifest=manifest)


def _so_far(site: Site, folder: RunFolder, manifest: Manifest, *, live: bool, why: str) -> RunSoFar:
    candidates: tuple[CandidateSoFar, ...] = ()
    journalled: int | None = 0
    indexed = 1.0
    try:
        index = site.shelf.index(folder)
    except JournalMissing:
        why = f"Nothing was sent: `harness resume {folder.name}` begins."
    else:
        if isinstance(index, ReadSoFar):
            journalled, indexed = None, index.share
        else:
            journalled = len(index.trials)
            candidates = tuple(_candidate(index, place) for place in range(len(index.candidates)))
    return RunSoFar(
        run=folder.name,
        suite=manifest.suite_name,
        created_utc=manifest.created_utc,
        state="running" if live else "not judged",
        planned_trials=manifest.share[1],
        journalled_trials=journalled,
        indexed=indexed,
        candidates=candidates,
        why=why,
        live=live or journalled is None,
    )


def _candidate(index: RunIndex, place: int) -> CandidateSoFar:
    rows = index.rows_of(place, 0)
    case, outcome = index.trials.case[rows], index.trials.outcome[rows]
    right = np.asarray(index.trials.answer[rows] == index.cases.expected[case], dtype=np.bool_)
    return CandidateSoFar(
        name=index.candidates[place],
        trials=int(rows.sum()),
        outcomes={name: int((outcome == number).sum()) for number, name in enumerate(OUTCOMES)},
        accuracy=clustered_share(right, case, why_empty="no trial has finished").estimate(index.suite.confidence),
    )
