"""What judging a run yields: one tree of frozen values, which `report.json` is the encoding of.

Every figure is an `Estimate`. Lists are sorted, so that the same bytes give the same report.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from harness.judge.history.past import History
from harness.judge.scores.estimate import Estimate
from harness.judge.standings import Leaderboard

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


class Trap(msgspec.Struct, frozen=True, kw_only=True):
    """A way in which these figures could mislead, in words."""

    kind: str  # accuracy_paradox, too_few_cases, never_predicted, one_sided_errors, prevalence, ...
    sentence: str
    label: str | None = None


class LabelScores(msgspec.Struct, frozen=True, kw_only=True):
    """One label against all others."""

    precision: Estimate
    recall: Estimate
    f1: Estimate
    specificity: Estimate
    support: int  # original trials whose expected label this is
    cases: int
    predicted: int


class Confusion(msgspec.Struct, frozen=True, kw_only=True):
    """counts[i][j]: trials with expected label rows[i] read as columns[j]; the last column is `no label`."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


class MajorityBaseline(msgspec.Struct, frozen=True, kw_only=True):
    """What always answering the most frequent label would score (the no-information rate)."""

    label: str
    share: float
    p_value: float | None  # one-sided: accuracy is better than this share


class Classification(msgspec.Struct, frozen=True, kw_only=True):
    """How well the labels are told apart, over original trials of all splits."""

    accuracy: Estimate
    accuracy_worst: float  # if every trial without a label had been wrong (as counted)
    accuracy_best: float  # if every failed trial had been right
    coverage: Estimate  # share of trials with a label
    majority_baseline: MajorityBaseline
    balanced_accuracy: Estimate
    mcc: Estimate
    kappa: Estimate
    macro_f1: Estimate
    labels: dict[str, LabelScores]
    confusion: Confusion
    at_prevalence: dict[str, Estimate] = {}  # precision of labels recomputed at production prevalence
    f_beta: Estimate | None = None  # by `priority`, positive label
    error_cost_per_1000: Estimate | None = None  # expected cost of errors, with `costs`


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """All figures again on a part of the cases: a tag or a split."""

    kind: Literal["tag", "split"]
    name: str
    cases: int
    trials: int
    accuracy: Estimate
    recall: dict[str, Estimate]
    precision: dict[str, Estimate]
    p_value: float | None = None  # accuracy here differs from the rest (Holm-adjusted)
    worst: bool = False  # named only if it differs by more than noise


class Quantile(msgspec.Struct, frozen=True, kw_only=True):
    """A latency quantile in seconds."""

    q: float
    estimate: Estimate


class LatencyPart(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time of the trials went, mean seconds a trial."""

    name: Literal["queue", "rate limit", "service", "retries", "backoff", "own"]
    mean_s: float
    share: float


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds; warm-up, cached and resumed-from-elsewhere trials never enter."""

    caller: tuple[Quantile, ...]  # p50 p90 p95 p99 max; first send -> done
    service: tuple[Quantile, ...]  # final attempt: written -> last byte
    ttft: tuple[Quantile, ...]  # streamed only, else empty
    n: int
    censored: int  # failed or timed-out trials, over any SLO
    histogram: tuple[tuple[float, float, int], ...]  # low s, high s, count
    over_time: tuple[tuple[float, float], ...]  # seconds into the run, caller seconds; at most 500 points
    parts: tuple[LatencyPart, ...]
    recorded: bool  # replayed: measured elsewhere
    retried_trials: int
    attempts: int
    warmup_calls: int


class UnstableCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case whose replies moved between repeats."""

    case: str
    expected: str
    labels: dict[str, int]  # label or outcome -> how often
    replies: tuple[str, ...]


class Flip(msgspec.Struct, frozen=True, kw_only=True):
    """How often two repeats of one case give these two answers."""

    first: str
    second: str
    share: float  # of all pairs of repeats
    pairs: int
    rate: float = 0.0  # of the repeats whose partner said `first`: how often they say `second`
    rate_back: float = 0.0  # of those whose partner said `second`: how often they say `first`


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A headline metric in each repeat."""

    metric: str
    values: tuple[float | None, ...]
    low: float | None = None
    high: float | None = None
    deviation: float | None = None  # standard deviation over the repeats


class ServedChange(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoint began to answer as another model or with another fingerprint during the run."""

    what: str  # model, fingerprint
    at_s: float  # into the run
    before: str
    after: str


class PairsCompared(msgspec.Struct, frozen=True, kw_only=True):
    """How often two repeats of a case differ in two kinds of pairs, and whether the kinds differ."""

    first_kind: str
    first: Estimate
    second_kind: str
    second: Estimate
    difference: Estimate  # second minus first
    explains: bool  # the whole interval of the difference is above 0


class Stability(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the same request gets the same answer."""

    agreement: Estimate  # mean pairwise agreement: the metric `stability`
    flip_rate: Estimate
    tar_raw: Estimate
    tar_label: Estimate
    pass_k: dict[str, Estimate] = {}  # "2" -> pass^2
    fleiss_kappa: Estimate | None = None
    krippendorff_alpha: Estimate | None = None
    icc: float | None = None
    design_effect: float | None = None
    mean_entropy_bits: float | None = None
    best_accuracy: float | None = None
    worst_accuracy: float | None = None
    flips: tuple[Flip, ...] = ()
    spread: tuple[Spread, ...] = ()
    unstable: tuple[UnstableCase, ...] = ()
    unstable_cases: int = 0
    served_models: dict[str, int] = {}
    fingerprints: dict[str, int] = {}
    served_changes: tuple[ServedChange, ...] = ()  # the first 20, in time
    served_changes_in_all: int = 0
    concurrency: PairsCompared | None = None
    by_fingerprint: PairsCompared | None = None
    concurrency_note: str = ""


class ChangedCase(msgspec.Struct, frozen=True, kw_only=True):
    """One case before and after a change: a perturbation or another candidate."""

    case: str
    expected: str
    before: str  # label or outcome
    after: str
    text_before: str
    text_after: str
    reply_before: str = ""
    reply_after: str = ""
    change: str = ""  # in words, where the texts don't show it: labels in another order


class PerturbationScores(msgspec.Struct, frozen=True, kw_only=True):
    """One perturbation against the originals, paired by case."""

    name: str
    cases: int
    flips: Estimate  # share of cases whose answer moved
    flips_above_noise: Estimate  # minus the flip rate of plain repeats
    accuracy_drop: Estimate
    recall_drop: dict[str, Estimate]
    p_value: float | None  # flips above noise, two-sided, Holm-adjusted
    worst: tuple[ChangedCase, ...] = ()
    above_noise: bool = False  # it moves answers by more than repeats do, beyond doubt


class Formats(msgspec.Struct, frozen=True, kw_only=True):
    """Accuracy on the cases that have every format, and whether the formats differ by more than chance."""

    accuracy: dict[str, float]  # `original` first
    cases: int
    q: float | None  # Cochran's Q; None when no case tells the formats apart
    p_value: float | None
    worst: str | None  # named only if Q says that they differ


class Robustness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether harmless changes of the input change the answer."""

    drop: Estimate  # the largest accuracy drop over the perturbations: `robustness.drop`
    perturbations: tuple[PerturbationScores, ...]
    note: str = ""
    flips_above_noise: Estimate | None = None  # the largest over the perturbations: `robustness.flips`
    formats: Formats | None = None


class SplitGap(msgspec.Struct, frozen=True, kw_only=True):
    """A metric on dev minus the same on another split."""

    metric: str
    dev: Estimate
    other_split: str
    other: Estimate
    gap: Estimate
    p_value: float | None


class VersionPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a prompt, on dev and on the other split."""

    prompt: str
    prompt_digest: str
    run_id: str
    dev: Estimate
    other: Estimate


class VersionCurve(msgspec.Struct, frozen=True, kw_only=True):
    """How dev and the other split moved over the versions of a prompt, the first to this one."""

    other_split: str
    points: tuple[VersionPoint, ...]
    dev_gain: Estimate
    other_gain: Estimate
    lead: Estimate  # gain on dev minus gain there
    overfitting: bool
    sentence: str


class NewData(msgspec.Struct, frozen=True, kw_only=True):
    """The suite's own cases in an earlier run of this candidate, against the new cases of this one."""

    run_id: str
    cases: int
    gaps: tuple[SplitGap, ...]  # `dev` is the earlier run, `other` the new data
    worse: bool
    sentence: str


class Generalization(msgspec.Struct, frozen=True, kw_only=True):
    """Whether what holds on dev holds on cases that nobody tuned to."""

    gap: Estimate  # accuracy, dev minus holdout (or earlier run minus new data): `generalization.gap`
    gaps: tuple[SplitGap, ...]
    note: str = ""
    versions: VersionCurve | None = None
    new_data: NewData | None = None


class LeakFinding(msgspec.Struct, frozen=True, kw_only=True):
    """Two texts that should not meet."""

    kind: str  # example_in_cases, quoted_in_prompt, dev_in_holdout, conflicting_labels, ...
    case: str
    other: str  # case id, or where in the prompt
    similarity: float
    text: str
    other_text: str
    measure: str = ""  # exact, characters or words (Jaccard of their n-grams), aligned


class LabelWord(msgspec.Struct, frozen=True, kw_only=True):
    """How many inputs hold a label as a word."""

    label: str
    own: int  # inputs of cases that expect it
    of_own: int
    others: int
    of_others: int


class Leakage(msgspec.Struct, frozen=True, kw_only=True):
    """Cases whose answer the prompt, or another split, gives away."""

    findings: tuple[LeakFinding, ...]
    leaked_cases: int  # the metric `leakage`
    duplicates: int = 0  # cases that nearly repeat another of their split: they give nothing away
    conflicts: int = 0  # cases that nearly repeat another with a different label
    accuracy_with: Estimate | None = None
    accuracy_without: Estimate | None = None
    note: str = ""
    label_words: tuple[LabelWord, ...] = ()


class PromptGrowth(msgspec.Struct, frozen=True, kw_only=True):
    """Input tokens of a prompt against its previous version, on the same model and cases."""

    since: str  # name of the previous version
    tokens_before: float  # a trial
    more: Estimate  # tokens a trial, negative when it became shorter
    share: float | None  # of what it was


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Money and tokens, from what the endpoint counted."""

    currency: str
    total: float  # of all attempts that this run paid for, warm-up included
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


class TimingQuality(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the latencies are the endpoint's or ours."""

    good: bool
    sentence: str
    lag_p99_s: float | None
    lag_max_s: float | None
    cpu_share: float | None
    own_share: float | None  # own time as a share of the trials' total
    max_in_flight: int
    processes: int
    limit_history: tuple[tuple[float, int, str], ...] = ()  # seconds into the run, limit, why


class ScoreCurve(msgspec.Struct, frozen=True, kw_only=True):
    """Points of a curve with a pointwise band."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


class OperatingPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A score threshold chosen on dev and judged on holdout."""

    rule: str  # "highest precision with recall >= 90%"
    score: float
    precision: Estimate
    recall: Estimate
    chosen_on: str
    judged_on: str


class Tradeoff(msgspec.Struct, frozen=True, kw_only=True):
    """Precision against recall of the positive label, where replies carry a score."""

    label: str
    n: int
    average_precision: Estimate | None
    roc_auc: Estimate | None
    ece: float | None
    brier: float | None
    pr: ScoreCurve | None
    roc: ScoreCurve | None
    reliability: tuple[tuple[float, float, int], ...] = ()  # mean score, share right, n
    points: tuple[OperatingPoint, ...] = ()
    note: str = ""


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
    headline: str  # names the decisive checks
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
