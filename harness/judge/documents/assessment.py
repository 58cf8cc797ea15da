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

    name: str  # the candidate, prompt@model
    verdict: str  # READY, NOT READY, INCONCLUSIVE
    quality: Estimate  # of `Leaderboard.quality`
    accuracy: Estimate  # share of trials that were right
    p95: Estimate  # caller, seconds
    cost_per_1000: Estimate  # money for 1,000 trials, in the currency of `cost`
    stability: Estimate  # share of cases with the same label in every repeat
    on_front: bool  # nobody is really better in one of quality, p95 and cost without being worse in another
    beaten_by: tuple[str, ...] = ()  # where it is not on the front
    currency: str | None = None  # reports of early versions do not say it


class Duel(msgspec.Struct, frozen=True, kw_only=True):
    """Two candidates on the same cases: first minus second, and whether that is more than noise."""

    first: str  # a candidate
    second: str  # another candidate
    metric: str  # as in Threshold.metric
    difference: Estimate  # first minus second, paired by case, on the scale of the metric
    p_value: float | None  # two-sided; null where there is no test
    p_adjusted: float | None  # Holm, over all pairs of this metric
    real: bool  # the difference is more than noise
    better: str | None  # who is, if it is real
    currency: str | None = None  # of a difference in money
    depends_on: int = 0  # calls that failed at the endpoint: were they answered, it might be real or not


class Leaderboard(msgspec.Struct, frozen=True, kw_only=True):
    """All candidates of a run."""

    quality: str  # the metric that stands for quality: balanced_accuracy
    rows: tuple[Standing, ...]  # the candidates, best first
    duels: tuple[Duel, ...]  # every pair of candidates
    cochran_p: float | None  # all candidates are right equally often
    weakest: str | None  # named only if Cochran's Q says that they differ, and the best really beats it
    front: tuple[str, ...]  # candidates that none beats in quality, p95 and cost at once
    recommended: str  # the candidate to take; empty where none is READY or ahead
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
    metric: str  # the figure that is held against the bound
    label: str | None  # the label that the figure is about; null: of none
    status: Status  # what the interval decides
    required: float  # in the metric's unit, after any baseline was resolved
    op: str  # how the figure must stand to the bound: >=, <=, > or <
    estimate: Estimate  # the figure with its interval, on the scale of its metric
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
    sentence: str  # what could mislead, in words
    label: str | None = None  # the label that it is about; null: of none


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
    case: str  # id of the case
    expected: str  # its right label
    got: str  # labels that were read from its replies, with counts
    text: str  # the input, shortened
    reply: str  # a reply, shortened
    latency_s: float | None = None  # seconds of its slowest call; null where that is not why it stands here


class ConfusedCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case that was confused: what was asked, and one reply."""

    case: str  # id of the case
    text: str  # cut
    reply: str  # cut


class Confused(msgspec.Struct, frozen=True, kw_only=True):
    """One way of being wrong: a label read as another, or without one. What the endpoint failed is none."""

    expected: str  # the right label
    read_as: str  # a label, or `no label`
    trials: int  # how many trials went wrong this way
    of: int  # trials of the expected label that were answered
    cases: int  # to which it happened at least once
    samples: tuple[ConfusedCase, ...]  # two, those to which it happened most often


class NextStep(msgspec.Struct, frozen=True, kw_only=True):
    """The one thing to do now."""

    kind: Literal["ship", "collect", "resume", "prompt", "endpoint", "other"]  # what sort of step it is
    sentence: str  # what to do, one sentence
    thresholds: tuple[str, ...] = ()  # that it is about, as written
    confused: Confused | None = None  # what to mend in the prompt


class CandidateAssessment(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is said of one prompt on one model."""

    name: str  # prompt@model
    prompt: str  # name of the prompt
    model: str  # name of the model in harness.yml
    verdict: Verdict  # of all its checks
    headline: str  # the verdict, and the decisive checks by name
    checks: tuple[Check, ...]  # one for each threshold, in the order of the policy
    traps: tuple[Trap, ...]  # what could mislead about these figures
    outcomes: dict[str, int]  # how original trials ended -> how many
    trials: int  # original trials that were run, each of which is in every denominator
    cases: int  # cases that were planned
    repeats: int  # how often each case was asked
    classification: Classification  # how well labels are told apart
    latency: Latency  # seconds a call took
    stability: Stability  # whether a case gets the same answer again
    cost: Cost  # money and tokens
    timing_quality: TimingQuality  # whether the seconds are the endpoint's or the harness's
    slices: tuple[Slice, ...] = ()  # figures by tag and by split
    robustness: Robustness | None = None  # figures under perturbations; null where none was asked for
    generalization: Generalization | None = None  # dev against other splits; null where there is one split
    leakage: Leakage | None = None  # cases that the prompt gives away; null where it was not looked for
    tradeoff: Tradeoff | None = None  # precision against recall over scores; null where replies carry none
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
    not_run: int = 0  # planned trials, of all variants, that the run ended before: in no figure


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """A judged run; the top level of report.json."""

    schema_version: int  # version of this document; additions keep it
    run_id: str  # name of the folder of the run
    suite: str  # name of the suite
    verdict: Verdict  # of the best candidate
    headline: str  # the verdict and its reason in one sentence
    created_utc: str  # when the run began, ISO 8601
    planned_trials: int  # trials that the run was to make, variants included
    journalled_trials: int  # trials of which the journal holds the end
    complete: bool  # every planned trial has ended
    labels: tuple[str, ...]  # all labels of the suite
    positive: str | None  # the label that is looked for; null where there is none
    confidence: float  # of intervals and checks, a share
    policy: tuple[str, ...]  # the thresholds in force
    candidates: tuple[CandidateAssessment, ...]  # in the order of the run
    sessions: int  # processes that worked on the run, one after the other
    paid_twice_at_most: int  # trials in flight at a kill, that a resume sent again
    maybe_mislabelled: tuple[NotableCase, ...] = ()  # cases that all candidates answer alike and against `expected`
    harness_version: str = ""  # of the harness that measured
    leaderboard: Leaderboard | None = None  # of two candidates or more
    what_if: str = ""  # the file whose thresholds these are; empty where they are the run's own
    reason: str = ""  # the headline without its verdict; empty where an earlier version wrote it
    sent_again: int = 0  # trials that a resume sent once more: the later outcome counts
    in_flight_at_end: int = 0  # at most so many of those that were not run were sent, without a result
    open_by_failures: int = 0  # of the best candidate: `harness resume --failed` sends these again
    next_step: NextStep | None = None  # of the candidate to take, or of the nearest one
    shard_done: bool = False  # it is a shard that was measured to its end: what it lacks is the other shards'
    workers_lost: int = 0  # of a cluster, while they measured
    dealt_again: int = 0  # trials that lost workers had, and others measured
