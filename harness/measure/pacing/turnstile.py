"""The turnstile: at most so many trials in flight, adapted to what the endpoint bears.

When the limit grows, the new places open one after the other over the time that the last round took. Opened
at once, their calls would begin together, end together, and so on for ever: bursts that load the endpoint as
no production traffic does, and that make this process late.
"""

import asyncio
from collections import deque

START = 8
_CUT = 0.8
_TICK_S = 0.002
_LONGEST_RAMP_S = 2.0


class Turnstile:
    """Admits trials up to `limit`, in the order in which they came."""

    def __init__(self, most: int) -> None:
        self.asked = most
        self.most = most  # lower than asked while this machine can't keep up
        self.limit = min(most, START)
        self.open = self.limit  # places so far; below the limit while it ramps up
        self.admitted = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._slow_start = True
        self._full = False  # since the last change of the limit
        self._successes = 0
        self._cut_ns = -1
        self._changed_s: float | None = None
        self._ramp: asyncio.TimerHandle | None = None

    async def enter(self) -> None:
        """Take a place, or wait for one."""
        if self.at_once():
            return
        self._full = self._full or self.open >= self.limit
        loop = asyncio.get_running_loop()
        if self._changed_s is None:
            self._changed_s = loop.time()  # the turnstile is full for the first time: the first round begins
        place: asyncio.Future[None] = loop.create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()
            raise

    def at_once(self) -> bool:
        """Take a place if one is free and nobody waits."""
        if self.admitted >= self.open or self._waiting:
            return False
        self.admitted += 1
        self._full = self._full or self.admitted >= self.limit
        return True

    def leave(self) -> None:
        """Give the place back."""
        self.admitted -= 1
        if self._waiting:
            self._admit()

    def succeeded(self) -> bool:
        """Count a success; True when the limit grew."""
        self._successes += 1
        if self._successes < self.limit or not self._full or self.limit >= self.most:
            return False
        self._grow(self.limit * 2 if self._slow_start else self.limit + 1)
        return True

    def overloaded(self, sent_ns: int, now_ns: int) -> bool:
        """Cut the limit after a 429; False for a call that was sent before the last cut."""
        if sent_ns <= self._cut_ns:
            return False
        self._cut_ns = now_ns
        self._slow_start = False
        self._cut(int(self.limit * _CUT))
        return True

    def bound(self, most: int) -> bool:
        """Lower the most, because this machine can't keep up; False when the limit was lower already."""
        if most >= min(self.limit, self.most):
            return False
        self.most = max(1, most)
        self._slow_start = False
        self._cut(self.most)
        return True

    def cap(self, most: int) -> None:
        """Never admit more than this, before anything was admitted."""
        self.asked = self.most = most
        self.limit = self.open = min(most, self.limit)

    def share(self, asked: int) -> None:
        """Take another share of what may be in flight: less at once, more as all goes well."""
        kept_up = self.most >= self.asked
        self.asked = asked
        self.most = asked if kept_up else min(self.most, asked)
        if self.limit > self.most:
            self._cut(self.most)

    def relieve(self, most: int) -> bool:
        """Raise the most again, up to what was asked for; the limit grows to it call by call."""
        if self.most >= self.asked:
            return False
        self.most = min(self.asked, most)
        return True

    def _grow(self, limit: int) -> None:
        loop = asyncio.get_running_loop()
        now, last = loop.time(), self._changed_s
        took = min(_LONGEST_RAMP_S, now - last) if last is not None else 0.0
        self.limit = min(self.most, limit)
        self._begin_round(now)
        self._open_more(loop, max(1, round((self.limit - self.open) * _TICK_S / max(took, _TICK_S))))

    def _open_more(self, loop: asyncio.AbstractEventLoop, step: int) -> None:
        self.open = min(self.limit, self.open + step)
        self._admit()
        if self.open < self.limit:
            self._ramp = loop.call_later(_TICK_S, self._open_more, loop, step)

    def _cut(self, limit: int) -> None:
        self.limit = self.open = max(1, limit)
        self._begin_round(asyncio.get_running_loop().time())

    def _begin_round(self, now: float) -> None:
        if self._ramp is not None:
            self._ramp.cancel()
            self._ramp = None
        self._changed_s = now
        self._full = False
        self._successes = 0

    def _admit(self) -> None:
        while self._waiting and self.admitted < self.open:
            place = self._waiting.popleft()
            if not place.done():
                self.admitted += 1
                place.set_result(None)
