"""The metrics that thresholds may name: how each is written, what it is measured in, what it needs; and a threshold.

A row says everything that can be said of a metric without a run; `judge/checks/metrics.py` extends the rows
by how each is computed, explained and planned. Whoever asks something of a metric asks its row.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

Plain: TypeAlias = Literal["share", "points", "number", "seconds", "count"]  # written without a currency
Scale: TypeAlias = Plain | Literal["money"]
Selector: TypeAlias = Literal["none", "label", "perturbation"]
Argument: TypeAlias = Literal["none", "seconds", "beta", "power"]
Counted: TypeAlias = Literal["cases", "label cases", "other cases", "predictions", "touched"]
MetricClock: TypeAlias = Literal["latency", "ttft"]
Headline: TypeAlias = Literal["never", "always", "positive label", "no positive label"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric."""

    name: str  # as in Threshold.metric
    spelling: str = ""  # where it is not the name
    called: str = ""  # in a sentence, where that is not its spelling without underscores
    scale: Scale = "share"
    selector: Selector = "none"
    argument: Argument = "none"
    higher_is_better: bool = True
    counts: Counted = "cases"  # what its sample size counts
    clock: MetricClock | None = None  # which time of a call it is about
    quantile: float | None = None  # of that time
    outcome: str | None = None  # of which it is the share of trials
    repeated: bool = False  # needs cases that were asked more than once
    splits: bool = False  # needs dev and another split
    earlier: bool = False  # needs an earlier run
    headline: Headline = "never"  # when it is among the first figures of a comparison
    front: bool = False  # an axis of the Pareto front of several candidates
    blind: bool = False  # says something of cases whose right label nobody knows

    @property
    def unlabelled(self) -> bool:
        """Whether it can be told without right labels: of times, of endings, of repeats alone, of money."""
        return self.blind or self.clock is not None or self.outcome is not None or self.repeated

    @property
    def written(self) -> str:
        """Its spelling in a threshold, without selector and argument."""
        return self.spelling or self.name

    @property
    def in_words(self) -> str:
        """What it is called in a sentence: `balanced accuracy`, `p95`, `cost per 1,000`."""
        return self.called or self.written.replace("_", " ")

    @property
    def of_failures(self) -> bool:
        """Whether it is about nothing but what the endpoint failed."""
        return self.outcome == "failed"

    def of_label(self, label: str | None) -> str:
        """Give its spelling with a label, as a threshold writes it: `recall[spam]`."""
        return self.written if label is None else f"{self.written}[{label}]"

    def cases(self, label: str | None, where: str = "") -> dict[str, str]:
        """Tell which cases a figure of it comes from, as the viewer's filters; empty where none stand out.

        `where` is the part of the suite that it is about: `tag=short and split=dev`.
        """
        part = dict(one.split("=", 1) for one in where.split(" and ") if one.startswith(("tag=", "split=")))
        if self.scale in {"money", "count"} and not self.earlier:
            return {}
        if self.clock or self.outcome or self.name == "coverage":
            return ({"order": "slowest"} if self.clock else {"outcome": self.outcome or "no label"}) | part
        kind = {"flipped": "1"} if self.repeated else {"right": "wrong"}
        if self.selector == "perturbation":
            return kind | {"variant": label or "all"} | part
        of_label = {"label cases": "expected", "predictions": "read_as", "other cases": "read_as"}
        return kind | ({of_label.get(self.counts, "label"): label} if label else {}) | part

    def leads(self, label: str | None, positive: str | None) -> bool:
        """Tell whether it is a headline figure of a label, in a suite with this positive label or none."""
        match self.headline:
            case "never":
                return False
            case "always":
                return True
            case "positive label":
                return positive is not None and label == positive
            case "no positive label":
                return positive is None


_lower = partial(Metric, higher_is_better=False)
QUANTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99, "max": 1.0}
_CLOCKS: tuple[MetricClock, ...] = ("latency", "ttft")

ACCURACY = Metric(name="accuracy", headline="always")
BALANCED_ACCURACY = Metric(name="balanced_accuracy", front=True)
MACRO_F1 = Metric(name="macro_f1", headline="no positive label")
MCC = Metric(name="mcc", scale="number")
KAPPA = Metric(name="kappa", scale="number")
COVERAGE = Metric(name="coverage", blind=True)
STABILITY = Metric(name="stability", repeated=True)
PRECISION = Metric(name="precision", selector="label", counts="predictions", headline="positive label")
RECALL = Metric(name="recall", selector="label", counts="label cases", headline="positive label")
SPECIFICITY = Metric(name="specificity", selector="label", counts="other cases")
F1 = Metric(name="f1", selector="label", counts="touched")
ROBUSTNESS_DROP = _lower(name="robustness.drop", scale="points", selector="perturbation")
DRIFT_DROP = _lower(name="drift.drop", scale="points", earlier=True)
COST_PER_1000 = _lower(
    name="cost_per_1000",
    spelling="cost per 1000",
    called="cost per 1,000",
    scale="money",
    headline="always",
    front=True,
    blind=True,
)
COST_PER_CORRECT = _lower(name="cost_per_correct", spelling="cost per correct", scale="money")
TOKENS_PER_CASE = _lower(name="tokens_per_case", spelling="tokens per case", scale="count", blind=True)
QUALITY = BALANCED_ACCURACY  # where one figure stands for it: accuracy favours who gives the commonest label


def _quantile(clock: MetricClock, part: str) -> Metric:
    first = clock == "latency" and part == "p95"  # the one that candidates are held against each other by
    return _lower(
        name=f"{clock}.{part}",
        called=part if clock == "latency" else "",
        scale="seconds",
        clock=clock,
        quantile=QUANTILES[part],
        headline="always" if first else "never",
        front=first,
    )


_ALL = (
    ACCURACY,
    BALANCED_ACCURACY,
    MACRO_F1,
    Metric(name="weighted_f1"),
    Metric(name="micro_f1"),
    COVERAGE,
    STABILITY,
    _lower(name="failures", outcome="failed"),
    _lower(name="unparseable", outcome="unparseable"),
    _lower(name="refused", outcome="refused"),
    _lower(name="truncated", outcome="truncated"),
    _lower(name="flip_rate", repeated=True),
    PRECISION,
    RECALL,
    SPECIFICITY,
    F1,
    Metric(name="fbeta", selector="label", argument="beta"),
    MCC,
    KAPPA,
    *(_quantile(clock, part) for clock in _CLOCKS for part in QUANTILES),
    Metric(name="latency.within", argument="seconds", clock="latency"),
    Metric(name="pass", argument="power"),
    ROBUSTNESS_DROP,
    _lower(name="robustness.flips", scale="points", selector="perturbation", repeated=True),
    _lower(name="generalization.gap", scale="points", splits=True),
    DRIFT_DROP,
    _lower(name="leakage", scale="count"),
    _lower(name="regressions", scale="count", earlier=True),
    COST_PER_1000,
    COST_PER_CORRECT,
    TOKENS_PER_CASE,
)

METRICS: dict[str, Metric] = {metric.written: metric for metric in _ALL}
P50, P95, TTFT_P50, TTFT_P95 = (METRICS[f"{clock}.{part}"] for clock in _CLOCKS for part in ("p50", "p95"))
SPELLINGS: dict[str, Metric] = METRICS | {metric.name: metric for metric in _ALL}
BETTER_THAN_MAJORITY = Metric(name="better_than_majority", spelling="accuracy > majority")
_BY_NAME = {metric.name: metric for metric in (*_ALL, BETTER_THAN_MAJORITY)}


def metric_of(name: str) -> Metric:
    """Give the row of a metric by its name; one that is not known here is taken for a share."""
    return _BY_NAME.get(name) or SPELLINGS.get(name) or Metric(name=name)


def written(metric: str) -> str:
    """Spell a metric as a threshold does: `cost per 1000` for `cost_per_1000`."""
    return metric_of(metric).written


Op: TypeAlias = Literal[">=", "<=", ">", "<"]
Baseline: TypeAlias = Literal["absolute", "minus", "plus", "times"]
Where: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """One demand. `bound` is in the metric's own unit: shares as 0..1, seconds, money, counts."""

    text: str  # as written, whitespace folded
    name: str  # what it is about: `text` without operator and bound
    metric: str  # family: `accuracy`, `recall`, `latency.p95`, `latency.within`, `pass`, `cost_per_1000`
    label: str | None = None  # recall[spam] -> spam; robustness.flips[typos] -> typos
    argument: float | None = None  # latency.within(1 s) -> 1.0; fbeta(2) -> 2.0; pass^3 -> 3.0
    where: Where = ()  # (("tag", "short"),)
    op: Op
    bound: float = 0.0
    baseline: Baseline = "absolute"  # `>= baseline - 2%` -> minus, .02
    currency: str | None = None  # of a bound in money, when it was written

    @property
    def part(self) -> str:
        """The cases that it is about, as words of a threshold: `tag=short and split=dev`; empty for all."""
        return " and ".join(f"{kind}={name}" for kind, name in self.where)

    def covers(self, split: str, tags: tuple[str, ...]) -> bool:
        """Tell whether it is about a case of this split, with these tags."""
        return all(name in tags if kind == "tag" else name == split for kind, name in self.where)

    @property
    def figure(self) -> str:
        """The name of its figure without the freedoms of spelling: spaces, quotes, `cost_per_1000`."""
        label = "" if self.label is None else f"[{self.label}]"
        return f"{written(self.metric)}{label}" + (f" where {self.part}" if self.where else "")

    @property
    def at_least(self) -> bool:
        """Whether more is better."""
        return self.op in {">=", ">"}


LAG_S, LAG_SHARE = 0.010, 0.02


def negligible_lag_s(thresholds: Iterable[Threshold], *, otherwise_s: float) -> float:
    """Give the lag up to which latencies are honest: 10 ms, or 2% of the shortest time demanded (or `otherwise_s`)."""
    limits = [
        threshold.bound if threshold.argument is None else threshold.argument
        for threshold in thresholds
        if metric_of(threshold.metric).clock and threshold.baseline == "absolute"
    ]
    return max(LAG_S, LAG_SHARE * min((limit for limit in limits if limit), default=otherwise_s))
