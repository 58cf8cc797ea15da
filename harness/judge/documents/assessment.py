"""What judging a run yields: one tree of frozen values, which `report.json` is the encoding of.

Every figure is an `Estimate`. Lists are sorted, so that the same bytes give the same report. Here is the
trunk; each module of this package holds a branch.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from harness.judge.documents.cost import (
    Cost,
    PromptGrowth,
)
from harness.judge.documents.estimate import Estimate
from harness.judge.documents.history import History
from harness.judge.documents.quality import (
    Classification,
    Confusion,
    LabelScores,
    MajorityBaseline,
    OperatingPoint,
    ScoreCurve,
    Slice,
    Tradeoff,
)
from harness.judge.documents.standings import Leaderboard
from harness.judge.documents.steadiness import (
    ChangedCase,
    Flip,
    Formats,
    PairsCompared,
    PerturbationScores,
    Robustness,
    ServedChange,
    Spread,
    Stability,
    UnstableCase,
)
from harness.judge.documents.timing import (
    Latency,
    LatencyPart,
    Quantile,
    TimingQuality,
)
from harness.judge.documents.transfer import (
    Generalization,
    LabelWord,
    Leakage,
    LeakFinding,
    NewData,
    SplitGap,
    VersionCurve,
    VersionPoint,
)

__all__ = [
    "NO_LABEL",
    "OUTCOMES",
    "Assessment",
    "CandidateAssessment",
    "ChangedCase",
    "Check",
    "Classification",
    "Confusion",
    "Cost",
    "Flip",
    "Formats",
    "Generalization",
    "LabelScores",
    "LabelWord",
    "Latency",
    "LatencyPart",
    "LeakFinding",
    "Leakage",
    "MajorityBaseline",
    "NewData",
    "NotableCase",
    "OperatingPoint",
    "Outcome",
    "PairsCompared",
    "PerturbationScores",
    "PromptGrowth",
    "Quantile",
    "Robustness",
    "ScoreCurve",
    "ServedChange",
    "Slice",
    "SplitGap",
    "Spread",
    "Stability",
    "Status",
    "TimingQuality",
    "Tradeoff",
    "Trap",
    "UnstableCase",
    "Verdict",
    "VersionCurve",
    "VersionPoint",
]

Verdict: TypeAlias = Literal["READY", "NOT READY", "INCONCLUSIVE"]
Status: TypeAlias = Literal["PASS", "FAIL", "INCONCLUSIVE"]
Outcome: TypeAlias = Literal["label", "unparseable", "refused", "truncated", "empty", "failed"]
OUTCOMES: tuple[Outcome, ...] = ("label", "unparseable", "refused", "truncated", "empty", "failed")
NO_LABEL = "no label"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold held against its estimate."""

    threshold: str  # as written
    metric: str
    label: str | None
    status: Status
    required: float  # in the metric's unit, after any baseline was resolved
    op: str
    estimate: Estimate
    bound: float | None  # the one-sided bound that decided; None when undefined
    needed_n: int | None  # how many in all would settle it; None when none would, or it is settled
    needed_unit: str  # what `needed_n` counts: cases, spam cases, spam predictions, calls
    why: str  # one plain sentence (or two): required, seen, how sure, what to do
    name: str = ""  # what it is about, as written: `threshold` without operator and bound
    part: str = ""  # the cases that it is about, as written: tag=short; empty for all


class Trap(msgspec.Struct, frozen=True, kw_only=True):
    """A way in which these figures could mislead, in words."""

    kind: str  # accuracy_paradox, too_few_cases, never_predicted, one_sided_errors, prevalence, ...
    sentence: str
    label: str | None = None


class NotableCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case to look at."""

    why: str  # wrong in every repeat, flipped, slowest, unparseable, maybe mislabelled
    case: str
    expected: str
    got: str
    text: str
    reply: str
    latency_s: float | None = None


class CandidateAssessment(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is said of one prompt on one model."""

    name: str
    prompt: str
    model: str
    verdict: Verdict
    headline: str  # the verdict, and the decisive checks by name
    checks: tuple[Check, ...]
    traps: tuple[Trap, ...]
    outcomes: dict[str, int]
    trials: int
    cases: int
    repeats: int
    classification: Classification
    latency: Latency
    stability: Stability
    cost: Cost
    timing_quality: TimingQuality
    slices: tuple[Slice, ...] = ()
    robustness: Robustness | None = None
    generalization: Generalization | None = None
    leakage: Leakage | None = None
    tradeoff: Tradeoff | None = None
    notable: tuple[NotableCase, ...] = ()  # at most ten of each kind
    notable_counts: dict[str, int] = {}  # how many there are of each kind
    history: History | None = None  # earlier runs of this candidate; None without any
    reason: str = ""  # the headline without its verdict; empty where an earlier version wrote it


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """A judged run; the top level of report.json."""

    schema_version: int
    run_id: str
    suite: str
    verdict: Verdict  # of the best candidate
    headline: str
    created_utc: str
    planned_trials: int
    journalled_trials: int
    complete: bool
    labels: tuple[str, ...]
    positive: str | None
    confidence: float
    policy: tuple[str, ...]  # the thresholds in force
    candidates: tuple[CandidateAssessment, ...]
    sessions: int
    paid_twice_at_most: int  # trials in flight at a kill, that a resume sent again
    maybe_mislabelled: tuple[NotableCase, ...] = ()
    harness_version: str = ""
    leaderboard: Leaderboard | None = None  # of two candidates or more
    reason: str = ""  # the headline without its verdict; empty where an earlier version wrote it
