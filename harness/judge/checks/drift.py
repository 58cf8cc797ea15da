"""No big drop since earlier runs: accuracy now against what is known of before only by its estimates.

Without a baseline, the run is held against the previous comparable run and against all before, pooled
(`history/series.py` says what that does to the error rate). The worse of the two decides.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.files.thresholds import Threshold
from harness.judge.checks.baseline import Baseline
from harness.judge.checks.undecided import undecided
from harness.judge.documents.assessment import Check
from harness.judge.documents.estimate import Estimate, undefined
from harness.judge.documents.history import PastRun
from harness.judge.history.section import runs_before
from harness.judge.history.series import before_of, drop_of, groups_of, share_of
from harness.judge.scores import classification
from harness.judge.scores.drift import Drop, no_big_drop
from harness.judge.scores.figure import Missing
from harness.judge.scores.proportion import Share
from harness.judge.view import View
from harness.judge.wording import amount, count, demand, figure

_WORST_FIRST = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}
_Before = tuple[str, Share | Missing]


def drift_check(view: View, threshold: Threshold, baseline: Baseline | None) -> Check:
    """Decide "accuracy has not dropped by more than the bound since the baseline, or the runs before"."""
    missing = "there is no earlier run to compare with"
    if threshold.where:
        missing = "earlier runs are known on all their cases only"
    befores = [] if threshold.where else _befores(view, baseline)
    if not befores:
        estimate = undefined(missing, confidence=view.confidence)
        return undecided(threshold, missing, estimate, required=threshold.bound)
    now = classification.accuracy(view.answers)
    decided = [
        (name, before, no_big_drop(now, before, margin=threshold.bound, confidence=view.confidence))
        for name, before in befores
    ]
    return _made(view, threshold, now, min(decided, key=_badness))


def _befores(view: View, baseline: Baseline | None) -> list[_Before]:
    if baseline is not None:
        found = baseline.counterpart(view.entry)
        accuracy = None if found is None else found.figures.get("accuracy")
        return [] if accuracy is None else [("", share_of(accuracy))]
    return [(_which(runs), before_of(runs)) for _, runs in groups_of(runs_before(view))]


def _which(runs: Sequence[PastRun]) -> str:
    return f" in {runs[0].run_id}" if len(runs) == 1 else f" in {count(len(runs), 'earlier run')}, pooled"


def _badness(decided: tuple[str, Share | Missing, Drop]) -> tuple[int, float]:
    _, _, drop = decided
    return (_WORST_FIRST[drop.status], drop.change.value or 0.0)


def _made(
    view: View, threshold: Threshold, now: Share | Missing, decided: tuple[str, Share | Missing, Drop]
) -> Check:
    which, then, result = decided
    drop = drop_of(result.change, view.confidence)
    if drop.value is None:
        reason = drop.why_undefined or "accuracy is undefined"
        return undecided(threshold, reason, drop, required=threshold.bound)
    return Check(
        threshold=threshold.text,
        name=threshold.name,
        part=threshold.part,
        metric=threshold.metric,
        label=None,
        status=result.status,
        required=threshold.bound,
        op=threshold.op,
        estimate=drop,
        bound=drop.high,
        needed_n=None,
        needed_unit="cases",
        why=_why(threshold, drop, now, (which, then), result.status),
    )


def _why(threshold: Threshold, drop: Estimate, now: Share | Missing, before: _Before, status: str) -> str:
    which, then = before
    assert now.value is not None
    assert then.value is not None
    moved = f"accuracy went from {amount(then.value, 'share')}{which} to {amount(now.value, 'share')}"
    allowed = f"at most {demand(threshold.bound, 'points')} allowed"
    seen = f"drift.drop {figure(drop, 'points')}, {allowed}: {moved}"
    match status:
        case "PASS":
            return f"{seen}, which is no big drop."
        case "FAIL":
            return f"{seen}, a real drop that may exceed what is allowed."
        case _ if which:
            return (
                f"{seen}; these cases are too few to tell whether that is a drop. `harness compare` pairs "
                "two runs case by case and sees smaller ones."
            )
        case _:
            return f"{seen}; more cases would tell whether that is a drop."
