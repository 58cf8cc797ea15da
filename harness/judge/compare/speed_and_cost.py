"""Latency, money and the length of replies on both sides: bootstrap of quantile differences, Hodges-Lehmann, means."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from harness.files import thresholds
from harness.files.thresholds import COST_PER_1000, Metric
from harness.judge import Bill, Comparison, Estimate, MetricDifference, TypicalShift, money, scores
from harness.judge.compare.decide import Compared, decided
from harness.judge.pairs import FAILED, NONE, Bool, Float, Pairs, Side
from harness.judge.scores import Figure, Int64, Missing
from harness.judge.sections.cost import NO_USAGE, counted, scaled, spent, unknown
from harness.judge.sections.latency import disturbed

TWO_HOURS = "two runs at two hours can't be told from the hour: measure both in one run"


def latency_figures(pairs: Pairs) -> Iterator[Compared]:
    """Give the caller's p50 and p95, and those of the first token where both sides streamed."""
    base, head = pairs.base.trials, pairs.head.trials
    yield from _quantiles(pairs, (thresholds.P50, thresholds.P95), base.caller_ns, head.caller_ns)
    if (base.ttft_ns != NONE).any() and (head.ttft_ns != NONE).any():
        yield from _quantiles(pairs, (thresholds.TTFT_P50, thresholds.TTFT_P95), base.ttft_ns, head.ttft_ns)


def _quantiles(
    pairs: Pairs, metrics: Sequence[thresholds.Metric], base_ns: Int64, head_ns: Int64
) -> Iterator[Compared]:
    base, head = pairs.base.times(base_ns), pairs.head.times(head_ns)
    wanted = [metric.quantile or 1.0 for metric in metrics]
    found: list[Figure] = [Missing("the replies of one side have no latencies")] * len(wanted)
    busy = disturbed(pairs.base.view) or disturbed(pairs.head.view)
    if _of_two_hours(pairs):
        found = [Missing(TWO_HOURS)] * len(wanted)
    elif busy:
        found = [Missing(busy)] * len(wanted)
    elif len(base[0]) and len(head[0]):
        found = scores.quantile_differences(*head, *base, wanted, seed=pairs.head.view.suite.seed)
    for metric, q, difference in zip(metrics, wanted, found, strict=True):
        yield Compared(
            metric=metric,
            base=scores.quantile_estimate(*base, q, pairs.confidence),
            head=scores.quantile_estimate(*head, q, pairs.confidence),
            difference=difference,
        )


def _of_two_hours(pairs: Pairs) -> bool:
    """Tell whether the two were measured in two runs: slow minutes of one hour are then no noise that cases show.

    With a tenth of the minutes three times slower, equal candidates of two runs differ "for certain" in 20% to 29%.
    """
    return pairs.base.view.manifest.run_id != pairs.head.view.manifest.run_id


def typical(pairs: Pairs) -> TypicalShift | None:
    """Give the Hodges-Lehmann shift over the cases' medians; None where a side has no latencies."""
    if _of_two_hours(pairs):
        return None
    medians = [scores.case_medians(*side.times(side.trials.caller_ns)) for side in (pairs.head, pairs.base)]
    shift = scores.shift_of_medians(*medians, confidence=pairs.confidence)
    if shift.value is None:
        return None
    middle = float(np.median(list(medians[1].values())))
    return TypicalShift(shift=shift, share=shift.value / middle if middle > 0 else None)


def cost_figures(pairs: Pairs) -> Iterator[Compared]:
    """Give money per 1,000 decisions and per right answer where a side has a price, and tokens."""
    if any(side.view.model.price.is_given for side in (pairs.base, pairs.head)):
        yield cost_per_1000(pairs)
        yield _cost_per_correct(pairs)
    yield _tokens(pairs)


def cost_per_1000(pairs: Pairs) -> Compared:
    """Give money per 1,000 decisions on both sides; the difference is the paired mean, for each case counts alike."""

    def difference(base: _Spent, head: _Spent) -> Figure:
        have = (base.calls > 0) & (head.calls > 0)
        first, second = (side.money[have] / side.calls[have] for side in (head, base))
        return scores.paired_mean_difference(first, second, scale=1000)

    def alone(money: Float, side: Side, known: Bool) -> Figure:
        return scores.clustered_mean(money, side.case[known], why_empty=NO_USAGE, scale=1000)

    return _money(pairs, thresholds.COST_PER_1000, alone, difference)


def _cost_per_correct(pairs: Pairs) -> Compared:
    """Give money per right answer on both sides: a ratio of sums."""

    def difference(base: _Spent, head: _Spent) -> Figure:
        return scores.paired_ratio_difference(head.money, head.right, base.money, base.right)

    def alone(money: Float, side: Side, known: Bool) -> Figure:
        right = side.right[known].astype(np.float64)
        return scores.ratio_of_sums(money, right, side.case[known], why_empty="no answer was right")

    return _money(pairs, thresholds.COST_PER_CORRECT, alone, difference)


@dataclass(frozen=True, slots=True)
class _Spent:
    """What one side spent, case by case, on calls whose tokens were counted."""

    money: Float
    calls: Float
    right: Float

    @classmethod
    def of(cls, side: Side) -> "_Spent":
        """Add up the calls of one side."""
        known = counted(side.trials)
        money, calls, right = spent(side.trials, side.view.model.price), known, side.right
        return cls(*(side.per_case(values.astype(np.float64), known)[0] for values in (money, calls, right)))


def _money(
    pairs: Pairs,
    metric: thresholds.Metric,
    alone: Callable[[Float, Side, Bool], Figure],
    difference: Callable[[_Spent, _Spent], Figure],
) -> Compared:
    sides = (pairs.base, pairs.head)
    currencies = (pairs.base.view.currency, pairs.head.view.currency)
    missing = next((why for why in (unknown(side.view) for side in sides) if why is not None), None)
    if currencies[0] != currencies[1] and all(side.view.model.price.is_given for side in sides):
        missing = Missing(f"the baseline is priced in {currencies[0]}, the candidate in {currencies[1]}")

    def seen(side: Side) -> Estimate:
        known = counted(side.trials)
        money = spent(side.trials, side.view.model.price)[known]
        return (unknown(side.view) or alone(money, side, known)).estimate(pairs.confidence)

    return Compared(
        metric=metric,
        base=seen(pairs.base),
        head=seen(pairs.head),
        difference=missing or difference(_Spent.of(pairs.base), _Spent.of(pairs.head)),
        currencies=currencies,
    )


def _tokens(pairs: Pairs) -> Compared:
    values = []
    for trials in (pairs.base.trials, pairs.head.trials):
        tokens = np.maximum(trials.tokens_in, 0) + np.maximum(trials.tokens_out, 0)
        values.append(np.where(counted(trials), tokens, NONE).astype(np.float64))
    return mean_figure(pairs, thresholds.TOKENS_PER_CASE, values, why=NO_USAGE)


def mean_figure(pairs: Pairs, metric: thresholds.Metric, values: Sequence[Float], *, why: str) -> Compared:
    """Give the mean of a value of each trial (base's, head's; NONE where unknown); `why` it may be undefined."""
    means, sums = [], []
    for side, each in zip((pairs.base, pairs.head), values, strict=True):
        have = np.asarray(each != NONE, dtype=np.bool_)
        means.append(scores.clustered_mean(each[have], side.case[have], why_empty=why).estimate(pairs.confidence))
        sums.append(side.per_case(each, have))
    (before, asked), (after, asked_again) = sums
    both = (asked > 0) & (asked_again > 0)
    found: Figure = Missing(why)
    if both.any():
        found = scores.paired_mean_difference(after[both] / asked_again[both], before[both] / asked[both])
    return Compared(metric=metric, base=means[0], head=means[1], difference=found)


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
