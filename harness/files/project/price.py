"""What tokens cost, as harness.yml says it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field

from harness.files.written.units import Money, Share
from harness.files.written.validation import Written
from harness.record import Usage

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PER_MILLION = 1e6  # tokens that a price is for

Tokens = TypeVar("Tokens", float, "npt.NDArray[np.float64]")


class Price(Written):
    """Money per million tokens, in `currency`."""

    input: Money = Field(0.0, ge=0, allow_inf_nan=False, description="Price of a million input tokens.")
    output: Money = Field(0.0, ge=0, allow_inf_nan=False, description="Price of a million output tokens.")
    cached: Money | None = Field(
        None, ge=0, allow_inf_nan=False, description="Price of a million cached input tokens; as `input` if absent."
    )
    cache_write: Money | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Price of a million tokens that a cache takes in; as `input` if absent.",
    )
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$", description="ISO code, such as USD.")
    batch: Share | None = Field(None, gt=0, le=1, description="Of these, what a batch costs: 0.5 is half.")
    flex: Share | None = Field(None, gt=0, le=1, description="Of these, what the service tier `flex` costs.")
    priority: Money | None = Field(None, gt=0, le=100, description="Of these, what the service tier `priority` costs.")

    @property
    def is_given(self) -> bool:
        """Whether anybody wrote what tokens cost; where nobody did there is no figure in money."""
        return self.input > 0 or self.output > 0 or bool(self.cached)

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways of asking whose price is known: `sync`, and `batch` and `flex` where their factors are."""
        return ("sync", *(way for way in ("batch", "flex") if getattr(self, way) is not None))

    def factor(self, tier: str | None) -> float | None:
        """Give the part of these prices that a service tier costs; None where nobody wrote one: all of them."""
        return {"batch": self.batch, "flex": self.flex, "priority": self.priority}.get(tier or "")

    def money(
        self,
        tokens_in: Tokens,
        tokens_out: Tokens,
        cached: Tokens,
        factor: Tokens | float = 1.0,
        written: Tokens | float = 0.0,
    ) -> Tokens:
        """Give the money of tokens, of one call or of many; `cached` and `written` (to a cache) are of `tokens_in`."""
        fresh = tokens_in - cached - written
        fresh = fresh * (fresh > 0)
        cached_price = self.input if self.cached is None else self.cached
        write_price = self.input if self.cache_write is None else self.cache_write
        before = fresh * self.input + cached * cached_price + written * write_price
        return (before + tokens_out * self.output) * factor / PER_MILLION

    def of(self, usage: Usage) -> float | None:
        """Give the money of one call; None where there is no price, or the endpoint counted no tokens."""
        if not self.is_given or usage.input is None or usage.output is None:
            return None
        factor, written = self.factor(usage.tier) or 1.0, float(usage.cache_write or 0)
        return self.money(usage.input, usage.output, float(usage.cached or 0), factor, written)


def price_of(model: Mapping[str, Any]) -> Price:
    """Give the price in a model entry as a manifest keeps it."""
    return Price.model_validate(model.get("price") or {})
