"""Checks of latency quantiles: decided by the share of calls within the limit, worded in calls.

"p95 <= 1 s" is the claim that at least 95% of calls end within 1 s; a failed call is over any limit. When the
client itself was saturated, nothing is decided.
"""

import math
from dataclasses import dataclass

import numpy as np

from harness.judge import Check, Estimate, Lack, count, scores, sure, undefined, verb
from harness.judge.checks.why import AFFORDABLE, Asked, open_since
from harness.judge.scores import NONE, Float, Int64, Missing, Share, SloDecision
from harness.judge.sections.latency import untimed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Calls:
    """The calls of a check and what was demanded of them."""

    asked: Asked
    times: Float
    case: Int64
    q: float
    estimate: Estimate  # of the quantile

    @property
    def head(self) -> str:
        if self.estimate.value is not None:
            return f"{self.asked.seen(self.estimate)}, {self.asked.clause}"
        return f"{self.asked.threshold.name} falls on a failed call, {self.asked.clause}"

    @property
    def within(self) -> str:
        strict = self.asked.threshold.op == "<"
        times = self.times
        inside = int(np.count_nonzero(times < self.asked.required if strict else times <= self.asked.required))
        failed = int(np.count_nonzero(~np.isfinite(self.times)))
        lost = f" ({count(failed, 'failed call')} {verb(failed, 'counts', 'count')} as over it)" if failed else ""
        did = "gave a first token" if self.asked.metric.clock == "ttft" else "ended"
        so = "in less than" if strict else "within"
        told = f"{inside:,} of {count(len(self.times), 'call')} {did} {so} {self.asked.wanted}{lost}"
        return f"{told}{self.partly}"

    @property
    def partly(self) -> str:
        """Say how many replies have a time, where not all have."""
        view = self.asked.view
        known, replies = view.recorded_of(_clock(self.asked))
        how = "recorded" if view.trials.recorded else "asked at once" if view.waited else ""
        return f" ({how} for {known:,} of {replies:,})" if how and known < replies else ""

    @property
    def confidence(self) -> float:
        return self.asked.confidence


def quantile_check(asked: Asked) -> Check:
    """Hold a latency quantile against its limit."""
    missing = _missing(asked)
    if missing:
        return asked.undecided(missing, undefined(missing, confidence=asked.view.confidence))
    calls = _calls(asked)
    if asked.disturbed:
        return asked.check("INCONCLUSIVE", calls.estimate, f"{calls.head}: {asked.untimed}", told=asked.untimed)
    return _slowest(calls) if calls.q >= 1 else _decided(calls)


def quantile_seen(asked: Asked) -> Estimate:
    """Give a latency quantile itself, without holding it against a limit."""
    missing = _missing(asked)
    return undefined(missing, confidence=asked.view.confidence) if missing else _calls(asked).estimate


def _calls(asked: Asked) -> _Calls:
    view, q = asked.view, asked.metric.quantile
    assert q is not None
    times, case = view.times(_clock(asked))
    return _Calls(
        asked=asked, times=times, case=case, q=q, estimate=scores.quantile_estimate(times, case, q, view.confidence)
    )


def _clock(asked: Asked) -> Int64:
    trials = asked.view.trials
    return trials.ttft_ns if asked.metric.clock == "ttft" else trials.caller_ns


def _missing(asked: Asked) -> str:
    view = asked.view
    if not len(view.trials):
        return scores.NO_TRIALS
    what = "time to the first token" if asked.metric.clock == "ttft" else "latency"
    if why := untimed(view, _clock(asked), what):
        return why
    if asked.metric.clock == "ttft" and not (view.trials.ttft_ns != NONE).any():
        return "no reply was streamed"
    return "" if len(view.times(_clock(asked))[0]) else f"no call has a {what}"


def _slowest(calls: _Calls) -> Check:
    """Decide "max" by what was seen: no number of calls bounds the slowest one to come."""
    slowest = float(calls.times.max())
    met = scores.meets(slowest, calls.asked.threshold.op, calls.asked.required)
    failed = int(np.count_nonzero(~np.isfinite(calls.times)))
    lost = f"; {count(failed, 'call')} failed, and what fails is over any limit" if failed else ""
    n = len(calls.times)
    whom = "the only call" if n == 1 else f"the slowest of {n:,} calls"
    why = f"{calls.head}: {'met' if met else 'not met'} by {whom}{lost}{calls.partly}."
    bound = slowest if math.isfinite(slowest) else None
    return calls.asked.check("PASS" if met else "FAIL", calls.estimate, why, bound=bound)


def _decided(calls: _Calls) -> Check:
    decision = scores.slo_check(
        calls.times,
        calls.case,
        q=calls.q,
        limit_s=calls.asked.required,
        op=calls.asked.threshold.op,
        confidence=calls.confidence,
    )
    made = decision.decision
    why = _why(calls, decision)
    told = not _is_faultless(calls, decision.share) or _fewest(calls) == made.needed_n
    return calls.asked.check(
        made.status,
        calls.estimate,
        f"{calls.head}: {why}",
        told=why,
        bound=decision.bound_s,
        needed_n=made.needed_n,
        needed_told=told,
        lack=_lack(calls, decision.share, made.needed_n),
        p_value=made.p_value,
    )


def _why(calls: _Calls, decision: SloDecision) -> str:
    match decision.decision.status:
        case "PASS":
            return f"met with {sure(calls.confidence)} confidence; {calls.within}."
        case "FAIL":
            return f"not met; {calls.within}. More calls are unlikely to change this."
        case "INCONCLUSIVE":
            return _open(calls, decision.share, decision.decision.needed_n)


def _is_faultless(calls: _Calls, share: Share | Missing) -> bool:
    return isinstance(share, Share) and share.p == 1.0 and not calls.asked.threshold.at_least


def _fewest(calls: _Calls) -> int:
    return scores.smallest_all_pass_n(calls.q, calls.confidence) or 0


def _open(calls: _Calls, share: Share | Missing, needed: int | None) -> str:
    if isinstance(share, Share) and _is_faultless(calls, share):
        have = count(share.cases, "case") if share.clustered else count(share.n, "call")
        return (
            f"{calls.within}, but {have} can't prove it; "
            f"it takes at least {_fewest(calls):,} without a miss at {sure(calls.confidence)} confidence."
        )
    if needed is None or not isinstance(share, Share):
        return f"can't be told; {calls.within}, too close to the limit."
    told = f"{open_since(calls.asked)} {calls.within}"
    found = _lack(calls, share, needed)
    if found is None:
        return f"{told}, too close to call: more cases won't settle it."
    would = "show a FAIL" if found.shows == "FAIL" else "settle it"
    new = scores.rounded_up(found.n)
    new_cases = f"{count(new, 'new case')}, judged by {'itself' if new == 1 else 'themselves'},"
    return f"{told}. About {new_cases} would {would} in 4 of 5 runs if that share stays."


def _lack(calls: _Calls, share: Share | Missing, needed: int | None) -> Lack | None:
    if not isinstance(share, Share):
        return None
    faultless = _is_faultless(calls, share)
    needed = _fewest(calls) if faultless else needed
    if needed is None or needed > AFFORDABLE:
        return None
    short = not faultless and (share.p < calls.q) != calls.asked.threshold.at_least
    return Lack(n=needed, unit="cases", cases=needed, shows="FAIL" if short else "PASS")
