"""No big drop since earlier runs: accuracy now against what is known of before only by its estimates.

Without a baseline, the run is held against the previous comparable run and against all before, pooled
(`history/reference.py` says what that does to the error rate). The worse of the two decides.
"""

from collections.abc import Sequence
from dataclasses import replace

from harness.files.thresholds import ACCURACY
from harness.judge import Check, Estimate, PastRun, Status, amount, count, scores, undefined
from harness.judge.checks.asked import Asked
from harness.judge.history.reference import HeldAgainst, as_share, before_of, groups_of, standing, sure_of
from harness.judge.history.section import runs_before
from harness.judge.history.series import drop_of
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
    now = scores.accuracy(view.answers)
    stands = HeldAgainst([], [])
    if not part and asked.before is None:
        stands = standing(runs_before(view), margin=margin, confidence=view.confidence)
        if stands.dropped and stands.recovers(now, margin=margin, confidence=view.confidence):
            stands = HeldAgainst(stands.reference, [])
    befores = [] if part else _befores(asked, stands)
    if not befores:
        return asked.undecided(missing, undefined(missing, confidence=view.confidence))
    sure = sure_of(view.confidence)
    decided = [
        (name, before, scores.no_big_drop(now, before, margin=margin, confidence=view.confidence, sure=sure))
        for name, before in befores
    ]
    if stands.dropped:
        name, before, found = decided[-1]
        return _made(asked, now, (name, before, replace(found, status="FAIL")), since=stands.dropped[0].run_id)
    return _made(asked, now, min(decided, key=_badness))


def _befores(asked: Asked, stands: HeldAgainst) -> list[_Before]:
    if asked.before is not None:
        accuracy = asked.before.figures.get(ACCURACY.written)
        return [] if accuracy is None else [("", as_share(accuracy))]
    return [(_which(runs), before_of(runs)) for _, runs in groups_of(stands.reference)]


def _which(runs: Sequence[PastRun]) -> str:
    return f" in {runs[0].run_id}" if len(runs) == 1 else f" in {count(len(runs), 'earlier run')}, pooled,"


def _badness(decided: tuple[str, Share | Missing, Drop]) -> tuple[int, float]:
    _, _, drop = decided
    return (_WORST_FIRST[drop.status], drop.change.value or 0.0)


def _made(asked: Asked, now: Share | Missing, decided: tuple[str, Share | Missing, Drop], *, since: str = "") -> Check:
    which, then, result = decided
    drop = drop_of(result.change, asked.view.confidence)
    if drop.value is None:
        return asked.undecided(drop.why_undefined or "accuracy is undefined", drop)
    why = _why(asked, drop, now, (which, then), result.status)
    if since:
        why = f"{why} It was found in {since}, and no run since has recovered."
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
