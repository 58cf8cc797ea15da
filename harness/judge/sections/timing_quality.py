"""Whether the latencies are the endpoint's or ours: the harness's own load, held against a limit.

The client was saturated when its event loop lagged by more than max(10 ms, 2% of the latency demanded) at
the 99th percentile, or when it used nearly all of the CPU it may use. Then no latency check is decided.
"""

from collections.abc import Sequence

from harness.files.thresholds import Threshold, metric_of
from harness.judge import TimingQuality, seconds
from harness.judge.table.columns import NONE
from harness.judge.view import View, once

LAG_S, LAG_SHARE = 0.010, 0.02
STARVED = 0.90


@once
def timing_quality(view: View) -> TimingQuality:
    """Judge the harness's own load over all sessions by the worst of them, under the run's policy.

    Checks, leaderboard and comparisons all ask here: what one calls saturated no other calls measured.
    """
    loads = view.run.table.interference
    lag = max((load.lag_p99_ns for load in loads), default=None)
    cpu = max((load.cpu_share for load in loads), default=None)
    lag_s = None if lag is None else lag / 1e9
    good, sentence = _verdict(view, lag_s, cpu, _strictest(view.run.policy))
    return TimingQuality(
        good=good,
        sentence=sentence,
        lag_p99_s=lag_s,
        lag_max_s=max((load.lag_max_ns for load in loads), default=0) / 1e9 if loads else None,
        cpu_share=cpu,
        own_share=_own_share(view),
        max_in_flight=max(
            int(view.trials.in_flight.max(initial=0)), max((load.max_in_flight for load in loads), default=0)
        ),
        processes=max((load.processes for load in loads), default=1),
        limit_history=tuple((pace.at_ns / 1e9, pace.limit, pace.why) for pace in view.run.table.paces),
    )


def saturated(view: View) -> str:
    """Say that the client was saturated when a view's run was measured; empty when it was not."""
    timing = timing_quality(view)
    return "" if timing.good else timing.sentence


def _strictest(thresholds: Sequence[Threshold]) -> float:
    """Give the shortest time that any threshold demands; 1 s where none does."""
    limits = [
        threshold.bound if threshold.argument is None else threshold.argument
        for threshold in thresholds
        if metric_of(threshold.metric).clock and threshold.baseline == "absolute"
    ]
    return min((limit for limit in limits if limit), default=1.0)


def _verdict(view: View, lag_s: float | None, cpu: float | None, demanded_s: float) -> tuple[bool, str]:
    if view.trials.recorded:
        if not view.timed.any():
            return True, "These replies were recorded without latencies."
        return True, "These latencies were recorded elsewhere; they are judged as given."
    if lag_s is None or cpu is None:
        return True, "The harness's own load was not sampled in this run, so its share is not known."
    allowed = max(LAG_S, LAG_SHARE * demanded_s)
    if lag_s > allowed:
        return False, (
            f"The client was saturated: its own loop lagged by {seconds(lag_s)} (99th percentile), "
            f"more than the {seconds(allowed)} that would be negligible."
        )
    if cpu >= STARVED:
        return False, f"The client was saturated: it used {100 * cpu:.0f}% of the CPU that it may use."
    return True, (
        f"These are the endpoint's own latencies: the harness's loop lagged by no more than "
        f"{seconds(lag_s)} (99th percentile) and used {100 * cpu:.0f}% of its CPU."
    )


def _own_share(view: View) -> float | None:
    trials = view.trials
    sent = trials.caller_ns != NONE
    own = int(trials.own_ns[sent].sum())
    total = int((trials.caller_ns + trials.queue_ns + trials.rate_limit_ns + trials.own_ns)[sent].sum())
    return own / total if total > 0 else None
