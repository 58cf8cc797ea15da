"""The one plain sentence (or two) of a check: what was required, what was seen, how sure, what to do.

Each function gives a text that is true in every case that reaches it; what does not reach it is decided by
`why`. Intervals in brackets are two-sided; "with 95% confidence" goes with the one-sided bound that decided.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.files.thresholds import Scale, Threshold
from harness.judge.checks.consequences import consequence
from harness.judge.checks.metrics import Unit, described, label_index, unit_name
from harness.judge.documents.assessment import Status
from harness.judge.documents.estimate import Estimate
from harness.judge.scores.figure import Figure, Mapped
from harness.judge.scores.planning import smallest_all_pass_n
from harness.judge.scores.proportion import Share
from harness.judge.view import View
from harness.judge.wording import amount, count, demand, figure, rounded_up, singular, sure

AFFORDABLE = 20_000  # more new cases than anyone labels for one threshold

_FAULTLESS = {
    "coverage": "every trial ended with a label",
    "stability": "all repeats agreed",
    "flip_rate": "all repeats agreed",
    "latency.within": "all calls were in time",
    "failures": "no trial failed",
    "unparseable": "every reply could be read",
    "refused": "no reply was a refusal",
    "truncated": "no reply was cut off",
    "robustness.flips": "no answer moved",
}
_ASKED = {
    ">=": "{} required",
    ">": "more than {} required",
    "<=": "at most {} allowed",
    "<": "less than {} allowed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """All that a sentence is made of."""

    view: View  # narrowed to the threshold's cases
    threshold: Threshold
    required: float
    status: Status
    estimate: Estimate
    bound: float | None
    source: Figure
    needed_n: int | None
    note: str = ""  # how `required` came from a baseline

    @property
    def scale(self) -> Scale:
        """How the metric is written."""
        return described(self.threshold.metric).scale

    @property
    def unit(self) -> Unit:
        """What its sample size counts."""
        return described(self.threshold.metric).unit

    @property
    def label(self) -> str | None:
        """The label that it is about; without one, the positive label where the metric has one."""
        index = label_index(self.view, self.threshold)
        return None if index is None else self.view.labels[index]

    @property
    def at_least(self) -> bool:
        """Whether more is better."""
        return self.threshold.op in {">=", ">"}

    def written(self, value: float) -> str:
        """Give a value with its unit, told apart from the requirement."""
        return amount(value, self.scale, self.view.currency, against=self.required)

    @property
    def wanted(self) -> str:
        """The requirement with its unit; one that was computed is rounded like a figure."""
        write = amount if self.note else demand
        return write(self.required, self.scale, self.view.currency)

    @property
    def asked(self) -> str:
        """The requirement as a clause: `90% required`, `at most 1% allowed`."""
        return asked(self.threshold, self.wanted) + self.note

    @property
    def seen(self) -> str:
        """The metric's name, value and interval."""
        value = figure(self.estimate, self.scale, self.view.currency, against=self.required)
        return f"{self.threshold.name} {value}"


def asked(threshold: Threshold, wanted: str) -> str:
    """Give a requirement as a clause: `90% required`, `at most 1 s allowed`."""
    return _ASKED[threshold.op].format(wanted)


def why(finding: Finding) -> str:
    """Give the sentence of a check."""
    if finding.estimate.value is None or finding.bound is None:
        return _undefined(finding)
    if _is_fact(finding):
        return _fact(finding)
    match finding.status:
        case "PASS":
            return _passed(finding)
        case "FAIL":
            return _failed(finding)
        case "INCONCLUSIVE":
            return _open(finding)


def _undefined(finding: Finding) -> str:
    reason = finding.estimate.why_undefined or "there is nothing to measure it on"
    return f"{finding.threshold.text} can't be decided: {reason}."


def _is_fact(finding: Finding) -> bool:
    return finding.estimate.low == finding.estimate.high == finding.estimate.value


def _fact(finding: Finding) -> str:
    """Say what was counted, not sampled: it has no interval."""
    assert finding.estimate.value is not None
    seen = f"{finding.threshold.name} {finding.written(finding.estimate.value)}, {finding.asked}"
    if finding.status == "PASS":
        return f"{seen}: met."
    return f"{seen}: not met.{_after(consequence(finding.view, finding.threshold))}"


def _confident(finding: Finding) -> str:
    assert finding.bound is not None
    side = "at least" if finding.at_least == (finding.status == "PASS") else "at most"
    return f"{side} {finding.written(finding.bound)} with {sure(finding.estimate.confidence)} confidence"


def _passed(finding: Finding) -> str:
    return f"{finding.seen}, {finding.asked}: met, {_confident(finding)}."


def _failed(finding: Finding) -> str:
    far = _is_far(finding)
    direction = "below" if finding.at_least else "above"
    if finding.estimate.value == finding.required:
        verdict = f"not {'more' if finding.at_least else 'less'} than {finding.wanted}"
    else:
        verdict = f"{'far ' if far else ''}{direction} {finding.wanted}"
    sureness = "" if far else f", {_confident(finding)}"
    more = "More cases can't change this." if far else "More cases are unlikely to change this."
    told = consequence(finding.view, finding.threshold)
    return f"{finding.seen}: {verdict}{finding.note}{sureness}.{_after(told)} {more}"


def _after(text: str) -> str:
    return f" {text}" if text else ""


def _is_far(finding: Finding) -> bool:
    """Tell whether the whole two-sided interval misses the requirement by more than its own width."""
    low, high = finding.estimate.low, finding.estimate.high
    if low is None or high is None:
        return False
    gap = finding.required - high if finding.at_least else low - finding.required
    return gap > max(high - low, 1e-12)


def _open(finding: Finding) -> str:
    assert finding.estimate.value is not None
    head = f"{finding.seen}, {finding.asked}"
    if _faultless(finding):
        return f"{head}: {_all_right(finding, _fewest(finding))}"
    if finding.needed_n is None:
        reason = (
            "exactly on the threshold"
            if finding.estimate.value == finding.required
            else "too close to the threshold for any affordable number of cases"
        )
        return f"{head}: can't be told; what was seen is {reason}."
    return f"{head}: can't be told yet. {_more(finding)}"


def _faultless(finding: Finding) -> bool:
    return finding.estimate.value == (1.0 if finding.at_least else 0.0) and finding.scale == "share"


def _fewest(finding: Finding) -> int | None:
    share = finding.required if finding.at_least else 1 - finding.required
    return smallest_all_pass_n(share, finding.estimate.confidence)


def _all_right(finding: Finding, fewest: int | None) -> str:
    things = unit_name(finding.unit, finding.label)
    have = _units_now(finding)
    faultless = _FAULTLESS.get(finding.threshold.metric, "all were right")
    if fewest is None:
        return f"{faultless}, but no number of {things} can prove that it is always so."
    return (
        f"{faultless}, but {count(have, singular(things), things)} can't prove it; "
        f"it takes at least {fewest:,} without a miss at {sure(finding.estimate.confidence)} confidence."
    )


def _units_now(finding: Finding) -> int:
    """Give how many cases the figure rests on."""
    source = finding.source
    while isinstance(source, Mapped):
        source = source.source
    return source.cases if isinstance(source, Share) else len(np.unique(finding.view.trials.case))


def _more(finding: Finding) -> str:
    """Say how many more would settle it, and about how many cases of the suite's mix that means."""
    assert finding.needed_n is not None
    assert finding.estimate.value is not None
    have = _units_now(finding)
    more = max(1, finding.needed_n - have)
    things = unit_name(finding.unit, finding.label)
    mix, total = "", more
    if finding.unit != "cases" and have:
        cases = len(np.unique(finding.view.trials.case))
        total = max(more, round(more * cases / have))
        mix = f" (about {rounded_up(total):,} more cases of this mix)" if total > more else ""
    kept = finding.written(finding.estimate.value)
    wanted = rounded_up(more)
    lacking = f"{wanted:,} more {things if wanted != 1 else singular(things)}{mix}"
    if total > AFFORDABLE:
        return f"What was seen is too close to the threshold: it would take about {lacking} to settle it."
    return f"About {lacking} would settle it if it stays at {kept}."
