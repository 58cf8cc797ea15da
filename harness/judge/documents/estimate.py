"""What all documents share: the one shape of every figure, the words of verdicts, and what a run knows of others.

`PastRun` is read from the folders of earlier runs and handed to `assess`. `History` is what was made of it;
it stands in report.json with every figure that a check used, so that a verdict can be followed when the
folders of those runs are gone.
"""

from typing import Literal, TypeAlias

import msgspec

# NOT MEASURED: not one reply, so nothing is known of the prompt.
Verdict: TypeAlias = Literal["READY", "NOT READY", "INCONCLUSIVE", "NOT MEASURED"]
Status: TypeAlias = Literal["PASS", "FAIL", "INCONCLUSIVE"]
Outcome: TypeAlias = Literal["label", "unparseable", "refused", "truncated", "empty", "failed"]
OUTCOMES: tuple[Outcome, ...] = ("label", "unparseable", "refused", "truncated", "empty", "failed")
NO_LABEL = "no label"


class Estimate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A figure with its two-sided interval.

    `n` counts what the figure is a share or a mean of (cases, predictions, calls). `value` is None when the
    figure is undefined; then `why_undefined` says why and no check on it can pass. Never NaN, never infinite.
    """

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    confidence: float = 0.95
    method: str = ""
    why_undefined: str | None = None


def undefined(why: str, *, n: int = 0, confidence: float = 0.95) -> Estimate:
    """Give the estimate of a figure that does not exist, with its reason."""
    return Estimate(value=None, n=n, confidence=confidence, method="undefined", why_undefined=why)


class SampleReply(msgspec.Struct, frozen=True, kw_only=True):
    """A reply that no label was read from, and why not."""

    case: str
    reply: str
    reason: str  # `two labels: spam, ham`, `cut after 8 tokens`


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which trials of a candidate ended without a label."""

    kind: str  # a failure's kind (bad_request, timeout, ...), or truncated, empty, refused, unparseable
    whose: Literal["endpoint", "prompt"]  # who caused it; only what the endpoint failed leaves a check open
    count: int  # trials; where a candidate was ended early, those that met it
    share: float | None  # of the candidate's trials, variants included; None where it was ended early
    message: str  # the endpoint's own words, the first of them; of replies: the reason of the first
    case: str  # one that met it
    where: str  # file:line of what to change; empty where it is not known
    fix: str  # what to do, one sentence; empty where nothing can be advised
    decides: bool  # whether the verdict is what it is because of these trials
    advice: str = ""  # `fix` with the place in it; reports of early versions do not say it
    samples: tuple[SampleReply, ...] = ()  # of replies: two


Against: TypeAlias = Literal["the previous run", "the runs before, pooled"]


class SettledEarly(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict that was settled before all cases were asked."""

    asked: int  # cases, of the asked order's beginning, that settled it
    of: int  # cases of the suite
    ready: bool  # settled READY; else it can't be READY any more
    delta: float  # in at most so many of all orders it is not the whole suite's verdict
    lost: tuple[str, ...] = ()  # the thresholds that the whole suite can't meet any more
    saved_calls: int  # trials of unchanged cases that were not sent
    saved: float | None = None  # money, at what the others cost on average; None without a price
    currency: str = ""  # of `saved`
    beside: str = ""  # the candidates that it was held against, where that was settled


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


class PromptGrowth(msgspec.Struct, frozen=True, kw_only=True):
    """Input tokens of a prompt against its previous version, on the same model and cases."""

    since: str  # name of the previous version
    tokens_before: float  # a trial
    more: Estimate  # tokens a trial, negative when it became shorter
    share: float | None  # of what it was


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Money and tokens, from what the endpoint counted."""

    currency: str
    total: float | None  # of all calls of this run, warm-up included; None without a price
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
    tiers: dict[str, int] = {}  # service tier, as the endpoint named it -> replies
    not_at_flex: int = 0  # replies that were asked for at flex, and of which none says that it served them
    unpriced: tuple[str, ...] = ()  # tiers that served, and of which harness.yml does not say what they cost
