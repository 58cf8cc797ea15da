"""The first sentence of a comparison: what got better, what got worse, or that nothing is shown."""

from __future__ import annotations

from collections.abc import Sequence

from harness.judge.compare.telling import difference_text
from harness.judge.documents.comparison import MetricDifference
from harness.judge.wording import count, listed


def headline_of(metrics: Sequence[MetricDifference], cases: int, currency: str = "USD") -> str:
    """Name the differences that are not chance, losses first; headline figures before details."""
    if cases == 0:
        return "Nothing can be compared: the two have no case in common."
    worse, better = (_named(metrics, verdict, currency) for verdict in ("worse", "better"))
    on = f" on the same {count(cases, 'case')}"
    if worse and better:
        return f"Worse: {listed(worse, 4)}. Better: {listed(better, 4)}. All{on}."
    if worse or better:
        return f"{'Worse' if worse else 'Better'}: {listed(worse or better, 4)};{on}."
    headline = [m for m in metrics if m.family == "headline" and m.difference.value is not None]
    untold = [m.name for m in headline if m.verdict == "can't tell"]
    if untold:
        return f"No difference is shown{on}, but {listed(untold, 4)} can't be told from noise."
    return f"No difference is shown{on}."


def _named(metrics: Sequence[MetricDifference], verdict: str, currency: str) -> list[str]:
    """Name a family's real differences; details only where no headline figure says it already."""
    real = [m for m in metrics if m.verdict == verdict]
    chosen = [m for m in real if m.family == "headline"] or real
    return [f"{m.name} {difference_text(m, currency)}" for m in chosen]
