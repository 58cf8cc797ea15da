"""What a score function returns: a value that can state its interval and its one-sided bounds on demand.

A report shows the two-sided interval; a check looks at one side only. Both come from the same figure, so
that they can't contradict each other.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from scipy.special import ndtri, stdtrit

from harness.judge.documents.estimate import Estimate, Status, undefined
from harness.judge.table.packed import AT_ONCE, NONE, Bool, Float, Int16, Int32, Int64

Sums: TypeAlias = Int64 | Float  # counts of each case, or what several add up to


class Figure(Protocol):
    """A value with its uncertainty; `value` is None when it is undefined, and then so are its bounds."""

    @property
    def value(self) -> float | None:
        """The observed value."""

    @property
    def n(self) -> int:
        """What the value is a share or mean of."""

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """Give the value with its two-sided interval."""

    def lower(self, confidence: float = 0.95) -> float | None:
        """Give the one-sided lower bound: the truth is above it with this confidence."""

    def upper(self, confidence: float = 0.95) -> float | None:
        """Give the one-sided upper bound: the truth is below it with this confidence."""


def two_sided(figure: Figure, confidence: float, method: str) -> Estimate:
    """Give a figure's value with an interval of its one-sided bounds, at half of the error on each side."""
    tail = (1 + confidence) / 2
    low, high = figure.lower(tail), figure.upper(tail)
    return Estimate(value=figure.value, n=figure.n, low=low, high=high, confidence=confidence, method=method)


@dataclass(frozen=True, slots=True)
class Missing:
    """A figure that does not exist, or of which nothing but what was `seen` is known, and why."""

    why: str
    n: int = 0
    seen: float | None = None

    @property
    def value(self) -> float | None:
        """What was seen, mostly nothing."""
        return self.seen

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """Give an undefined estimate with its reason, or a value without an interval."""
        if self.seen is not None:
            return Estimate(value=self.seen, n=self.n, confidence=confidence, method=self.why)
        return undefined(self.why, n=self.n, confidence=confidence)

    def lower(self, confidence: float = 0.95) -> float | None:  # noqa: ARG002 -- the protocol's shape
        """None: nothing bounds what does not exist."""
        return None

    def upper(self, confidence: float = 0.95) -> float | None:  # noqa: ARG002 -- the protocol's shape
        """None: nothing bounds what does not exist."""
        return None


@dataclass(frozen=True, slots=True)
class Normal:
    """A figure with a standard error; the interval is value +- z * se, kept within [floor, ceiling].

    With `dof`, Student's t takes the place of z; `above` gives another upper bound, which counts where it is higher.
    """

    value: float | None
    n: int
    se: float
    method: str
    floor: float | None = None
    ceiling: float | None = None
    dof: float | None = None
    above: Callable[[float], float] | None = None

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """Give the value with its two-sided Wald interval."""
        return two_sided(self, confidence, self.method)

    def lower(self, confidence: float = 0.95) -> float | None:
        """Give value - z * se."""
        return self._within(-self._z(confidence))

    def upper(self, confidence: float = 0.95) -> float | None:
        """Give value + z * se."""
        bound = self._within(self._z(confidence))
        return bound if self.above is None else max(bound, self.above(confidence))

    def _z(self, confidence: float) -> float:
        return float(ndtri(confidence) if self.dof is None else stdtrit(self.dof, confidence))

    def _within(self, z: float) -> float:
        assert self.value is not None
        bound = self.value + z * self.se
        if self.floor is not None:
            bound = max(bound, self.floor)
        return bound if self.ceiling is None else min(bound, self.ceiling)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure with bootstrap draws, sorted ascending; bounds are percentiles, never past the value.

    `pessimistic` and `optimistic` draws, where given, make the one-sided bounds of checks cautious, as
    Clopper-Pearson is beside Wilson. A percentile of a finite number of draws is itself uncertain, by
    sqrt(q (1 - q) / draws) of probability: all bounds are taken that much further out, so that luck in the
    draws does not pass a check (without this, with 150 + 150 cases and recalls of 90% and 80%, a true value on
    the threshold passed in 4.0% of runs with one seed and in 5.5% with another, worked out exactly) and does
    not narrow an interval (with 20 + 20 cases and recalls of 90% each, that of MCC held the truth in 90.4%).
    """

    value: float | None
    n: int
    draws: Float
    method: str
    pessimistic: Float | None = None
    optimistic: Float | None = None

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """Give the value with its two-sided percentile interval."""
        assert self.value is not None
        tail = self._tail((1 + confidence) / 2)
        low, high = np.quantile(self.draws, [tail, 1 - tail])
        return Estimate(
            value=self.value,
            n=self.n,
            low=min(self.value, float(low)),
            high=max(self.value, float(high)),
            confidence=confidence,
            method=self.method,
        )

    def lower(self, confidence: float = 0.95) -> float | None:
        """Give the (1 - confidence) percentile of the draws, or a little below."""
        assert self.value is not None
        draws = self.draws if self.pessimistic is None else self.pessimistic
        return min(self.value, float(np.quantile(draws, self._tail(confidence))))

    def upper(self, confidence: float = 0.95) -> float | None:
        """Give the `confidence` percentile of the draws, or a little above."""
        assert self.value is not None
        draws = self.draws if self.optimistic is None else self.optimistic
        return max(self.value, float(np.quantile(draws, 1 - self._tail(confidence))))

    def _tail(self, confidence: float) -> float:
        """Give the probability left outside, less the standard error of a percentile of so many draws."""
        tail = 1 - confidence
        return max(0.0, tail - math.sqrt(tail * confidence / len(self.draws)))


@dataclass(frozen=True, slots=True)
class Mapped:
    """A strictly increasing function of another figure: bounds map with it, and stay as exact."""

    source: Figure
    through: Callable[[float], float]
    back: Callable[[float], float]  # the inverse, for carrying a threshold to the source's scale
    method: str

    @property
    def value(self) -> float | None:
        """The mapped value."""
        return self._map(self.source.value)

    @property
    def n(self) -> int:
        """The source's n."""
        return self.source.n

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """Give the mapped two-sided interval."""
        inner = self.source.estimate(confidence)
        if inner.value is None:
            return inner
        return Estimate(
            value=self._map(inner.value),
            n=inner.n,
            low=self._map(inner.low),
            high=self._map(inner.high),
            confidence=confidence,
            method=f"{self.method}, {inner.method}",
        )

    def lower(self, confidence: float = 0.95) -> float | None:
        """Give the mapped lower bound."""
        return self._map(self.source.lower(confidence))

    def upper(self, confidence: float = 0.95) -> float | None:
        """Give the mapped upper bound."""
        return self._map(self.source.upper(confidence))

    def _map(self, value: float | None) -> float | None:
        return None if value is None else self.through(value)


def distinct(values: Int16 | Int32 | Int64) -> int:
    """Count the different values among numbers from 0 that are no more than there are cases or labels."""
    return int(np.count_nonzero(np.bincount(values)))
