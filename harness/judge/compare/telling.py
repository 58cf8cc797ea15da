"""The one plain sentence of a difference, and the first of a whole comparison.

Of a difference: both values, the difference with its interval, what it means. Of all: what got better, what
got worse, or that nothing is shown.
"""

from collections.abc import Sequence
from typing import cast

import msgspec

from harness.judge import (
    MetricDifference,
    NonInferiority,
    Scale,
    amount,
    count,
    demand,
    listed,
    signed,
    signed_text,
    sure,
)
from harness.judge.scores import rounded_up


def difference_text(difference: MetricDifference) -> str:
    """Give the difference with its interval, or `undefined`."""
    return str(signed_text(difference.difference, cast("Scale", difference.scale), difference.currency))


def from_to(difference: MetricDifference) -> str:
    """Give `from 91.2% to 94.0%`."""
    scale = cast("Scale", difference.scale)
    base, head = (
        "undefined" if side.value is None else amount(side.value, scale, currency)
        for side, currency in ((difference.base, difference.base_currency), (difference.head, difference.currency))
    )
    return f"from {base} to {head}"


def with_sentence(made: MetricDifference, *, family_size: int) -> MetricDifference:
    """Add the sentence, and its end alone for those who show the figures beside it."""
    start = f"{made.name} {from_to(made)}"
    estimate = made.difference
    if made.base.value is None and made.head.value is None:
        whole = f"{made.name} can't be compared: {made.base.why_undefined or estimate.why_undefined}."
        return msgspec.structs.replace(made, sentence=whole, meaning=whole)
    if estimate.value is None:
        whole = f"{start}: can't be compared, {estimate.why_undefined}."
        return msgspec.structs.replace(made, sentence=whole, meaning=whole)
    meaning = _meaning(made, family_size)
    sentence = f"{start}: {difference_text(made)}. {meaning}"
    return msgspec.structs.replace(made, sentence=sentence, meaning=meaning)


def _meaning(made: MetricDifference, family_size: int) -> str:
    match made.verdict:
        case "better" | "worse":
            return f"That is {made.verdict}, and not chance."
        case "no difference shown":
            return f"No difference is shown{_hidden(made)}."
        case "can't tell":
            return f"Can't tell: {_untold(made, family_size)}"


def _hidden(made: MetricDifference) -> str:
    """Say how large a loss the interval still allows, where that is more than the margin."""
    if made.scale not in {"share", "points"} or made.needed_n is None:
        return ""
    worst = made.difference.low if made.higher_is_better else made.difference.high
    loss = amount(abs(worst or 0.0), "points")
    needed = f"about {rounded_up(made.needed_n):,} {made.needed_unit}"
    return f"; a loss of up to {loss} is not excluded ({needed} would exclude one of {_matters(made)})"


def _matters(made: MetricDifference) -> str:
    scale: Scale = "points" if made.scale == "share" else cast("Scale", made.scale)
    return demand(made.matters, scale, made.currency)


def _untold(made: MetricDifference, family_size: int) -> str:
    estimate = made.difference
    low, high = estimate.low, estimate.high
    if low is None or high is None:
        return "too few calls to bound the difference."
    told_by = f"about {rounded_up(made.needed_n):,} {made.needed_unit}" if made.needed_n else ""
    if low > 0 or high < 0:
        adjusted = "" if made.p_adjusted is None else f" (Holm-adjusted p = {made.p_adjusted:.2g})"
        return (
            f"alone its interval leaves out 0, but of {family_size} figures one does so by chance too often{adjusted}."
        )
    if abs(estimate.value or 0.0) >= made.matters:
        return f"it may be noise; {told_by} would tell." if told_by else "it may be noise."
    wide = signed_text(estimate, cast("Scale", made.scale), made.currency).interval
    return f"so few cases leave room for {wide}" + (f"; {told_by} would tell." if told_by else ".")


def at_worst(bound: float | None, confidence: float) -> str:
    """Give the bound that decides, which is no end of the interval beside it: of another test, on one side only."""
    return "" if bound is None else f" (at worst {signed(bound, 'share', '')} by a one-sided {sure(confidence)} test)"


def non_inferiority_sentence(made: NonInferiority, seen: MetricDifference, worst: str) -> str:
    """Say whether head is no worse than base by more than the margin, and how sure that is; `worst` as `at_worst`."""
    margin = demand(made.margin, "points")
    start = f"{seen.name} {from_to(seen)}, {difference_text(seen)}"
    if made.bound is None:
        return f"{seen.name} can't be compared: {seen.difference.why_undefined}."
    match made.status:
        case "PASS":
            return f"{start}: no worse by more than {margin}{worst}."
        case "FAIL":
            return f"{start}: worse, and by how much may exceed the allowed {margin}{worst}."
        case "INCONCLUSIVE":
            more = (
                f"; about {rounded_up(made.needed_n):,} {made.needed_unit} would show it if the two are equal"
                if made.needed_n
                else ""
            )
            return f"{start}: a loss of more than {margin} is not excluded{worst}{more}."


def comparison_headline(metrics: Sequence[MetricDifference], cases: int) -> str:
    """Name the differences that are not chance: headline figures before details, losses before gains."""
    if cases == 0:
        return "Nothing can be compared: the two have measured no case in common."
    worse, better = (_named(metrics, verdict) for verdict in ("worse", "better"))
    on = f" on the same {count(cases, 'case')}"
    if worse and better:
        told = [f"Worse: {listed(worse, 4)}.", f"Better: {listed(better, 4)}."]
        in_headline = {m.verdict for m in metrics if m.family == "headline"}
        gains_first = "better" in in_headline and "worse" not in in_headline
        return f"{' '.join(reversed(told) if gains_first else told)} All{on}."
    if worse or better:
        return f"{'Worse' if worse else 'Better'}: {listed(worse or better, 4)};{on}."
    headline = [m for m in metrics if m.family == "headline" and m.difference.value is not None]
    untold = [m.name for m in headline if m.verdict == "can't tell"]
    if untold:
        return f"No difference is shown{on}, but {listed(untold, 4)} can't be told from noise."
    return f"No difference is shown{on}."


def _named(metrics: Sequence[MetricDifference], verdict: str) -> list[str]:
    """Name a family's real differences; details only where no headline figure says it already."""
    real = [m for m in metrics if m.verdict == verdict]
    chosen = [m for m in real if m.family == "headline"] or real
    return [f"{m.name} {difference_text(m)}" for m in chosen]
