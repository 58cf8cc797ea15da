"""What one command may send and pay: refused before the first call where it is known to be more, else stopped there.

What is planned is known from prices and estimated tokens; what is spent, from the tokens that the endpoint counts.
A run that reaches its bound ends as one that was interrupted: calls in flight may finish, and a resume goes on.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from harness.errors import RunIncomplete, UsageError
from harness.files.project import Price
from harness.measure.plan import Bundle, CandidateCost, Plan, costs_of
from harness.record import Record, Reply

_FREE = ("local", "replay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Most:
    """The bounds of one command; None is none."""

    trials: int | None = None
    money: float | None = None
    currency: str | None = None  # of `money`, where it names one

    def allowed(self, bundle: Bundle, plan: Plan, done: bytearray) -> bytearray:
        """Give the marks of what is not to be sent. Raises UsageError where the rest would be too dear."""
        if self.trials is not None:
            done = plan.beyond(done, self.trials)
        if self.money is not None:
            paid = {c.name for c in bundle.candidates if c.model.endpoint not in _FREE}
            refuse_more([cost for cost in costs_of(plan, done) if cost.name in paid], self, "this run")
        return done


NO_BOUND = Most()


def refuse_more(costs: Iterable[CandidateCost], most: Most, what: str, *, stops: bool = True) -> None:
    """Refuse what may cost more than allowed, or whose cost can't be bounded. Raises UsageError.

    `stops` says that it ends where the money does: then output without a limit is no reason to refuse.
    """
    total, currencies = 0.0, set()
    for cost in costs:
        if not cost.calls:
            continue
        if cost.money is None:
            why = "has no price in harness.yml"
            fix = "Add `price: {input: …, output: …}` to the model."
            raise UsageError(f"--max-cost can't bound {cost.name}: its model {why}.", fix=fix)
        if cost.tokens_out is None and not stops:
            fix = "Add `max_tokens` to the model's params or the prompt's."
            raise UsageError(f"--max-cost can't bound {cost.name}: nothing limits its output.", fix=fix)
        if most.currency is not None and cost.currency != most.currency:
            said = f"--max-cost is in {most.currency}, the prices of {cost.name} in {cost.currency}."
            raise UsageError(said, fix="Write it in the currency of the prices.")
        total += cost.money
        currencies.add(cost.currency)
    if len(currencies) > 1:
        said = f"--max-cost can't bound prices in several currencies: {', '.join(sorted(currencies))}."
        raise UsageError(said, fix="Measure the models of one currency at a time, with --model.")
    if most.money is not None and total > most.money:
        raise UsageError(
            f"{what} may cost {total:,.4f}, more than --max-cost {most.money:,.4f}; nothing was sent.",
            fix="Allow more, or measure fewer cases with --limit or --repeats.",
        )


class Spent:
    """What the replies of one session cost so far."""

    def __init__(self, bundle: Bundle, most: Most) -> None:
        self._prices: dict[str, Price] = {c.name: c.model.price for c in bundle.candidates}
        self._most = most.money
        self._money = 0.0

    def take(self, record: Record) -> None:
        """Count a reply. Raises RunIncomplete from when the bound is reached."""
        if self._most is None or not isinstance(record.outcome, Reply) or record.recorded:
            return
        self._money += self._prices[record.candidate].of(record.outcome.usage) or 0.0
        if self._money >= self._most:
            raise RunIncomplete(
                f"--max-cost {self._most:,.4f} is reached: the replies cost {self._money:,.4f}; they are saved.",
                fix="Allow more.",
            )
