"""Whether an answer stays the same: when it is asked again, and when its input changes harmlessly.

How long decisions took, and how far those times can be trusted.
"""

from typing import Literal

import msgspec

from harness.judge.documents.estimate import Estimate


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

    metric: str  # with its label: recall[spam]
    values: tuple[float | None, ...]
    low: float | None = None
    high: float | None = None
    deviation: float | None = None  # standard deviation over the repeats
    scale: str = "share"  # of wording.Scale, for those who write figures


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
    by_way: PairsCompared | None = None  # two answers of the batch, and one of them beside one that was asked at once
    ways_note: str = ""


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


class Quantile(msgspec.Struct, frozen=True, kw_only=True):
    """A latency quantile in seconds."""

    q: float
    estimate: Estimate


class LatencyPart(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time of the trials went, mean seconds a trial."""

    name: Literal["queue", "rate limit", "connection", "service", "retries", "backoff", "own"]
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
    opened: int = 0  # trials whose final attempt opened a connection
    opening_s: float | None = None  # their median for that: in `caller`, not in `service`
    untimed: int = 0  # replies without a time that production would see: left out of every figure here
    waited: str = ""  # why there are such: measured at flex, not measured in a batch; empty: all were asked at once


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
