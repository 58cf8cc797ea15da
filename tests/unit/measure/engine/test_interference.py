"""The harness notices when it is the one that is late."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from pathlib import Path

from harness.measure.engine.interference import (
    LagSampler,
    Load,
    count_lag,
    lag_quantile,
    others_cpu_s,
    rare_collections,
    summed,
)


def test_quantiles_of_counted_lags_are_order_statistics() -> None:
    lags = {0: 90, 10: 9, 400: 1}  # grains of 0.05 ms
    assert lag_quantile(lags, 0.5) == 0
    assert lag_quantile(lags, 0.9) == 0
    assert lag_quantile(lags, 0.91) == 500_000
    assert lag_quantile(lags, 0.99) == 500_000
    assert lag_quantile(lags, 1.0) == 20_000_000
    assert lag_quantile({}, 0.5) == 0


def test_a_loop_that_stood_still_counts_the_samples_that_were_due_meanwhile() -> None:
    lags = {0: 900}  # nine good seconds
    count_lag(lags, 3_000_000_000)
    assert sum(lags.values()) == 900 + 301
    assert lags[0] == 901
    assert lag_quantile(lags, 0.5) == 0
    assert 2_870_000_000 <= lag_quantile(lags, 0.99) <= 2_890_000_000
    count_lag(lags, 12_000_000)  # one more was due after 10 ms, 2 ms late
    assert sum(lags.values()) == 900 + 303
    assert (lags[240], lags[40]) == (1, 1)
    count_lag(lags, 3_600_000_000_000)
    assert sum(lags.values()) < 12_000


def test_a_blocked_loop_shows_as_lag_and_a_bad_window_is_told() -> None:
    told: list[float] = []

    async def block() -> Load:
        sampler = LagSampler(told.append, lambda: None, bound_ns=10_000_000)
        sampler.start()
        until = time.monotonic() + 60
        while not (told and sampler.load.interference().samples >= 5) and time.monotonic() < until:
            time.sleep(0.03)  # noqa: ASYNC251 (blocking is the point)
            await asyncio.sleep(0)
        return await sampler.stop()

    load = asyncio.run(block())
    assert told
    assert told[0] >= 10
    seen = load.interference()
    assert seen.lag_p99_ns >= 15_000_000
    assert seen.samples >= 5


def test_a_window_without_lag_is_told_as_good() -> None:
    bad: list[float] = []

    async def idle() -> bool:
        good = asyncio.Event()
        sampler = LagSampler(bad.append, good.set, bound_ns=60_000_000_000)
        sampler.start()
        await asyncio.wait_for(good.wait(), 60)
        await sampler.stop()
        return good.is_set()

    assert asyncio.run(idle())
    assert bad == []


def test_loads_of_processes_add_up() -> None:
    total = summed(
        [
            Load(lags={0: 3}, cpu_s=1.0, wall_s=2.0, max_in_flight=4),
            Load(lags={0: 1, 7: 1}, cpu_s=2.0, wall_s=2.0, max_in_flight=5, gc_pauses=1),
        ]
    )
    assert total.lags == {0: 4, 7: 1}
    seen = total.interference(2)
    assert seen.cpu_share == 0.75
    assert (seen.max_in_flight, seen.gc_pauses, seen.processes, seen.samples) == (9, 1, 2, 5)


def test_the_collector_is_as_before_after_the_hot_path() -> None:
    before, callbacks = gc.get_threshold(), list(gc.callbacks)
    frozen = gc.get_freeze_count()
    with rare_collections(Load()):
        assert gc.get_threshold() != before
        assert gc.get_freeze_count() > frozen
    assert gc.get_threshold() == before
    assert gc.callbacks == callbacks


def test_what_other_programs_took_is_all_less_this_one_its_children_and_theirs(tmp_path: Path) -> None:
    tick = os.sysconf("SC_CLK_TCK")
    # user, nice, system, idle, iowait, irq, softirq, steal, guest (which is in user)
    spent = [50 * tick, 1 * tick, 10 * tick, 900 * tick, 30 * tick, 1 * tick, 2 * tick, 6 * tick, 4 * tick]
    (tmp_path / "stat").write_text(f"cpu  {' '.join(map(str, spent))} 0\ncpu0 1 2 3\n")
    # pid: parent, its own user and system seconds, those of children that ended
    for pid, parent, seconds in [
        (1, 0, (9, 9, 9, 9)),
        (7, 1, (4, 1, 2, 1)),
        (8, 7, (10, 2, 0, 0)),
        (9, 8, (5, 0, 0, 0)),
    ]:
        (tmp_path / str(pid)).mkdir()
        used = " ".join(str(each * tick) for each in seconds)
        text = f"{pid} (a name) with) S {parent} 1 1 0 -1 4194560 100 0 0 0 {used} 20 0 1 0 0\n"
        (tmp_path / str(pid) / "stat").write_text(text)
    (tmp_path / "11").mkdir()  # ended while it was looked at
    assert others_cpu_s(tmp_path, of=7) == 50 + 1 + 10 + 1 + 2 + 6 - (8 + 12 + 5)


def test_where_the_system_does_not_tell_nothing_is_claimed(tmp_path: Path) -> None:
    assert others_cpu_s(tmp_path / "none", of=7) is None
    assert Load(wall_s=1.0).interference().others_share is None
    assert Load(wall_s=1.0, others_s=0.1).interference(processes=2).others_share is None
    cores = os.cpu_count() or 1
    assert Load(wall_s=10.0, others_s=5.0 * cores).interference().others_share == 0.5
