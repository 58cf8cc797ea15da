"""How this candidate did in earlier runs, and whether it got worse since."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from harness.files.thresholds import Threshold
from harness.judge.documents import CandidateAssessment, History, PastRun
from harness.judge.history.found import described
from harness.judge.history.series import MARGIN, comparable, history_of, usable
from harness.judge.scores import classification
from harness.judge.view import View, once


def this_run(view: View) -> PastRun:
    """Describe the run that is judged as its successors will see it, without figures."""
    return msgspec.structs.replace(
        described(view.manifest, view.entry), complete=not view.missing, cases=len(view.cases)
    )


@once
def runs_before(view: View) -> list[PastRun]:
    """Give the finished earlier runs that accuracy may be held against, oldest first."""
    return usable(comparable(view.past, this_run(view))[0])


def history_section(view: View, judged: CandidateAssessment, policy: Sequence[Threshold]) -> History | None:
    """Give the series of a candidate's runs; None when this is the first."""
    if not any(run.candidate == view.entry.name for run in view.past):
        return None
    p95 = next((part.estimate for part in judged.latency.caller if part.q == 0.95), None)
    stability = judged.stability
    now = msgspec.structs.replace(
        this_run(view),
        verdict=judged.verdict,
        figures={
            "accuracy": judged.classification.accuracy,
            "stability": stability.agreement,
            **({} if p95 is None else {"latency.p95": p95}),
        },
        served_models=tuple(sorted(stability.served_models)),
        fingerprints=tuple(sorted(stability.fingerprints)),
    )
    margin = next((t.bound for t in policy if t.metric == "drift.drop"), MARGIN)
    accuracy = classification.accuracy(view.answers)
    return history_of(view.past, now, accuracy, margin=margin, confidence=view.confidence)
