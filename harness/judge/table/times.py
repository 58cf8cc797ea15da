"""What is told of the attempts of some records, and the times of many as columns."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from harness.judge.table.packed import NONE, Column, Int64
from harness.record import Attempt

# Columns that `times_of` makes others of: of the last attempt, and whether a clock was held beside the trial.
TOLD = ("duration", "written", "first_token", "answered", "timed")
_NEVER = Attempt(duration_ns=0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UTC = "+00:00"
_WRITTEN_OUT = {len("2026-01-01T00:00:00+00:00"), len("2026-01-01T00:00:00.000000+00:00")}


def attempts_of(attempts: Sequence[tuple[Attempt, ...]]) -> dict[str, Sequence[Any]]:
    """Give what is told of the attempts of each record."""
    lasts = [each[-1] if each else _NEVER for each in attempts]
    counts, retries = list(map(len, attempts)), [0] * len(lasts)
    backoff, rate_limit = [last.backoff_ns for last in lasts], [last.rate_limit_ns for last in lasts]
    for row in [row for row, count in enumerate(counts) if count > 1] if max(counts) > 1 else ():
        backoff[row] = sum([attempt.backoff_ns for attempt in attempts[row]])
        rate_limit[row] = sum([attempt.rate_limit_ns for attempt in attempts[row]])
        retries[row] = sum([attempt.duration_ns for attempt in attempts[row][:-1]])
    return {
        "attempts": counts,
        "duration": [last.duration_ns for last in lasts],
        "backoff_ns": backoff,
        "rate_limit_ns": rate_limit,
        "retry_ns": retries,
        "written": [last.written_ns or 0 for last in lasts],
        "first_token": [last.first_token_ns for last in lasts],
        "connect_ns": [last.connect_ns for last in lasts],
        "answered": [last.failure is None for last in lasts],
    }


def retries_of(attempts: Sequence[tuple[Attempt, ...]], counts: Sequence[int]) -> list[tuple[str, ...] | None]:
    """Say why each record was sent again: HTTP statuses or kinds of failures, in order; None where it never was."""
    if max(counts) < 2:
        return [None] * len(attempts)
    return [tuple(sorted(map(_why, each[:-1]))) if len(each) > 1 else None for each in attempts]


def _why(attempt: Attempt) -> str:
    failed = attempt.failure
    return str(attempt.status) if failed is None or (attempt.status or 0) >= 400 else failed.kind


def times_of(told: Mapping[str, Column]) -> dict[str, Column]:
    """Give the durations of each trial in nanoseconds, as `record.caller_ns` and `service_ns` define them."""
    timed, written, first = told["timed"] > 0, told["written"], told["first_token"]
    ended = timed & (told["answered"] > 0)
    return {
        "caller_ns": np.where(timed, told["backoff_ns"] + told["retry_ns"] + told["duration"], NONE),
        "service_ns": np.where(ended, told["duration"] - written, NONE),
        "ttft_ns": np.where(ended & (first != NONE), first - written, NONE),
    }


def instants_of(times: Sequence[str]) -> Int64:
    """Give microseconds since 1970; NONE where the record does not say."""
    text, widths = "".join(times), set(map(len, times))
    if len(widths) == 1 and widths <= _WRITTEN_OUT and text.isascii():
        (width,) = widths
        letters = np.frombuffer(text.encode(), dtype=np.uint8).reshape(len(times), width)
        if (letters[:, -len(_UTC) :] == np.frombuffer(_UTC.encode(), dtype=np.uint8)).all():
            plain = np.ascontiguousarray(letters[:, : -len(_UTC)]).view(f"S{width - len(_UTC)}")[:, 0]
            return plain.astype("datetime64[us]").astype(np.int64)
    return np.array([_instant(time) for time in times], dtype=np.int64)


def _instant(utc: str) -> int:
    if not utc:
        return NONE
    at = datetime.fromisoformat(utc)
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return (at - _EPOCH) // _MICROSECOND
