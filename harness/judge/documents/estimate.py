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
LONG_INPUT = 200_000  # tokens, beyond which Gemini, Anthropic and others have a dearer price


class Estimate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A figure with its two-sided interval.

    `n` counts what the figure is a share or a mean of (cases, predictions, calls). `value` is None when the
    figure is undefined; then `why_undefined` says why and no check on it can pass. Never NaN, never infinite.
    """

    value: float | None  # the figure; null where it is undefined
    n: int  # what it counts over: cases, predictions, calls
    low: float | None = None  # lower end of the interval; null where there is none
    high: float | None = None  # upper end of the interval; null where there is none
    confidence: float = 0.95  # of the interval, a share
    method: str = ""  # how the interval was made
    why_undefined: str | None = None  # why there is no figure; null where there is one


def undefined(why: str, *, n: int = 0, confidence: float = 0.95) -> Estimate:
    """Give the estimate of a figure that does not exist, with its reason."""
    return Estimate(value=None, n=n, confidence=confidence, method="undefined", why_undefined=why)


class SampleReply(msgspec.Struct, frozen=True, kw_only=True):
    """A reply that no label was read from, and why not."""

    case: str  # id of the case
    reply: str  # its reply, shortened
    reason: str  # `two labels: spam, ham`, `cut after 8 tokens`


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which trials of a candidate ended without a label."""

    kind: str  # a failure's kind (bad_request, timeout, ...), or truncated, empty, refused, unparseable
    whose: Literal["endpoint", "prompt"]  # who caused it; only what the endpoint failed leaves a check open
    count: int  # trials; where a candidate was ended early, those that met it
    share: float | None  # of the candidate's trials, variants included; None where it was ended before its first reply
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

    run_id: str  # name of the run
    created_utc: str  # when it began, ISO 8601
    complete: bool  # every planned trial had ended
    prompt_digest: str  # digest of the prompt as sent
    accuracy: Estimate  # share of trials that were right
    stability: Estimate | None = None  # share of cases with one label in all repeats; null with one repeat
    p95: Estimate | None = None  # seconds
    verdict: str = ""  # what the run decided
    changed: tuple[str, ...] = ()  # release marks: what is different since the point before


class NotComparable(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the same candidate that is left out, and why."""

    run_id: str  # name of the run
    created_utc: str  # when it began, ISO 8601
    why: str  # why it is left out


class AccuracyChange(msgspec.Struct, frozen=True, kw_only=True):
    """Accuracy now minus before, in two groups that are taken as independent (Newcombe)."""

    against: Against  # what is held against now
    runs: tuple[str, ...]  # names of the runs before
    before: Estimate  # accuracy then, a share
    change: Estimate  # now minus before, a share


class CusumChart(msgspec.Struct, frozen=True, kw_only=True):
    """A Bernoulli CUSUM of the errors: one value a complete point."""

    usual: float  # error rate that the chart takes for normal
    worse: float  # error rate that it looks for
    limit: float  # a value above it is a drop
    path: tuple[float, ...]  # one value for each complete run
    signal: str | None  # the first run at or above the limit


class History(msgspec.Struct, frozen=True, kw_only=True):
    """All that is said of a candidate over time."""

    run_id: str  # the run that is held against those before it
    points: tuple[HistoryPoint, ...]  # oldest first
    changes: tuple[AccuracyChange, ...] = ()  # empty without an earlier comparable run
    cusum: CusumChart | None = None  # chart of small lasting drops; null with too few runs
    not_comparable: tuple[NotComparable, ...] = ()  # runs that are left out, with reasons
    sentence: str = ""  # the same in words


class PromptGrowth(msgspec.Struct, frozen=True, kw_only=True):
    """Input tokens of a prompt against its previous version, on the same model and cases."""

    since: str  # name of the previous version
    tokens_before: float  # a trial
    more: Estimate  # tokens a trial, negative when it became shorter
    share: float | None  # of what it was


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Money and tokens, from what the endpoint counted."""

    currency: str  # ISO 4217, of all money here
    total: float | None  # of all calls of this run, warm-up included; None without a price
    per_1000: Estimate  # money for 1,000 trials
    per_correct: Estimate  # money for a right answer
    per_caught_positive: Estimate | None  # money for a positive case that was found; null without a positive label
    tokens_in: Estimate  # per trial
    tokens_out: Estimate  # output tokens a call
    tokens_cached: Estimate  # input tokens a call that the provider had cached
    per_month: float | None = None  # money at the volume; null without one
    volume_per_month: float | None = None  # calls a month in production; null where not stated
    priced: bool = True  # the model has a price
    missing_usage: int = 0  # replies that did not say how many tokens they took
    month: Estimate | None = None  # `per_month` with its interval
    growth: PromptGrowth | None = None  # how the prompt grew against base; null without one
    tiers: dict[str, int] = {}  # service tier, as the endpoint named it -> replies
    not_at_flex: int = 0  # replies that were asked for at flex, and of which none says that it served them
    elsewhere: dict[str, int] = {}  # service tier that was asked for -> replies of which none says that it served them
    unpriced: tuple[str, ...] = ()  # tiers that served, and of which harness.yml does not say what they cost
    unpriced_writes: int = 0  # tokens that the provider's cache took in, where harness.yml has no price for that
    long_inputs: int = 0  # replies to more than 200,000 tokens, which some providers charge more for: it is not counted
