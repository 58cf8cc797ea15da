"""The wall clock of a trial: put in words by ourselves, as the standard library puts it."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from harness.measure.timeline import RealClock


def test_the_wall_clock_is_said_as_iso_8601_with_microseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([0, 999_999_999, 1_000_000_000, 1_000_001_999, 999_999_000, 1_796_056_496_000_123_456])
    monkeypatch.setattr(time, "time_ns", lambda: next(looks))
    assert [RealClock.utc() for _ in range(6)] == [
        "1970-01-01T00:00:00.000000+00:00",
        "1970-01-01T00:00:00.999999+00:00",
        "1970-01-01T00:00:01.000000+00:00",
        "1970-01-01T00:00:01.000001+00:00",
        "1970-01-01T00:00:00.999999+00:00",  # set back
        "2026-11-30T16:34:56.000123+00:00",
    ]


def test_the_wall_clock_tells_the_time() -> None:
    before = datetime.now(UTC) - timedelta(microseconds=1)
    assert before <= datetime.fromisoformat(RealClock.utc()) <= datetime.now(UTC) + timedelta(microseconds=1)
