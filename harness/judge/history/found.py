"""What a stored run says of its candidates: by its report, or by its journal where it was never judged.

A report is read into a few fields. A journal is read only of a run that was finished but never judged.
"""

import sys
from collections.abc import Iterable, Sequence

import msgspec

from harness.errors import HarnessError
from harness.files.thresholds import ACCURACY, BALANCED_ACCURACY, P95, PRECISION, RECALL, STABILITY
from harness.judge import Estimate, History, PastRun, scores
from harness.judge.history.reports import PastCandidate, PastReport, read_report
from harness.judge.history.section import as_share, described, usable, why_not_measured
from harness.judge.history.series import MARGIN, history_of
from harness.judge.scores import Missing
from harness.judge.table.read import tabulate
from harness.judge.view import RunView, View
from harness.rundir import SCHEMA_VERSION, StoredRun, events_of

_MOST_COUNTED = 2**53
NOT_FINISHED = "it is not finished"
NO_REPLY = "no call of it was answered"
STOPPED = "it was stopped once its verdict was settled, so that not all cases were asked"
_NOTHING = "no report.json, and the journal can't be read"


def past_runs(stored: Iterable[StoredRun]) -> tuple[PastRun, ...]:
    """Give every candidate of stored runs, oldest first.

    A gate's run measures what a branch proposes: whether rejected or not, it is no past of the suite.
    """
    found = [candidate for run in stored if "gate" not in run.manifest.notes for candidate in _candidates(run)]
    return tuple(sorted(found, key=lambda run: (*run.when, run.candidate)))


def _candidates(run: StoredRun) -> list[PastRun]:
    blank = [described(run.manifest, entry) for entry in run.manifest.candidates]
    report = _decoded(run.report())
    if report is not None:
        judged = {candidate.name: candidate for candidate in report.candidates}
        return [
            _from_report(one, judged[one.candidate], complete=report.complete)
            for one in blank
            if one.candidate in judged
        ]
    if not run.is_finished():
        return [msgspec.structs.replace(one, why_no_figures=NOT_FINISHED) for one in blank]
    # Give the few figures of a run that was finished but never judged, without judging it
    try:
        table = tabulate(run.manifest, events_of(run.folder))
        views = {view.entry.name: view for view in RunView(run.manifest, table).views}
    except (HarnessError, OSError, ValueError):
        return [msgspec.structs.replace(one, why_no_figures=_NOTHING) for one in blank]
    complete = table.journalled >= run.manifest.planned_trials
    return [_measured(one, views[one.candidate], complete=complete) for one in blank]


def _decoded(report: bytes | None) -> PastReport | None:
    """Read a report; None when there is none, or none that this harness understands."""
    try:
        read = None if report is None else read_report(report)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    known = read is not None and read.schema_version <= SCHEMA_VERSION
    return read if known and read is not None and all(map(_plausible, read.candidates)) else None


def _plausible(judged: PastCandidate) -> bool:
    """Tell whether what a report says are shares are shares: it may have come from elsewhere."""
    told = judged.classification
    shares = [told.accuracy, told.balanced_accuracy, judged.stability.agreement]
    shares += [each for label in told.labels.values() for each in (label.precision, label.recall)]
    shares += [part.accuracy for part in judged.slices]
    return all(
        0 <= each.n <= _MOST_COUNTED
        and all(part is None or 0 <= part <= 1 for part in (each.value, each.low, each.high))
        for each in shares
    )


def _from_report(run: PastRun, judged: PastCandidate, *, complete: bool) -> PastRun:
    told = judged.classification
    figures = {ACCURACY.written: told.accuracy, BALANCED_ACCURACY.written: told.balanced_accuracy}
    for label, of_label in told.labels.items():
        figures |= {RECALL.of_label(label): of_label.recall, PRECISION.of_label(label): of_label.precision}
    figures[STABILITY.written] = judged.stability.agreement
    if judged.p95 is not None:
        figures[P95.written] = judged.p95
    figures |= judged.answered
    complete = complete and not judged.not_run
    unknown = why_not_measured(judged.share_lost)
    if judged.settled is not None:  # marked; other runs are not held against figures of other cases
        complete, unknown = False, STOPPED
    if judged.verdict == "NOT MEASURED":
        unknown = unknown or NO_REPLY
    if unknown:
        complete, figures = False, {}
    return msgspec.structs.replace(
        run,
        complete=complete,
        why_no_figures=unknown or ("" if complete else NOT_FINISHED),
        verdict=judged.verdict,
        cases=judged.cases,
        figures=figures,
        splits={
            part.name: judged.answered_splits.get(part.name, part.accuracy)
            for part in judged.slices
            if part.kind == "split" and complete
        },
        served_models=tuple(sorted(judged.stability.served_models)),
        fingerprints=tuple(sorted(judged.stability.fingerprints)),
    )


def answered_figures(view: View) -> dict[str, Estimate]:
    """Give what later runs are held against: what is known of the prompt from what was answered."""
    view = view.answered
    figures = {**scores.shares(view.answers), STABILITY.written: scores.agreement(view.votes)}
    return {name: figure.estimate(view.confidence) for name, figure in figures.items()}


def split_figures(view: View) -> dict[str, Estimate]:
    """Give the accuracy in each split, of what was answered."""
    view = view.answered
    return {
        name: scores.accuracy(view.answers.of_cases(view.cases.having((("split", name),)))).estimate(view.confidence)
        for name in view.cases.splits
    }


def _measured(run: PastRun, view: View, *, complete: bool) -> PastRun:
    lost = why_not_measured(view.lost / len(view.trials) if len(view.trials) else 0.0)
    unknown = STOPPED if view.stopped is not None else lost or ("" if len(view.answered.trials) else NO_REPLY)
    complete = complete and not unknown
    figures = {} if unknown else answered_figures(view)
    view = view.answered
    return msgspec.structs.replace(
        run,
        complete=complete,
        why_no_figures=unknown or ("" if complete else NOT_FINISHED),
        cases=len(view.cases),
        figures=figures,
        splits=split_figures(view),
        served_models=tuple(sorted(view.trials.served_models)),
        fingerprints=tuple(sorted(view.trials.fingerprints)),
    )


def histories(
    runs: Sequence[PastRun], *, margin: float = MARGIN, confidence: float = 0.95, seen_from: str | None = None
) -> dict[str, History]:
    """Give the history of each candidate with all its runs.

    What is held against the runs before it is the latest finished run, or the run `seen_from`; that run also
    decides which others are comparable. Candidates that it did not measure are left out.
    """
    found: dict[str, History] = {}
    for candidate in sorted({run.candidate for run in runs}):
        mine = [run for run in runs if run.candidate == candidate]
        now = _chosen(mine, seen_from)
        if now is None:
            continue
        accuracy = (
            as_share(now.figures[ACCURACY.written]) if usable([now]) else Missing(now.why_no_figures or NOT_FINISHED)
        )
        others = [run for run in mine if run.run_id != now.run_id]
        found[candidate] = history_of(others, now, accuracy, margin=margin, confidence=confidence, keep=sys.maxsize)
    return found


def _chosen(mine: Sequence[PastRun], seen_from: str | None) -> PastRun | None:
    if seen_from is not None:
        return next((run for run in mine if run.run_id == seen_from), None)
    return next((run for run in reversed(mine) if run.complete), mine[-1])
