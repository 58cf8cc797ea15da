"""No big drop since the last run: accuracy now against a baseline's, which is known only by its estimate."""

from __future__ import annotations

import msgspec

from harness.files.threshold import Threshold
from harness.judge.assessment import Assessment, Check
from harness.judge.baseline import counterpart
from harness.judge.scores import classification
from harness.judge.scores.binomial import wilson
from harness.judge.scores.drift import no_big_drop
from harness.judge.scores.estimate import Estimate, undefined
from harness.judge.scores.figure import Missing
from harness.judge.scores.proportion import Share
from harness.judge.view import View
from harness.judge.wording import amount, demand, figure


def share_of(estimate: Estimate) -> Share | Missing:
    """Give the share that has this Wilson interval; the effective number of trials is by bisection."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return Missing(estimate.why_undefined or "it has no interval", estimate.n)
    wanted = estimate.high - estimate.low
    low, high = 0.01, float(max(estimate.n, 1))
    for _ in range(80):
        middle = (low + high) / 2
        bounds = wilson(estimate.value, middle, estimate.confidence)
        low, high = (middle, high) if bounds[1] - bounds[0] > wanted else (low, middle)
    n = high
    whole = max(1, round(n))
    return Share(p=estimate.value, n=whole, cases=whole, floor=n, raw=n, informative=0, se=0.0)


def drift_check(view: View, threshold: Threshold, baseline: Assessment | None) -> Check:
    """Decide "accuracy has not dropped by more than the bound since the baseline"."""
    before = None if baseline is None else counterpart(baseline, view)
    made = Check(
        threshold=threshold.text,
        metric=threshold.metric,
        label=None,
        status="INCONCLUSIVE",
        required=threshold.bound,
        op=threshold.op,
        estimate=undefined("there is no earlier run to compare with", confidence=view.confidence),
        bound=None,
        needed_n=None,
        needed_unit="cases",
        why=f"{threshold.text} can't be decided: there is no earlier run to compare with.",
    )
    if before is None:
        return made
    now = classification.accuracy(view.answers)
    then = share_of(before.classification.accuracy)
    result = no_big_drop(now, then, margin=threshold.bound, confidence=view.confidence)
    change = result.change.estimate(view.confidence)
    if change.value is None or change.low is None or change.high is None:
        why = f"{threshold.text} can't be decided: {change.why_undefined or 'accuracy is undefined'}."
        return msgspec.structs.replace(made, estimate=change, why=why)
    drop = msgspec.structs.replace(change, value=-change.value, low=-change.high, high=-change.low)
    return msgspec.structs.replace(
        made,
        status=result.status,
        estimate=drop,
        bound=drop.high,
        why=_why(threshold, drop, now, then, result.status),
    )


def _why(
    threshold: Threshold, drop: Estimate, now: Share | Missing, then: Share | Missing, status: str
) -> str:
    assert now.value is not None
    assert then.value is not None
    moved = f"accuracy went from {amount(then.value, 'share')} to {amount(now.value, 'share')}"
    seen = f"drift.drop {figure(drop, 'points')}, {demand(threshold.bound, 'points')} allowed: {moved}"
    match status:
        case "PASS":
            return f"{seen}, which is no big drop."
        case "FAIL":
            return f"{seen}, a real drop that may exceed what is allowed."
        case _:
            return f"{seen}; more cases would tell whether that is a drop."
