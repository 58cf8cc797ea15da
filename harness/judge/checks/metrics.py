"""THE table of metrics: how each is read off a run, explained, planned and kept.

A gauge extends a row of `files/thresholds/metrics.py`, which says how the metric is written and what it is
measured in. To add a metric: a row there, a score function in `scores/`, a gauge here, a line in docs/reference.py;
averages over labels (`AVERAGES` of `scores/classification.py`) have their gauge already. Figures are computed on the
unchanged cases, narrowed by the threshold's `where`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from harness.files import thresholds
from harness.judge import OUTCOMES, CandidateAssessment, Check, Estimate, scores
from harness.judge.checks import consequences as told
from harness.judge.checks import evidence, worlds
from harness.judge.checks import figures as read
from harness.judge.checks.ahead import rows as power
from harness.judge.checks.asked import Asked, View
from harness.judge.checks.drift import drift_check
from harness.judge.checks.quantiles import quantile_check, quantile_seen
from harness.judge.scores import AVERAGES, OF_LABEL, Figure, Missing, Resampling
from harness.judge.sections import cost, generalization, robustness

Kept: TypeAlias = Iterable[tuple[str, Estimate | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """How a metric is read off a run, explained, planned and kept."""

    figure: Callable[[Asked], Figure]
    plan: power.Planner  # how many cases it takes
    consequence: Callable[[Asked], str] = told.no_consequence  # what a miss means, in counts
    faultless: str = "all were right"  # what a run without a miss shows
    kept: Callable[[CandidateAssessment], Kept] = lambda _: ()  # its figures in a judged run, by selector
    required: Callable[[Asked], tuple[float | None, str]] | None = None  # where the cases say it: how much, and why
    decide: Callable[[Asked], Check] | None = None  # where a figure and its bound are not all that decides
    seen: Callable[[Asked], Estimate] | None = None  # its estimate, where that is not its figure's
    worlds: worlds.Worlds = worlds.all_right  # how else the endpoint's failures may be taken
    score: evidence.Score | None = None  # of one case, where what the whole suite will show can be weighed early
    mend: str = ""  # what moves the figure; empty where that is what the prompt confuses
    counted_before: bool = False  # a fact about the files, known before the first call


def figure(asked: Asked) -> Figure:
    """Give the figure that a threshold is about."""
    if asked.threshold.where and not len(asked.view.trials):
        return Missing(f"no case has {asked.threshold.part}")
    return GAUGES[asked.threshold.metric].figure(asked)


def figures_of(candidate: CandidateAssessment) -> dict[str, Estimate]:
    """Give every figure that has a value, by the name that a threshold would write; sorted."""
    found: dict[str, Estimate | None] = {
        check.name: check.estimate for check in candidate.checks if not thresholds.metric_of(check.metric).earlier
    }
    for metric in thresholds.METRICS.values():
        for selector, estimate in GAUGES[metric.name].kept(candidate):
            found[f"{metric.written}{selector}"] = estimate
    found |= candidate.answered  # what the endpoint failed is no evidence about the prompt
    known = {name: estimate for name, estimate in found.items() if estimate is not None}
    return {name: known[name] for name in sorted(known) if known[name].value is not None}


def _averaged(name: str) -> Gauge:
    def figure(run: Resampling) -> Figure:
        return run.average(name)

    return Gauge(
        figure=lambda asked: figure(asked.view.resampling),
        plan=power.of_average(AVERAGES[name].of, figure),
        consequence=told.wrong,
        kept=lambda c: [("", c.classification.average(name))],
        worlds=worlds.averages_otherwise,
    )


def _labelled(name: str) -> Callable[[CandidateAssessment], Kept]:
    def kept(c: CandidateAssessment) -> Kept:
        for label, of_label in c.classification.labels.items():
            yield f"[{label}]", getattr(of_label, name)
        for part in c.slices:
            for label, estimate in getattr(part, name, {}).items():
                yield f"[{label}] where {part.kind}={part.name}", estimate

    return kept


def _of_label(
    metric: thresholds.Metric,
    plan: power.Planner,
    consequence: Callable[[Asked], str],
    how_else: worlds.Worlds = worlds.label_otherwise,
    score: evidence.Score | None = None,
) -> Gauge:
    return Gauge(
        figure=read.label_figure(OF_LABEL[metric.name]),
        plan=plan,
        consequence=consequence,
        kept=_labelled(metric.name),
        worlds=how_else,
        score=score,
    )


def _outcome(name: str, faultless: str, consequence: str) -> Gauge:
    outcome = next(outcome for outcome in OUTCOMES if outcome == thresholds.METRICS[name].outcome)

    def kept(c: CandidateAssessment) -> Kept:
        if c.trials:
            yield "", Estimate(value=c.outcomes.get(outcome, 0) / c.trials, n=c.trials)

    return Gauge(
        figure=read.share_ended(outcome),
        plan=power.of_share,
        consequence=told.failed if outcome == "failed" else told.ended(outcome, consequence),
        faultless=faultless,
        kept=kept,
        worlds=worlds.nothing if outcome == "failed" else worlds.ended_so,
        score=evidence.without(outcome),
    )


_FASTER = "Make it faster: a smaller or nearer model, a shorter prompt, fewer output tokens."
_CHEAPER = "Make it cheaper: a smaller model, a shorter prompt, fewer output tokens."
_STEADIER = "Make the answers steady: temperature 0 if it isn't, or a prompt that leaves less open."
_SINCE = "Find what changed since the earlier run: the model, the prompt or the cases."


def _quantile(metric: thresholds.Metric) -> Gauge:
    def kept(c: CandidateAssessment) -> Kept:
        quantiles = c.latency.ttft if metric.clock == "ttft" else c.latency.caller
        return [("", one.estimate) for one in quantiles if one.q == metric.quantile]

    slowest = power.afterwards("it is the slowest call of the run")
    is_weighed = metric.clock == "latency" and metric.quantile != 1
    return Gauge(
        figure=lambda _: Missing("a quantile is decided by its calls"),
        plan=slowest if metric.quantile == 1 else power.of_calls,
        kept=kept,
        decide=quantile_check,
        seen=quantile_seen,
        worlds=worlds.not_there,
        mend=_FASTER,
        score=evidence.in_time(lambda threshold: threshold.bound) if is_weighed else None,
    )


def _robustness(largest: str, each: str, score: Callable[[View, str | None], Figure]) -> Gauge:
    def kept(c: CandidateAssessment) -> Kept:
        if c.robustness is not None:
            yield "", getattr(c.robustness, largest)
            yield from ((f"[{one.name}]", getattr(one, each)) for one in c.robustness.perturbations)

    return Gauge(
        figure=lambda asked: score(asked.view, asked.threshold.label),
        plan=power.of_robustness,
        kept=kept,
        mend="Make the prompt hold against small changes of its input: Robustness says which.",
        worlds=worlds.of_variants,
    )


def _gap(c: CandidateAssessment) -> Kept:
    return () if c.generalization is None else [("", c.generalization.gap)]


def _accuracy(c: CandidateAssessment) -> Kept:
    yield "", c.classification.accuracy
    for part in c.slices:
        yield f" where {part.kind}={part.name}", part.accuracy


_RIGHT = Gauge(figure=read.accuracy, plan=power.of_share, consequence=told.wrong, score=evidence.RIGHT)
_AGREEMENT = Gauge(
    figure=lambda asked: scores.agreement(asked.view.votes),
    plan=power.of_repeats,
    consequence=told.moved,
    faultless="all repeats agreed",
    kept=lambda c: [("", c.stability.agreement)],
    worlds=worlds.agreeing,
    mend=_STEADIER,
    score=evidence.AGREEING,
)
_PRICED = power.afterwards("it depends on what calls cost")

GAUGES: dict[str, Gauge] = {
    thresholds.BETTER_THAN_MAJORITY.name: replace(_RIGHT, figure=read.more_than_always, required=read.always),
    thresholds.ACCURACY.name: replace(_RIGHT, kept=_accuracy),
    **{name: _averaged(name) for name in AVERAGES},
    "coverage": Gauge(
        figure=lambda asked: scores.coverage(asked.view.answers),
        plan=power.of_share,
        consequence=told.uncovered,
        faultless="every trial ended with a label",
        kept=lambda c: [("", c.classification.coverage)],
        score=evidence.COVERED,
    ),
    thresholds.RECALL.name: _of_label(thresholds.RECALL, power.of_share, told.missed, worlds.all_right, evidence.FOUND),
    thresholds.PRECISION.name: _of_label(
        thresholds.PRECISION, power.of_share, told.false_answers, score=evidence.PREDICTED
    ),
    thresholds.SPECIFICITY.name: _of_label(
        thresholds.SPECIFICITY, power.of_share, told.alarms, score=evidence.NO_ALARM
    ),
    thresholds.F1.name: _of_label(thresholds.F1, power.of_f1, told.errors),
    "fbeta": Gauge(figure=read.fbeta, plan=power.of_fbeta, consequence=told.errors, worlds=worlds.label_otherwise),
    "failures": _outcome("failures", "no trial failed", "failed"),
    "unparseable": _outcome("unparseable", "every reply could be read", "had no readable label"),
    "refused": _outcome("refused", "no reply was a refusal", "ended in a refusal"),
    "truncated": _outcome("truncated", "no reply was cut off", "ended in a reply that was cut off"),
    "stability": _AGREEMENT,
    "flip_rate": replace(
        _AGREEMENT,
        figure=lambda asked: scores.flip_rate(asked.view.votes),
        kept=lambda c: [("", c.stability.flip_rate)],
    ),
    "pass": Gauge(
        figure=read.always_right,
        plan=power.of_repeats,
        consequence=told.not_always_right,
        kept=lambda c: [(f"^{k}", estimate) for k, estimate in c.stability.pass_k.items()],
        score=evidence.ALL_RIGHT,
    ),
    **{name: _quantile(row) for name, row in thresholds.METRICS.items() if row.quantile is not None},
    "latency.within": Gauge(
        figure=read.in_time,
        plan=power.of_share,
        consequence=told.late,
        faultless="all calls were in time",
        worlds=worlds.not_there,
        mend=_FASTER,
        score=evidence.in_time(lambda threshold: threshold.argument or 0.0),
    ),
    "robustness.drop": _robustness("drop", "accuracy_drop", robustness.drop),
    "robustness.flips": replace(
        _robustness("flips_above_noise", "flips_above_noise", robustness.flips_above_noise), faultless="no answer moved"
    ),
    "generalization.gap": Gauge(
        figure=lambda asked: generalization.gap(asked.view, part=bool(asked.threshold.where)),
        plan=power.of_gap,
        kept=_gap,
        worlds=worlds.of_splits,
        mend="Find what cases outside of dev have that the prompt was not made for: Generalisation shows the gap.",
    ),
    "drift.drop": Gauge(
        figure=lambda _: Missing("a drop needs an earlier run"),
        plan=power.afterwards("it depends on the earlier runs"),
        decide=drift_check,
        mend=_SINCE,
    ),
    "leakage": Gauge(
        figure=read.leak_count,
        plan=power.afterwards("it is counted, not sampled"),
        consequence=told.leaking,
        worlds=worlds.nothing,
        mend="Take out of the prompt or the cases what gives answers away: Leakage names it.",
        counted_before=True,
    ),
    "regressions": Gauge(figure=read.broken, plan=power.afterwards("it depends on the baseline"), mend=_SINCE),
    "cost_per_1000": Gauge(
        figure=lambda asked: cost.per_1000(asked.view),
        plan=_PRICED,
        worlds=worlds.nothing,
        mend=_CHEAPER,
        kept=lambda c: [("", c.cost.per_1000)],
    ),
    "cost_per_correct": Gauge(
        figure=lambda asked: cost.per_correct(asked.view),
        plan=_PRICED,
        kept=lambda c: [("", c.cost.per_correct)],
        mend=_CHEAPER,
    ),
    "tokens_per_case": Gauge(
        figure=lambda asked: cost.tokens_per_case(asked.view),
        plan=power.afterwards("it depends on the replies"),
        worlds=worlds.nothing,
        mend=_CHEAPER,
    ),
}
