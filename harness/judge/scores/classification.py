"""How well labels are told apart: accuracy, per-label and averaged figures, each with its interval.

All functions take `Answers` and return figures, which state their interval on demand. Metrics that are shares
use `proportion`; F1 is a monotone function of a share; the others are resampled by case.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from harness.files.thresholds import ACCURACY, F1, PRECISION, RECALL, SPECIFICITY
from harness.judge.scores import matrix, resample
from harness.judge.scores.figure import Figure, Float, Mapped, Missing, Normal
from harness.judge.scores.proportion import Int64, Share, share_of_counts

NO_TRIALS = "no trial was measured"
Told: TypeAlias = resample.Answers | resample.Patterns


def accuracy(answers: Told) -> Share | Missing:
    """Give the share of trials answered with the expected label."""
    told = answers.patterns
    return _share(told, _right(told), told.trials, NO_TRIALS)


def _share(told: resample.Patterns, right: Int64, trials: Int64, why: str) -> Share | Missing:
    """Give a share; what no trial tells of is missing for that alone, and not for what a suite may well hold."""
    return share_of_counts(right, trials, told.size, why_empty=why if told.cases else NO_TRIALS)


def _right(told: resample.Patterns) -> Int64:
    return np.asarray(told.counts[np.arange(len(told.expected)), told.expected], dtype=np.int64)


def coverage(answers: Told) -> Share | Missing:
    """Give the share of trials that ended with a label."""
    told = answers.patterns
    return _share(told, told.trials - told.counts[:, -1], told.trials, NO_TRIALS)


def recall(answers: Told, label: int) -> Share | Missing:
    """Give the share of trials that expect the label and got it."""
    told = answers.patterns
    why = f"no measured case expects ‘{answers.labels[label]}’, so none can be found"
    trials = np.where(told.expected == label, told.trials, 0)
    return _share(told, told.counts[:, label], trials, why)


def precision(answers: Told, label: int) -> Share | Missing:
    """Give the share of trials answered with the label that expected it (a ratio, see `proportion`)."""
    told = answers.patterns
    why = f"no reply was read as ‘{answers.labels[label]}’, so nothing is known of its correctness"
    said = told.counts[:, label]
    return _share(told, np.where(told.expected == label, said, 0), said, why)


def specificity(answers: Told, label: int) -> Share | Missing:
    """Give the share of trials that expect another label and were answered with another one.

    What has no label is never right: it is no false alarm, but no true negative either.
    """
    told = answers.patterns
    return _of_others(answers, label, told.counts[:, label] + told.counts[:, -1])


def no_alarm(answers: Told, label: int) -> Share | Missing:
    """Give the share of trials that expect another label and were not answered with this one: no false alarms."""
    return _of_others(answers, label, answers.patterns.counts[:, label])


def _of_others(answers: Told, label: int, wrong: Int64) -> Share | Missing:
    told = answers.patterns
    mine = told.expected == label
    right, trials = np.where(mine, 0, told.trials - wrong), np.where(mine, 0, told.trials)
    why = f"every measured case expects ‘{answers.labels[label]}’, so no false alarm is possible"
    return _share(told, right, trials, why)


def f1(answers: Told, label: int) -> Figure:
    """Give F1 of a label, with the interval of J = TP/(TP+FP+FN) mapped through F1 = 2J/(1+J).

    Given its denominator J is binomial, and the map is strictly increasing, so the interval is as exact as
    that of J (STATISTICS: Jaccard identity; Takahashi et al. 2022 compare it with the delta method).
    """
    told, name = answers.patterns, answers.labels[label]
    mine, said = told.expected == label, told.counts[:, label]
    why = f"no measured case expects ‘{name}’ and no reply was read as it"
    share = _share(told, np.where(mine, said, 0), np.where(mine, told.trials, said), why)
    if isinstance(share, Missing):
        return share
    return Mapped(share, lambda j: 2 * j / (1 + j), lambda f: f / (2 - f), "F1 through TP/(TP+FP+FN)")


@dataclass(frozen=True, slots=True)
class Majority:
    """What always answering the most frequent label would score, and whether accuracy is above that.

    `p_value` is the one-sided exact binomial test of accuracy > share (caret's "P[Acc > NIR]"), at the
    effective number of trials; None without trials.
    """

    label: int
    share: float
    p_value: float | None


def majority(answers: Told) -> Majority:
    """Give the no-information rate and the test of accuracy against it; ties go to the first label."""
    told = answers.patterns
    observed = accuracy(told)
    support = told.confusion(len(answers.labels)).sum(axis=1)
    label = int(np.argmax(support)) if len(support) else 0
    if isinstance(observed, Missing):
        return Majority(label, 0.0, None)
    share = float(support[label] / support.sum())
    return Majority(label, share, 1.0 if share >= 1 else observed.p_value_above(share))


@dataclass(frozen=True, slots=True, kw_only=True)
class Average:
    """A metric of the whole confusion matrix, resampled by case.

    `se` is a standard error in closed form, for one trial each of more than `EXACT_CASES` cases.
    """

    of: resample.MatrixMetric
    why_undefined: Callable[[Float], str] = lambda _: NO_TRIALS
    floor: float = 0.0  # its worst value
    se: Callable[[Float], float] | None = None


def _why_no_correlation(counts: Float) -> str:
    if np.count_nonzero(counts.sum(axis=1)) == 1:
        return "all measured cases expect one label, and a correlation needs two"
    said = "all replies were read as one label" if counts[:, :-1].any() else "no reply was read as a label"
    return f"{said}, and a correlation needs answers that differ"


# Macro-F1 of many cases by the delta method of Takahashi et al. (2022): in small suites of good prompts its
# symmetric interval holds the truth only 81-93% of the time and passes a true value on the threshold in 7-19%
# of runs (simulated at 40 and 100 cases). Micro-F1 is resampled, for a wrong label counts twice below the line.
AVERAGES: Mapping[str, Average] = {  # by their names in thresholds
    "balanced_accuracy": Average(of=matrix.balanced_accuracy_of),
    "macro_f1": Average(of=matrix.macro_f1_of, se=matrix.macro_f1_se),
    "weighted_f1": Average(of=matrix.weighted_f1_of),
    "micro_f1": Average(of=matrix.micro_f1_of),
    "mcc": Average(of=matrix.mcc_of, why_undefined=_why_no_correlation, floor=-1.0),
    "kappa": Average(
        of=matrix.kappa_of,
        why_undefined=lambda _: (
            "all measured cases expect one label and all replies were read as it: agreement by chance is certain"
        ),
        floor=-1.0,
    ),
}
OF_LABEL: Mapping[str, Callable[[resample.Answers, int], Figure]] = {  # of one label against all others
    PRECISION.name: precision,
    RECALL.name: recall,
    F1.name: f1,
    SPECIFICITY.name: specificity,
}


def shares(answers: Told) -> dict[str, Share | Missing]:
    """Give accuracy, then each label's recall and precision, by what a threshold writes."""
    found = {ACCURACY.written: accuracy(answers)}
    for place, label in enumerate(answers.labels):
        found[RECALL.of_label(label)] = recall(answers, place)
        found[PRECISION.of_label(label)] = precision(answers, place)
    return found


@dataclass(frozen=True, slots=True)
class Resampling:
    """Answers prepared once for every metric that is resampled by case."""

    patterns: resample.Patterns
    draws: resample.Draws | None  # None: too many cases, linearise
    labels: tuple[str, ...]

    @classmethod
    def of(cls, answers: Told, *, seed: int) -> "Resampling":
        """Group the cases by how they were answered, and draw."""
        patterns = answers.patterns
        few = patterns.cases <= resample.EXACT_CASES
        draws = resample.confusion_draws(patterns, len(answers.labels), seed=seed) if few else None
        return cls(patterns, draws, answers.labels)

    def average(self, metric: str) -> Figure:
        """Give one of `AVERAGES`."""
        average = AVERAGES[metric]
        counts = self.patterns.confusion(len(self.labels))
        figure = self._figure(average.of, average.why_undefined(counts), average.floor)
        if average.se is None or figure.value is None or self.draws is not None or counts.sum() > self.patterns.cases:
            return figure
        return Normal(figure.value, figure.n, average.se(counts), "delta method", average.floor, 1.0)

    def fbeta(self, label: int, beta: float) -> Figure:
        """Give F-beta of a label: recall counts beta times as much as precision (van Rijsbergen 1979)."""
        why = f"no measured case expects ‘{self.labels[label]}’ and no reply was read as it"
        return self._figure(lambda counts: matrix.fbeta_of(counts, label, beta), why, 0.0)

    def _figure(self, metric: resample.MatrixMetric, why: str, floor: float) -> Figure:
        if self.patterns.cases == 0:
            return Missing(NO_TRIALS)
        return resample.figure_of(
            metric, self.patterns, len(self.labels), draws=self.draws, why_undefined=why, bounds=(floor, 1.0)
        )
