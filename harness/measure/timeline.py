"""The clock of one trial: its parts are differences of consecutive stamps and sum exactly to its total."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from harness.measure.endpoint.contract import Answer, Attempt


class Clock(Protocol):
    """Time from outside, so that a test can be its own clock."""

    def now_ns(self) -> int:
        """Monotonic nanoseconds."""

    def utc(self) -> str:
        """Wall clock, ISO 8601 with microseconds; orders trials, is never subtracted."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class RealClock:
    """The machine's clocks."""

    now_ns = staticmethod(time.perf_counter_ns)
    _second = (-1, "")

    @classmethod
    def utc(cls) -> str:
        """Give the wall clock; its seconds are put in words once for all trials of a second."""
        at, micros = divmod(time.time_ns() // 1000, 1_000_000)
        second, words = cls._second
        if at != second:
            words = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
            cls._second = at, words
        return f"{words}{micros:06d}+00:00"

    @staticmethod
    async def sleep(seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(seconds)


class Timeline:
    """Cuts the time since a trial was taken from the plan into named parts, without gap or overlap."""

    __slots__ = ("_backoff_ns", "_last", "_now_ns", "_rate_limit_ns", "attempts", "own_ns", "queue_ns", "spent_ns")

    def __init__(self, clock: Clock) -> None:
        self._now_ns = clock.now_ns
        self._last = self._now_ns()
        self._backoff_ns = 0
        self._rate_limit_ns = 0
        self.queue_ns = 0
        self.own_ns = 0
        self.spent_ns = 0  # attempts and backoff: what counts against the trial's deadline
        self.attempts: list[Attempt] = []

    def own(self) -> None:
        """Count the time since the last stamp as the harness's own work."""
        self.own_ns += self._lap()

    def queued(self) -> None:
        """Count it as the wait for a free place."""
        self.queue_ns += self._lap()

    def backed_off(self) -> None:
        """Count it as the wait before the next attempt because the last one failed."""
        lap = self._lap()
        self._backoff_ns += lap
        self.spent_ns += lap

    def rate_limited(self) -> None:
        """Count it as the wait for requests/min or tokens/min before the next attempt."""
        self._rate_limit_ns += self._lap()

    def attempted(self, answer: Answer) -> None:
        """Count it as an attempt, as long as the endpoint's own clock says, and the rest as own work.

        A recorded attempt took place elsewhere: it keeps its duration, and all time here is own work.
        """
        attempt, lap = answer.attempt, self._lap()
        duration = attempt.duration_ns
        if answer.recorded:
            self.own_ns += lap
        else:
            duration = min(duration, lap)
            self.own_ns += lap - duration
            self.spent_ns += duration
        if self._backoff_ns or self._rate_limit_ns or duration != attempt.duration_ns:
            attempt = msgspec.structs.replace(
                attempt, duration_ns=duration, backoff_ns=self._backoff_ns, rate_limit_ns=self._rate_limit_ns
            )
            self._backoff_ns = self._rate_limit_ns = 0
        self.attempts.append(attempt)

    def _lap(self) -> int:
        now = self._now_ns()
        lap = now - self._last
        self._last = now
        return lap
