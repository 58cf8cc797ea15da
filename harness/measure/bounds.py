"""What one command may send and pay: refused before the first call where it is known to be more, else stopped there.

What is planned is known from prices and estimated tokens; what is spent, from the tokens that the endpoint counts.
Output that nothing limits is in no plan, but it is in what is spent.
A run that reaches its bound ends as one that was interrupted: calls in flight may finish, and a resume goes on.
"""

from collections.abc import Iterable, Iterator

from harness.errors import RunIncomplete, UsageError
from harness.files.project import Price
from harness.measure.plan import Bundle, CandidateCost, Plan, costs_of
from harness.record import Record, Reply

_FREE = ("local", "replay", "function")


class Most:
    """What one command may still send and pay, over all its runs; None is no bound."""

    def __init__(self, *, trials: int | None = None, money: float | None = None, currency: str | None = None) -> None:
        self.trials, self._money, self._asked = trials, money, money
        self._currency = currency  # of `money`, where it names one

    def allowed(self, plan: Plan, done: bytearray) -> bytearray:
        """Give the marks of what is not to be sent. Raises UsageError where the rest would be too dear."""
        if self.trials is not None:
            done = plan.beyond(done, self.trials)
        self.refuse([(plan, done)])
        if self.trials is not None:
            self.trials -= plan.planned - sum(done)
        return done

    def refuse(self, plans: Iterable[tuple[Plan, bytearray]]) -> None:
        """Refuse what may cost more than is left, or has no price in this currency. Raises UsageError."""
        if self._money is None:
            return
        total, currencies = 0.0, set()
        for cost in (cost for plan, done in plans for cost in _paid(plan, done)):
            if cost.money is None:
                said = f"--max-cost can't bound {cost.name}: its model has no price in harness.yml."
                raise UsageError(said, fix="Add `price: {input: …, output: …}` to the model.")
            if self._currency not in {None, cost.currency}:
                said = f"--max-cost is in {self._currency}, the prices of {cost.name} in {cost.currency}."
                raise UsageError(said, fix="Write it in the currency of the prices.")
            total += cost.money
            currencies.add(cost.currency)
        if len(currencies) > 1:
            said = f"--max-cost can't bound prices in several currencies: {', '.join(sorted(currencies))}."
            raise UsageError(said, fix="Measure the models of one currency at a time, or bound it by --max-trials.")
        if total > self._money:
            left = "" if self._money == self._asked else f", of which {self._money:,.4f} are left"
            raise UsageError(
                f"this may cost {total:,.4f}, more than --max-cost {self._asked:,.4f}{left}; nothing was sent.",
                fix="Allow more, or measure fewer cases with --limit or --repeats.",
            )

    def spend(self, money: float) -> None:
        """Count what a reply cost. Raises RunIncomplete from when the bound is reached."""
        if self._money is None or self._asked is None:
            return
        self._money -= money
        if self._money <= 0:
            said = f"the replies cost {self._asked - self._money:,.4f}; they are saved."
            raise RunIncomplete(f"--max-cost {self._asked:,.4f} is reached: {said}", fix="Allow more.")


NO_BOUND = Most()


def _paid(plan: Plan, done: bytearray) -> Iterator[CandidateCost]:
    paid = {c.name for c in plan.candidates if c.model.endpoint not in _FREE}
    return (cost for cost in costs_of(plan, done) if cost.calls and cost.name in paid)


class Spent:
    """What the replies of a run cost."""

    def __init__(self, bundle: Bundle, most: Most) -> None:
        self._prices: dict[str, Price] = {c.name: c.model.price for c in bundle.candidates}
        self._most = most

    def take(self, record: Record) -> None:
        """Count a reply. Raises RunIncomplete from when the bound is reached."""
        if isinstance(record.outcome, Reply) and not record.recorded:
            self._most.spend(self._prices[record.candidate].of(record.outcome.usage) or 0.0)
