"""The run that a relative threshold refers to: its figures by name, and where it is still there, its trials.

A figure's name is what a threshold says before its operator: `recall[spam]`, `latency.p95`, `cost per 1000`,
`accuracy where tag=short`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from harness.files.baselines import StoredBaseline, StoredCandidate, StoredFigure
from harness.judge import Assessment, Estimate
from harness.judge.checks.asked import Before, View
from harness.judge.checks.metrics import figures_of
from harness.judge.scores import Missing
from harness.rundir import CandidateEntry, Manifest

_DIGITS = 9
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

    def before(self, view: View) -> Before:
        """Say what is known of the candidate that this one is held against."""
        found = self.counterpart(view.entry)
        if found is None:
            none = Missing("the baseline has no candidate to hold this one against")
            return Before(read=lambda: none)
        return Before(
            figures=found.figures,
            other_cases=self.suite_digest not in {"", view.manifest.suite_digest},
            read=lambda: self.views.get(found.name, Missing(GONE)),
            currency=lambda: self._currency(found),
        )

    def _currency(self, candidate: BaselineCandidate) -> str | None:
        """Give what a candidate's money is in; its run knows where its figures do not say."""
        run = self.views.get(candidate.name) if candidate.currency is None else None
        return candidate.currency if run is None else run.currency


def baseline_of(baseline: Assessment | Baseline | None) -> Baseline | None:
    """Give a judged run as a baseline; a baseline stays as it is."""
    if baseline is None or isinstance(baseline, Baseline):
        return baseline
    return Baseline(
        run_id=baseline.run_id,
        candidates=tuple(
            BaselineCandidate(
                name=one.name, prompt=one.prompt, model=one.model, figures=figures_of(one), currency=one.cost.currency
            )
            for one in baseline.candidates
            if one.verdict != "NOT MEASURED"
        ),
    )


def from_store(stored: StoredBaseline, *, read_views: Callable[[], Mapping[str, View]] | None = None) -> Baseline:
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


def to_store(assessment: Assessment, manifest: Manifest, *, now_utc: str) -> StoredBaseline:
    """Give what baselines.yml keeps of a judged run."""
    entries = {entry.name: entry for entry in manifest.candidates}
    return StoredBaseline(
        run=assessment.run_id,
        set_utc=now_utc,
        suite_digest=manifest.suite_digest,
        git_commit=manifest.git_commit,
        confidence=assessment.confidence,
        candidates={
            one.name: StoredCandidate(
                prompt=one.prompt,
                model=one.model,
                prompt_digest=entries[one.name].prompt_digest,
                model_digest=entries[one.name].model_digest,
                currency=one.cost.currency if one.cost.priced else None,
                figures={name: _stored(estimate) for name, estimate in figures_of(one).items()},
            )
            for one in assessment.candidates
            if one.verdict != "NOT MEASURED"
        },
    )


def _stored(estimate: Estimate) -> StoredFigure:
    value, low, high = (
        None if bound is None else float(f"{bound:.{_DIGITS}g}")
        for bound in (estimate.value, estimate.low, estimate.high)
    )
    assert value is not None
    return StoredFigure(value=value, n=estimate.n, low=low, high=high)
