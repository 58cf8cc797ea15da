"""How long decisions took, and how far those times can be trusted."""

from __future__ import annotations

from typing import Literal

import msgspec

from harness.judge.documents.estimate import Estimate


class Quantile(msgspec.Struct, frozen=True, kw_only=True):
    """A latency quantile in seconds."""

    q: float
    estimate: Estimate


class LatencyPart(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time of the trials went, mean seconds a trial."""

    name: Literal["queue", "rate limit", "service", "retries", "backoff", "own"]
    mean_s: float
    share: float


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds; warm-up, cached and resumed-from-elsewhere trials never enter."""

    caller: tuple[Quantile, ...]  # p50 p90 p95 p99 max; first send -> done
    service: tuple[Quantile, ...]  # final attempt: written -> last byte
    ttft: tuple[Quantile, ...]  # streamed only, else empty
    n: int
    censored: int  # failed or timed-out trials, over any SLO
    histogram: tuple[tuple[float, float, int], ...]  # low s, high s, count
    over_time: tuple[tuple[float, float], ...]  # seconds into the run, caller seconds; at most 500 points
    parts: tuple[LatencyPart, ...]
    recorded: bool  # replayed: measured elsewhere
    retried_trials: int
    attempts: int
    warmup_calls: int


class TimingQuality(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the latencies are the endpoint's or ours."""

    good: bool
    sentence: str
    lag_p99_s: float | None
    lag_max_s: float | None
    cpu_share: float | None
    own_share: float | None  # own time as a share of the trials' total
    max_in_flight: int
    processes: int
    limit_history: tuple[tuple[float, int, str], ...] = ()  # seconds into the run, limit, why
