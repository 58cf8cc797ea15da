"""A clock that jumps to the next sleeper's time as soon as nothing else can run."""

from __future__ import annotations

import asyncio
import heapq
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop without a network whose own time jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._selector: selectors.BaseSelector
        self._wait, self._selector.select = self._selector.select, self._jump  # type: ignore[method-assign]

    def time(self) -> float:
        return self._now

    def _jump(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._now += timeout or 0.0
        return self._wait(0)


class VirtualClock:
    """Satisfies harness.measure.timeline.Clock; `run` drives a coroutine on it."""

    def __init__(self) -> None:
        self.ns = 1_000_000_000
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def now_ns(self) -> int:
        return self.ns

    def utc(self) -> str:
        return "2026-01-01T00:00:00.000000+00:00"

    async def sleep(self, seconds: float) -> None:
        self._count += 1
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.ns + max(1, round(seconds * 1e9)), self._count, wake))
        await wake

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(self._drive(work))

    async def _drive(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        while not task.done():
            for _ in range(50):  # let everything that can run do so
                await asyncio.sleep(0)
            if not task.done() and self._sleepers:
                due, _, wake = heapq.heappop(self._sleepers)
                self.ns = max(self.ns, due)  # work may have taken the clock further
                if not wake.done():
                    wake.set_result(None)
        return task.result()
