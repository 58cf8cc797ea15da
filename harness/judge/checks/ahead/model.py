"""Plans for figures that are no share of cases: averages over labels, and differences between two figures.

Averages (balanced accuracy, macro F1, MCC, kappa, F-beta) are planned on a model of the run: these cases, all
labels right with the same probability, errors spread evenly over the other labels. The probability is the
one at which the metric has the planned truth; the standard error there, by linearisation, shrinks like
1/sqrt(n), so n = cases * ((z_a + z_b) * SE / (truth - bound))^2. What these cases prove at best is the bound
that the judge itself would give a run without an error.

Differences are planned at no difference: n = (z_a + z_b)^2 * variance / margin^2. For `generalization.gap`
both splits have the accuracy that is planned for; for `robustness`, one answer in twenty moves, either way.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from harness.files.case import Case
from harness.files.suite import Suite
from harness.files.thresholds import Threshold
from harness.judge import scores

MOVED = 0.05  # share of answers that a harmless change moves, either way
_ACCURACY = 0.95  # planned for where no threshold on accuracy says otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """A threshold before a run: the suite, and the cases that it is about."""

    suite: Suite
    threshold: Threshold  # with what is required written as its bound
    cases: Sequence[Case]
    accuracy: float | None = None  # that the suite plans for; None where no threshold says


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePlan:
    """The cases needed, what these prove at best (None: it depends on the answers), and what is assumed."""

    needed: int | None
    best: float | None
    assumed: str
    power: float  # how often these cases pass it, by the same assumption


def average_plan(
    ahead: Ahead, of: scores.MatrixMetric, of_run: Callable[[scores.Resampling], scores.Figure], truth: str
) -> SamplePlan | None:
    """Plan a metric of the confusion matrix; None without two labels. `truth` is the planned value."""
    suite, cases, bound = ahead.suite, ahead.cases, ahead.threshold.bound
    counts = np.array([sum(case.expected == label for case in cases) for label in suite.labels], dtype=np.float64)
    if np.count_nonzero(counts) < 2:
        return None
    goal = scores.half_way(bound)
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if float(of(_confusion(counts, middle))) < goal else (low, middle)
    se = scores.linear_se(of, _patterns(counts, high), len(suite.labels))
    best = of_run(_perfect(suite, cases)).lower(suite.confidence)
    needed = _scaled(len(cases), se, goal - bound, suite.confidence)
    odds = f"a true {truth} then passes with 80% probability"
    return SamplePlan(needed=needed, best=best, assumed=odds, power=_passes(se, goal - bound, suite.confidence))


def _confusion(counts: scores.Float, right: float) -> scores.Float:
    labels = len(counts)
    rows = np.full((labels, labels), (1 - right) / max(labels - 1, 1))
    np.fill_diagonal(rows, right)
    return np.column_stack([rows * counts[:, None], np.zeros(labels)])


def _patterns(counts: scores.Float, right: float) -> scores.Patterns:
    matrix = _confusion(counts, right)
    expected, predicted = np.nonzero(matrix)
    answers = np.zeros((len(expected), matrix.shape[1]), dtype=np.int64)
    answers[np.arange(len(expected)), predicted] = 1
    return scores.Patterns(expected.astype(np.int64), answers, matrix[expected, predicted])  # type: ignore[arg-type]


def _perfect(suite: Suite, cases: Sequence[Case]) -> scores.Resampling:
    label = np.array([suite.labels.index(case.expected) for case in cases], dtype=np.int16)
    return scores.Resampling.of(scores.Answers(np.arange(len(cases)), label, label, suite.labels), seed=suite.seed)


def _scaled(n: int, se: float, margin: float, confidence: float) -> int | None:
    if margin <= 0:
        return None
    needed = math.ceil(n * ((ndtri(confidence) + ndtri(scores.POWER)) * se / margin) ** 2)
    return needed if needed <= scores.MOST else None


def robustness_plan(ahead: Ahead) -> SamplePlan | None:
    """Plan a limit on what a perturbation moves; None without cases."""
    if not ahead.cases:
        return None
    assumed = f"no loss then passes with 80% probability, if {MOVED:.0%} of the answers move either way"
    return _difference(ahead, math.sqrt(MOVED / len(ahead.cases)), assumed)


def gap_plan(ahead: Ahead) -> SamplePlan | None:
    """Plan a limit on the difference between dev and the other splits; None where one has no cases."""
    splits = [
        sum(case.split == "dev" for case in ahead.cases),
        sum(case.split not in {"", "dev"} for case in ahead.cases),
    ]
    if not all(splits):
        return None
    p = _ACCURACY if ahead.accuracy is None else ahead.accuracy
    se = math.sqrt(p * (1 - p) * sum(1 / n for n in splits))
    assumed = (
        f"no gap then passes with 80% probability, if accuracy is {100 * p:.3g}% and the splits stay in proportion"
    )
    return _difference(ahead, se, assumed)


def _difference(ahead: Ahead, se: float, assumed: str) -> SamplePlan:
    needed = _scaled(len(ahead.cases), se, ahead.threshold.bound, ahead.suite.confidence)
    power = _passes(se, ahead.threshold.bound, ahead.suite.confidence)
    return SamplePlan(needed=needed, best=None, assumed=assumed, power=power)


def _passes(se: float, margin: float, confidence: float) -> float:
    """Give how often a figure that is off by so much passes, on the normal curve."""
    return float(ndtr(margin / se - ndtri(confidence))) if se > 0 else float(margin > 0)
