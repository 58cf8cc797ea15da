"""Thresholds held against figures: one check each, PASS, FAIL or INCONCLUSIVE, with its sentence."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from harness.files.thresholds import Threshold
from harness.judge.checks.baseline import Baseline, baseline_value, other_currency, regressions
from harness.judge.checks.drift import drift_check
from harness.judge.checks.metrics import NEEDS_BASELINE, described, figure, label_index, unit_name
from harness.judge.checks.quantiles import SATURATED, is_quantile, quantile_check
from harness.judge.checks.undecided import undecided
from harness.judge.checks.why import Finding, asked, why
from harness.judge.documents.assessment import Check, TimingQuality
from harness.judge.documents.estimate import undefined
from harness.judge.scores import classification
from harness.judge.scores.figure import Figure, Mapped, Missing, Normal
from harness.judge.scores.proportion import Share
from harness.judge.scores.threshold_check import Decision, decide
from harness.judge.view import View
from harness.judge.wording import amount, demand, named
from harness.judge.wording import figure as figure_text


def check(view: View, threshold: Threshold, timing: TimingQuality, baseline: Baseline | None) -> Check:
    """Hold one threshold against what was seen."""
    if threshold.metric == "drift.drop":
        return _unfinished(view, threshold, drift_check(view, threshold, baseline))
    if foreign := other_currency(view, threshold, baseline):
        return _without_baseline(view, threshold, foreign)
    required, note = _required(view, threshold, baseline)
    if required is None:
        return _without_baseline(view, threshold, note)
    if is_quantile(threshold.metric):
        name = threshold.name
        made = quantile_check(
            view.narrowed(threshold.where), threshold, required, timing, name=name, note=note
        )
    else:
        made = _by_figure(view, threshold, required, note, baseline)
        if threshold.metric == "latency.within" and not timing.good:
            made = _saturated(made)
    return _unfinished(view, threshold, made)


def _by_figure(
    view: View, threshold: Threshold, required: float, note: str, baseline: Baseline | None
) -> Check:
    narrowed = view.narrowed(threshold.where)
    source = figure(narrowed, threshold)
    if threshold.metric == "regressions" and baseline is not None:
        source = _regressions(narrowed, baseline)
    if threshold.metric == "better_than_majority" and required >= 1:
        source = Missing("all cases expect one label, so nothing can be better than always answering it")
    decision = decide(source, threshold.op, required, view.confidence)
    finding = Finding(
        view=narrowed,
        threshold=threshold,
        required=required,
        status=decision.status,
        estimate=source.estimate(view.confidence),
        bound=decision.bound,
        source=source,
        needed_n=_cases(decision.needed_n, source, narrowed),
        note=note,
    )
    return _made(view, threshold, required, decision, finding)


def _regressions(view: View, baseline: Baseline) -> Figure:
    """Count the cases broken since the baseline: a fact about these cases, without sampling error."""
    found = regressions(baseline, view)
    return Missing(found) if isinstance(found, str) else Normal(float(found[0]), found[1], 0.0, "counted")


def _cases(needed: int | None, source: Figure, view: View) -> int | None:
    """Turn a number of trials into cases; what is made of shares counts cases already."""
    while isinstance(source, Mapped):
        source = source.source
    if needed is None or isinstance(source, Share) or not source.n:
        return needed
    return math.ceil(needed * len(np.unique(view.trials.case)) / source.n)


def _made(view: View, threshold: Threshold, required: float, decision: Decision, finding: Finding) -> Check:
    label = label_index(view, threshold)
    return Check(
        threshold=threshold.text,
        name=threshold.name,
        part=threshold.part,
        metric=threshold.metric,
        label=threshold.label,
        status=decision.status,
        required=required,
        op=threshold.op,
        estimate=finding.estimate,
        bound=decision.bound,
        needed_n=finding.needed_n,
        needed_unit=unit_name(
            described(threshold.metric).unit, None if label is None else view.labels[label]
        ),
        why=why(finding),
    )


def _required(view: View, threshold: Threshold, baseline: Baseline | None) -> tuple[float | None, str]:
    """Resolve what is required, and say where it comes from; None (and why) when a baseline is missing."""
    if threshold.metric == "better_than_majority":
        majority = classification.majority(view.narrowed(threshold.where).answers)
        always = named(view.labels[majority.label])
        return majority.share, f" (always answering {always} scores as much)"
    if threshold.baseline == "absolute":
        return threshold.bound, ""
    if baseline is None:
        return None, NEEDS_BASELINE
    before = baseline_value(baseline, view, threshold)
    if before is None:
        return None, "the baseline has no such figure"
    other_cases = baseline.suite_digest not in {"", view.manifest.suite_digest}
    return _from_baseline(view, threshold, before, ", on other cases," if other_cases else "")


def _from_baseline(view: View, threshold: Threshold, before: float, where: str) -> tuple[float, str]:
    scale = described(threshold.metric).scale
    value = f"the baseline's {amount(before, scale, view.currency)}{where}"
    margin = demand(threshold.bound, "points" if scale == "share" else scale, view.currency)
    if threshold.baseline == "times":
        return before * threshold.bound, f" ({threshold.bound:g} times {value.rstrip(',')})"
    if threshold.bound == 0:
        return before, f" ({value.rstrip(',')})"
    if threshold.baseline == "minus":
        return before - threshold.bound, f" ({value} minus {margin})"
    return before + threshold.bound, f" ({value} plus {margin})"


def _without_baseline(view: View, threshold: Threshold, reason: str) -> Check:
    if is_quantile(threshold.metric):
        return undecided(threshold, reason, undefined(reason))
    seen = figure(view.narrowed(threshold.where), threshold)
    return undecided(threshold, reason, seen.estimate(view.confidence))


def _saturated(made: Check) -> Check:
    why = f"{made.threshold}: {SATURATED}"
    return msgspec.structs.replace(made, status="INCONCLUSIVE", needed_n=None, why=why)


def _unfinished(view: View, threshold: Threshold, made: Check) -> Check:
    """Take back a FAIL while trials are missing: they count as failures, and may still turn out well."""
    if not view.missing or made.status != "FAIL":
        return made
    scale = described(threshold.metric).scale
    seen = figure_text(made.estimate, scale, view.currency, against=made.required)
    wanted = asked(threshold, demand(made.required, scale, view.currency))
    told = f"{threshold.name} {seen}, {wanted}: not met so far, but what was not run counts as failed."
    return msgspec.structs.replace(made, status="INCONCLUSIVE", needed_n=None, why=told)
