"""Finds the earlier runs of a suite in a results folder: from their manifests and report.json alone.

Reading stays cheap in a big folder: a manifest is read of every run, a report only of runs of the suite's
name, and both into a few fields. A journal is read only where a run was finished but never judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import HarnessError
from harness.files.digest import digest
from harness.journal import read_events
from harness.judge.assessment import Quantile
from harness.judge.history.past import PastRun
from harness.judge.scores import classification, stability
from harness.judge.scores.estimate import Estimate
from harness.judge.view import View
from harness.record import Session
from harness.rundir import JOURNAL, MANIFEST, SCHEMA_VERSION, CandidateEntry, Manifest, read_manifest

REPORT = "report.json"
RECENT = 100  # runs that a report looks back on
NOT_FINISHED = "it is not finished"
_TAIL = 4096  # bytes of a journal in which its last line stands
_NOTHING = "no report.json, and the journal can't be read"


class _Head(msgspec.Struct):
    """What tells whether a run is one of the suite's."""

    schema_version: int
    suite_name: str
    created_utc: str
    run_id: str


class _Label(msgspec.Struct):
    precision: Estimate
    recall: Estimate


class _Classification(msgspec.Struct):
    accuracy: Estimate
    balanced_accuracy: Estimate
    labels: dict[str, _Label]


class _Stability(msgspec.Struct):
    agreement: Estimate
    served_models: dict[str, int] = {}
    fingerprints: dict[str, int] = {}


class _Latency(msgspec.Struct):
    caller: tuple[Quantile, ...]


class _Slice(msgspec.Struct):
    kind: str
    name: str
    accuracy: Estimate


class _Candidate(msgspec.Struct):
    """The part of a report that enters a history; the rest is skipped unread."""

    name: str
    verdict: str
    cases: int
    classification: _Classification
    stability: _Stability
    latency: _Latency
    slices: tuple[_Slice, ...] = ()


class _Report(msgspec.Struct):
    schema_version: int
    complete: bool
    candidates: tuple[_Candidate, ...]


def earlier_runs(results: Path, now: Manifest) -> tuple[PastRun, ...]:
    """Give what is known of the suite's candidates in the latest runs before this one, oldest first."""
    return past_runs(results, now.suite_name, before=(now.created_utc, now.run_id), most=RECENT)


def past_runs(
    results: Path, suite_name: str, *, before: tuple[str, str] | None = None, most: int | None = None
) -> tuple[PastRun, ...]:
    """Give every candidate of a suite's runs, oldest first; `before` leaves out it and later ones.

    Of more than `most` runs only the latest are read; of a run that is left out no journal is read.
    """
    folders = sorted(_of_suite(results, suite_name, before))[-most if most else None :]
    found = [run for _, folder in folders for run in _candidates(folder)]
    return tuple(sorted(found, key=lambda run: (*run.when, run.candidate)))


def _of_suite(
    results: Path, suite_name: str, before: tuple[str, str] | None
) -> Iterator[tuple[tuple[str, str], Path]]:
    """Give the folders with when their runs began."""
    if not results.is_dir():
        return
    for folder in results.iterdir():
        head = _decoded(folder / MANIFEST, _Head)
        if head is None or head.suite_name != suite_name or head.schema_version > SCHEMA_VERSION:
            continue
        began = (head.created_utc, head.run_id)
        if before is None or began < before:
            yield began, folder


def _decoded(path: Path, kind: type[Any]) -> Any:  # noqa: ANN401 -- whatever `kind` is, or None
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return None


def _candidates(folder: Path) -> list[PastRun]:
    try:
        manifest = read_manifest(folder)
    except HarnessError:
        return []
    blank = [described(manifest, entry) for entry in manifest.candidates]
    report: _Report | None = _decoded(folder / REPORT, _Report)
    if report is not None and report.schema_version <= SCHEMA_VERSION:
        judged = {candidate.name: candidate for candidate in report.candidates}
        return [
            _from_report(run, judged[run.candidate], complete=report.complete)
            for run in blank
            if run.candidate in judged
        ]
    if not is_finished(folder / JOURNAL):
        return [msgspec.structs.replace(run, why_no_figures=NOT_FINISHED) for run in blank]
    return _from_journal(folder, blank)


def described(manifest: Manifest, entry: CandidateEntry) -> PastRun:
    """Give what a manifest says of a candidate, without figures."""
    suite, model = manifest.suite, entry.model
    reload = manifest.notes.get("reload") or {}
    return PastRun(
        run_id=manifest.run_id,
        created_utc=manifest.created_utc,
        candidate=entry.name,
        prompt=entry.prompt_name,
        model=entry.model_name,
        prompt_digest=entry.prompt_digest,
        model_digest=entry.model_digest,
        model_id=str(model.get("model") or model.get("weights") or ""),
        suite_digest=manifest.suite_digest,
        labels=tuple(sorted(suite.get("labels", ()))),
        reply_rule=digest([suite.get("reply"), suite.get("positive")]),
        planned=manifest.planned_trials,
        new_data=str(reload.get("cases") or "") if isinstance(reload, dict) else "",
        harness=manifest.harness_version,
    )


def _from_report(run: PastRun, judged: _Candidate, *, complete: bool) -> PastRun:
    scores = judged.classification
    figures = {"accuracy": scores.accuracy, "balanced_accuracy": scores.balanced_accuracy}
    for label, of_label in scores.labels.items():
        figures |= {f"recall[{label}]": of_label.recall, f"precision[{label}]": of_label.precision}
    figures["stability"] = judged.stability.agreement
    p95 = next((part.estimate for part in judged.latency.caller if part.q == 0.95), None)
    if p95 is not None:
        figures["latency.p95"] = p95
    return msgspec.structs.replace(
        run,
        complete=complete,
        why_no_figures="" if complete else NOT_FINISHED,
        verdict=judged.verdict,
        cases=judged.cases,
        figures=figures,
        splits={part.name: part.accuracy for part in judged.slices if part.kind == "split"},
        served_models=tuple(sorted(judged.stability.served_models)),
        fingerprints=tuple(sorted(judged.stability.fingerprints)),
    )


def is_finished(journal: Path) -> bool:
    """Tell from its last line whether a journal ends with a finished session."""
    try:
        with journal.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL))
            last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
        event = msgspec.json.decode(last)["event"]
        return msgspec.convert(event, Session).event == "finished"
    except (OSError, msgspec.MsgspecError, KeyError, TypeError):
        return False


def _from_journal(folder: Path, blank: list[PastRun]) -> list[PastRun]:
    """Read the few figures of a run that was finished but never judged, without judging it."""
    from harness.judge.assess import views_from
    from harness.judge.tabulate import tabulate

    try:
        manifest = read_manifest(folder)
        table = tabulate(manifest, read_events(folder / JOURNAL))
        views = {view.entry.name: view for view in views_from(manifest, table)}
    except (HarnessError, OSError, ValueError):
        return [msgspec.structs.replace(run, why_no_figures=_NOTHING) for run in blank]
    complete = table.journalled >= manifest.planned_trials
    return [_measured(run, views[run.candidate], complete=complete) for run in blank]


def _measured(run: PastRun, view: View, *, complete: bool) -> PastRun:
    from harness.judge.sections.stability import votes

    confidence = view.confidence
    figures = {"accuracy": classification.accuracy(view.answers).estimate(confidence)}
    for place, label in enumerate(view.labels):
        figures[f"recall[{label}]"] = classification.recall(view.answers, place).estimate(confidence)
        figures[f"precision[{label}]"] = classification.precision(view.answers, place).estimate(confidence)
    figures["stability"] = stability.agreement(votes(view)).estimate(confidence)
    splits = {
        name: classification.accuracy(view.answers.where(view.has((("split", name),)))).estimate(confidence)
        for name in view.cases.splits
    }
    return msgspec.structs.replace(
        run,
        complete=complete,
        why_no_figures="" if complete else NOT_FINISHED,
        cases=len(view.cases),
        figures=figures,
        splits=splits,
        served_models=tuple(sorted(view.trials.served_models)),
        fingerprints=tuple(sorted(view.trials.fingerprints)),
    )
