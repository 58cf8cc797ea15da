"""What judging a run yields: one tree of frozen values, which `report.json` is the encoding of.

Every figure is an `Estimate`. Lists are sorted, so that the same bytes give the same report. Here is the
trunk; each module of this package holds a branch.

What is said of several candidates together: who is better for certain, and what each choice gives up.
"""

from typing import Literal

import msgspec

from harness.judge.documents.estimate import Cost, Estimate, History, SettledEarly, Status, Trouble, Verdict
from harness.judge.documents.quality import Classification, Generalization, Leakage, Slice, Tradeoff
from harness.judge.documents.steadiness import Latency, Robustness, Stability, TimingQuality


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
    metric: str  # as in Threshold.metric
    difference: Estimate
    p_value: float | None
    p_adjusted: float | None  # Holm, over all pairs of this metric
    real: bool
    better: str | None  # who is, if it is real
    currency: str | None = None  # of a difference in money
    depends_on: int = 0  # calls that failed at the endpoint: were they answered, it might be real or not


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


class Lack(msgspec.Struct, frozen=True, kw_only=True):
    """How many new ones, judged by themselves, settle an open check in 4 of 5 runs, if what was seen stays."""

    n: int  # of `unit`
    unit: str  # cases, spam cases, spam predictions
    cases: int  # of the suite's mix, to get so many
    shows: Status  # PASS or FAIL


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
    needed_n: int | None  # new ones that, judged by themselves, settle it in 4 of 5 runs; None when none do
    needed_unit: str  # what `needed_n` counts: cases, spam cases, spam predictions, calls
    why: str  # one plain sentence (or two): required, seen, how sure, what to do
    name: str = ""  # what it is about, as written: `threshold` without operator and bound
    part: str = ""  # the cases that it is about, as written: tag=short; empty for all
    depends_on: int = 0  # calls that failed at the endpoint, and that keep it open
    needed_told: bool = False  # whether `why` says what would settle it
    told: str = ""  # `why` without what was seen and required; empty where it has no such part
    lack: Lack | None = None  # None where it is settled, or no number of cases that anyone labels would
    p_value: float | None = None  # least error at which it is decided so; None where open, or chance has no part


class Trap(msgspec.Struct, frozen=True, kw_only=True):
    """A way in which these figures could mislead, in words."""

    kind: str  # accuracy_paradox, too_few_cases, never_predicted, one_sided_errors, prevalence, ...
    sentence: str
    label: str | None = None


class Replies(msgspec.Struct, frozen=True, kw_only=True):
    """What came back beside labels: thoughts, tool calls, and what endpoints wrote that nobody knows."""

    reasoned: int  # replies that hold thoughts, or whose tokens were spent on them
    reasoning_tokens: int  # of all of these, part of the output tokens, as far as the endpoint counts them
    tool_calls: int  # replies without a label because they are tool calls
    unknown_endings: dict[str, int] = {}  # finish reason -> replies; each was read as a stop
    odd: dict[str, int] = {}  # field that could not be read, and so is not known -> replies


class NotableCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case to look at."""

    why: str  # wrong in every repeat, flipped, slowest, unparseable, maybe mislabelled
    case: str
    expected: str
    got: str
    text: str
    reply: str
    latency_s: float | None = None


class ConfusedCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case that was confused: what was asked, and one reply."""

    case: str
    text: str  # cut
    reply: str  # cut


class Confused(msgspec.Struct, frozen=True, kw_only=True):
    """One way of being wrong: a label read as another, or without one. What the endpoint failed is none."""

    expected: str
    read_as: str  # a label, or `no label`
    trials: int
    of: int  # trials of the expected label that were answered
    cases: int  # to which it happened at least once
    samples: tuple[ConfusedCase, ...]  # two, those to which it happened most often


class NextStep(msgspec.Struct, frozen=True, kw_only=True):
    """The one thing to do now."""

    kind: Literal["ship", "collect", "resume", "prompt", "endpoint", "other"]
    sentence: str
    thresholds: tuple[str, ...] = ()  # that it is about, as written
    confused: Confused | None = None  # what to mend in the prompt


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
    went_wrong: tuple[Trouble, ...] = ()  # why trials have no label; what decides first, then by count
    lost: int | None = None  # of `trials`: those that the endpoint failed; None where nobody counted them
    answered: dict[str, Estimate] = {}  # where some were lost: figures of the others, for later runs
    answered_splits: dict[str, Estimate] = {}  # and their accuracy in each split
    open_by_failures: int = 0  # calls that failed at the endpoint, and that alone keep the verdict open
    replies: Replies | None = None  # None where an earlier version wrote it
    settled: SettledEarly | None = None  # None where all cases were asked
    confused: tuple[Confused, ...] = ()  # most frequent first; the matrix has the rest
    next_step: NextStep | None = None  # None where an earlier version wrote it


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
    what_if: str = ""  # the file whose thresholds these are; empty where they are the run's own
    reason: str = ""  # the headline without its verdict; empty where an earlier version wrote it
    sent_again: int = 0  # trials that a resume sent once more: the later outcome counts
    open_by_failures: int = 0  # of the best candidate: `harness resume --failed` sends these again
    next_step: NextStep | None = None  # of the candidate to take, or of the nearest one
