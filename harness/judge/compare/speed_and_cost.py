"""Latency and money on both sides: bootstrap of quantile differences, Hodges-Lehmann, paired means."""

from collections.abc import Iterator

import numpy as np

from harness.judge import scores
from harness.judge.compare.figures import Compared
from harness.judge.documents import Estimate, TypicalShift
from harness.judge.pairs import Pairs, Side
from harness.judge.scores import Figure, Missing
from harness.judge.sections.cost import NO_USAGE, counted, spent, unknown
from harness.judge.sections.timing_quality import saturated
from harness.judge.table.columns import NONE, Float, Int64

QUANTILES = (("p50", 0.5), ("p95", 0.95))


def latency_figures(pairs: Pairs) -> Iterator[Compared]:
    """Give the caller's p50 and p95, and those of the first token where both sides streamed."""
    base, head = pairs.base.trials, pairs.head.trials
    yield from _quantiles(pairs, "latency", base.caller_ns, head.caller_ns)
    if (base.ttft_ns != NONE).any() and (head.ttft_ns != NONE).any():
        yield from _quantiles(pairs, "ttft", base.ttft_ns, head.ttft_ns)


def _quantiles(pairs: Pairs, clock: str, base_ns: Int64, head_ns: Int64) -> Iterator[Compared]:
    base, head = pairs.base.times(base_ns), pairs.head.times(head_ns)
    found: list[Figure] = [Missing("the replies of one side have no latencies")] * len(QUANTILES)
    busy = saturated(pairs.base.view) or saturated(pairs.head.view)
    if busy:
        found = [Missing(busy.rstrip("."))] * len(QUANTILES)
    elif len(base[0]) and len(head[0]):
        seed, wanted = pairs.head.view.suite.seed, [q for _, q in QUANTILES]
        found = scores.quantile_differences(*head, *base, wanted, seed=seed)
    for (name, q), difference in zip(QUANTILES, found, strict=True):
        yield Compared(
            metric=f"{clock}.{name}",
            base=scores.quantile_estimate(*base, q, pairs.confidence),
            head=scores.quantile_estimate(*head, q, pairs.confidence),
            difference=difference,
            higher_is_better=False,
            scale="seconds",
            headline=clock == "latency" and name == "p95",
        )


def typical(pairs: Pairs) -> TypicalShift | None:
    """Give the Hodges-Lehmann shift over the cases' medians; None where a side has no latencies."""
    medians = [scores.case_medians(*side.times(side.trials.caller_ns)) for side in (pairs.head, pairs.base)]
    shift = scores.shift_of_medians(*medians, confidence=pairs.confidence)
    if shift.value is None:
        return None
    middle = float(np.median(list(medians[1].values())))
    return TypicalShift(shift=shift, share=shift.value / middle if middle > 0 else None)


def cost_figures(pairs: Pairs) -> Iterator[Compared]:
    """Give money per 1,000 decisions and per right answer where a side has a price, and tokens."""
    if any(side.view.model.price.is_given for side in (pairs.base, pairs.head)):
        yield money_figure(pairs, "cost_per_1000")
        yield money_figure(pairs, "cost_per_correct")
    yield _tokens(pairs)


def money_figure(pairs: Pairs, metric: str) -> Compared:
    """Give money per 1,000 decisions or per right answer, on both sides."""
    sides = (pairs.base, pairs.head)
    whys = [unknown(side.view) for side in sides]
    missing = next((why for why in whys if why is not None), None)
    currencies = (pairs.base.view.currency, pairs.head.view.currency)
    if currencies[0] != currencies[1] and all(side.view.model.price.is_given for side in sides):
        missing = Missing(f"base is priced in {currencies[0]}, head in {currencies[1]}")
    if missing is None:
        tops = [_per_case(side, spent(side.trials, side.view.model.price)) for side in sides]
        difference = _difference(tops, [_under(side, metric) for side in sides], metric)
    else:
        difference = missing
    return Compared(
        metric=metric,
        base=_side_money(pairs.base, metric, pairs.confidence),
        head=_side_money(pairs.head, metric, pairs.confidence),
        difference=difference,
        higher_is_better=False,
        scale="money",
        currencies=currencies,
        headline=metric == "cost_per_1000",
    )


def _side_money(side: Side, metric: str, confidence: float) -> Estimate:
    if (missing := unknown(side.view)) is not None:
        return missing.estimate(confidence)
    known = counted(side.trials)
    money = spent(side.trials, side.view.model.price)[known]
    if metric == "cost_per_1000":
        made = scores.clustered_mean(money, side.case[known], why_empty=NO_USAGE, scale=1000)
    else:
        right = side.right[known].astype(np.float64)
        made = scores.ratio_of_sums(money, right, side.case[known], why_empty="no answer was right")
    return made.estimate(confidence)


def _per_case(side: Side, values: Float) -> Float:
    return side.per_case(values, counted(side.trials))[0]


def _under(side: Side, metric: str) -> Float:
    known = counted(side.trials)
    if metric == "cost_per_correct":
        return side.per_case(side.right.astype(np.float64), known)[0]
    return side.per_case(known.astype(np.float64), known)[0]


def _difference(tops: list[Float], bottoms: list[Float], metric: str) -> Figure:
    """Give head minus base; where each case counts alike, the paired mean, else the ratio of sums."""
    if metric == "cost_per_1000":
        have = (bottoms[0] > 0) & (bottoms[1] > 0)
        first, second = (top[have] / under[have] for top, under in zip(tops[::-1], bottoms[::-1], strict=True))
        return scores.paired_mean_difference(first, second, scale=1000)
    return scores.paired_ratio_difference(tops[1], bottoms[1], tops[0], bottoms[0])


def _tokens(pairs: Pairs) -> Compared:
    sides, means = [], []
    for side in (pairs.base, pairs.head):
        known = counted(side.trials)
        tokens = np.maximum(side.trials.tokens_in, 0) + np.maximum(side.trials.tokens_out, 0)
        mean = scores.clustered_mean(tokens[known].astype(np.float64), side.case[known], why_empty=NO_USAGE)
        sides.append(mean.estimate(pairs.confidence))
        means.append(side.per_case(tokens.astype(np.float64), known))
    (before, asked), (after, asked_again) = means
    have = (asked > 0) & (asked_again > 0)
    difference = scores.paired_mean_difference(after[have] / asked_again[have], before[have] / asked[have])
    return Compared(
        metric="tokens_per_case",
        base=sides[0],
        head=sides[1],
        difference=difference if have.any() else Missing(NO_USAGE),
        higher_is_better=False,
        scale="count",
    )
