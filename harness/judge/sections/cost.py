"""Money and tokens, as the endpoint counted them; calls without a count are listed, never guessed."""

import msgspec
import numpy as np

from harness.files.project import Price
from harness.judge import LONG_INPUT, Cost, Estimate
from harness.judge.scores import AT_ONCE, Figure, Missing, clustered_mean, ratio_of_sums
from harness.judge.view import NONE, VIAS, Bool, Float, Int64, TrialColumns, View, named_counts

ORDINARY = frozenset({"default", "standard", "on_demand", "auto"})  # service tiers of the price itself
NO_USAGE = "the endpoint did not count tokens"


def spent(trials: TrialColumns, price: Price) -> Float:
    """Give the money of each trial's final call; 0 where the endpoint counted no tokens."""
    factors = np.array([*(price.factor(tier) or 1.0 for tier in trials.tiers), 1.0])  # NONE indexes from the end
    counts = (trials.tokens_in, trials.tokens_out, trials.tokens_cached, trials.tokens_written)
    money = np.empty(len(trials))
    for begin in range(0, len(money), AT_ONCE):
        part = slice(begin, begin + AT_ONCE)
        told, answered, cached, written = (np.maximum(count[part], 0).astype(np.float64) for count in counts)
        money[part] = price.money(told, answered, cached, factors[trials.tier[part]], written)
    return money


def counted(trials: TrialColumns) -> Bool:
    """Tell which trials the endpoint counted all tokens for: what is counted by halves is not known."""
    return np.asarray((trials.tokens_in != NONE) & (trials.tokens_out != NONE), dtype=np.bool_)


def per_1000(view: View) -> Figure:
    """Give the cost of a thousand decisions."""
    if (missing := unknown(view)) is not None:
        return missing
    known = counted(view.trials)
    money = spent(view.trials, view.model.price)
    return clustered_mean(money[known], view.trials.case[known], why_empty=NO_USAGE, scale=1000)


def per_correct(view: View) -> Figure:
    """Give the cost of one right answer: all that was spent, by what was right."""
    return _per_hit(view, view.answers.right, "no answer was right")


def _per_hit(view: View, hits: Bool, why_empty: str) -> Figure:
    if (missing := unknown(view)) is not None:
        return missing
    known = counted(view.trials)
    money, many = spent(view.trials, view.model.price)[known], hits[known].astype(np.float64)
    return ratio_of_sums(money, many, view.trials.case[known], why_empty=why_empty)


def unknown(view: View) -> Missing | None:
    """Say why the cost is not known; None when it is. What has no price has no cost: 0 would be a figure."""
    if not view.model.price.is_given:
        stored = view.entry.places.get("source")  # what another tool wrote
        why = f"no cost is read from {stored}" if stored else f"harness.yml gives no price for {view.entry.model_name}"
        return Missing(why, len(view.trials))
    if counted(view.trials).any():
        return None
    return Missing(no_usage(view), len(view.trials))


def no_usage(view: View) -> str:
    """Say why no tokens are known."""
    return "no reply came" if view.failed.all() else NO_USAGE


def tokens_per_case(view: View) -> Figure:
    """Give the mean tokens of a decision, in and out."""
    known = counted(view.trials)
    tokens = np.maximum(view.trials.tokens_in, 0) + np.maximum(view.trials.tokens_out, 0)
    return clustered_mean(tokens[known].astype(np.float64), view.trials.case[known], why_empty=no_usage(view))


def judged_cost(view: View) -> Cost:
    """Give money and tokens of a candidate."""
    price = view.model.price
    money = per_1000(view).estimate(view.confidence)
    tiers = named_counts(view.trials.tier, view.trials.tiers)
    elsewhere = _elsewhere(view)
    volume = view.suite.volume_per_month
    month = None if volume is None else scaled(money, volume / 1000)
    return Cost(
        currency=price.currency,
        total=_total(view) if price.is_given else None,
        per_1000=money,
        per_correct=per_correct(view).estimate(view.confidence),
        per_caught_positive=_per_caught(view),
        tokens_in=_mean(view, view.trials.tokens_in),
        tokens_out=_mean(view, view.trials.tokens_out),
        tokens_cached=_mean(view, view.trials.tokens_cached),
        per_month=None if month is None else month.value,
        month=month,
        volume_per_month=volume,
        priced=price.is_given,
        tiers=tiers,
        not_at_flex=elsewhere.get("flex", 0),
        elsewhere=elsewhere,
        unpriced=tuple(tier for tier in tiers if tier not in ORDINARY and price.factor(tier) is None)
        if price.is_given
        else (),
        unpriced_writes=int(np.maximum(view.trials.tokens_written, 0).sum())
        if price.is_given and price.cache_write is None
        else 0,
        long_inputs=int(np.count_nonzero(view.trials.tokens_in > LONG_INPUT)) if price.is_given else 0,
        missing_usage=int(np.count_nonzero(~counted(view.trials) & ~view.failed)),
    )


def _elsewhere(view: View) -> dict[str, int]:
    """Count the replies that were asked for at a service tier, and of which none says that it served them."""
    said = {**view.model.params, **view.entry.prompt.get("parameters", {})}.get("service_tier")
    ways = {"sync": said if isinstance(said, str) and said not in ORDINARY else "", "flex": "flex"}
    lost: dict[str, int] = {}
    for way, tier in ways.items():
        at = (view.trials.via == VIAS.index(way)) & ~view.failed
        named = named_counts(view.trials.tier[at], view.trials.tiers)
        if tier and (others := int(np.count_nonzero(at)) - named.get(tier, 0)):
            lost[tier] = lost.get(tier, 0) + others
    return lost


def scaled(estimate: Estimate, factor: float) -> Estimate:
    """Give an estimate of something that is a fixed multiple of another."""
    value, low, high = (
        None if part is None else part * factor for part in (estimate.value, estimate.low, estimate.high)
    )
    return msgspec.structs.replace(estimate, value=value, low=low, high=high)


def _total(view: View) -> float:
    """Give the money of every call, variants and warm-up included."""
    price = view.model.price
    return float(spent(view.every_trial, price).sum()) + sum(
        price.of(usage) or 0.0 for usage in view.trials.warmup_usage
    )


def _mean(view: View, column: Int64) -> Estimate:
    known = column != NONE
    why = "the endpoint did not count these tokens" if counted(view.trials).any() else no_usage(view)
    mean = clustered_mean(column[known].astype(np.float64), view.trials.case[known], why_empty=why)
    return mean.estimate(view.confidence)


def _per_caught(view: View) -> Estimate | None:
    if view.positive is None:
        return None
    caught = np.asarray(view.answers.right & (view.trials.expected == view.positive), dtype=np.bool_)
    why_empty = f"no case of ‘{view.labels[view.positive]}’ was found"
    return _per_hit(view, caught, why_empty).estimate(view.confidence)
