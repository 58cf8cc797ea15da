"""Intervals for metrics of a confusion matrix that have no closed form: bootstrap by case, or linearisation.

Theory. Cases are resampled within each expected label (the number of cases per label is the suite's design,
not chance), each with all its repeats. The bootstrap is Rubin's (1981): a draw gives the cases of a label
Dirichlet weights instead of whole numbers. Near 0 and 1, where readiness is decided, its percentiles lean the
right way (for a single share they are those of a beta distribution), while those of Efron's bootstrap lean
the wrong way and pass a true value at the threshold too often. Cases that were answered in the same way are
interchangeable, so a draw is one gamma variate per label and answer pattern: thousands cost milliseconds.

What was never seen may still happen: each label gets one imagined right and one imagined wrong case, of
weight 1/2 over the number of labels (Jeffreys' prior for the suite as a whole; the wrong one is spread evenly
over the other labels). Without them a perfect run would claim an interval of width zero. For the lower bound
of a check the right one is dropped and the wrong one weighs twice as much, and the other way round for the
upper bound: with one label and one trial per case this is the Clopper-Pearson bound, beside Jeffreys'
interval for display.

A label of fewer than `_FEW` cases shows too little of its own spread: Dirichlet weights on n cases vary less
than their mean does, by (n - 1)/(n + 1), and a single case not at all. Such labels borrow from each other:
each gets, beside its own imagined ones, `BORROWED` cases that are right as often as those of all of them, a
share that is drawn as well (beta, with half a case more of each kind; one wrong or one right for the bounds).
All weights are then spread so that a label's share varies by p (1 - p) / n, as that of n cases does.

Above `EXACT_CASES` cases the metric is linearised instead (infinitesimal jackknife): numerical derivatives
with respect to each cell give each case's influence, and the variance is summed within the strata.

`PairedDraws` gives differences between two candidates, on the same resampled cases.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np

from harness.judge.scores.answers import Answers, Patterns
from harness.judge.scores.figure import Bool, Drawn, Figure, Float, Missing, Normal

DRAWS = 2_000
EXACT_CASES = 20_000
_FEW = 10
BORROWED = 3.0
_CELLS = 1 << 21  # of the matrices that are made at a time: 16 MB
_WIDER = 1.1  # the share that a label's own spread is computed from is itself an estimate
MatrixMetric = Callable[[Float], Float]  # (..., labels, labels + 1) -> (...)


@dataclass(frozen=True, slots=True)
class Matrices:
    """Resampled confusion matrices, made a part at a time: all those of 77 labels take 100 MB, of each pair twice that.

    A row holds its label, and its draws (draws, columns) or, where that is less, the two factors of them.
    """

    shape: tuple[int, int, int]  # draws, labels, columns
    rows: tuple[tuple[int, Float, Float | None], ...]

    def of(self, metric: MatrixMetric) -> Float:
        """Give the metric of each."""
        draws, *one = self.shape
        at_once = max(_CELLS // max(math.prod(one), 1), 1)
        parts = (self._part(start, min(at_once, draws - start)) for start in range(0, draws, at_once))
        return np.concatenate([metric(part) for part in parts])

    def _part(self, start: int, draws: int) -> Float:
        made = np.zeros((draws, *self.shape[1:]))
        for label, weights, counts in self.rows:
            mine = weights[start : start + draws]
            made[:, label] = mine if counts is None else mine @ counts
        return made


Draws: TypeAlias = tuple[Matrices, ...]  # for display, lower and upper bounds; of two sides only the first


def confusion_draws(patterns: Patterns, labels: int, *, seed: int, draws: int = DRAWS, sides: int = 1) -> Draws:
    """Draw confusion matrices by resampling cases within each expected label.

    Of two `sides` both candidates' matrices are drawn from the same resampled cases: `patterns.counts`, and the
    draws, hold the first's columns, then the second's. A difference has no bounds of its own.
    """
    rng = np.random.default_rng(seed)
    shape = (draws, labels, (labels + 1) * sides)
    wanted: list[list[tuple[int, Float, Float | None]]] = [[] for _ in range(3 if sides == 1 else 1)]
    strata = np.unique(patterns.expected)
    few = _Few.of(patterns, draws, rng) if sides == 1 else None
    for label in strata:
        mine = patterns.expected == label
        size = patterns.size[mine].astype(np.float64)
        counts = patterns.counts[mine].astype(np.float64)
        cases = float(size.sum())
        borrows = few is not None and cases < _FEW
        spread = _spread(cases) if borrows else 1.0
        every = np.vstack([counts, _imagined(size @ counts / cases, int(label), labels, sides)])
        weight = rng.standard_gamma(spread * size, size=(draws, len(size)))
        # Two halves each of an imagined right and wrong case; sums of gamma variates are gamma again.
        half = 0.5 / len(strata) * (1 + BORROWED / cases if borrows else 1)
        right, wrong = rng.standard_gamma(half * spread, size=(2, 2, draws, 1))
        none = np.zeros_like(right[0])
        hits, misses = (right[0], none, right[0] + right[1]), (wrong[0], wrong[0] + wrong[1], none)
        borrowed = few.borrowed(spread, rng) if few is not None and borrows else [(none, none)] * 3
        for target, hit, miss, (more, less) in zip(wanted, hits, misses, borrowed, strict=False):
            weights = np.hstack([weight, hit + more, miss + less])
            whole = weights.sum(axis=1, keepdims=True)
            weights = weights * (cases / np.maximum(whole, np.finfo(np.float64).tiny))
            narrow = weights.shape[1] < shape[2]
            target.append((int(label), weights, every) if narrow else (int(label), weights @ every, None))
    return tuple(Matrices(shape, tuple(rows)) for rows in wanted)


def _spread(cases: float) -> float:
    """Give the shape of a case's weight with which a share of few cases varies as one of so many does."""
    every = cases + BORROWED
    drawn = 1 - cases / every**2  # of p (1 - p): the rest is between the means of the draws
    return max((cases * drawn / _WIDER - 1) / every, 0.01)


@dataclass(frozen=True, slots=True)
class _Few:
    """How often the cases of all labels with few cases are right: draws for display and both bounds."""

    shares: tuple[Float, Float, Float]  # (draws, 1) each

    @classmethod
    def of(cls, patterns: Patterns, draws: int, rng: np.random.Generator) -> Self | None:
        """Draw the share; None where every label has cases enough."""
        cases = np.bincount(patterns.expected, weights=patterns.size)
        few = cases[patterns.expected] < _FEW
        if not few.any():
            return None
        size, counts = patterns.size[few], patterns.counts[few].astype(np.float64)
        hits = counts[np.arange(len(counts)), patterns.expected[few]] / counts.sum(axis=1)
        right = float(size @ hits)
        wrong = float(size.sum()) - right

        def drawn(right: float, wrong: float) -> Float:
            return rng.beta(max(right, 1e-6), max(wrong, 1e-6), size=(draws, 1))

        return cls((drawn(right + 0.5, wrong + 0.5), drawn(right, wrong + 1), drawn(right + 1, wrong)))

    def borrowed(self, spread: float, rng: np.random.Generator) -> list[tuple[Float, Float]]:
        """Draw the weights of what one label borrows."""
        shape = BORROWED * spread

        def weights(share: Float) -> Float:
            return rng.standard_gamma(np.maximum(shape * share, 1e-9))

        return [(weights(share), weights(1 - share)) for share in self.shares]


def _imagined(mean: Float, label: int, labels: int, sides: int) -> Float:
    """Give an imagined right and wrong case; of two sides, one right where the other is wrong."""
    width = labels + 1
    right, wrong = np.zeros(width), np.zeros(width)
    right[label] = 1.0
    wrong[:-1] = 1.0 / max(labels - 1, 1)
    wrong[label] = 0.0
    if labels == 1:
        wrong[-1] = 1.0
    trials = mean.reshape(sides, width).sum(axis=1)
    if sides == 1:
        return np.asarray(np.vstack([right, wrong]) * trials[0], dtype=np.float64)
    first = np.concatenate([right * trials[0], wrong * trials[1]])
    second = np.concatenate([wrong * trials[0], right * trials[1]])
    return np.vstack([first, second])


def figure_of(
    metric: MatrixMetric,
    patterns: Patterns,
    labels: int,
    *,
    draws: Draws | None,
    why_undefined: str,
    bounds: tuple[float, float],
) -> Figure:
    """Give a metric of the confusion matrix with its interval.

    `draws` are those of `confusion_draws` (shared by all metrics of a candidate), None for linearisation.
    """
    counts = patterns.confusion(labels)
    value = float(metric(counts))
    n = int(counts.sum())
    if not np.isfinite(value):
        return Missing(why_undefined, n)
    if draws is None:
        return Normal(value, n, linear_se(metric, patterns, labels), "linearised, clustered by case", *bounds)
    middle, low, high = (_sorted(each.of(metric), worst=bounds[0]) for each in draws)
    return Drawn(value, n, middle, f"bootstrap by case, {len(middle):,} draws", low, high)


def _sorted(values: Float, worst: float) -> Float:
    """Sort draws; one in which the metric does not exist (nothing predicted) counts as the worst value."""
    return np.sort(np.where(np.isfinite(values), values, worst))


def linear_se(metric: MatrixMetric, patterns: Patterns, labels: int) -> float:
    """Give the standard error of a metric by linearisation, cases stratified by expected label."""
    counts = patterns.confusion(labels)
    gradient = _gradient(metric, counts, counts > 0)
    influence = (patterns.counts * gradient[patterns.expected]).sum(axis=1)
    size = patterns.size.astype(np.float64)
    variance = 0.0
    for label in np.unique(patterns.expected):
        mine = patterns.expected == label
        total = size[mine].sum()
        centred = influence[mine] - (size[mine] @ influence[mine]) / total
        variance += float(size[mine] @ centred**2) * total / max(total - 1, 1)
    return float(np.sqrt(variance))


def _gradient(metric: MatrixMetric, counts: Float, wanted: Bool) -> Float:
    """Give central differences with respect to each wanted cell, 0 for others; the step is a share of the total."""
    cells = np.argwhere(wanted)
    step = max(counts.sum(), 1.0) * 1e-6
    moves = np.zeros((len(cells), *counts.shape))
    moves[np.arange(len(cells)), cells[:, 0], cells[:, 1]] = step
    slope = (metric(counts + moves) - metric(counts - moves)) / (2 * step)
    found = np.zeros(counts.shape)
    found[wanted] = np.where(np.isfinite(slope), slope, 0.0)
    return found


@dataclass(frozen=True, slots=True)
class PairedDraws:
    """Confusion matrices of both candidates, observed and resampled together."""

    first: Float
    second: Float
    drawn: Matrices  # the first's columns, then the second's
    cases: int
    patterns: Patterns  # counts hold the first's columns, then the second's

    @classmethod
    def of(cls, first: Answers, second: Answers, *, seed: int, draws: int = DRAWS) -> "PairedDraws | Missing":
        """Pair by case, leaving out cases that one side lacks (the caller lists them)."""
        both = np.intersect1d(first.case, second.case)
        if len(both) == 0:
            return Missing("no case is on both sides")
        labels = len(first.labels)
        sides = [side.where(np.isin(side.case, both)) for side in (first, second)]
        joint = _joint(sides[0], sides[1])
        drawn = confusion_draws(joint, labels, seed=seed, draws=draws, sides=2)[0]
        observed = [side.confusion().astype(np.float64) for side in sides]
        return cls(observed[0], observed[1], drawn, len(both), joint)

    def moved(self, metric: MatrixMetric) -> Float:
        """Give what each case that differs adds to first - second, by the slope half way between both sides.

        That is the same slope if they change places: were the two alike, each would be as likely to add the opposite.
        """
        width = self.first.shape[1]
        gained = self.patterns.counts[:, :width] - self.patterns.counts[:, width:]
        wanted = np.eye(*self.first.shape, dtype=np.bool_)  # and the diagonal, which has the steepest slopes
        place, answer = np.nonzero(gained)
        wanted[self.patterns.expected[place], answer] = True
        slope = _gradient(metric, (self.first + self.second) / 2, wanted)[self.patterns.expected]
        added = (gained * slope).sum(axis=1)
        least = 1e-6 * float(np.abs(slope).max(initial=0.0))
        differs = np.abs(added) > least
        return np.repeat(added[differs], self.patterns.size[differs])

    def difference(self, metric: MatrixMetric, *, why_undefined: str) -> Figure:
        """Give metric(first) - metric(second) with its interval."""
        value = float(metric(self.first)) - float(metric(self.second))
        if not np.isfinite(value):
            return Missing(why_undefined, self.cases)
        width = self.first.shape[1]
        drawn = self.drawn.of(lambda both: metric(both[..., :width]) - metric(both[..., width:]))
        drawn = np.sort(drawn[np.isfinite(drawn)])
        if len(drawn) < self.drawn.shape[0] / 2:
            return Missing(why_undefined, self.cases)
        return Drawn(value, self.cases, drawn, f"paired bootstrap by case, {len(drawn):,} draws")


def _joint(first: Answers, second: Answers) -> Patterns:
    """Group cases by how both sides answered: counts hold the first's columns, then the second's."""
    k = len(first.labels) + 1
    ids, one = np.unique(first.case, return_inverse=True)
    _, two = np.unique(second.case, return_inverse=True)
    counts = np.zeros((len(ids), 2 * k), dtype=np.int64)
    for offset, side, row in ((0, first, one), (k, second, two)):
        column = np.where(side.predicted < 0, k - 1, side.predicted).astype(np.int64)
        counts += np.bincount(row * 2 * k + offset + column, minlength=len(ids) * 2 * k).reshape(counts.shape)
    stratum = np.zeros(len(ids), dtype=np.int64)
    stratum[one] = first.expected
    return Patterns.grouped(stratum, counts)


def precision_of(confusion: Float, label: int) -> Float:
    """Give precision of a label; nan where it was never predicted."""
    predicted = confusion[..., :, label].sum(axis=-1)
    share: Float = np.divide(
        confusion[..., label, label], predicted, out=np.full(predicted.shape, np.nan), where=predicted > 0
    )
    return share
