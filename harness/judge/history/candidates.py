"""The history of every candidate of a suite, seen from one of its runs: what `harness history` shows."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from harness.judge.documents.history import History, PastRun
from harness.judge.history.series import MARGIN, history_of, share_of, usable
from harness.judge.scores.figure import Missing


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
        accuracy = share_of(now.figures["accuracy"]) if usable([now]) else Missing("it is not finished")
        others = [run for run in mine if run.run_id != now.run_id]
        found[candidate] = history_of(
            others, now, accuracy, margin=margin, confidence=confidence, keep=sys.maxsize
        )
    return found


def _chosen(mine: Sequence[PastRun], seen_from: str | None) -> PastRun | None:
    if seen_from is not None:
        return next((run for run in mine if run.run_id == seen_from), None)
    return next((run for run in reversed(mine) if run.complete), mine[-1])
