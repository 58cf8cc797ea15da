"""What a run would cost, and what one command may send and pay.

More is refused before the first call where it is known, else it is stopped there.

What is planned is known from prices and estimated tokens; what is spent, from the tokens that the endpoint counts.
Output that nothing limits is in no plan, but it is in what is spent.
A run that reaches its bound ends as one that was interrupted: calls in flight may finish, and a resume goes on.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import msgspec

from harness.errors import RunIncomplete, UsageError
from harness.files.prompts import Rendered, RenderedText, RenderFailed, renderer_of
from harness.measure.endpoint.codecs import OUTPUT_NAMES, limit_of, merged, rough_tokens
from harness.measure.plan import Bundle, Candidate, Plan
from harness.record import Batch, Record, Reply

_SAMPLE = 500  # cases that are rendered to know the mean length of a prompt


class CandidateCost(msgspec.Struct, frozen=True, kw_only=True):
    """What one candidate would take. `tokens_out` and `money` are upper bounds where output is limited."""

    name: str
    calls: int  # without retries, with warm-up calls
    tokens_in: int
    tokens_out: int | None  # None: nothing limits the output
    money: float | None  # None without a price, or without that of the tier that is asked for
    currency: str
    priced: bool
    ways: dict[str, float]  # money by way of asking, as far as its price is known: sync, batch, flex
    first_prompt: str
    params: dict[str, Any]  # asked for with every prompt, as `adapt` leaves them
    left_out: tuple[str, ...]  # by `adapt`, of what prompt and model ask for


class PlanSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would do."""

    cases: int
    trials: int
    calls: int
    sampled: int  # cases that are asked at once beside a batch, for latency
    labels: dict[str, dict[str, int]]  # label -> split -> cases
    candidates: tuple[CandidateCost, ...]


def estimate(bundle: Bundle) -> PlanSummary:
    """Estimate a run of this bundle without a call."""
    plan = Plan(bundle)
    costs = costs_of(plan, plan.nothing_done())
    labels: dict[str, dict[str, int]] = {label: {} for label in bundle.suite.labels}
    for case in bundle.cases:
        splits = labels.setdefault(case.expected, {})
        splits[case.split] = splits.get(case.split, 0) + 1
    return PlanSummary(
        cases=len(bundle.cases),
        trials=plan.planned,
        calls=sum(cost.calls for cost in costs),
        sampled=len(plan.sampled),
        labels=labels,
        candidates=costs,
    )


def costs_of(plan: Plan, done: bytearray) -> tuple[CandidateCost, ...]:
    """Estimate what is not done of a plan, candidate by candidate, without a call."""
    trials, at_once = plan.remaining(done), plan.remaining(plan.at_once(done))
    return tuple(_cost(plan, c, trials[c.name], at_once[c.name]) for c in plan.candidates)


def _cost(plan: Plan, candidate: Candidate, trials: int, at_once: int) -> CandidateCost:
    entry = candidate.model
    warmups = 0 if entry.endpoint == "replay" else entry.warmup
    calls = trials + (warmups if at_once else 0)
    first, mean = _sample(plan, candidate)
    params = merged(entry, candidate.prompt)
    tokens_in = round(calls * mean)
    asked = {*entry.params, *candidate.prompt.parameters}
    limit = limit_of(params)
    tokens_out = None if limit is None else calls * limit
    price = entry.price
    dearer = price.cache_write is not None and price.cache_write > price.input
    each = price.money(mean, float(limit or 0), 0.0, written=mean if dearer else 0.0)
    at_once_part = _part_at_once(candidate, params.get("service_tier"))
    sampled = min(at_once if entry.waits else len(plan.sampled), trials)
    beside = sampled + warmups if sampled else 0  # calls at the whole price in what is waited for
    whole = trials + warmups if trials else 0
    parts = {
        "sync": (whole, 0),
        "batch": (beside, trials - sampled),
        "flex": (0, whole if entry.via == "flex" else trials),
    }
    ways = {
        way: each * (full * (at_once_part or 0.0) + part * (price.factor(way) or 1.0))
        for way, (full, part) in parts.items()
        if way in price.ways and price.is_given and not (full and at_once_part is None)
    }
    return CandidateCost(
        name=candidate.name,
        calls=calls,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        money=ways.get(entry.via, ways.get("sync")),
        currency=price.currency,
        priced=price.is_given,
        ways=ways,
        first_prompt=first,
        params={} if entry.endpoint in ("http", "replay", "function") else params,
        left_out=tuple(n for n in entry.adapt.drop if n not in OUTPUT_NAMES and n in asked),
    )


def _part_at_once(candidate: Candidate, tier: object) -> float | None:
    """Give the part of the price that calls cost at once, at the tier they ask for; None where it is dearer, unsaid."""
    part = candidate.model.price.factor(tier) if isinstance(tier, str) else None
    return 1.0 if part is None and tier != "priority" else part


def _sample(plan: Plan, candidate: Candidate) -> tuple[str, float]:
    """Give the first rendered prompt and the mean tokens of evenly spread cases."""
    step = max(1, len(plan.cases) // _SAMPLE)
    sizes: list[int] = []
    first = ""
    with closing(renderer_of(candidate.prompt)) as renderer:
        for case in plan.cases[::step]:
            try:
                rendered = renderer.render(case.inputs)
            except RenderFailed:
                continue  # this case becomes a failure of the run; its size is nobody's cost
            first = first or _plain(rendered)
            sizes.append(rough_tokens(rendered))
    return first, sum(sizes) / len(sizes) if sizes else 0.0


def _plain(rendered: Rendered) -> str:
    """Write a rendered prompt for people."""
    if isinstance(rendered, RenderedText):
        return rendered.text
    return "\n".join(f"[{role}] {content}" for role, content in rendered.messages)


_FREE = ("local", "replay", "function")


class Most:
    """What one command may still send and pay, over all its runs; None is no bound."""

    def __init__(self, *, trials: int | None = None, money: float | None = None, currency: str | None = None) -> None:
        self.trials, self.money, self._asked = trials, money, money
        self._currency = currency  # of `money`, where it names one

    def allowed(self, plan: Plan, done: bytearray, batches: Iterable[Batch] = ()) -> bytearray:
        """Give the marks of what is not to be sent. Raises UsageError where the rest would be too dear.

        What a batch holds was bought before: it counts for no bound, and stays to be read.
        """
        bought = plan.bought(done, batches)
        marks = bought if self.trials is None else plan.beyond(bought, self.trials)
        self.refuse([(plan, marks)])
        if self.trials is not None:
            self.trials -= plan.planned - sum(marks)
        return bytearray(mark and not (held and not was) for mark, held, was in zip(marks, bought, done, strict=True))

    def refuse(self, plans: Iterable[tuple[Plan, bytearray]]) -> None:
        """Refuse what may cost more than is left, or has no price in this currency. Raises UsageError."""
        if self.money is None:
            return
        total, currencies = 0.0, set()
        for cost in (cost for plan, done in plans for cost in _paid(plan, done)):
            if cost.money is None:
                what, key = (
                    ("price of the tier `priority`", "priority: …") if cost.priced else ("price", "input: …, output: …")
                )
                said = f"--max-cost can't bound {cost.name}: its model has no {what} in harness.yml."
                raise UsageError(said, fix=f"Add `price: {{{key}}}` to the model.")
            if self._currency not in {None, cost.currency}:
                said = f"--max-cost is in {self._currency}, the prices of {cost.name} in {cost.currency}."
                raise UsageError(said, fix="Write it in the currency of the prices.")
            total += cost.money
            currencies.add(cost.currency)
        if len(currencies) > 1:
            said = f"--max-cost can't bound prices in several currencies: {', '.join(sorted(currencies))}."
            raise UsageError(said, fix="Measure the models of one currency at a time, or bound it by --max-trials.")
        if total > self.money:
            left = "" if self.money == self._asked else f", of which {self.money:,.4f} are left"
            raise UsageError(
                f"this may cost {total:,.4f}, more than --max-cost {self._asked:,.4f}{left}; nothing was sent.",
                fix="Allow more, or measure fewer cases with --limit or --repeats.",
            )

    def spend(self, money: float) -> None:
        """Count what a reply cost. Raises RunIncomplete from when the bound is reached."""
        if self.money is None or self._asked is None:
            return
        self.money -= money
        if self.money <= 0:
            said = f"the replies cost {self._asked - self.money:,.4f}; they are saved."
            raise RunIncomplete(f"--max-cost {self._asked:,.4f} is reached: {said}", fix="Allow more.")


NO_BOUND = Most()


def _paid(plan: Plan, done: bytearray) -> Iterator[CandidateCost]:
    paid = {c.name for c in plan.candidates if c.model.endpoint not in _FREE}
    return (cost for cost in costs_of(plan, done) if cost.calls and cost.name in paid)


class Spent:
    """What the replies of a run cost."""

    def __init__(self, bundle: Bundle, most: Most) -> None:
        self._prices = {c.name: c.model.price for c in bundle.candidates}
        self._most = most

    def take(self, record: Record) -> None:
        """Count a reply. Raises RunIncomplete from when the bound is reached."""
        if self._most.money is not None and isinstance(record.outcome, Reply) and not record.recorded:
            self._most.spend(self._prices[record.candidate].of(record.outcome.usage) or 0.0)
