"""Numbers and times of some records as columns; where all are alike, one value of shape (1,)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.judge.table.packed import NONE, Bool, Column, Int64
from harness.record import Attempt, Record, Reply, is_timed

_NEVER = Attempt(duration_ns=0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UTC = "+00:00"
_WRITTEN_OUT = {len("2026-01-01T00:00:00+00:00"), len("2026-01-01T00:00:00.000000+00:00")}


def alike(values: list[Any]) -> bool:
    """Tell whether all are one value: a look at each, and nothing made of it."""
    return values.count(values[0]) == len(values)


def counts_of(counts: list[int], kind: npt.DTypeLike = np.int64) -> Column:
    """Give numbers as a column."""
    return np.array(counts[:1] if counts and alike(counts) else counts, dtype=kind)


def known_counts(counts: list[int | None]) -> Column:
    """Give numbers as a column, NONE where there is none."""
    if counts and alike(counts):
        counts = counts[:1]
    return np.array(
        [NONE if count is None else count for count in counts] if None in counts else counts, dtype=np.int64
    )


def times_of(records: Sequence[Record]) -> dict[str, Column]:
    """Give the durations of each trial in nanoseconds, as `record.caller_ns` and `service_ns` define them."""
    counts = np.array([len(record.attempts) for record in records], dtype=np.int16)
    lasts = [record.attempts[-1] if record.attempts else _NEVER for record in records]
    duration = np.array([last.duration_ns for last in lasts], dtype=np.int64)
    backoff = np.array([last.backoff_ns for last in lasts], dtype=np.int64)
    rate_limit = np.array([last.rate_limit_ns for last in lasts], dtype=np.int64)
    written = counts_of([last.written_ns or 0 for last in lasts])
    first_token = known_counts([last.first_token_ns for last in lasts])
    timed = _timed(records, counts)
    ended = timed & (counts > 0)
    if False in [last.failure is None for last in lasts]:
        ended &= np.array([last.failure is None for last in lasts], dtype=np.bool_)
    retries = np.zeros(len(records), dtype=np.int64)
    for row in np.flatnonzero(counts > 1).tolist():
        attempts = records[row].attempts
        backoff[row] = sum(attempt.backoff_ns for attempt in attempts)
        rate_limit[row] = sum(attempt.rate_limit_ns for attempt in attempts)
        retries[row] = sum(attempt.duration_ns for attempt in attempts[:-1])
    streamed = len(first_token) > 1 or first_token[0] != NONE
    return {
        "attempts": counts,
        "caller_ns": np.where(timed, backoff + retries + duration, NONE),
        "service_ns": np.where(ended, duration - written, NONE),
        "ttft_ns": np.where(ended & (first_token != NONE), first_token - written, NONE) if streamed else first_token,
        "queue_ns": counts_of([record.queue_ns for record in records]),
        "own_ns": counts_of([record.own_ns for record in records]),
        "rate_limit_ns": rate_limit,
        "backoff_ns": backoff,
        "retry_ns": retries,
        "connect_ns": known_counts([last.connect_ns for last in lasts]),
    }


def _timed(records: Sequence[Record], attempts: Column) -> Bool:
    """Tell for each record what `is_timed` tells; that all were asked at once is seen without asking for each."""
    if attempts.all() and True not in [record.recorded or record.via != "sync" for record in records]:
        usages = [record.outcome.usage for record in records if isinstance(record.outcome, Reply)]
        if True not in [usage.tier == "flex" for usage in usages]:
            return np.ones(len(records), dtype=np.bool_)
    return np.array([is_timed(record) for record in records], dtype=np.bool_)


def instants_of(times: Sequence[str]) -> Int64:
    """Give microseconds since 1970; NONE where the record does not say."""
    if all(len(time) in _WRITTEN_OUT and time.endswith(_UTC) for time in times):
        return np.array([time[:-6] for time in times], dtype="datetime64[us]").astype(np.int64)
    return np.array([_instant(time) for time in times], dtype=np.int64)


def _instant(utc: str) -> int:
    if not utc:
        return NONE
    at = datetime.fromisoformat(utc)
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return (at - _EPOCH) // _MICROSECOND
