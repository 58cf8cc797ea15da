"""Differences of F1, precision, MCC and the like between two candidates, on the same resampled cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.judge.scores.answers import Answers, Patterns
from harness.judge.scores.figure import Drawn, Figure, Missing
from harness.judge.scores.resample import DRAWS, MatrixMetric, confusion_draws_of_pairs
from harness.judge.table.columns import Float


@dataclass(frozen=True, slots=True)
class PairedDraws:
    """Confusion matrices of both candidates, observed and resampled together."""

    first: Float
    second: Float
    first_draws: Float
    second_draws: Float
    cases: int

    @classmethod
    def of(cls, first: Answers, second: Answers, *, seed: int, draws: int = DRAWS) -> PairedDraws | Missing:
        """Pair by case, leaving out cases that one side lacks (the caller lists them)."""
        both = np.intersect1d(first.case, second.case)
        if len(both) == 0:
            return Missing("no case is on both sides")
        labels = len(first.labels)
        sides = [side.where(np.isin(side.case, both)) for side in (first, second)]
        joint = _joint(sides[0], sides[1])
        drawn = confusion_draws_of_pairs(joint, labels, seed=seed, draws=draws).middle
        one, two = drawn[..., : labels + 1], drawn[..., labels + 1 :]
        observed = [side.confusion().astype(np.float64) for side in sides]
        return cls(observed[0], observed[1], one, two, len(both))

    def difference(self, metric: MatrixMetric, *, why_undefined: str) -> Figure:
        """Give metric(first) - metric(second) with its interval."""
        value = float(metric(self.first)) - float(metric(self.second))
        if not np.isfinite(value):
            return Missing(why_undefined, self.cases)
        drawn = np.asarray(metric(self.first_draws) - metric(self.second_draws), dtype=np.float64)
        drawn = np.sort(drawn[np.isfinite(drawn)])
        if len(drawn) < len(self.first_draws) / 2:
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
