"""The gate: at most so many trials in flight, adapted to what the endpoint bears."""

from __future__ import annotations

import asyncio
from collections import deque

START = 8
_CUT = 0.8


class Gate:
    """Admits trials up to `limit`, in the order in which they came."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = min(most, START)
        self.admitted = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._slow_start = True
        self._full = False  # since the last change of the limit
        self._successes = 0
        self._cut_ns = -1

    async def enter(self) -> None:
        """Take a place, or wait for one."""
        if self.admitted < self.limit and not self._waiting:
            self.admitted += 1
            self._full = self._full or self.admitted >= self.limit
            return
        self._full = True
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Give the place back."""
        self.admitted -= 1
        self._admit()

    def succeeded(self) -> bool:
        """Count a success; True when the limit grew."""
        self._successes += 1
        if self._successes < self.limit or not self._full or self.limit >= self.most:
            return False
        self._set(self.limit * 2 if self._slow_start else self.limit + 1)
        return True

    def overloaded(self, sent_ns: int, now_ns: int) -> bool:
        """Cut the limit after a 429; False for a call that was sent before the last cut."""
        if sent_ns <= self._cut_ns:
            return False
        self._cut_ns = now_ns
        self._slow_start = False
        self._set(int(self.limit * _CUT))
        return True

    def bound(self, most: int) -> bool:
        """Lower the limit for good, because this machine can't keep up; False when it was lower already."""
        if most >= min(self.limit, self.most):
            return False
        self.most = max(1, most)
        self._slow_start = False
        self._set(self.most)
        return True

    def _set(self, limit: int) -> None:
        self.limit = max(1, min(self.most, limit))
        self._full = False
        self._successes = 0
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self.admitted < self.limit:
            place = self._waiting.popleft()
            if not place.done():
                self.admitted += 1
                place.set_result(None)
