"""Every metric on both sides and its difference, before any verdict."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from harness.files.thresholds import METRICS, Scale, metric_of
from harness.judge import scores
from harness.judge.checks.metrics import GAUGES
from harness.judge.documents import OUTCOMES, Estimate
from harness.judge.pairs import Pairs, Side
from harness.judge.scores import Figure, MatrixMetric, Missing, PairedDraws, Resampling, Votes
from harness.judge.table.columns import Bool, Float
from harness.judge.view import once
from harness.judge.wording import named

OF_ALL_LABELS = "macro_f1"  # a headline where no label is the positive one
UNDEFINED = "it is undefined on one side"
NOBODY = "no case is on both sides"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One metric: both sides' estimates and the figure of head minus base."""

    metric: str
    label: str | None = None
    base: Estimate
    head: Estimate
    difference: Figure
    higher_is_better: bool = True
    scale: Scale = "share"
    currencies: tuple[str, str] | None = None  # of base and head, where they are money
    headline: bool = False
    unit: str = "cases"  # what a sample size counts
    single: bool = False  # one trial a case on both sides: McNemar's test applies


def quality_figures(pairs: Pairs) -> Iterator[Compared]:
    """Give the figures of classification, per label and averaged, and of outcomes."""
    yield share_figure(pairs, "accuracy", lambda side: side.right, headline=True)
    for label, name in enumerate(pairs.labels):
        yield from _of_label(pairs, label, name)
    yield from _averaged(pairs)
    yield share_figure(pairs, "coverage", lambda side: side.answers.predicted >= 0)
    for name, row in METRICS.items():
        if row.outcome is not None:
            yield _outcome(pairs, name, row.outcome)


def share_figure(
    pairs: Pairs,
    metric: str,
    hits: Callable[[Side], Bool],
    *,
    label: str | None = None,
    among: Bool | None = None,
    headline: bool = False,
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
        headline=headline,
        unit=unit,
        single=bool(have.any() and before[1][have].max() == 1 and after[1][have].max() == 1),
    )


def _of_label(pairs: Pairs, label: int, name: str) -> Iterator[Compared]:
    headline = label == pairs.positive
    expected = np.asarray(pairs.expected == label, dtype=np.bool_)
    yield share_figure(
        pairs,
        "recall",
        lambda side: side.right,
        label=name,
        among=expected,
        headline=headline,
        unit=f"{named(name)} cases",
    )
    yield _drawn(
        pairs,
        "precision",
        lambda matrix: scores.precision_of(matrix, label),
        lambda side: scores.precision(side.answers, label),
        label=name,
        headline=headline,
    )
    yield _drawn(
        pairs,
        "f1",
        lambda matrix: scores.fbeta_of(matrix, label, 1.0),
        lambda side: scores.f1(side.answers, label),
        label=name,
    )
    if not headline:
        return
    yield share_figure(
        pairs,
        "specificity",
        lambda side: side.answers.predicted != label,
        label=name,
        among=~expected,
        unit=f"cases that are not {named(name)}",
    )


def balanced_figure(pairs: Pairs) -> Compared:
    """Give balanced accuracy: the mean recall of the labels."""
    return _drawn(pairs, "balanced_accuracy", scores.balanced_accuracy_of, _resampled(Resampling.balanced_accuracy))


def _averaged(pairs: Pairs) -> Iterator[Compared]:
    """Give what is averaged over labels; without a positive label macro F1 stands for the labels."""
    for name, gauge in GAUGES.items():
        if gauge.average is not None:
            headline = name == OF_ALL_LABELS and pairs.positive is None
            of = _resampled(gauge.average.figure)
            yield _drawn(pairs, name, gauge.average.of, of, scale=metric_of(name).scale, headline=headline)


def _resampled(of: Callable[[Resampling], Figure]) -> Callable[[Side], Figure]:
    return lambda side: of(side.resampling)


@once
def _draws(pairs: Pairs) -> PairedDraws | Missing:
    return PairedDraws.of(pairs.head.answers, pairs.base.answers, seed=pairs.head.view.suite.seed)


def _drawn(
    pairs: Pairs,
    name: str,
    metric: MatrixMetric,
    figure: Callable[[Side], Figure],
    *,
    label: str | None = None,
    scale: Scale = "share",
    headline: bool = False,
) -> Compared:
    """Give a metric of the confusion matrix, resampled by case with the same draws on both sides."""
    draws = _draws(pairs)
    base, head = figure(pairs.base), figure(pairs.head)
    difference = draws.difference(metric, why_undefined=UNDEFINED) if isinstance(draws, PairedDraws) else draws
    return Compared(
        metric=name,
        label=label,
        base=base.estimate(pairs.confidence),
        head=head.estimate(pairs.confidence),
        difference=difference,
        scale=scale,
        headline=headline,
    )


def _outcome(pairs: Pairs, metric: str, outcome: str) -> Compared:
    """Give the share of trials that ended in one way; lower is better."""
    place = [str(one) for one in OUTCOMES].index(outcome)
    made = share_figure(pairs, metric, lambda side: np.asarray(side.trials.outcome == place, dtype=np.bool_))
    return replace(made, higher_is_better=False)


def stability_figure(pairs: Pairs) -> Compared:
    """Give pairwise agreement between repeats; undefined where cases were asked once."""
    sides = []
    for side in (pairs.base, pairs.head):
        codes = side.view.codes_of(side.trials)
        cast = Votes.of(side.case, codes)
        most = cast.repeats.max(initial=0)
        agreeing: Float = np.full(pairs.cases, np.nan)
        agreeing[cast.case] = cast.agreeing()
        sides.append((scores.agreement(cast).estimate(pairs.confidence), agreeing, most * (most - 1) / 2))
    (base, before, base_pairs), (head, after, head_pairs) = sides
    have = np.isfinite(before) & np.isfinite(after)
    difference: Figure = Missing(scores.ONE_REPEAT)
    if have.any():
        trials = np.full(int(have.sum()), min(base_pairs, head_pairs))
        difference = scores.paired_difference(after[have] * trials, before[have] * trials, trials, trials)
    return Compared(metric="stability", base=base, head=head, difference=difference)


def robustness_figures(pairs: Pairs) -> Iterator[Compared]:
    """Give the accuracy drop of each perturbation that both sides measured; lower is better."""
    shared = pairs.base.view.every_trial.variants
    for variant in (v for v in pairs.head.view.every_trial.variants[1:] if v in shared):
        before, after = (_drop(side, variant, pairs.cases) for side in (pairs.base, pairs.head))
        if before is None or after is None:
            continue
        have = np.isfinite(before.per_case) & np.isfinite(after.per_case)
        yield Compared(
            metric="robustness.drop",
            label=variant,
            base=before.figure.estimate(pairs.confidence),
            head=after.figure.estimate(pairs.confidence),
            difference=scores.paired_mean_difference(after.per_case[have], before.per_case[have]),
            higher_is_better=False,
            scale="points",
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
