"""Whether an answer stays the same: when it is asked again, and when its input changes harmlessly.

How long decisions took, and how far those times can be trusted.
"""

from typing import Literal

import msgspec

from harness.judge.documents.estimate import Estimate


class UnstableCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case whose replies moved between repeats."""

    case: str  # id of the case
    expected: str  # its right label
    labels: dict[str, int]  # label or outcome -> how often
    replies: tuple[str, ...]  # one of each kind, shortened


class Flip(msgspec.Struct, frozen=True, kw_only=True):
    """How often two repeats of one case give these two answers."""

    first: str  # one answer
    second: str  # another answer
    share: float  # of all pairs of repeats
    pairs: int  # pairs of repeats that gave these two
    rate: float = 0.0  # of the repeats whose partner said `first`: how often they say `second`
    rate_back: float = 0.0  # of those whose partner said `second`: how often they say `first`


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A headline metric in each repeat."""

    metric: str  # with its label: recall[spam]
    values: tuple[float | None, ...]  # the metric in each repeat; null where undefined
    low: float | None = None  # the lowest; null where none is defined
    high: float | None = None  # the highest; null where none is defined
    deviation: float | None = None  # standard deviation over the repeats
    scale: str = "share"  # of wording.Scale, for those who write figures


class ServedChange(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoint began to answer as another model or with another fingerprint during the run."""

    what: str  # model, fingerprint
    at_s: float  # into the run
    before: str  # model or fingerprint so far
    after: str  # model or fingerprint from then on


class PairsCompared(msgspec.Struct, frozen=True, kw_only=True):
    """How often two repeats of a case differ in two kinds of pairs, and whether the kinds differ."""

    first_kind: str  # one kind of pairs of repeats
    first: Estimate  # share of its pairs that differ
    second_kind: str  # the other kind
    second: Estimate  # share of its pairs that differ
    difference: Estimate  # second minus first
    explains: bool  # the whole interval of the difference is above 0


class Stability(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the same request gets the same answer."""

    agreement: Estimate  # mean pairwise agreement: the metric `stability`
    flip_rate: Estimate  # share of pairs of repeats that differ in label
    tar_raw: Estimate  # share of cases whose replies are the same text in all repeats
    tar_label: Estimate  # share of cases with the same label in all repeats
    pass_k: dict[str, Estimate] = {}  # "2" -> pass^2
    fleiss_kappa: Estimate | None = None  # agreement of repeats beyond chance; null with one repeat
    krippendorff_alpha: Estimate | None = None  # agreement with missing answers allowed; null with one repeat
    icc: float | None = None  # intraclass correlation of being right; null with one repeat
    design_effect: float | None = None  # how many times as many calls as independent ones; null with one repeat
    mean_entropy_bits: float | None = None  # mean entropy of the labels of a case; null with one repeat
    best_accuracy: float | None = None  # with the best answer of each case; null with one repeat
    worst_accuracy: float | None = None  # with the worst answer of each case; null with one repeat
    flips: tuple[Flip, ...] = ()  # pairs of answers that occur, most frequent first
    spread: tuple[Spread, ...] = ()  # headline metrics in each repeat
    unstable: tuple[UnstableCase, ...] = ()  # cases whose label moved, a sample
    unstable_cases: int = 0  # cases whose label moved, all
    served_models: dict[str, int] = {}  # model that answered -> calls
    fingerprints: dict[str, int] = {}  # fingerprint that answered -> calls
    served_changes: tuple[ServedChange, ...] = ()  # the first 20, in time
    served_changes_in_all: int = 0  # changes of model or fingerprint during the run
    concurrency: PairsCompared | None = None  # flips at low and at high concurrency; null where not compared
    by_fingerprint: PairsCompared | None = None  # flips within and across fingerprints; null where not compared
    concurrency_note: str = ""  # why concurrency was not compared; empty else
    by_way: PairsCompared | None = None  # two answers of the batch, and one of them beside one that was asked at once
    ways_note: str = ""  # whether a batch answers otherwise than asking at once; empty where all was asked alike


class ChangedCase(msgspec.Struct, frozen=True, kw_only=True):
    """One case before and after a change: a perturbation or another candidate."""

    case: str  # id of the case
    expected: str  # its right label
    before: str  # label or outcome
    after: str  # label after the change
    text_before: str  # the input before it
    text_after: str  # the input after it
    reply_before: str = ""  # the reply before it
    reply_after: str = ""  # the reply after it
    change: str = ""  # in words, where the texts don't show it: labels in another order


class PerturbationScores(msgspec.Struct, frozen=True, kw_only=True):
    """One perturbation against the originals, paired by case."""

    name: str  # of the perturbation
    cases: int  # cases that it changed
    flips: Estimate  # share of cases whose answer moved
    flips_above_noise: Estimate  # minus the flip rate of plain repeats
    accuracy_drop: Estimate  # original minus perturbed, a share
    recall_drop: dict[str, Estimate]  # label -> the same of recall
    p_value: float | None  # flips above noise, two-sided, Holm-adjusted
    worst: tuple[ChangedCase, ...] = ()  # cases that it broke, a sample
    above_noise: bool = False  # it moves answers by more than repeats do, beyond doubt


class Formats(msgspec.Struct, frozen=True, kw_only=True):
    """Accuracy on the cases that have every format, and whether the formats differ by more than chance."""

    accuracy: dict[str, float]  # `original` first
    cases: int  # cases that have every format
    q: float | None  # Cochran's Q; None when no case tells the formats apart
    p_value: float | None  # Cochran's Q, whether formats differ; null where there is no test
    worst: str | None  # named only if Q says that they differ


class Robustness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether harmless changes of the input change the answer."""

    drop: Estimate  # the largest accuracy drop over the perturbations: `robustness.drop`
    perturbations: tuple[PerturbationScores, ...]  # one for each perturbation
    note: str = ""  # what limits what can be said; empty else
    flips_above_noise: Estimate | None = None  # the largest over the perturbations: `robustness.flips`
    formats: Formats | None = None  # accuracy by format of the prompt; null where there is one


class Quantile(msgspec.Struct, frozen=True, kw_only=True):
    """A latency quantile in seconds."""

    q: float  # 0.95 is p95
    estimate: Estimate  # seconds with their interval


class LatencyPart(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time of the trials went, mean seconds a trial."""

    name: Literal["queue", "rate limit", "connection", "service", "retries", "backoff", "own"]  # which part of the time
    mean_s: float  # mean seconds a trial
    share: float  # of the mean time of a trial


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds; warm-up, cached and resumed-from-elsewhere trials never enter."""

    caller: tuple[Quantile, ...]  # p50 p90 p95 p99 max; first send -> done
    service: tuple[Quantile, ...]  # final attempt: written -> last byte
    ttft: tuple[Quantile, ...]  # streamed only, else empty
    n: int  # calls that were timed
    censored: int  # failed or timed-out trials, over any SLO
    histogram: tuple[tuple[float, float, int], ...]  # low s, high s, count
    over_time: tuple[tuple[float, float], ...]  # seconds into the run, caller seconds; at most 500 points
    parts: tuple[LatencyPart, ...]  # where the time went
    recorded: bool  # replayed: measured elsewhere
    retried_trials: int  # trials with more than one attempt
    retries: dict[str, int] = {}  # HTTP status, else kind of failure -> attempts after which a trial was sent again
    attempts: int  # HTTP exchanges of all trials, those of variants left out
    warmup_calls: int  # calls before the first trial, in no figure
    opened: int = 0  # trials whose final attempt opened a connection
    opening_s: float | None = None  # their median for that: in `caller`, not in `service`
    untimed: int = 0  # replies without a time that production would see: left out of every figure here
    waited: str = ""  # why there are such: measured at flex, not measured in a batch; empty: all were asked at once
    clock: str = ""  # whose it is, where another tool measured


class NodeLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What the harness added on one node of a cluster, over one session."""

    node: str  # its name
    processes: int  # that measured there
    lag_p99_s: float  # of their loops, the worst of them
    cpu_share: float  # of one core, the most that one of them used
    clock_s: float  # that its time of day was ahead of where the command ran


class TimingQuality(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the latencies are the endpoint's or ours."""

    good: bool  # the seconds can be taken for the endpoint's
    sentence: str  # why, or why not
    lag_p99_s: float | None  # 99th percentile of the delay of our own loop, seconds; null unmeasured
    lag_max_s: float | None  # its maximum, seconds; null unmeasured
    others_share: float | None = None  # of the machine's cores, that other programs took; null where not known
    cpu_share: float | None  # of one core that our own processes took; null unmeasured
    own_share: float | None  # own time as a share of the trials' total
    max_in_flight: int  # most calls at once
    processes: int  # processes that sent calls
    limit_history: tuple[tuple[float, int, str], ...] = ()  # seconds into the run, limit, why
    nodes: tuple[NodeLoad, ...] = ()  # where a cluster measured
