"""What is known of a candidate in earlier runs: what enters judging as data, and what a report keeps of it.

`PastRun` is read from the folders of earlier runs and handed to `assess`. `History` is what was made of it;
it stands in report.json with every figure that a check used, so that a verdict can be followed when the
folders of those runs are gone.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from harness.judge.documents.estimate import Estimate

Against: TypeAlias = Literal["the previous run", "the runs before, pooled"]


class PastRun(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate in one run of a suite of this name."""

    run_id: str
    created_utc: str
    candidate: str  # prompt@model
    prompt: str
    model: str
    prompt_digest: str
    model_digest: str
    model_id: str  # as the endpoint knows it, or the name of the weights
    suite_digest: str
    labels: tuple[str, ...]
    reply_rule: str  # digest of how replies are read
    planned: int
    new_data: str = ""  # the case file that was named instead of the suite's own
    complete: bool = False
    why_no_figures: str = ""  # not finished, or damaged
    harness: str = ""
    verdict: str = ""
    cases: int = 0
    figures: dict[str, Estimate] = {}  # accuracy, recall[spam], stability, latency.p95, ...
    splits: dict[str, Estimate] = {}  # accuracy on each split
    served_models: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()

    @property
    def when(self) -> tuple[str, str]:
        """Order runs in time; of two in one instant, by name."""
        return (self.created_utc, self.run_id)


class HistoryPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the series."""

    run_id: str
    created_utc: str
    complete: bool
    prompt_digest: str
    accuracy: Estimate
    stability: Estimate | None = None
    p95: Estimate | None = None  # seconds
    verdict: str = ""
    changed: tuple[str, ...] = ()  # release marks: what is different since the point before


class NotComparable(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the same candidate that is left out, and why."""

    run_id: str
    created_utc: str
    why: str


class AccuracyChange(msgspec.Struct, frozen=True, kw_only=True):
    """Accuracy now minus before, in two groups that are taken as independent (Newcombe)."""

    against: Against
    runs: tuple[str, ...]
    before: Estimate
    change: Estimate


class CusumChart(msgspec.Struct, frozen=True, kw_only=True):
    """A Bernoulli CUSUM of the errors: one value a complete point."""

    usual: float  # error rate that the chart takes for normal
    worse: float  # error rate that it looks for
    limit: float
    path: tuple[float, ...]
    signal: str | None  # the first run at or above the limit


class History(msgspec.Struct, frozen=True, kw_only=True):
    """All that is said of a candidate over time."""

    run_id: str  # the run that is held against those before it
    points: tuple[HistoryPoint, ...]  # oldest first
    changes: tuple[AccuracyChange, ...] = ()  # empty without an earlier comparable run
    cusum: CusumChart | None = None
    not_comparable: tuple[NotComparable, ...] = ()
    sentence: str = ""
