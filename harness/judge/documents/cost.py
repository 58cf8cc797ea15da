"""Money and tokens."""

from __future__ import annotations

import msgspec

from harness.judge.documents.estimate import Estimate


class PromptGrowth(msgspec.Struct, frozen=True, kw_only=True):
    """Input tokens of a prompt against its previous version, on the same model and cases."""

    since: str  # name of the previous version
    tokens_before: float  # a trial
    more: Estimate  # tokens a trial, negative when it became shorter
    share: float | None  # of what it was


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Money and tokens, from what the endpoint counted."""

    currency: str
    total: float | None  # of all calls of this run, warm-up included; None without a price
    per_1000: Estimate
    per_correct: Estimate
    per_caught_positive: Estimate | None
    tokens_in: Estimate  # per trial
    tokens_out: Estimate
    tokens_cached: Estimate
    per_month: float | None = None
    volume_per_month: float | None = None
    priced: bool = True
    missing_usage: int = 0
    month: Estimate | None = None  # `per_month` with its interval
    growth: PromptGrowth | None = None
