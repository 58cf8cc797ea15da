"""Money and tokens."""

from itertools import islice

from harness.judge import LONG_INPUT, Cost
from harness.report.parts import NamedFigure, Section, count, figure, if_any, number

_MOST_TIERS = 5  # that are named


def cost_section(cost: Cost) -> Section:
    """Give money and tokens, from what the endpoint counted."""
    money = cost.currency
    total = number(cost.total, "money", currency=money)
    a_month = cost.month is not None and cost.month.value is not None
    unknown = cost.per_1000.value is None  # nothing was counted: a total of 0 would be no figure
    paid = [
        *if_any("Per 1,000 decisions", cost.per_1000, "money", currency=money, cases={"variant": "original"}),
        *if_any("Per right decision", cost.per_correct, "money", currency=money, cases={"right": "always"}),
        *if_any("Per caught positive", cost.per_caught_positive, "money", currency=money),
        *([] if unknown else [NamedFigure("This run", total, hint="all attempts, warm-up included")]),
        *(if_any("Per month", cost.month, "money", f"at {_volume(cost)}", currency=money) if a_month else []),
    ]
    counted = cost.tokens_cached.value is not None  # by few endpoints
    figures = [
        *(paid if cost.priced else []),
        *if_any("Tokens in", cost.tokens_in, "count", "a trial"),
        *_growth(cost),
        *if_any("Tokens out", cost.tokens_out, "count", "a trial"),
        *(if_any("Tokens cached", cost.tokens_cached, "count", "a trial") if counted else []),
    ]
    notes = []
    if cost.missing_usage:
        notes.append(f"The endpoint did not count the tokens of {count(cost.missing_usage, 'trial')}.")
    notes += _tiers(cost)
    lead = f"{figure(cost.per_1000, 'money', currency=money)} per 1,000 decisions"
    if cost.month is not None and a_month:
        lead += f", {number(cost.month.value, 'money', currency=money)} a month at {_volume(cost)}"
    lead += f"; this run cost {total}."
    if unknown:
        lead = f"What it costs is not known: {cost.per_1000.why_undefined or 'nothing was measured'}."
    if not cost.priced:
        lead = "The model has no price in harness.yml: no money was counted."
    return Section(key="cost", title="Cost", lead=lead, figures=tuple(figures), notes=tuple(notes))


def _tiers(cost: Cost) -> list[str]:
    """Say what served other than was asked for, and what is counted at a price that may not be its own."""
    served = ", ".join(f"{tier} {number:,}" for tier, number in islice(cost.tiers.items(), _MOST_TIERS))
    told = []
    for tier, missed in cost.elsewhere.items():
        replies = count(missed, "reply", "replies")
        told.append(
            f"Of what was asked for at {tier}, {replies} came from another tier or named none, and cost the whole price"
            + (f"; named: {served}." if served else ".")
        )
    if cost.unpriced:
        tiers = ", ".join(f"`{tier}` ({cost.tiers[tier]:,})" for tier in cost.unpriced[:_MOST_TIERS])
        told.append(f"harness.yml does not say what these service tiers cost: {tiers}; the whole price is counted.")
    if cost.unpriced_writes:
        tokens = count(cost.unpriced_writes, "token")
        told.append(
            f"The provider's cache took in {tokens}, counted at the price of input: some charge more for that. "
            "Write its price as `cache_write`."
        )
    if cost.long_inputs:
        replies = count(cost.long_inputs, "reply", "replies")
        told.append(
            f"{replies} had over {LONG_INPUT:,} tokens of input: where the provider charges more for that, this cost "
            "more."
        )
    return told


def _volume(cost: Cost) -> str:
    return f"{cost.volume_per_month:,.0f} decisions" if cost.volume_per_month else ""


def _growth(cost: Cost) -> list[NamedFigure]:
    """Say how much longer the prompt became since its previous version."""
    growth = cost.growth
    if growth is None or growth.more.value is None:
        return []
    before = f"{growth.tokens_before:,.1f}".removesuffix(".0")
    share = "" if growth.share is None else f"{growth.share:+.1%} on {before} ".replace("-", "−")
    return if_any(f"Tokens in, since {growth.since}", growth.more, "count", f"{share}a trial")
