"""The harness's own load: event-loop lag, CPU share, garbage collections. What it could add to latencies."""

import asyncio
import contextlib
import gc
import math
import os
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from harness.record import Interference

SAMPLE_EVERY_S = 0.010
_WINDOW_NS = 500_000_000
_GRAIN_NS = 50_000  # lags are counted in steps of 0.05 ms, so that memory does not grow with time
_MOST_MISSED = 10_000  # samples counted for one time of standing still: a night of it need not all be counted
_PAUSE_NS = 1_000_000  # a garbage collection longer than this is a pause


class Load(msgspec.Struct, kw_only=True):
    """What one process adds to the interference of a session; sums over processes."""

    lags: dict[int, int] = {}  # lag in grains -> samples
    cpu_s: float = 0.0
    wall_s: float = 0.0
    others_s: float | None = None  # CPU seconds of this machine that other programs took; None where not known
    gc_pauses: int = 0
    max_in_flight: int = 0

    def interference(self, processes: int = 1, *, node: str = "", clock_ns: int = 0) -> Interference:
        """Sum up as the journal keeps it."""
        return Interference(
            lag_p50_ns=lag_quantile(self.lags, 0.50),
            lag_p99_ns=lag_quantile(self.lags, 0.99),
            lag_max_ns=max(self.lags, default=0) * _GRAIN_NS,
            cpu_share=self.cpu_s / self.wall_s if self.wall_s > 0 else 0.0,
            others_share=None
            if self.others_s is None or processes > 1 or self.wall_s <= 0  # one of several takes the others for such
            else min(1.0, self.others_s / self.wall_s / (os.cpu_count() or 1)),
            samples=sum(self.lags.values()),
            processes=processes,
            max_in_flight=self.max_in_flight,
            gc_pauses=self.gc_pauses,
            node=node,
            clock_ns=clock_ns,
        )


def summed(loads: list[Load]) -> Load:
    """Put the processes of a session together: every sample counts, CPU and wall seconds add up."""
    lags: Counter[int] = Counter()
    for load in loads:
        lags.update(load.lags)
    return Load(
        lags=dict(lags),
        cpu_s=sum(load.cpu_s for load in loads),
        wall_s=sum(load.wall_s for load in loads),
        gc_pauses=sum(load.gc_pauses for load in loads),
        others_s=loads[0].others_s if len(loads) == 1 else None,
        max_in_flight=sum(load.max_in_flight for load in loads),
    )


def lag_quantile(lags: dict[int, int], share: float) -> int:
    """Nanoseconds of the inverted-CDF quantile of counted lags; 0 when there is none."""
    rank = math.ceil(share * sum(lags.values()))
    for grain in sorted(lags):
        rank -= lags[grain]
        if rank <= 0:
            return grain * _GRAIN_NS
    return 0


def count_lag(lags: dict[int, int], lag_ns: int) -> None:
    """Count a lag, and those of the samples that were due while the loop stood still and could not be taken.

    Without them three seconds of standing still weigh as much as one good sample of 10 ms, though they are in
    every call that was in flight (G. Tene on coordinated omission, "How not to measure latency").
    """
    every = round(SAMPLE_EVERY_S * 1e9)
    for late in range(lag_ns, max(-1, lag_ns - _MOST_MISSED * every), -every):
        grain = late // _GRAIN_NS
        lags[grain] = lags.get(grain, 0) + 1


@dataclass(slots=True)
class LagSampler:
    """Sleeps 10 ms again and again and counts how late it wakes; tells when a window was bad."""

    on_bad_window: Callable[[float], None]  # milliseconds
    on_good_window: Callable[[], None]
    bound_ns: int
    load: Load = field(default_factory=Load)
    _task: asyncio.Task[None] | None = None
    _began: tuple[float, float, float | None] = (0.0, 0.0, None)

    def start(self) -> None:
        """Begin to sample on the running loop."""
        self._began = (time.perf_counter(), cpu_s(), others_cpu_s())
        self._task = asyncio.get_running_loop().create_task(self._sample(), name="lag-sampler")

    async def stop(self) -> Load:
        """End, and give the load since the start."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])
        wall, cpu, others = self._began
        self.load.wall_s = time.perf_counter() - wall
        self.load.cpu_s = cpu_s() - cpu
        now = others_cpu_s()
        self.load.others_s = None if now is None or others is None else max(0.0, now - others)
        return self.load

    async def _sample(self) -> None:
        loop, lags = asyncio.get_running_loop(), self.load.lags
        window: list[int] = []
        window_ends = time.perf_counter_ns() + _WINDOW_NS
        while True:
            due = time.perf_counter_ns() + round(SAMPLE_EVERY_S * 1e9)
            wake: asyncio.Future[None] = loop.create_future()
            loop.call_later(SAMPLE_EVERY_S, _finish, wake)
            await wake
            now = time.perf_counter_ns()
            lag = max(0, now - due)
            count_lag(lags, lag)
            window.append(lag)
            if now >= window_ends:
                late = sorted(window)[math.ceil(0.95 * len(window)) - 1]
                if late > self.bound_ns:
                    self.on_bad_window(late / 1e6)
                else:
                    self.on_good_window()
                window.clear()
                window_ends = now + _WINDOW_NS


def _finish(wake: asyncio.Future[None]) -> None:
    if not wake.done():
        wake.set_result(None)


def cpu_s() -> float:
    """CPU seconds of this process, all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def others_cpu_s(proc: Path = Path("/proc"), *, of: int | None = None) -> float | None:
    """CPU seconds that the machine spent on other programs than process `of` (this one) and its children.

    None but on Linux. Taken from /proc (proc(5)): what all cores did since the start, less what the process, its
    children that live and those that ended have used. Time that a hypervisor gave to other machines counts as spent.
    """
    try:
        spent = (proc / "stat").read_text().partition("\n")[0].split()
        _, user, nice, system, _idle, _wait, irq, softirq, stolen, *_ = spent
        parents: dict[int, int] = {}
        ticks: dict[int, int] = {}
        for each in proc.iterdir():
            if each.name.isdigit():
                with contextlib.suppress(OSError):  # it has just ended
                    fields = (each / "stat").read_text(errors="replace").rpartition(") ")[2].split()
                    parents[int(each.name)] = int(fields[1])
                    ticks[int(each.name)] = sum(map(int, fields[11:15]))
        tick = os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None
    ours, left = 0, [of or os.getpid()]
    while left:
        one = left.pop()
        ours += ticks.get(one, 0)
        left += [child for child, parent in parents.items() if parent == one]
    return (sum(map(int, (user, nice, system, irq, softirq, stolen))) - ours) / tick


@contextmanager
def rare_collections(load: Load) -> Iterator[None]:
    """Keep the garbage collector out of the hot path: what lives now is not looked at, passes are rare."""
    began = 0

    def watch(phase: str, info: dict[str, int]) -> None:  # noqa: ARG001 (gc's signature)
        nonlocal began
        if phase == "start":
            began = time.perf_counter_ns()
        elif time.perf_counter_ns() - began > _PAUSE_NS:
            load.gc_pauses += 1

    thresholds = gc.get_threshold()
    gc.collect(1)  # not what is old: 20,000 cases alone take 50 ms to look at
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    gc.callbacks.append(watch)
    try:
        yield
    finally:
        gc.callbacks.remove(watch)
        gc.set_threshold(*thresholds)
        gc.unfreeze()
