"""What the list of runs says of each run: read from `report.json` without all that the list does not show."""

from typing import Any, Literal, cast

import msgspec

from harness.errors import HarnessError
from harness.judge import CandidateAssessment, Estimate, sentence
from harness.judge.history.reports import PastCandidate, read_report
from harness.judge.verdict import best_first
from harness.web.site.results import Manifest, RunFolder, plain_content

State = Literal["running", "judged", "not judged", "unreadable"]


class CandidateSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate in the list; figures are None until the run is judged."""

    name: str
    prompt: str
    model: str
    verdict: str = ""
    accuracy: Estimate | None = None
    p95_s: float | None = None


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A run in the list."""

    run: str
    state: State
    suite: str = ""
    suite_digest: str = ""
    created_utc: str = ""
    verdict: str = ""  # empty when it is not judged
    headline: str = ""
    planned_trials: int = 0
    journalled_trials: int | None = None
    candidates: tuple[CandidateSummary, ...] = ()
    why: str = ""  # why it is unreadable
    decided: str | None = None  # what the gate or upgrade decided that it was measured for

    def candidate(self, prompt: str, model: str) -> CandidateSummary | None:
        """Give the first candidate with this prompt and model; empty names match all."""
        fitting = (c for c in self.candidates if prompt in {"", c.prompt} and model in {"", c.model})
        return next(fitting, None)


class Summaries:
    """Summaries by run, made again only when a file of the run changed."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, ...], RunSummary]] = {}  # by the stamp of its files

    def of(self, run: RunFolder) -> RunSummary:
        """Give the summary of a run; an unreadable one says why."""
        live = run.live
        files = [path.stat() for path in (run.file("manifest.json"), *run.verdicts) if path is not None]
        stamp = (int(live), *(n for one in files for n in (one.st_mtime_ns, one.st_size, one.st_ino)))
        if run.name not in self._known or self._known[run.name][0] != stamp:
            self._known[run.name] = stamp, _summary(run, live=live)
        return self._known[run.name][1]


def _summary(run: RunFolder, *, live: bool) -> RunSummary:
    try:
        told = _from_manifest(run, run.manifest(), state="running" if live else "not judged")
        report = None if live or run.report is None else read_report(plain_content(run.report))
    except (HarnessError, msgspec.MsgspecError, OSError) as error:
        return RunSummary(run=run.name, state="unreadable", why=str(error))
    if report is None:
        return told
    # Rank as a report does: the part that was read has all that ranking looks at
    ranked: list[Any] = best_first(cast("list[CandidateAssessment]", report.candidates))
    return msgspec.structs.replace(
        told,
        state="judged",
        verdict=report.verdict,
        headline=sentence(report.reason) or report.headline,
        decided=run.decision(),
        journalled_trials=report.journalled_trials,
        candidates=tuple(_candidate(candidate) for candidate in ranked),
    )


def _candidate(candidate: PastCandidate) -> CandidateSummary:
    return CandidateSummary(
        name=candidate.name,
        prompt=candidate.prompt,
        model=candidate.model,
        verdict=candidate.verdict,
        accuracy=candidate.classification.accuracy,
        p95_s=None if candidate.p95 is None else candidate.p95.value,
    )


def _from_manifest(run: RunFolder, manifest: Manifest, *, state: State) -> RunSummary:
    return RunSummary(
        run=run.name,
        state=state,
        suite=manifest.suite_name,
        suite_digest=manifest.suite_digest,
        created_utc=manifest.created_utc,
        planned_trials=manifest.share[1],
        candidates=tuple(
            CandidateSummary(name=entry.name, prompt=entry.prompt_name, model=entry.model_name)
            for entry in manifest.candidates
        ),
    )
