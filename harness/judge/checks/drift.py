"""No big drop since earlier runs: accuracy now against what is known of before only by its estimates.

Without a baseline, the run is held against the previous comparable run and against all before, pooled
(`history/series.py` says what that does to the error rate). The worse of the two decides.
"""

from collections.abc import Sequence

from harness.files.thresholds import ACCURACY
from harness.judge import Check, Estimate, PastRun, Status, amount, count, scores, undefined
from harness.judge.checks.asked import Asked
from harness.judge.history.section import runs_before
from harness.judge.history.series import as_share, before_of, drop_of, groups_of
from harness.judge.scores import Drop, Missing, Share

_WORST_FIRST = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}
_Before = tuple[str, Share | Missing]


def drift_check(asked: Asked) -> Check:
    """Decide "accuracy has not dropped by more than the bound since the baseline, or the runs before"."""
    view, margin = asked.view, asked.required
    part = bool(asked.threshold.where)
    missing = "there is no earlier run to compare with"
    if part:
        missing = "earlier runs are known on all their cases only"
    befores = [] if part else _befores(asked)
    if not befores:
        return asked.undecided(missing, undefined(missing, confidence=view.confidence))
    now = scores.accuracy(view.answers)
    decided = [
        (name, before, scores.no_big_drop(now, before, margin=margin, confidence=view.confidence))
        for name, before in befores
    ]
    return _made(asked, now, min(decided, key=_badness))


def _befores(asked: Asked) -> list[_Before]:
    if asked.before is not None:
        accuracy = asked.before.figures.get(ACCURACY.written)
        return [] if accuracy is None else [("", as_share(accuracy))]
    return [(_which(runs), before_of(runs)) for _, runs in groups_of(runs_before(asked.view))]


def _which(runs: Sequence[PastRun]) -> str:
    return f" in {runs[0].run_id}" if len(runs) == 1 else f" in {count(len(runs), 'earlier run')}, pooled"


def _badness(decided: tuple[str, Share | Missing, Drop]) -> tuple[int, float]:
    _, _, drop = decided
    return (_WORST_FIRST[drop.status], drop.change.value or 0.0)


def _made(asked: Asked, now: Share | Missing, decided: tuple[str, Share | Missing, Drop]) -> Check:
    which, then, result = decided
    drop = drop_of(result.change, asked.view.confidence)
    if drop.value is None:
        return asked.undecided(drop.why_undefined or "accuracy is undefined", drop)
    why = _why(asked, drop, now, (which, then), result.status)
    return asked.check(result.status, drop, why, bound=drop.high)


def _why(asked: Asked, drop: Estimate, now: Share | Missing, before: _Before, status: Status) -> str:
    which, then = before
    assert now.value is not None
    assert then.value is not None
    moved = f"accuracy went from {amount(then.value, 'share')}{which} to {amount(now.value, 'share')}"
    seen = f"{asked.seen(drop)}, {asked.clause}: {moved}"
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
