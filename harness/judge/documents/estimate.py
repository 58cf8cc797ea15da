"""The one shape of every figure: a value with its interval, or the reason why there is none."""

from __future__ import annotations

import msgspec


class Estimate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A figure with its two-sided interval.

    `n` counts what the figure is a share or a mean of (cases, predictions, calls). `value` is None when the
    figure is undefined; then `why_undefined` says why and no check on it can pass. Never NaN, never infinite.
    """

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    confidence: float = 0.95
    method: str = ""
    why_undefined: str | None = None


def undefined(why: str, *, n: int = 0, confidence: float = 0.95) -> Estimate:
    """Give the estimate of a figure that does not exist, with its reason."""
    return Estimate(value=None, n=n, confidence=confidence, method="undefined", why_undefined=why)
