"""A check that nothing was measured for: INCONCLUSIVE, with the reason instead of a figure."""

from __future__ import annotations

from harness.files.thresholds import Threshold
from harness.judge.documents.assessment import Check
from harness.judge.documents.estimate import Estimate


def undecided(threshold: Threshold, reason: str, estimate: Estimate, *, required: float = 0.0) -> Check:
    """Give the check of a threshold that can't be decided; `required` is 0 where that is not known either."""
    return Check(
        threshold=threshold.text,
        name=threshold.name,
        part=threshold.part,
        metric=threshold.metric,
        label=threshold.label,
        status="INCONCLUSIVE",
        required=required,
        op=threshold.op,
        estimate=estimate,
        bound=None,
        needed_n=None,
        needed_unit="cases",
        why=f"{threshold.text} can't be decided: {reason}.",
    )
