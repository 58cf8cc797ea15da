"""The run that a relative threshold refers to: its figures by name, and where it is still there, its trials.

A figure's name is what a threshold says before its operator: `recall[spam]`, `latency.p95`, `cost per 1000`,
`accuracy where tag=short`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from harness.files.baselines import StoredBaseline
from harness.files.thresholds import Threshold
from harness.judge.checks.baseline_figures import figures_of
from harness.judge.checks.metrics import described
from harness.judge.documents.assessment import Assessment
from harness.judge.documents.estimate import Estimate
from harness.judge.pairs import pair
from harness.judge.view import View
from harness.rundir import CandidateEntry

GONE = "the baseline's run is not here, only its figures are"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineCandidate:
    """One prompt on one model, as it was."""

    name: str
    prompt: str
    model: str
    figures: Mapping[str, Estimate]
    currency: str | None  # of its figures in money; None where it has none, or does not say


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A run that others are held against."""

    run_id: str
    candidates: tuple[BaselineCandidate, ...]
    suite_digest: str = ""
    read_views: Callable[[], Mapping[str, View]] | None = field(default=None, compare=False)

    @cached_property
    def views(self) -> Mapping[str, View]:
        """The run's candidates with their trials; empty where the run is gone."""
        return {} if self.read_views is None else self.read_views()

    def counterpart(self, entry: CandidateEntry) -> BaselineCandidate | None:
        """Find the candidate for this one: the same, else its prompt's or its model's, else the only one."""
        for found in (
            [one for one in self.candidates if one.name == entry.name],
            [one for one in self.candidates if one.prompt == entry.prompt_name],
            [one for one in self.candidates if one.model == entry.model_name],
            self.candidates,
        ):
            if len(found) == 1:
                return found[0]
        return None


def baseline_of(baseline: Assessment | Baseline | None) -> Baseline | None:
    """Give a judged run as a baseline; a baseline stays as it is."""
    if baseline is None or isinstance(baseline, Baseline):
        return baseline
    return Baseline(
        run_id=baseline.run_id,
        candidates=tuple(
            BaselineCandidate(
                name=one.name,
                prompt=one.prompt,
                model=one.model,
                figures=figures_of(one),
                currency=one.cost.currency,
            )
            for one in baseline.candidates
        ),
    )


def baseline_value(baseline: Baseline, view: View, threshold: Threshold) -> float | None:
    """Give the baseline's value of a threshold's metric; None where it has none."""
    candidate = baseline.counterpart(view.entry)
    if candidate is None:
        return None
    estimate = candidate.figures.get(threshold.name) or candidate.figures.get(threshold.figure)
    return None if estimate is None else estimate.value


def other_currency(view: View, threshold: Threshold, baseline: Baseline | None) -> str:
    """Say why money can't be held against a threshold: it is in another currency; empty when it can."""
    if described(threshold.metric).scale != "money" or not view.model.price.is_given:
        return ""
    priced = f"the prices of {view.entry.model_name} are in {view.currency}"
    if threshold.currency not in {None, view.currency}:
        return f"{priced}, the threshold is in {threshold.currency}"
    before = None if baseline is None else baseline.counterpart(view.entry)
    if threshold.baseline == "absolute" or baseline is None or before is None:
        return ""
    found = baseline.views.get(before.name) if before.currency is None else None
    then = before.currency if found is None else found.currency
    if then is None:
        return f"{priced}, those of the baseline are not written down: set it again"
    return "" if then == view.currency else f"{priced}, those of the baseline in {then}"


def from_store(
    stored: StoredBaseline, *, read_views: Callable[[], Mapping[str, View]] | None = None
) -> Baseline:
    """Give the baseline that baselines.yml describes."""
    return Baseline(
        run_id=stored.run,
        suite_digest=stored.suite_digest,
        read_views=read_views,
        candidates=tuple(
            BaselineCandidate(
                name=name,
                prompt=one.prompt,
                model=one.model,
                currency=one.currency,
                figures={
                    figure: Estimate(
                        value=kept.value,
                        n=kept.n,
                        low=kept.low,
                        high=kept.high,
                        confidence=stored.confidence,
                        method="baseline",
                    )
                    for figure, kept in one.figures.items()
                },
            )
            for name, one in stored.candidates.items()
        ),
    )


def regressions(baseline: Baseline, view: View) -> tuple[int, int] | str:
    """Count the cases that were right in the baseline's run and are wrong now, and the pairs; else say why.

    A case is right when more than half of its trials are.
    """
    counterpart = baseline.counterpart(view.entry)
    if counterpart is None:
        return "the baseline has no candidate to hold this one against"
    if counterpart.name not in baseline.views:
        return GONE
    pairs = pair(baseline.views[counterpart.name], view)
    if not pairs.cases:
        return "the baseline's run and this one have no case in common"
    right = []
    for side in (pairs.base, pairs.head):
        hits, trials = side.per_case(side.right)
        right.append(hits > trials / 2)
    return int(np.count_nonzero(right[0] & ~right[1])), pairs.cases
