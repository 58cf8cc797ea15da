"""No worse than base by more than a margin: the question of the gate, asked of each headline metric.

PASS when the one-sided lower bound of head - base is above -margin (Tango's z(-margin) >= 1.645 for shares).
FAIL when head is worse for certain, Holm-adjusted over the headline metrics because any one of them blocks,
and the loss may exceed the margin. A loss that is certain but certainly within the margin passes: that is
what a margin is for. Otherwise INCONCLUSIVE, with the cases that would show it if the two are equal.

"All metrics must pass" needs no correction: it is an intersection-union test, each at its own alpha.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from harness.judge.compare.decide import cases_for_margin, p_not_worse, p_worse
from harness.judge.compare.figures import Compared
from harness.judge.compare.telling import non_inferiority_sentence
from harness.judge.documents import MetricDifference, NonInferiority, Status
from harness.judge.scores.paired import holm


def non_inferiority(
    compared: Sequence[Compared], told: Sequence[MetricDifference], *, margin: float, confidence: float
) -> tuple[NonInferiority, ...]:
    """Decide each headline metric of quality."""
    asked = [
        (one, seen)
        for one, seen in zip(compared, told, strict=True)
        if one.headline and one.scale == "share" and one.higher_is_better
    ]
    losses = [p_worse(one) for one, _ in asked]
    known = [place for place, loss in enumerate(losses) if loss is not None]
    adjusted = dict(zip(known, holm([losses[place] or 0.0 for place in known]), strict=True))
    return tuple(
        _asked(one, seen, losses[place], adjusted.get(place), margin=margin, confidence=confidence)
        for place, (one, seen) in enumerate(asked)
    )


def overall(decisions: Sequence[NonInferiority]) -> Status:
    """FAIL if any fails, PASS if all pass, INCONCLUSIVE otherwise."""
    statuses = {one.status for one in decisions}
    if "FAIL" in statuses:
        return "FAIL"
    return "PASS" if statuses == {"PASS"} else "INCONCLUSIVE"


def _asked(
    one: Compared,
    seen: MetricDifference,
    loss: float | None,
    adjusted: float | None,
    *,
    margin: float,
    confidence: float,
) -> NonInferiority:
    bound, upper = one.difference.lower(confidence), one.difference.upper(confidence)
    status: Status = "INCONCLUSIVE"
    if bound is not None and upper is not None and adjusted is not None:
        if bound > -margin:
            status = "PASS"
        elif adjusted < 1 - confidence and upper < 0:
            status = "FAIL"
    settled = status != "INCONCLUSIVE"
    made = NonInferiority(
        metric=one.metric,
        label=one.label,
        margin=margin,
        status=status,
        difference=seen.difference,
        bound=bound,
        p_not_worse=p_not_worse(one, margin),
        p_worse=loss,
        p_worse_adjusted=adjusted,
        needed_n=None if settled else cases_for_margin(one.difference, margin, confidence=confidence),
        needed_unit=one.unit,
        sentence="",
    )
    return msgspec.structs.replace(made, sentence=non_inferiority_sentence(made, seen))
