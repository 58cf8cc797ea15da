"""What a new model's replies are like beside the old one's: their length, how much was thought, what they cost."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from harness.files.thresholds import COST_PER_1000, Metric
from harness.judge import Bill, Comparison, MetricDifference, money
from harness.judge.compare.decide import decided
from harness.judge.compare.figures import Compared
from harness.judge.compare.speed_and_cost import mean_figure
from harness.judge.pairs import FAILED, NONE, Float, Pairs, Side
from harness.judge.sections.cost import NO_USAGE, scaled

NO_REPLY = "one side has no reply"
_lower = partial(Metric, scale="count", higher_is_better=False)


def reply_figures(pairs: Pairs, margin: float) -> tuple[MetricDifference, ...]:
    """Give output tokens, tokens of thought, and characters of a reply, on both sides."""
    return decided(list(_compared(pairs)), margin=margin, confidence=pairs.confidence)


def _compared(pairs: Pairs) -> Iterator[Compared]:
    for name, column in (("output tokens", "tokens_out"), ("reasoning tokens", "tokens_reasoning")):
        sides = [np.asarray(getattr(side.trials, column), dtype=np.float64) for side in (pairs.base, pairs.head)]
        if all((values == NONE).all() for values in sides):
            continue
        if column == "tokens_reasoning":  # an endpoint that counts tokens and no thoughts had none
            counted = [side.trials.tokens_out != NONE for side in (pairs.base, pairs.head)]
            sides = [
                np.where(known, np.maximum(values, 0), values) for known, values in zip(counted, sides, strict=True)
            ]
        yield mean_figure(pairs, _lower(name=name), sides, why=NO_USAGE)
    lengths = [_characters(side) for side in (pairs.base, pairs.head)]
    yield mean_figure(pairs, _lower(name="reply characters"), lengths, why=NO_REPLY)


def _characters(side: Side) -> Float:
    sizes = np.array([len(text) for text in side.trials.replies] or [0], dtype=np.float64)
    return np.asarray(np.where(side.trials.outcome == FAILED, NONE, sizes[side.trials.reply]), dtype=np.float64)


def bill(comparison: Comparison, volume: float | None) -> Bill | None:
    """Give what both cost, a month at this volume where one is stated; None without a price or with two currencies."""
    seen = comparison.metric(COST_PER_1000.name)
    if seen is None or seen.base_currency != seen.currency:
        return None
    factor = 1.0 if volume is None else volume / 1000
    old, new, difference = (scaled(one, factor) for one in (seen.base, seen.head, seen.difference))
    return Bill(
        old=old,
        new=new,
        difference=difference,
        currency=seen.currency,
        per="1,000 decisions" if volume is None else "month",
        volume_per_month=volume,
        told=_told(seen, difference.value, "per 1,000 decisions" if volume is None else "a month"),
    )


def _told(seen: MetricDifference, change: float | None, per: str) -> str:
    if change is None or seen.verdict not in {"better", "worse"}:
        return "" if change is None else "costs the same, as far as these calls tell"
    return (
        f"{'saves' if change < 0 else 'costs'} {money(abs(change), seen.currency)}{'' if change < 0 else ' more'} {per}"
    )
