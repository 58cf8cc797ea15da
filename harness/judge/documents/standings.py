"""What is said of several candidates together: who is better for certain, and what each choice gives up."""

from __future__ import annotations

import msgspec

from harness.judge.documents.estimate import Estimate

QUALITY = "balanced_accuracy"  # accuracy would favour whoever always gives the commonest label
METRICS = {  # in which two candidates are compared, as they are called in a sentence
    QUALITY: "balanced accuracy",
    "accuracy": "accuracy",
    "latency.p95": "p95",
    "cost_per_1000": "cost per 1,000",
}


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate among the others, best first."""

    name: str
    verdict: str  # READY, NOT READY, INCONCLUSIVE
    quality: Estimate  # of `Leaderboard.quality`
    accuracy: Estimate
    p95: Estimate  # caller, seconds
    cost_per_1000: Estimate
    stability: Estimate
    on_front: bool  # nobody is really better in one of quality, p95 and cost without being worse in another
    beaten_by: tuple[str, ...] = ()  # where it is not on the front
    currency: str | None = None  # reports of early versions do not say it


class Duel(msgspec.Struct, frozen=True, kw_only=True):
    """Two candidates on the same cases: first minus second, and whether that is more than noise."""

    first: str
    second: str
    metric: str  # one of METRICS
    difference: Estimate
    p_value: float | None
    p_adjusted: float | None  # Holm, over all pairs of this metric
    real: bool
    better: str | None  # who is, if it is real
    currency: str | None = None  # of a difference in money


class Leaderboard(msgspec.Struct, frozen=True, kw_only=True):
    """All candidates of a run."""

    quality: str  # the metric that stands for quality: balanced_accuracy
    rows: tuple[Standing, ...]
    duels: tuple[Duel, ...]
    cochran_p: float | None  # all candidates are right equally often
    weakest: str | None  # named only if Cochran's Q says that they differ, and the best really beats it
    front: tuple[str, ...]
    recommended: str
    recommendation: str  # one sentence, with what is given up
    differences: str  # one sentence: which differences in quality are real, and which are noise
