"""Better, worse, no difference shown or can't tell: one verdict a metric, corrected for how many there are.

Theory. Of forty figures two differ "significantly" by chance alone. So p-values are adjusted by Holm's method
in two families, the headline figures and the details: within each, when nothing has changed, the chance that
any is called better or worse is at most 5%, and half of that for worse. A verdict also needs the figure's own
interval to leave out 0, so that sentence and interval never contradict each other.

What is not shown is one of two things. "No difference shown": what was seen is too small to matter (below the
margin, or a tenth of latency and cost). "Can't tell": a difference that would matter was seen and may be
noise, or so few cases were compared that a large one may hide; then the number of cases that would tell.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.judge.compare.figures import Compared
from harness.judge.compare.significance import cases_for_difference, cases_for_margin, p_value
from harness.judge.compare.telling import told
from harness.judge.documents.comparison import DifferenceVerdict, MetricDifference
from harness.judge.documents.estimate import Estimate
from harness.judge.scores.paired import PairedDifference, holm

RELATIVE = 0.1  # of latency, money and tokens: a smaller difference is not looked for
BLIND = 5.0  # times what matters: an interval that reaches so far on either side can't tell


def decided(
    compared: Sequence[Compared],
    *,
    margin: float,
    confidence: float,
    currency: str,
    where: Sequence[str] = (),
) -> tuple[MetricDifference, ...]:
    """Give the verdict of each figure; Holm within headline figures and within the others."""
    p_values = [p_value(one) for one in compared]
    adjusted: dict[int, float] = {}
    sizes: dict[int, int] = {}
    for headline in (True, False):
        family = [i for i, one in enumerate(compared) if one.headline == headline and p_values[i] is not None]
        corrected = holm([p_values[i] or 0.0 for i in family])
        adjusted.update(zip(family, corrected, strict=True))
        sizes.update(dict.fromkeys(family, len(family)))
    return tuple(
        _decided(
            one,
            p_values[i],
            adjusted.get(i),
            family_size=sizes.get(i, 1),
            margin=margin,
            confidence=confidence,
            currency=currency,
            where=where[i] if where else "",
        )
        for i, one in enumerate(compared)
    )


def _decided(
    one: Compared,
    p: float | None,
    p_adjusted: float | None,
    *,
    family_size: int,
    margin: float,
    confidence: float,
    currency: str,
    where: str,
) -> MetricDifference:
    estimate = one.difference.estimate(confidence)
    matters = what_matters(one, margin)
    verdict = verdict_of(one, estimate, p_adjusted, matters=matters, confidence=confidence)
    made = MetricDifference(
        metric=one.metric,
        label=one.label,
        base=one.base,
        head=one.head,
        difference=estimate,
        verdict=verdict,
        higher_is_better=one.higher_is_better,
        scale=one.scale,
        p_value=p,
        p_adjusted=p_adjusted,
        needed_n=_needed(one, verdict, estimate, matters=matters, confidence=confidence),
        needed_unit=one.unit,
        sentence="",
        family="headline" if one.headline else "detail",
        where=where,
        matters=matters,
    )
    return told(made, currency=currency, family_size=family_size)


def what_matters(one: Compared, margin: float) -> float:
    """Give the smallest difference that is looked for, in the metric's unit."""
    if one.scale in {"share", "points", "number"}:
        return margin
    return RELATIVE * abs(one.base.value or 0.0)


def verdict_of(
    one: Compared, estimate: Estimate, p_adjusted: float | None, *, matters: float, confidence: float
) -> DifferenceVerdict:
    """Decide one figure by its adjusted p-value and its interval."""
    if estimate.value is None or estimate.low is None or estimate.high is None or p_adjusted is None:
        return "can't tell"
    if p_adjusted < 1 - confidence and (estimate.low > 0 or estimate.high < 0):
        return "better" if (estimate.value > 0) == one.higher_is_better else "worse"
    if _nothing_differs(one):
        return "no difference shown"
    blind = matters > 0 and max(-estimate.low, estimate.high) > BLIND * matters
    return "can't tell" if abs(estimate.value) >= matters or blind else "no difference shown"


def _nothing_differs(one: Compared) -> bool:
    """Tell whether every pair came out the same."""
    figure = one.difference
    if isinstance(figure, PairedDifference):
        return figure.informative == 0
    return figure.value == 0 and figure.lower(0.975) == figure.upper(0.975)


def _needed(
    one: Compared, verdict: DifferenceVerdict, estimate: Estimate, *, matters: float, confidence: float
) -> int | None:
    if verdict == "can't tell":
        if estimate.value is not None and abs(estimate.value) >= matters:
            return cases_for_difference(one.difference, confidence=confidence)
        return cases_for_margin(one.difference, matters, confidence=confidence)
    if verdict == "no difference shown" and one.scale in {"share", "points", "number"}:
        needed = cases_for_margin(one.difference, matters, confidence=confidence)
        return needed if needed is not None and needed > one.difference.n else None
    return None
