"""Whatever arrives when, the rate limiter keeps to its rate and the gate to its limit."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_clock import VirtualClock

from harness.measure.pacing.rate import RateLimiter
from harness.measure.pacing.turnstile import Turnstile

arrivals = st.lists(st.floats(0, 5), min_size=1, max_size=40)


def sent_at(clock: VirtualClock, limiter: RateLimiter, waits: list[float], tokens: int) -> list[int]:
    times: list[int] = []

    async def one(wait: float) -> None:
        await clock.sleep(wait)
        await limiter.wait(tokens)
        times.append(clock.now_ns())

    async def all_of_them() -> None:
        await asyncio.gather(*(one(wait) for wait in waits))

    clock.run(all_of_them())
    return sorted(times)


@settings(deadline=None, max_examples=60)
@given(arrivals, st.integers(30, 6000))
def test_no_window_sees_more_requests_than_its_share_of_the_minute(waits: list[float], rpm: int) -> None:
    clock = VirtualClock()
    times = sent_at(clock, RateLimiter(clock, rpm=rpm, tpm=None), waits, 1)
    assert len(times) == len(waits)
    for i, first in enumerate(times):
        for j in range(i, len(times)):
            window_s = (times[j] - first) / 1e9
            assert j - i <= (window_s + 0.05) * rpm / 60 + 1  # at most 50 ms of lateness are caught up


@settings(deadline=None, max_examples=40)
@given(arrivals, st.integers(600, 60_000), st.integers(1, 500))
def test_no_window_sees_more_tokens_than_its_share_of_the_minute(waits: list[float], tpm: int, tokens: int) -> None:
    clock = VirtualClock()
    times = sent_at(clock, RateLimiter(clock, rpm=None, tpm=tpm), waits, tokens)
    for i, first in enumerate(times):
        for j in range(i, len(times)):
            window_s = (times[j] - first) / 1e9
            assert (j - i) * tokens <= (window_s + 0.05) * tpm / 60 + tokens + 1


STEPS = ["enter", "leave", "success", "overload", "cancel", "bound", "relieve"]
steps = st.lists(st.sampled_from(STEPS), max_size=120)


@settings(deadline=None)
@given(st.integers(1, 40), steps)
def test_the_gate_admits_no_more_than_its_limit_and_strands_nobody(most: int, script: list[str]) -> None:
    async def play() -> None:
        gate = Turnstile(most)
        inside: list[asyncio.Task[None]] = []
        waiting: list[asyncio.Task[None]] = []
        for clock, step in enumerate(script):
            match step:
                case "enter":
                    waiting.append(asyncio.create_task(gate.enter()))
                case "leave" if inside:
                    inside.pop()
                    gate.leave()
                case "success":
                    gate.succeeded()
                case "overload":
                    gate.overloaded(clock, clock)
                case "cancel" if waiting:
                    waiting.pop().cancel()
                case "relieve":
                    gate.relieve(gate.most + 2)
                case "bound":
                    gate.bound(gate.limit - 1)
            before = gate.open
            for _ in range(3):
                await asyncio.sleep(0)
            inside += [task for task in waiting if task.done() and not task.cancelled()]
            waiting = [task for task in waiting if not task.done()]
            assert 1 <= gate.open <= gate.limit <= most
            assert gate.admitted == len(inside)
            if waiting:
                assert len(inside) >= before  # nobody waits while there is a place
        while inside:
            inside.pop()
            gate.leave()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            inside += [task for task in waiting if task.done() and not task.cancelled()]
            waiting = [task for task in waiting if not task.done()]
        assert not waiting

    asyncio.run(play())
