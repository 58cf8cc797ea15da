"""The one plain sentence (or two) of a check: what was required, what was seen, how sure, what to do.

Each function gives a text that is true in every case that reaches it; what does not reach it is decided by
`why`. Intervals in brackets are two-sided; "with 95% confidence" goes with the one-sided bound that decided.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from harness.judge import Estimate, Lack, sure
from harness.judge.checks.asked import Asked
from harness.judge.scores import Decision, Figure, Mapped, Share, distinct, rounded_up, smallest_all_pass_n

AFFORDABLE = 20_000  # more new cases than anyone labels for one threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """All that a sentence is made of."""

    asked: Asked
    decision: Decision
    estimate: Estimate
    source: Figure
    needed_n: int | None  # in cases
    faultless: str  # what a run without a miss shows
    consequence: Callable[[Asked], str]  # what a miss means

    @property
    def at_least(self) -> bool:
        """Whether more is better."""
        return self.asked.threshold.at_least

    @property
    def seen(self) -> str:
        """The metric's name, value and interval."""
        return self.asked.seen(self.estimate)


class CheckWhy(NamedTuple):
    """The sentence of a check in two: what was seen and required, and what follows."""

    head: str
    told: str

    def __str__(self) -> str:
        return f"{self.head}: {self.told}"


def why(finding: Finding) -> CheckWhy:
    """Give the sentence of a check."""
    if finding.estimate.value is None or finding.decision.bound is None:
        return _undefined(finding)
    if finding.estimate.low == finding.estimate.high == finding.estimate.value:
        return _fact(finding)
    match finding.decision.status:
        case "PASS":
            told = f"met, {_confident(finding)}."
        case "FAIL":
            return CheckWhy(finding.seen, _failed(finding))
        case "INCONCLUSIVE":
            told = _open(finding)
    return CheckWhy(f"{finding.seen}, {finding.asked.clause}", told)


def says_needed(finding: Finding) -> bool:
    """Tell whether the sentence of an open check says how many cases would settle it."""
    return not _is_faultless(finding) or _fewest(finding) == finding.needed_n


def _undefined(finding: Finding) -> CheckWhy:
    seen = finding.estimate.value is not None and finding.estimate.low is None
    reason = finding.estimate.why_undefined or (seen and finding.estimate.method) or "there is nothing to measure it on"
    return CheckWhy(f"{finding.asked.threshold.text} can't be decided", f"{reason}.")


def _fact(finding: Finding) -> CheckWhy:
    """Say what was counted, not sampled: it has no interval."""
    assert finding.estimate.value is not None
    asked = finding.asked
    seen = f"{asked.threshold.name} {asked.written(finding.estimate.value)}, {asked.clause}"
    if finding.decision.status == "PASS":
        return CheckWhy(seen, "met.")
    return CheckWhy(seen, f"not met.{_after(finding.consequence(asked))}")


def _confident(finding: Finding) -> str:
    bound = finding.decision.bound
    assert bound is not None
    side = "at least" if finding.at_least == (finding.decision.status == "PASS") else "at most"
    return f"{side} {finding.asked.written(bound)} with {sure(finding.asked.confidence)} confidence"


def _failed(finding: Finding) -> str:
    far, asked = _is_far(finding), finding.asked
    direction = "below" if finding.at_least else "above"
    assert finding.estimate.value is not None
    if math.isclose(finding.estimate.value, asked.required, abs_tol=1e-9):
        verdict = f"not {'more' if finding.at_least else 'less'} than {asked.wanted}"
    else:
        verdict = f"{'far ' if far else ''}{direction} {asked.wanted}"
    sureness = "" if far else f", {_confident(finding)}"
    more = "More cases can't change this." if far else "More cases are unlikely to change this."
    told = finding.consequence(asked)
    return f"{verdict}{asked.note}{sureness}.{_after(told)} {more}"


def _after(text: str) -> str:
    return f" {text}" if text else ""


def _is_far(finding: Finding) -> bool:
    """Tell whether the whole two-sided interval misses the requirement by more than its own width."""
    low, high = finding.estimate.low, finding.estimate.high
    if low is None or high is None:
        return False
    gap = finding.asked.required - high if finding.at_least else low - finding.asked.required
    return gap > max(high - low, 1e-12)


def _open(finding: Finding) -> str:
    assert finding.estimate.value is not None
    if _is_faultless(finding):
        return _all_right(finding, _fewest(finding))
    if finding.needed_n is None:
        reason = (
            "exactly on the threshold"
            if math.isclose(finding.estimate.value, finding.asked.required, abs_tol=1e-9)
            else "too close to the threshold: more cases won't settle it"
        )
        return f"can't be told; what was seen is {reason}."
    return f"{open_since(finding.asked)} {_more(finding)}"


def open_since(asked: Asked) -> str:
    """Say why a check is open: too few cases, or a miss that one of so many checks shows by chance."""
    if asked.among == 1:
        return "can't be told yet."
    return f"missed when judged alone, but of {asked.among:,} checks one is so by chance."


def _is_faultless(finding: Finding) -> bool:
    best = 1.0 if finding.at_least else 0.0
    return finding.estimate.value == best and finding.asked.metric.scale == "share"


def _fewest(finding: Finding) -> int | None:
    required = finding.asked.required
    share = required if finding.at_least else 1 - required
    return smallest_all_pass_n(share, finding.asked.confidence)


def _all_right(finding: Finding, fewest: int | None) -> str:
    things, have = finding.asked.things, _units_now(finding)
    if fewest is None:
        return f"{finding.faultless}, but no number of {things.many} can prove that it is always so."
    return (
        f"{finding.faultless}, but {things.of(have)} can't prove it; "
        f"it takes at least {fewest:,} without a miss at {sure(finding.asked.confidence)} confidence."
    )


def _units_now(finding: Finding) -> int:
    """Give how many cases the figure rests on."""
    source = finding.source
    while isinstance(source, Mapped):
        source = source.source
    return source.cases if isinstance(source, Share) else distinct(finding.asked.view.trials.case)


def lack(finding: Finding) -> Lack | None:
    """Give how many new ones would settle an open check; None where no number that anyone labels would."""
    if finding.estimate.value is None or finding.decision.status != "INCONCLUSIVE":
        return None
    faultless = _is_faultless(finding)
    needed, have = _fewest(finding) if faultless else finding.needed_n, _units_now(finding)
    if needed is None:
        return None
    asked, cases = finding.asked, needed
    if asked.metric.counts != "cases" and have:
        cases = max(needed, round(needed * distinct(asked.view.trials.case) / have))
    seen = finding.estimate.value
    short = not faultless and (seen < asked.required if finding.at_least else seen > asked.required)
    if cases > AFFORDABLE:
        return None
    return Lack(n=needed, unit=asked.things.many, cases=cases, shows="FAIL" if short else "PASS")


def _more(finding: Finding) -> str:
    """Say how many new ones would settle it, and about how many cases of the suite's mix that means."""
    assert finding.estimate.value is not None
    found = lack(finding)
    if found is None:
        return "What was seen is too close to the threshold: more cases won't settle it."
    wanted = rounded_up(found.n)
    mix = f" (about {rounded_up(found.cases):,} cases of this mix)" if found.cases > found.n else ""
    new = f"{wanted:,} new {finding.asked.things.one if wanted == 1 else found.unit}{mix}"
    would = "show a FAIL" if found.shows == "FAIL" else "settle it"
    alone, kept = "itself" if wanted == 1 else "themselves", finding.asked.written(finding.estimate.value)
    return f"About {new}, judged by {alone}, would {would} in 4 of 5 runs if it stays at {kept}."
