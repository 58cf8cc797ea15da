"""A threshold: one demand on one metric, as frozen data."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from harness.files.thresholds.metrics import written

Op: TypeAlias = Literal[">=", "<=", ">", "<"]
Baseline: TypeAlias = Literal["absolute", "minus", "plus", "times"]
Where: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """One demand. `bound` is in the metric's own unit: shares as 0..1, seconds, money, counts."""

    text: str  # as written, whitespace folded
    name: str  # what it is about: `text` without operator and bound
    metric: str  # family: `accuracy`, `recall`, `latency.p95`, `latency.within`, `pass`, `cost_per_1000`
    label: str | None = None  # recall[spam] -> spam; robustness.flips[typos] -> typos
    argument: float | None = None  # latency.within(1 s) -> 1.0; fbeta(2) -> 2.0; pass^3 -> 3.0
    where: Where = ()  # (("tag", "short"),)
    op: Op
    bound: float = 0.0
    baseline: Baseline = "absolute"  # `>= baseline - 2%` -> minus, .02
    currency: str | None = None  # of a bound in money, when it was written

    @property
    def part(self) -> str:
        """The cases that it is about, as words of a threshold: `tag=short and split=dev`; empty for all."""
        return " and ".join(f"{kind}={name}" for kind, name in self.where)

    @property
    def figure(self) -> str:
        """The name of its figure without the freedoms of spelling: spaces, quotes, `cost_per_1000`."""
        label = "" if self.label is None else f"[{self.label}]"
        return f"{written(self.metric)}{label}" + (f" where {self.part}" if self.where else "")

    @property
    def at_least(self) -> bool:
        """Whether more is better."""
        return self.op in {">=", ">"}
