"""Thresholds held against figures: one check each, PASS, FAIL or INCONCLUSIVE, with its sentence."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from harness.judge import Check, amount, demand, scores
from harness.judge.checks.asked import Asked, Before, Threshold, metric_of
from harness.judge.checks.figures import NEEDS_BASELINE
from harness.judge.checks.metrics import GAUGES, figure
from harness.judge.checks.why import Finding, lack, says_needed, why
from harness.judge.checks.worlds import right
from harness.judge.scores import Bool, Figure, Mapped, Share
from harness.judge.sections.latency import disturbed
from harness.judge.view import View, lost


def check(view: View, threshold: Threshold, before: Before | None) -> Check:
    """Hold one threshold against what was seen, and against what a baseline says of before."""
    return _held(_ask(view, threshold, before))


def check_all(view: View, policy: Sequence[Threshold], before: Before | None) -> tuple[Check, ...]:
    """Hold all thresholds: what passes, passes; what fails has to do so for certain among so many (Holm)."""
    made = [check(view, threshold, before) for threshold in policy]
    alone, among = by_chance(made, view.error)
    return tuple(
        _open(_held(replace(_ask(view, threshold, before), among=among))) if place in alone else one
        for place, (threshold, one) in enumerate(zip(policy, made, strict=True))
    )


def by_chance(checks: Sequence[Check], error: float) -> tuple[set[int], int]:
    """Tell which fail alone, but not for certain among all that may fail by chance, and how many these are.

    What was counted has no p-value, and a drop since earlier runs has an error of its own.
    """
    tested = [n for n, one in enumerate(checks) if one.p_value is not None or one.status == "INCONCLUSIVE"]
    fails = [checks[n].p_value if checks[n].status == "FAIL" else 1.0 for n in tested]
    adjusted = scores.holm([1.0 if p is None else p for p in fails])
    alone = {n for n, p in zip(tested, adjusted, strict=True) if checks[n].status == "FAIL" and p > error}
    return alone, len(tested)


def _open(made: Check) -> Check:
    """Leave open what would fail by so few draws alone that their number does not tell."""
    return made if made.status != "FAIL" else msgspec.structs.replace(made, status="INCONCLUSIVE", p_value=None)


def _ask(view: View, threshold: Threshold, before: Before | None) -> Asked:
    return Asked(view=view.narrowed(threshold.where), threshold=threshold, before=before, disturbed=disturbed(view))


def _held(asked: Asked) -> Check:
    view, threshold = asked.view, asked.threshold
    foreign = _other_currency(asked)
    required, note = (None, foreign) if foreign else _required(asked)
    gauge = GAUGES[threshold.metric]
    if required is None:
        estimate = figure(asked).estimate(view.confidence) if gauge.seen is None else gauge.seen(asked)
        return asked.undecided(note, estimate)
    asked = replace(asked, required=required, note=note)
    made = _decided(asked)
    if view.missing and not gauge.counted_before:
        return _unfinished(asked, made)
    return _either_way(asked, made)


def _decided(asked: Asked) -> Check:
    gauge = GAUGES[asked.threshold.metric]
    return _by_figure(asked) if gauge.decide is None else gauge.decide(asked)


def _either_way(asked: Asked, made: Check) -> Check:
    """Leave a check open that comes out otherwise when what the endpoint failed is taken otherwise."""
    gauge = GAUGES[asked.threshold.metric]
    trials = asked.view.every_trial if asked.metric.selector == "perturbation" else asked.view.trials
    failed = int(lost(trials).sum())
    if not failed:
        return made
    worlds = [_decided(replace(asked, view=world)) for world in gauge.worlds(asked)]
    others = {other.status for other in worlds}
    if others <= {made.status}:
        p_values = [one.p_value for one in (made, *worlds) if one.p_value is not None]
        return msgspec.structs.replace(made, p_value=max(p_values, default=None))
    them = "the call that failed" if failed == 1 else f"the {failed:,} calls that failed"
    they = "it" if failed == 1 else "them"
    met = {"PASS": "be met", "FAIL": "not be met", "INCONCLUSIVE": "stay open"}
    otherwise = " or ".join(met[status] for status in met if status in others | {made.status})
    told = f"it depends on {them} at the endpoint; with an answer to {they} it may {otherwise}."
    left = _left_open(asked, made, told, f" {asked.view.manifest.again(they)}")
    return msgspec.structs.replace(left, depends_on=failed)


def _left_open(asked: Asked, made: Check, told: str, fix: str = "", *, so_far: str = "") -> Check:
    why = f"{asked.seen(made.estimate)}{so_far}, {replace(asked, note='').clause}: {told}{fix}"
    return msgspec.structs.replace(
        made, status="INCONCLUSIVE", needed_n=None, needed_told=False, lack=None, why=why, told=told
    )


def hanging_on(
    view: View, thresholds: Sequence[Threshold], checks: Sequence[Check], before: Before | None
) -> Callable[[Bool], bool]:
    """Give the test of whether the verdict hangs on some trials, so that a deciding check were another one.

    Of what the endpoint failed the checks say it themselves; the prompt's own trials are taken as right.
    """
    worst = "FAIL" if any(made.status == "FAIL" for made in checks) else "INCONCLUSIVE"
    deciding = [(t, made) for t, made in zip(thresholds, checks, strict=True) if made.status == worst]

    def hangs(which: Bool) -> bool:
        if not which.any() or not deciding or view.missing:
            return False
        if (lost(view.trials) & which).any():
            return any(made.depends_on or metric_of(made.metric).of_failures for _, made in deciding)
        mended = View(view.run, view.entry, view.every_trial, right(view.trials, which))
        return any(check(mended, threshold, before).status != worst for threshold, _ in deciding)

    return hangs


def _by_figure(asked: Asked) -> Check:
    gauge, source = GAUGES[asked.threshold.metric], figure(asked)
    decision = scores.decide(source, asked.threshold.op, asked.required, asked.confidence)
    estimate = source.estimate(asked.view.confidence)
    counted = estimate.value is not None and estimate.low == estimate.high == estimate.value
    finding = Finding(
        asked=asked,
        decision=decision,
        estimate=estimate,
        source=source,
        needed_n=_cases(decision.needed_n, source, asked.view),
        faultless=gauge.faultless,
        consequence=gauge.consequence,
    )
    if asked.metric.clock is not None and asked.disturbed:
        why_open = f"{asked.threshold.text}: {asked.untimed}"
        return asked.check("INCONCLUSIVE", finding.estimate, why_open, told=asked.untimed, bound=decision.bound)
    sentence = why(finding)
    return asked.check(
        decision.status,
        finding.estimate,
        str(sentence),
        told=sentence.told,
        bound=decision.bound,
        needed_n=finding.needed_n,
        needed_told=says_needed(finding),
        lack=lack(finding),
        p_value=None if counted else decision.p_value,
    )


def _cases(needed: int | None, source: Figure, view: View) -> int | None:
    """Turn a number of trials into cases; what is made of shares counts cases already."""
    while isinstance(source, Mapped):
        source = source.source
    if needed is None or isinstance(source, Share) or not source.n:
        return needed
    return math.ceil(needed * scores.distinct(view.trials.case) / source.n)


def _required(asked: Asked) -> tuple[float | None, str]:
    """Resolve what is required, and say where it comes from; None (and why) when a baseline is missing."""
    threshold = asked.threshold
    computed = GAUGES[threshold.metric].required
    if computed is not None:
        return computed(asked)
    if threshold.baseline == "absolute":
        return threshold.bound, ""
    if asked.before is None:
        return None, NEEDS_BASELINE
    known = asked.before.figures
    found = known.get(threshold.name) or known.get(threshold.figure)
    if found is None or found.value is None:
        return None, "the baseline has no such figure"
    return _from_baseline(asked, found.value)


def _other_currency(asked: Asked) -> str:
    """Say why money can't be held against a threshold: it is in another currency; empty when it can."""
    view, threshold, before = asked.view, asked.threshold, asked.before
    if asked.metric.scale != "money" or not view.model.price.is_given:
        return ""
    priced = f"the prices of {view.entry.model_name} are in {view.currency}"
    if threshold.currency not in {None, view.currency}:
        return f"{priced}, the threshold is in {threshold.currency}"
    if threshold.baseline == "absolute" or before is None or not before.figures:
        return ""
    then = before.currency()
    if then is None:
        return f"{priced}, those of the baseline are not written down: set it again"
    return "" if then == view.currency else f"{priced}, those of the baseline in {then}"


def _from_baseline(asked: Asked, before: float) -> tuple[float, str]:
    threshold, scale, currency = asked.threshold, asked.metric.scale, asked.view.currency
    value = f"the baseline's {amount(before, scale, currency)}"
    other = ", on other cases" if asked.before is not None and asked.before.other_cases else ""
    margin = demand(threshold.bound, "points" if scale == "share" else scale, currency)
    if threshold.baseline == "times":
        return before * threshold.bound, f" ({threshold.bound:g} times {value}{other})"
    if threshold.bound == 0:
        return before, f" ({value}{other})"
    apart = f"{other}," if other else ""
    if threshold.baseline == "minus":
        return before - threshold.bound, f" ({value}{apart} minus {margin})"
    return before + threshold.bound, f" ({value}{apart} plus {margin})"


def _unfinished(asked: Asked, made: Check) -> Check:
    """Leave a check open while trials are missing: whoever ends a run may have seen how it stands."""
    left = _left_open(asked, made, "what was not run may still decide it either way.", so_far=" so far")
    return msgspec.structs.replace(left, p_value=None)
