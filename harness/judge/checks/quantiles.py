"""Checks of latency quantiles: decided by the share of calls within the limit, worded in calls.

"p95 <= 1 s" is the claim that at least 95% of calls end within 1 s; a failed call is over any limit. When the
client itself was saturated, nothing is decided.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.files.thresholds import Threshold, metric_of
from harness.judge.checks.undecided import undecided
from harness.judge.checks.why import AFFORDABLE, asked
from harness.judge.documents.assessment import Check, Status, TimingQuality
from harness.judge.documents.estimate import Estimate, undefined
from harness.judge.scores.figure import Missing
from harness.judge.scores.latency import SloDecision, quantile_estimate, slo_check
from harness.judge.scores.planning import smallest_all_pass_n
from harness.judge.scores.proportion import Share
from harness.judge.scores.threshold_check import meets
from harness.judge.table.columns import NONE, Float, Int64
from harness.judge.view import View
from harness.judge.wording import count, demand, figure, rounded_up, seconds, sure, verb

SATURATED = "not decided, because the client was saturated: these times may be its own."


def is_quantile(metric: str) -> bool:
    """Tell whether a metric is a latency quantile."""
    return metric_of(metric).quantile is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Calls:
    """The calls of a check and what was demanded of them."""

    name: str
    threshold: Threshold
    required: float
    note: str
    times: Float
    case: Int64
    q: float
    confidence: float
    estimate: Estimate  # of the quantile

    @property
    def head(self) -> str:
        required = asked(self.threshold, self.limit) + self.note
        seen = "falls on a failed call"
        if self.estimate.value is not None:
            seen = figure(self.estimate, "seconds", against=self.required)
        return f"{self.name} {seen}, {required}"

    @property
    def limit(self) -> str:
        """The limit; one that was computed from a baseline is rounded like a figure."""
        return seconds(self.required) if self.note else demand(self.required, "seconds")

    @property
    def within(self) -> str:
        inside = int(np.count_nonzero(self.times <= self.required))
        failed = int(np.count_nonzero(~np.isfinite(self.times)))
        lost = (
            f" ({count(failed, 'failed call')} {verb(failed, 'counts', 'count')} as over it)"
            if failed
            else ""
        )
        did = "gave a first token" if metric_of(self.threshold.metric).clock == "ttft" else "ended"
        return f"{inside:,} of {count(len(self.times), 'call')} {did} within {self.limit}{lost}"


def quantile_check(
    view: View, threshold: Threshold, required: float, timing: TimingQuality, *, name: str, note: str = ""
) -> Check:
    """Hold a latency quantile against its limit."""
    metric = metric_of(threshold.metric)
    column = view.trials.ttft_ns if metric.clock == "ttft" else view.trials.caller_ns
    missing = _missing(view, metric.clock)
    if missing:
        estimate = undefined(missing, confidence=view.confidence)
        return undecided(threshold, missing, estimate, required=required)
    times, q = view.times(column), metric.quantile or 1.0
    calls = _Calls(
        name=name,
        threshold=threshold,
        required=required,
        note=note,
        times=times,
        case=view.timed_case,
        q=q,
        confidence=view.confidence,
        estimate=quantile_estimate(times, view.timed_case, q, view.confidence),
    )
    if not timing.good:
        return _check(calls, "INCONCLUSIVE", f"{calls.head}: {SATURATED}")
    if calls.q >= 1:
        return _slowest(calls)
    return _decided(calls)


def _missing(view: View, clock: str | None) -> str:
    if not len(view.trials):
        return "there are no trials"
    if not view.timed.any():
        return "the recorded replies have no latencies"
    if clock == "ttft" and not (view.trials.ttft_ns != NONE).any():
        return "no reply was streamed"
    return ""


def _check(
    calls: _Calls, status: Status, why: str, *, bound: float | None = None, needed_n: int | None = None
) -> Check:
    return Check(
        threshold=calls.threshold.text,
        name=calls.threshold.name,
        part=calls.threshold.part,
        metric=calls.threshold.metric,
        label=None,
        status=status,
        required=calls.required,
        op=calls.threshold.op,
        estimate=calls.estimate,
        bound=bound,
        needed_n=needed_n,
        needed_unit="cases",
        why=why,
    )


def _slowest(calls: _Calls) -> Check:
    """Decide "max" by what was seen: no number of calls bounds the slowest one to come."""
    slowest = float(calls.times.max())
    met = meets(slowest, calls.threshold.op, calls.required)
    failed = int(np.count_nonzero(~np.isfinite(calls.times)))
    lost = f"; {count(failed, 'call')} failed, and what fails is over any limit" if failed else ""
    why = f"{calls.head}: {'met' if met else 'not met'} by {_all_of(len(calls.times))}{lost}."
    return _check(calls, "PASS" if met else "FAIL", why, bound=slowest if math.isfinite(slowest) else None)


def _all_of(n: int) -> str:
    return "the only call" if n == 1 else f"the slowest of {n:,} calls"


def _decided(calls: _Calls) -> Check:
    decision = slo_check(
        calls.times,
        calls.case,
        q=calls.q,
        limit_s=calls.required,
        op=calls.threshold.op,
        confidence=calls.confidence,
    )
    made = decision.decision
    return _check(calls, made.status, _why(calls, decision), bound=decision.bound_s, needed_n=made.needed_n)


def _why(calls: _Calls, decision: SloDecision) -> str:
    match decision.decision.status:
        case "PASS":
            return f"{calls.head}: met with {sure(calls.confidence)} confidence; {calls.within}."
        case "FAIL":
            return f"{calls.head}: not met; {calls.within}. More calls are unlikely to change this."
        case "INCONCLUSIVE":
            return _open(calls, decision.share, decision.decision.needed_n)


def _open(calls: _Calls, share: Share | Missing, needed: int | None) -> str:
    if isinstance(share, Share) and share.p == 1.0 and "<" in calls.threshold.op:
        fewest = smallest_all_pass_n(calls.q, calls.confidence) or 0
        have = count(share.cases, "case") if share.clustered else count(share.n, "call")
        return (
            f"{calls.head}: {calls.within}, but {have} can't prove it; "
            f"it takes at least {fewest:,} without a miss at {sure(calls.confidence)} confidence."
        )
    if needed is None or not isinstance(share, Share):
        return f"{calls.head}: can't be told; {calls.within}, too close to the limit."
    more = rounded_up(max(1, needed - share.cases))
    told = f"{calls.head}: can't be told yet. {calls.within}"
    if more > AFFORDABLE:
        return f"{told}, too close to call: it would take about {count(more, 'more case')} to settle it."
    return f"{told}. About {count(more, 'more case')} would settle it if that share stays."
