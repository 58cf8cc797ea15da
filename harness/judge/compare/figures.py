"""Every metric on both sides and its difference, before any verdict."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from harness.files import thresholds
from harness.judge import OUTCOMES, Estimate, named, scores
from harness.judge.pairs import Pairs, Side
from harness.judge.scores import Bool, Figure, Float, MatrixMetric, Missing, PairedDraws, Votes
from harness.judge.view import once

EVEN = 1e-9  # a smaller difference is none
UNDEFINED = "it is undefined on one side"
NOBODY = "no case is on both sides"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One metric: both sides' estimates and the figure of head minus base."""

    metric: thresholds.Metric
    label: str | None = None
    base: Estimate
    head: Estimate
    difference: Figure
    currencies: tuple[str, str] | None = None  # of base and head, where they are money
    headline: bool = False
    unit: str = "cases"  # what a sample size counts
    moved: Float | None = None  # what each case that differs adds to the difference; None: not known


def quality_figures(pairs: Pairs) -> Iterator[Compared]:
    """Give the figures of classification, per label and averaged, and of outcomes."""
    yield accuracy_figure(pairs)
    for label, name in enumerate(pairs.labels):
        yield from _of_label(pairs, label, name)
    yield from (average_figure(pairs, thresholds.metric_of(name)) for name in scores.AVERAGES)
    yield share_figure(pairs, thresholds.COVERAGE, lambda side: side.answers.predicted >= 0)
    for metric in thresholds.METRICS.values():
        if metric.outcome is not None:
            yield _outcome(pairs, metric, metric.outcome)


def guarded_figures(pairs: Pairs) -> Iterator[Compared]:
    """Give what a new model must not be worse in: accuracy, each label's recall, the headline figures."""
    yield accuracy_figure(pairs)
    for label, name in enumerate(pairs.labels):
        recall_then_precision = _of_label(pairs, label, name)
        yield next(recall_then_precision)
        if label == pairs.positive:
            yield next(recall_then_precision)
    if pairs.positive is None:
        yield average_figure(pairs, thresholds.MACRO_F1)


def accuracy_figure(pairs: Pairs, among: Bool | None = None) -> Compared:
    """Give accuracy, over all pairs or those of `among`."""
    return share_figure(pairs, thresholds.ACCURACY, lambda side: side.right, among=among)


def share_figure(
    pairs: Pairs,
    metric: thresholds.Metric,
    hits: Callable[[Side], Bool],
    *,
    label: str | None = None,
    among: Bool | None = None,
    unit: str = "cases",
) -> Compared:
    """Give a share of trials on both sides, over all pairs or those of `among`."""
    before, after = (
        side.per_case(hits(side), None if among is None else np.asarray(among[side.case], dtype=np.bool_))
        for side in (pairs.base, pairs.head)
    )
    have = (before[1] > 0) & (after[1] > 0)
    difference = scores.paired_difference(after[0][have], before[0][have], after[1][have], before[1][have])
    return Compared(
        metric=metric,
        label=label,
        base=scores.share_of_counts(*before, why_empty=NOBODY).estimate(pairs.confidence),
        head=scores.share_of_counts(*after, why_empty=NOBODY).estimate(pairs.confidence),
        difference=difference,
        unit=unit,
        moved=np.asarray(after[0][have] / after[1][have] - before[0][have] / before[1][have]),
    )


def _of_label(pairs: Pairs, label: int, name: str) -> Iterator[Compared]:
    expected = np.asarray(pairs.expected == label, dtype=np.bool_)
    unit = f"{named(name)} cases"
    yield share_figure(pairs, thresholds.RECALL, lambda side: side.right, label=name, among=expected, unit=unit)
    for metric, of in (
        (thresholds.PRECISION, scores.precision_of),
        (thresholds.F1, partial(scores.fbeta_of, beta=1.0)),
    ):

        def alone(side: Side, metric: thresholds.Metric = metric) -> Figure:
            return scores.OF_LABEL[metric.name](side.answers, label)

        yield _drawn(pairs, metric, partial(of, label=label), alone, label=name)
    if label == pairs.positive:
        unit = f"cases that are not {named(name)}"

        def answered_otherwise(side: Side) -> Bool:
            said = side.answers.predicted
            return np.asarray((said != label) & (said >= 0), dtype=np.bool_)  # what has no label is never right

        yield share_figure(pairs, thresholds.SPECIFICITY, answered_otherwise, label=name, among=~expected, unit=unit)


def average_figure(pairs: Pairs, metric: thresholds.Metric, *, sides: bool = True) -> Compared:
    """Give a metric of the whole confusion matrix; without that of each side where only their difference is asked."""

    def alone(side: Side) -> Figure:
        return side.resampling.average(metric.name) if sides else Missing("only the difference was asked")

    of = scores.AVERAGES[metric.name].of
    return _drawn(pairs, metric, of, alone, draws=_draws(pairs) if sides else _drawn_together(pairs))


def _drawn_together(pairs: Pairs) -> PairedDraws | Missing:
    return PairedDraws.of(pairs.head.answers, pairs.base.answers, seed=pairs.head.view.suite.seed)


_draws = once(_drawn_together)  # one is enough for all figures of a pair; of many pairs that have one each none is kept


def _drawn(
    pairs: Pairs,
    metric: thresholds.Metric,
    of: MatrixMetric,
    figure: Callable[[Side], Figure],
    *,
    label: str | None = None,
    draws: PairedDraws | Missing | None = None,
) -> Compared:
    """Give a metric of the confusion matrix, resampled by case with the same draws on both sides."""
    draws = draws or _draws(pairs)
    base, head = figure(pairs.base), figure(pairs.head)
    difference = draws.difference(of, why_undefined=UNDEFINED) if isinstance(draws, PairedDraws) else draws
    return Compared(
        metric=metric,
        label=label,
        base=base.estimate(pairs.confidence),
        head=head.estimate(pairs.confidence),
        difference=difference,
        moved=draws.moved(of) if isinstance(draws, PairedDraws) else None,
    )


def _outcome(pairs: Pairs, metric: thresholds.Metric, outcome: str) -> Compared:
    """Give the share of trials that ended in one way."""
    place = [str(one) for one in OUTCOMES].index(outcome)
    return share_figure(pairs, metric, lambda side: np.asarray(side.trials.outcome == place, dtype=np.bool_))


def stability_figure(pairs: Pairs) -> Compared:
    """Give pairwise agreement between repeats; undefined where cases were asked once."""
    sides = []
    for side in (pairs.base, pairs.head):
        codes = side.view.codes_of(side.trials)
        cast = Votes.of(side.case, codes)
        most = cast.repeats.max(initial=0)
        agreeing: Float = np.full(pairs.cases, np.nan)
        agreeing[cast.case] = cast.agreeing
        sides.append((scores.agreement(cast).estimate(pairs.confidence), agreeing, most * (most - 1) / 2))
    (base, before, base_pairs), (head, after, head_pairs) = sides
    have = np.isfinite(before) & np.isfinite(after)
    difference: Figure = Missing(scores.ONE_REPEAT)
    if have.any():
        trials = np.full(int(have.sum()), min(base_pairs, head_pairs))
        difference = scores.paired_difference(after[have] * trials, before[have] * trials, trials, trials)
    moved = np.asarray(after[have] - before[have])
    return Compared(metric=thresholds.STABILITY, base=base, head=head, difference=difference, moved=moved)


def robustness_figures(pairs: Pairs) -> Iterator[Compared]:
    """Give the accuracy drop of each perturbation that both sides measured."""
    shared = pairs.base.view.every_trial.variants
    for variant in (v for v in pairs.head.view.every_trial.variants[1:] if v in shared):
        before, after = (_drop(side, variant, pairs.cases) for side in (pairs.base, pairs.head))
        if before is None or after is None:
            continue
        have = np.isfinite(before.per_case) & np.isfinite(after.per_case)
        yield Compared(
            metric=thresholds.ROBUSTNESS_DROP,
            label=variant,
            base=before.figure.estimate(pairs.confidence),
            head=after.figure.estimate(pairs.confidence),
            difference=scores.paired_mean_difference(after.per_case[have], before.per_case[have]),
            moved=np.asarray(after.per_case[have] - before.per_case[have]),
        )


@dataclass(frozen=True, slots=True)
class _Drop:
    figure: Figure
    per_case: Float  # accuracy on the original minus that on the variant; nan where there is none


def _drop(side: Side, variant: str, cases: int) -> _Drop | None:
    answers = side.of_variant(variant)
    if answers is None:
        return None
    hits, trials = side.per_case(side.right)
    moved = np.bincount(answers.case, weights=answers.right, minlength=cases).astype(np.float64)
    asked = np.bincount(answers.case, minlength=cases).astype(np.float64)
    have = (trials > 0) & (asked > 0)
    figure = scores.paired_difference(hits[have], moved[have], trials[have], asked[have])
    per_case = np.full(cases, np.nan)
    per_case[have] = hits[have] / trials[have] - moved[have] / asked[have]
    return _Drop(figure, per_case)
