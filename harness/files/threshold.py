"""The expression language of thresholds: `recall[spam] where tag=short >= 85%`.

threshold  = metric [selector] ["where" filter {"and" filter}] op bound
metric     = name ["." part] | name "(" argument ")" | name "^" integer
selector   = "[" label or perturbation "]"
filter     = "tag=" tag | "split=" split
op         = ">=" | "<=" | ">" | "<"
bound      = number [unit] | "baseline" [("-"|"+") number [unit] | "*" number]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """One demand. `bound` is in the metric's own unit: shares as 0..1, seconds, money, counts."""

    text: str  # as written, whitespace folded
    metric: str  # family: `accuracy`, `recall`, `latency.p95`, `latency.within`, `pass`, `cost_per_1000`
    label: str | None = None  # recall[spam] -> spam; robustness.flips[typos] -> typos
    argument: float | None = None  # latency.within(1 s) -> 1.0; fbeta(2) -> 2.0; pass^3 -> 3.0
    where: tuple[tuple[str, str], ...] = ()  # (("tag", "short"),)
    op: Literal[">=", "<=", ">", "<"]
    bound: float = 0.0
    baseline: Literal["absolute", "minus", "plus", "times"] = "absolute"  # `>= baseline - 2%` -> minus, .02
