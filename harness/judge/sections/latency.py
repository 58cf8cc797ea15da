"""How long the calls took, as a caller feels it, and where the time went.

Whether the latencies are the endpoint's or ours: the harness's own load, held against a limit.

The client was saturated when its event loop lagged by more than max(10 ms, 2% of the latency demanded) at
the 99th percentile, or when it used nearly all of the CPU it may use. The embedded model shares the machine's
cores, so it was disturbed when other programs took a quarter of them. In both cases no latency check is decided.
"""

from typing import Literal

import numpy as np

from harness.files.thresholds import negligible_lag_s
from harness.judge import Latency, LatencyPart, NodeLoad, Quantile, TimingQuality, seconds, undefined
from harness.judge.scores import AT_ONCE, NONE, Float, Int64, quantile_estimate
from harness.judge.view import View, counts_of_each, once

PartName = Literal["queue", "rate limit", "connection", "service", "retries", "backoff", "own"]
_QUANTILES = (0.5, 0.9, 0.95, 0.99, 1.0)
_POINTS = 500
_BINS = 30
STARVED = 0.90
_OWN = "These are the endpoint's own latencies"
BUSY = 0.25  # of the machine's cores: more of them would have been free for the embedded model


def judged_latency(view: View) -> Latency:
    """Give the quantiles, the histogram and the parts of the time."""
    trials = view.trials
    caller, _ = view.times(trials.caller_ns)
    streamed = bool((trials.ttft_ns != NONE).any())
    openings = trials.connect_ns[trials.connect_ns != NONE]
    known, replies = view.recorded_of(trials.caller_ns)
    return Latency(
        caller=_quantiles(view, trials.caller_ns),
        service=_quantiles(view, trials.service_ns),
        ttft=_quantiles(view, trials.ttft_ns) if streamed else (),
        n=len(caller),
        censored=int(np.count_nonzero(~np.isfinite(caller))),
        histogram=_histogram(caller[np.isfinite(caller)]),
        over_time=_over_time(view),
        parts=_parts(view),
        recorded=trials.recorded,
        retried_trials=int(np.count_nonzero(trials.attempts > 1)),
        retries=counts_of_each(trials.retried, trials.retries),
        attempts=int(trials.attempts.sum()),
        untimed=replies - known if trials.recorded or view.waited else 0,
        waited=view.waited,
        warmup_calls=trials.warmup_calls,
        opened=len(openings),
        opening_s=float(np.median(openings)) / 1e9 if len(openings) else None,
        clock=_clock(view),
    )


def _clock(view: View) -> str:
    """Name whose clock told the latencies of a run that was judged from another tool's results."""
    source = view.manifest.notes.get("source") or {}
    return str(source.get("clock") or "") if view.trials.recorded else ""


def untimed(view: View, column: Int64, what: str = "latency") -> str:
    """Say why no reply has a time on a clock, where that is known: `no latency recorded (0 of 400)`; else empty."""
    known, replies = view.recorded_of(column)
    if known or (view.trials.recorded and not replies):
        return ""
    return f"no {what} recorded (0 of {replies:,})" if view.trials.recorded else view.waited


def _quantiles(view: View, column: Int64) -> tuple[Quantile, ...]:
    times, case = view.times(column)
    if why := untimed(view, column):
        missing = undefined(why, confidence=view.confidence)
        return tuple(Quantile(q=q, estimate=missing) for q in _QUANTILES)
    ordered = np.sort(times)
    made = (quantile_estimate(times, case, q, view.confidence, ordered=ordered) for q in _QUANTILES)
    return tuple(Quantile(q=q, estimate=estimate) for q, estimate in zip(_QUANTILES, made, strict=True))


def _histogram(times: Float) -> tuple[tuple[float, float, int], ...]:
    """Count calls in bins of equal ratio: latencies spread over powers of ten."""
    if not len(times):
        return ()
    low, high = float(times.min()), float(times.max())
    if high <= low or low <= 0:
        return ((low, high, len(times)),) if high <= low else _counted(times, np.linspace(low, high, _BINS + 1))
    edges = np.geomspace(low, high, _BINS + 1)
    edges[0], edges[-1] = low, high
    return _counted(times, edges)


def _counted(times: Float, edges: Float) -> tuple[tuple[float, float, int], ...]:
    counts, _ = np.histogram(times, edges)
    return tuple((float(edges[bin_]), float(edges[bin_ + 1]), int(counts[bin_])) for bin_ in range(len(counts)))


def _over_time(view: View) -> tuple[tuple[float, float], ...]:
    """Give at most 500 calls in the order of sending, evenly chosen, without failures."""
    trials = view.trials
    kept = np.flatnonzero((trials.sent_at != NONE) & (trials.caller_ns != NONE) & ~view.failed)
    sent = trials.sent_at[kept]
    if len(kept) > _POINTS:  # only those of the chosen instants are put in order, of equal ones too
        chosen = np.linspace(0, len(kept) - 1, _POINTS).round().astype(np.int64)
        ranked = np.sort(sent)
        wanted = ranked[chosen]
        before = np.searchsorted(ranked, wanted)
        del ranked
        parts = ((begin, sent[begin : begin + AT_ONCE]) for begin in range(0, len(sent), AT_ONCE))
        places = ((begin, wanted[np.searchsorted(wanted, part).clip(max=_POINTS - 1)] == part) for begin, part in parts)
        near = np.concatenate([begin + np.flatnonzero(is_one) for begin, is_one in places])
        near = near[np.argsort(sent[near], kind="stable")]
        ordered = kept[near[np.searchsorted(sent[near], wanted) + chosen - before]]
    else:
        ordered = kept[np.argsort(sent, kind="stable")]
    sent, took = trials.sent_at[ordered] / 1e9, trials.caller_ns[ordered] / 1e9
    return tuple(zip(sent.tolist(), took.tolist(), strict=True))


def _parts(view: View) -> tuple[LatencyPart, ...]:
    """Give the mean seconds a sent trial spent in each part; they add up to its whole time."""
    trials = view.trials
    sent = trials.caller_ns != NONE
    if not sent.any():
        return ()
    opened = trials.connect_ns[sent]
    connection = int(opened[opened != NONE].sum())
    retries, backoff = int(trials.retry_ns[sent].sum()), int(trials.backoff_ns[sent].sum())
    # The last attempt, with the writing of its request: all of the caller's time that is not waiting or lost.
    last = int(trials.caller_ns[sent].sum()) - backoff - retries
    sums: dict[PartName, int] = {
        "queue": int(trials.queue_ns[sent].sum()),
        "rate limit": int(trials.rate_limit_ns[sent].sum()),
        "connection": connection,
        "service": last - connection,
        "retries": retries,
        "backoff": backoff,
        "own": int(trials.own_ns[sent].sum()),
    }
    total = sum(sums.values())
    n = int(sent.sum())
    return tuple(
        LatencyPart(name=name, mean_s=ns / n / 1e9, share=ns / total if total else 0.0)
        for name, ns in sums.items()
        if ns or name != "connection"  # to this machine itself none is opened that costs anything
    )


@once
def timing_quality(view: View) -> TimingQuality:
    """Judge the harness's own load over all sessions by the worst of them, under the run's policy.

    Checks, leaderboard and comparisons all ask here: what one calls saturated no other calls measured.
    """
    loads = view.run.table.interference
    good, told = _verdict(view)
    return TimingQuality(
        good=good,
        sentence=f"{told}.",
        lag_p99_s=_lag_s(view),
        lag_max_s=max((load.lag_max_ns for load in loads), default=0) / 1e9 if loads else None,
        cpu_share=_cpu(view),
        others_share=_others(view),
        own_share=_own_share(view),
        max_in_flight=max(
            int(view.trials.in_flight.max(initial=0)), max((load.max_in_flight for load in loads), default=0)
        ),
        processes=max((load.processes for load in loads), default=1),
        nodes=tuple(
            NodeLoad(
                node=load.node,
                processes=load.processes,
                lag_p99_s=load.lag_p99_ns / 1e9,
                cpu_share=load.cpu_share,
                clock_s=load.clock_ns / 1e9,
            )
            for load in loads
            if load.node
        ),
        limit_history=tuple((pace.at_ns / 1e9, pace.limit, pace.why) for pace in view.run.table.paces),
    )


def disturbed(view: View) -> str:
    """Say that the client was saturated when a view's run was measured, or a shared machine busy; empty if neither."""
    good, told = _verdict(view)
    return "" if good else told


def _lag_s(view: View) -> float | None:
    lag = max((load.lag_p99_ns for load in view.run.table.interference), default=None)
    return None if lag is None else lag / 1e9


def _cpu(view: View) -> float | None:
    return max((load.cpu_share for load in view.run.table.interference), default=None)


def _others(view: View) -> float | None:
    shares = [load.others_share for load in view.run.table.interference if load.others_share is not None]
    return max(shares, default=None)


@once
def _verdict(view: View) -> tuple[bool, str]:
    """Tell whether the latencies are the endpoint's, and say why as a clause."""
    lag_s, cpu = _lag_s(view), _cpu(view)
    if view.waited and not view.timed.any():
        return True, f"No call was timed: {view.waited}"
    if view.trials.recorded:
        whose = f"are by {clock}" if (clock := _clock(view)) else "were recorded elsewhere"
        known = f"These latencies {whose}; they are judged as given"
        return True, known if view.timed.any() else "These replies were recorded without latencies"
    if lag_s is None or cpu is None:
        return True, "The harness's own load was not sampled in this run, so its share is not known"
    allowed = negligible_lag_s(view.run.policy, otherwise_s=1.0)
    if lag_s > allowed:
        return False, (
            f"The client was saturated: its own loop lagged by {seconds(lag_s)} (99th percentile), "
            f"more than the {seconds(allowed)} that would be negligible"
        )
    if cpu >= STARVED:
        return False, f"The client was saturated: it used {100 * cpu:.0f}% of the CPU that it may use"
    ours = f"the harness's loop lagged by no more than {seconds(lag_s)} (99th percentile)"
    ours = f"{ours} and used {100 * cpu:.0f}% of its CPU"
    return _beside_others(view, ours) if view.model.endpoint == "local" else (True, f"{_OWN}: {ours}")


def _beside_others(view: View, ours: str) -> tuple[bool, str]:
    """Judge the times of a model that shares this machine's cores with whatever else runs on it."""
    others = _others(view)
    if others is not None and others >= BUSY:
        return False, (
            f"This machine was busy: other programs took {100 * others:.0f}% of its cores, "
            "which the embedded model shares with them"
        )
    beside = "" if others is None else f", other programs took {100 * others:.0f}% of them"
    return True, f"These are the embedded model's latencies on this machine's cores{beside}; {ours}"


def _own_share(view: View) -> float | None:
    trials = view.trials
    sent = trials.caller_ns != NONE
    own = int(trials.own_ns[sent].sum())
    total = int((trials.caller_ns + trials.queue_ns + trials.rate_limit_ns + trials.own_ns)[sent].sum())
    return own / total if total > 0 else None
