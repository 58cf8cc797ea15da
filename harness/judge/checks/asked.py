"""A threshold put to a run: what is required of it here, and the check that comes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.files.thresholds import Metric, Threshold, metric_of
from harness.judge import Check, Estimate, Lack, Status, Things, amount, demand, figure, things
from harness.judge.scores import Missing
from harness.judge.view import View

_CLAUSES = {">=": "{} required", ">": "more than {} required", "<=": "at most {} allowed", "<": "less than {} allowed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What is known of the candidate that a baseline holds this one against."""

    figures: Mapping[str, Estimate] = field(default_factory=dict)  # by their names in thresholds
    other_cases: bool = False  # measured on a suite that differs
    currency: Callable[[], str | None] = lambda: None  # of its figures in money; None where nobody says
    read: Callable[[], View | Missing]  # its trials, or why they are not here


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A threshold, the part of a run that it is about, and what it requires there."""

    view: View  # narrowed to the threshold's cases
    threshold: Threshold
    before: Before | None = None  # None: no baseline is set
    required: float = 0.0  # in the metric's unit; 0 where it is not known
    note: str = ""  # how `required` was computed
    disturbed: str = ""  # by what, so that no time is the endpoint's for certain
    among: int = 1  # decisions of which none may be wrong by chance: each is made at so much less error

    @property
    def metric(self) -> Metric:
        """What is written of the metric."""
        return metric_of(self.threshold.metric)

    @property
    def confidence(self) -> float:
        """How sure a decision has to be; intervals are shown at the view's own."""
        return 1 - self.view.error / self.among

    @property
    def label(self) -> int | None:
        """The index of the threshold's label, None where the suite lacks it; without one, the positive's."""
        if self.threshold.label is None:
            return self.view.positive
        labels = self.view.labels
        return labels.index(self.threshold.label) if self.threshold.label in labels else None

    @property
    def things(self) -> Things:
        """What a sample size counts, as a person reads it."""
        return things(self.metric.counts, None if self.label is None else self.view.labels[self.label])

    def written(self, value: float) -> str:
        """Give a value with its unit, told apart from the requirement."""
        return amount(value, self.metric.scale, self.view.currency, against=self.required)

    @property
    def wanted(self) -> str:
        """The requirement with its unit; one that was computed is rounded like a figure."""
        write = amount if self.note else demand
        return write(self.required, self.metric.scale, self.view.currency)

    @property
    def clause(self) -> str:
        """The requirement as a clause: `90% required`, `at most 1% allowed`."""
        return _CLAUSES[self.threshold.op].format(self.wanted) + self.note

    @property
    def untimed(self) -> str:
        """Say why no time is judged, where that is disturbed."""
        return f"not decided, because {self.disturbed[:1].lower()}{self.disturbed[1:]}."

    def seen(self, estimate: Estimate) -> str:
        """Give the metric's name, value and interval."""
        value = figure(estimate, self.metric.scale, self.view.currency, against=self.required)
        return f"{self.threshold.name} {value}"

    def check(
        self,
        status: Status,
        estimate: Estimate,
        why: str,
        *,
        bound: float | None = None,
        needed_n: int | None = None,
        needed_told: bool = False,
        lack: Lack | None = None,
        p_value: float | None = None,
        told: str = "",
    ) -> Check:
        """Give the check; `bound` is the one that decided, `needed_n` counts `things`."""
        threshold = self.threshold
        return Check(
            threshold=threshold.text,
            name=threshold.name,
            part=threshold.part,
            metric=threshold.metric,
            label=threshold.label,
            status=status,
            required=self.required,
            op=threshold.op,
            estimate=estimate,
            bound=bound,
            needed_n=needed_n,
            needed_unit=self.things.many,
            why=why,
            told=told,
            needed_told=needed_told and needed_n is not None and status == "INCONCLUSIVE",
            lack=lack if status == "INCONCLUSIVE" else None,
            p_value=p_value,
        )

    def undecided(self, reason: str, estimate: Estimate) -> Check:
        """Give the check of a threshold that can't be decided: INCONCLUSIVE, with the reason."""
        why = f"{self.threshold.text} can't be decided: {reason}."
        return self.check("INCONCLUSIVE", estimate, why, told=f"can't be decided: {reason}.")
