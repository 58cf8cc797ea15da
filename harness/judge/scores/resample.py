"""Intervals for metrics of a confusion matrix that have no closed form: bootstrap by case, or linearisation.

Theory. Cases are drawn with replacement within each expected label (the number of cases per label is the
suite's design, not chance), each with all its repeats. Cases that were answered in the same way are
interchangeable, so a draw is one multinomial count per label over the distinct answer patterns: exact, and
thousands of draws cost milliseconds.

A label all of whose cases were answered alike has no spread to resample, yet its error rate is not known to
be zero. There the share of cases that would differ is drawn from the Jeffreys posterior Beta(1/2, g + 1/2) of
"0 of g", and those cases go to the suite's other labels evenly. Without this a perfect run would claim an
interval of width zero.

Above `EXACT_CASES` cases the metric is linearised instead (infinitesimal jackknife): numerical derivatives
with respect to each cell give each case's influence, and the variance is summed within the strata.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.judge.scores.answers import Patterns
from harness.judge.scores.figure import Drawn, Figure, Missing, Normal
from harness.judge.table import Float

DRAWS = 2_000
EXACT_CASES = 20_000
Metric = Callable[[Float], Float]  # (..., labels, labels + 1) -> (...)


def confusion_draws(patterns: Patterns, labels: int, *, seed: int, draws: int = DRAWS) -> Float:
    """Draw confusion matrices by resampling cases within each expected label: (draws, labels, labels + 1)."""
    return _draw_rows(patterns, labels, seed, draws, sides=1)


def confusion_draws_of_pairs(
    patterns: Patterns, labels: int, *, seed: int, draws: int = DRAWS
) -> tuple[Float, Float]:
    """Draw both candidates' matrices from the same resampled cases.

    `patterns.counts` holds the first's columns, then the second's.
    """
    drawn = _draw_rows(patterns, labels, seed, draws, sides=2)
    return drawn[..., : labels + 1], drawn[..., labels + 1 :]


def _draw_rows(patterns: Patterns, labels: int, seed: int, draws: int, sides: int) -> Float:
    rng = np.random.default_rng(seed)
    width = labels + 1
    drawn = np.zeros((draws, labels, width * sides))
    for label in range(labels):
        mine = np.flatnonzero(patterns.expected == label)
        if len(mine) == 0:
            continue
        size = patterns.size[mine]
        counts = patterns.counts[mine].astype(np.float64)
        total = int(size.sum())
        if len(mine) > 1:
            drawn[:, label] = rng.multinomial(total, size / total, size=draws) @ counts
            continue
        for side in range(sides):
            columns = slice(side * width, (side + 1) * width)
            drawn[:, label, columns] = _unanimous(rng, counts[0, columns], total, label, draws)
    return drawn


def _unanimous(rng: np.random.Generator, counts: Float, cases: int, label: int, draws: int) -> Float:
    """Draw the row of a label whose cases were all answered with `counts`."""
    differing = rng.beta(0.5, cases + 0.5, size=(draws, 1)) * cases
    answers = len(counts)
    usual = int(np.argmax(counts))
    # Away from the usual answer: a right row can only get worse, evenly over the wrong labels; a wrong row
    # can only get better.
    elsewhere = np.zeros(answers)
    if usual == label:
        elsewhere[:-1] = 1.0
        elsewhere[usual] = 0.0
        elsewhere[-1] = 1.0 if answers == 2 else 0.0
    else:
        elsewhere[label] = 1.0
    elsewhere *= counts.sum() / elsewhere.sum()
    return (cases - differing) * counts + differing * elsewhere


def figure_of(
    metric: Metric,
    patterns: Patterns,
    labels: int,
    *,
    draws: Float | None,
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
    drawn = np.asarray(metric(draws), dtype=np.float64)
    # A draw in which the metric does not exist (nothing predicted at all) counts as the worst value.
    drawn = np.sort(np.where(np.isfinite(drawn), drawn, bounds[0]))
    return Drawn(value, n, drawn, f"bootstrap by case, {len(drawn):,} draws")


def linear_se(metric: Metric, patterns: Patterns, labels: int) -> float:
    """Give the standard error of a metric by linearisation, cases stratified by expected label."""
    gradient = _gradient(metric, patterns.confusion(labels))
    influence = (patterns.counts * gradient[patterns.expected]).sum(axis=1)
    size = patterns.size.astype(np.float64)
    variance = 0.0
    for label in np.unique(patterns.expected):
        mine = patterns.expected == label
        total = size[mine].sum()
        centred = influence[mine] - (size[mine] @ influence[mine]) / total
        variance += float(size[mine] @ centred**2) * total / max(total - 1, 1)
    return float(np.sqrt(variance))


def _gradient(metric: Metric, counts: Float) -> Float:
    """Give central differences with respect to each cell; the step is a share of the total."""
    cells = counts.size
    step = max(counts.sum(), 1.0) * 1e-6
    moves = np.eye(cells).reshape(cells, *counts.shape) * step
    slope = (metric(counts + moves) - metric(counts - moves)) / (2 * step)
    return np.where(np.isfinite(slope), slope, 0.0).reshape(counts.shape)
