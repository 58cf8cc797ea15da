"""What comparing two candidates yields: one tree of frozen values, the contract of `harness compare --json`.

Every difference is head minus base on the cases that both have, so a positive difference of recall is a gain
and a positive difference of latency is a loss; `verdict` says which. Lists are sorted: same bytes, same tree.

What judging a branch yields: one tree of frozen values, the contract of `harness gate --json`.
"""

from typing import Literal, TypeAlias

import msgspec

from harness.files.thresholds.metrics import metric_of
from harness.judge.documents.estimate import Estimate, Outcome, SettledEarly, Status, Trouble

COMPARISON_SCHEMA = 1

DifferenceVerdict: TypeAlias = Literal["better", "worse", "no difference shown", "can't tell"]
Family: TypeAlias = Literal["headline", "detail"]


class ComparedSide(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two candidates, and the run that it was measured in."""

    name: str  # prompt@model
    prompt: str  # name of the prompt
    model: str  # name of the model
    run_id: str  # the run that it was measured in
    created_utc: str  # when that run began, ISO 8601
    suite: str  # name of the suite
    prompt_digest: str  # digest of the prompt as sent
    model_digest: str  # digest of the model entry without limits and prices
    cases: int  # of the run
    trials: int  # original trials of the run
    repeats: int  # how often each case was asked
    served_models: dict[str, int] = {}  # as the endpoint named them -> trials
    git_commit: str | None = None  # commit of the project then; null outside of git


class MetricDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One metric on both sides, over paired cases.

    `p_adjusted` is Holm's, within `family`; better and worse are decided by it, never by `p_value` alone.
    `needed_n` is how many cases in all would tell a difference of this size from noise (can't tell) or show
    that it is within the margin (no difference shown); None when it is settled or none would.
    """

    metric: str  # as in Threshold.metric: accuracy, recall, latency.p95, cost_per_1000
    label: str | None  # the label that it is about; null: of none
    base: Estimate  # the figure of base on paired cases
    head: Estimate  # the figure of head on paired cases
    difference: Estimate  # head minus base, two-sided interval
    verdict: DifferenceVerdict  # what the adjusted p-value and the interval say
    higher_is_better: bool  # more of this metric is better
    scale: str  # of wording.Scale, for those who write figures: share, number, seconds, money, count
    p_value: float | None  # two-sided; null where there is no test
    p_adjusted: float | None  # the same, Holm-adjusted over its family
    needed_n: int | None  # cases that would show the difference seen in 4 of 5 tries; null where unknown
    sentence: str  # the same in words
    meaning: str = ""  # the end of the sentence: what the difference says, where figures stand beside it
    family: Family = "detail"  # whose p-values are adjusted together
    where: str = ""  # "tag=short" for slices
    needed_unit: str = "cases"  # what `needed_n` counts
    matters: float = 0.0  # a difference below this, in the metric's unit, is not looked for
    currencies: tuple[str, str] | None = None  # of base and head, where they are money

    @property
    def base_currency(self) -> str:
        """What base is written in; empty where it is no money."""
        return self.currencies[0] if self.currencies else ""

    @property
    def currency(self) -> str:
        """What head and the difference are written in; empty where they are no money."""
        return self.currencies[1] if self.currencies else ""

    @property
    def name(self) -> str:
        """The metric as a threshold writes it: recall[spam], cost per 1000."""
        selected = metric_of(self.metric).of_label(self.label)
        return f"{selected} where {self.where}" if self.where else selected


class NonInferiority(msgspec.Struct, frozen=True, kw_only=True):
    """Whether head is no worse than base by more than the margin, on one headline metric.

    PASS: the one-sided lower bound of head minus base is above -margin. FAIL: head is worse (Holm-adjusted
    over the headline metrics), and by how much may exceed the margin. INCONCLUSIVE: neither.
    """

    metric: str  # a headline metric
    label: str | None  # the label that it is about; null: of none
    margin: float  # the loss that would not matter, a share
    status: Status  # whether a loss of the margin is excluded
    difference: Estimate  # head minus base with its interval
    bound: float | None  # one-sided lower bound of head minus base
    p_not_worse: float | None  # of "worse by the margin or more"
    p_worse: float | None  # of "not worse at all", one-sided
    p_worse_adjusted: float | None  # Holm
    needed_n: int | None  # cases in all that would show it, if the two are equal
    needed_unit: str  # what is counted: cases, or cases of a label
    sentence: str  # the same in words
    depends_on: int = 0  # calls of both sides that failed at the endpoint, and that keep it open

    @property
    def name(self) -> str:
        """The metric as a threshold writes it."""
        return metric_of(self.metric).of_label(self.label)


class CaseChange(msgspec.Struct, frozen=True, kw_only=True):
    """A case that one side gets right and the other does not, with all that a reader needs to judge it."""

    case: str  # id on the head's side
    expected: str  # its right label
    text: str  # inputs on one line
    base_right: float  # share of its trials
    head_right: float  # share of the repeats that head got right
    base_answers: dict[str, int]  # label or outcome -> trials
    head_answers: dict[str, int]  # label -> repeats of head
    base_replies: tuple[str, ...]  # distinct ones; first those that make it right or wrong, commonest first
    head_replies: tuple[str, ...]  # replies of head, shortened
    base_prompt: str = ""  # as it was sent, role by role
    head_prompt: str = ""  # the prompt as head was sent it
    tags: tuple[str, ...] = ()  # of the case
    base_case: str = ""  # the id on the base's side, where it differs


class OutcomeChange(msgspec.Struct, frozen=True, kw_only=True):
    """Trials that ended in one way, on both sides, and the cases that newly do or no longer do."""

    outcome: Outcome  # how trials ended
    base: int  # trials of base that did
    head: int  # trials of head that did
    new: tuple[str, ...]  # cases with this outcome on head's side only
    gone: tuple[str, ...]  # ids of cases that no longer do


class TypicalShift(msgspec.Struct, frozen=True, kw_only=True):
    """How much slower (positive) a case typically is: Hodges-Lehmann over the cases' medians, seconds."""

    shift: Estimate  # seconds, head minus base, with its interval
    share: float | None  # of base's median


class WordChange(msgspec.Struct, frozen=True, kw_only=True):
    """A run of words of the two prompts: kept, removed from base, or added in head."""

    kind: Literal["same", "removed", "added"]  # in both, only in base, or only in head
    text: str  # the words


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Something other than the prompt's words that is not the same on both sides."""

    what: str  # temperature, served model, origin, repeats, reply rule, labels
    base: str  # as it is on the side of base
    head: str  # as it is on the side of head


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two candidates on the same cases."""

    schema_version: int  # version of this document; additions keep it
    base: ComparedSide  # what is held against
    head: ComparedSide  # what is judged
    headline: str  # what changed, in one sentence
    paired_cases: int  # cases that both sides were asked
    paired_by_digest: int  # of them, under different ids
    unpaired_base: tuple[str, ...]  # case ids that head lacks
    unpaired_head: tuple[str, ...]  # ids of cases that only head was asked
    edited: tuple[str, ...]  # same id, other inputs: not paired
    relabelled: tuple[str, ...]  # same inputs, other expected label: head's counts for both
    metrics: tuple[MetricDifference, ...]  # one for each metric of both sides
    slices: tuple[MetricDifference, ...]  # the same for parts of the cases
    margin: float  # the loss that would not matter, a share
    non_inferior: tuple[NonInferiority, ...]  # whether each headline metric is no worse by the margin
    non_inferior_status: Status  # PASS if all pass, FAIL if any fails
    fixed: tuple[CaseChange, ...]  # cases that only head gets right
    broken: tuple[CaseChange, ...]  # cases that only base gets right
    moved: int  # cases whose share of right answers changed without crossing one half
    outcomes: tuple[OutcomeChange, ...]  # how trials ended, on both sides
    typical_shift: TypicalShift | None  # seconds a case is slower; null where no times can be compared
    prompt_diff: tuple[WordChange, ...]  # the words of both prompts side by side
    same_prompt: bool  # equal digests
    same_model: bool  # both sides asked the same model
    changes: tuple[Change, ...]  # what else is not the same on both sides
    notes: tuple[str, ...]  # what could mislead: measured days apart, recorded latencies
    confidence: float  # of intervals and tests, a share
    labels: tuple[str, ...]  # all labels of both sides
    positive: str | None  # the label that is looked for; null where there is none
    currency: str  # of head's price; each figure in money has its own

    def metric(self, name: str, label: str | None = None) -> MetricDifference | None:
        """Find a metric's difference; None when it was not compared."""
        return next((m for m in self.metrics if m.metric == name and m.label == label), None)

    def became(self) -> list[tuple[str, str, list[CaseChange]]]:
        """Group the broken cases by their label and what the candidate says mostly, the most frequent first."""
        groups: dict[tuple[str, str], list[CaseChange]] = {}
        for one in self.broken:
            groups.setdefault((one.expected, next(iter(one.head_answers), "")), []).append(one)
        return sorted(((*pair, cases) for pair, cases in groups.items()), key=lambda group: -len(group[2]))


GATE_SCHEMA = 1

GatedKind: TypeAlias = Literal["changed", "new", "same"]
DemandOf: TypeAlias = Literal["threshold", "no worse"]
GateStatus: TypeAlias = Status | Literal["NOT MEASURED"]  # the last: head or base was never answered


class GateCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One demand on a changed prompt: a threshold, or to be no worse than its base version."""

    of: DemandOf  # a threshold, or to be no worse than base
    name: str  # as the report calls it
    metric: str  # the figure that is judged
    label: str | None  # the label that it is about; null: of none
    status: Status  # what its interval decides
    base: Estimate | None  # the figure of base; null where there is none
    head: Estimate | None  # the figure of head; null where there is none
    difference: Estimate | None  # head minus base
    gain: bool | None  # whether the difference is for the better; None where it is neither
    why: str  # the reason in words
    currency: str | None  # of head's price; None where head was not measured
    depends_on: int = 0  # calls that failed at the endpoint, and that keep it open


class GatedPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """A changed prompt on one model."""

    path: str  # file of the prompt, from the root of the repository
    prompt: str  # name of the prompt
    model: str  # name of the model
    kind: GatedKind  # how it stands to base
    lines: tuple[int, int] | None  # of the file, the first that are new
    status: GateStatus  # of all its checks
    headline: str  # the decision and its reason in one sentence
    checks: tuple[GateCheck, ...]  # one for each demand
    comparison: Comparison | None  # with its version in base; null for a new prompt
    reused: bool  # base's replies are those of an earlier run
    not_measured: str = ""  # why, where head or base was never answered
    went_wrong: tuple[Trouble, ...] = ()  # of head; of base, where only that was never answered
    changed: tuple[str, ...] = ()  # prompt, model, reply rule, labels: what the branch wrote otherwise
    was: str = ""  # prompt and model of the base, where they have other names
    suite: str = ""  # where the gate is over several
    settled: SettledEarly | None = None  # both sides together; None where all cases were asked


class GateCost(msgspec.Struct, frozen=True, kw_only=True):
    """What this gate itself sent and paid."""

    calls: int  # calls that were sent, retries included
    reused: int  # trials that an earlier run had paid for
    money: float | None  # None without a price, or where the prices are in several currencies
    currency: str | None  # of the only sum; null where there are several or none
    priced: bool  # every model has a price
    by_currency: dict[str, float] = {}  # currency -> money paid
    free: bool = False  # the model runs here, or its replies were recorded


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """A branch, judged; the contract of `harness gate --json`."""

    schema_version: int  # version of this document; additions keep it
    status: GateStatus  # the decision on the branch
    exit_code: int  # what the command ended with
    headline: str  # the decision and its reason in one sentence
    suite: str  # its path below the top of the repository; empty for `--all`
    base_ref: str  # the ref to compare with, as it was given
    base_commit: str  # its commit
    head_commit: str  # the commit that was judged
    uncommitted: bool  # files that are not committed were judged, too
    policy: Literal["base", "head"]  # whose thresholds, cases and models hold
    thresholds: tuple[str, ...]  # what is demanded, as written
    margin: float  # the loss that would not matter, a share
    prompts: tuple[GatedPrompt, ...]  # one for each changed prompt on each model
    edits: tuple[str, ...]  # of the policy, by this branch
    deleted: tuple[str, ...]  # prompts
    cost: GateCost  # what the gate itself sent and paid
    run_id: str | None  # None: nothing was measured
    currency: str | None  # of what it paid; None where it paid nothing, or in several
    reason: str = ""  # the headline without its status
    suites: tuple[str, ...] = ()  # those of `--all`; `suite` is empty then
    run_ids: tuple[str, ...] = ()  # of each suite that was measured; `run_id` is the first
