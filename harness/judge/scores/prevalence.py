"""Precision where the label is rarer or more common in production than in the suite."""

import math
from dataclasses import dataclass

from scipy.special import expit, logit, ndtri

from harness.judge.scores.proportion import Estimate, Figure, Missing, Share


@dataclass(frozen=True, slots=True)
class AtPrevalence:
    """Precision (PPV) at a production share, from recall and specificity.

    Bayes: PPV = TPR pi / (TPR pi + FPR (1 - pi)). Mercaldo, Lau and Zhou (2007): the variance of logit PPV is
    (1 - TPR)/(TPR n1) + (1 - FPR)/(FPR n0). Where a count is 0, z^2/2 is added to each count of that rate
    (their adjusted logit interval) and the bound at the certain end is 1 or 0. n1 and n0 are effective sizes.
    """

    recall: Share
    specificity: Share
    prevalence: float

    @property
    def value(self) -> float | None:
        """Precision at the production share."""
        return _ppv(self.recall.p, 1 - self.specificity.p, self.prevalence)

    @property
    def n(self) -> int:
        """The trials that the two rates rest on."""
        return self.recall.n + self.specificity.n

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """Give the precision with its two-sided interval on the logit scale."""
        tail = (1 + confidence) / 2
        return Estimate(
            value=self.value,
            n=self.n,
            low=self.lower(tail),
            high=self.upper(tail),
            confidence=confidence,
            method="logit interval at production prevalence",
        )

    def lower(self, confidence: float = 0.95) -> float | None:
        """Give the one-sided lower bound."""
        return 0.0 if self.recall.p == 0 else self._bound(confidence, -1)

    def upper(self, confidence: float = 0.95) -> float | None:
        """Give the one-sided upper bound."""
        return 1.0 if self.specificity.p == 1 else self._bound(confidence, 1)

    def _bound(self, confidence: float, side: int) -> float:
        z = float(ndtri(confidence))
        found, n1 = _adjusted(self.recall.p, self.recall.effective_n(confidence), z)
        quiet, n0 = _adjusted(self.specificity.p, self.specificity.effective_n(confidence), z)
        ppv = _ppv(found, 1 - quiet, self.prevalence)
        assert ppv is not None
        se = math.sqrt((1 - found) / (found * n1) + quiet / ((1 - quiet) * n0))
        bound = float(expit(logit(ppv) + side * z * se))
        value = self.value
        assert value is not None
        return max(bound, value) if side > 0 else min(bound, value)


def _adjusted(p: float, n: float, z: float) -> tuple[float, float]:
    if 0 < p < 1:
        return p, n
    return (p * n + z * z / 2) / (n + z * z), n + z * z


def _ppv(found: float, alarm: float, prevalence: float) -> float | None:
    caught = found * prevalence
    wrong = alarm * (1 - prevalence)
    return caught / (caught + wrong) if caught + wrong > 0 else None


def precision_at(recall: Share | Missing, specificity: Share | Missing, prevalence: float) -> Figure:
    """Give precision at a production share of the label.

    The other labels keep the proportions they have in the suite.
    """
    for share in (recall, specificity):
        if isinstance(share, Missing):
            return share
    assert isinstance(recall, Share)
    assert isinstance(specificity, Share)
    if not 0 < prevalence < 1:
        return Missing("a production share of 0% or 100% leaves nothing to tell apart", recall.n)
    if recall.p == 0 and specificity.p == 1:
        return Missing("no reply was read as this label", recall.n + specificity.n)
    return AtPrevalence(recall, specificity, prevalence)
