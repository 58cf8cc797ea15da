"""Trials per second of the whole path against an endpoint that answers at once, beside a bare client loop.

    python benchmarks/throughput.py [--trials 20000] [--rounds 3] [--openai]

The whole path is plan, pacing, sandboxed rendering, encoding, wire, decoding, checksum and journal. The bare
loop sends the same bytes with pyreqwest, reads the body, and does nothing else. Best of each over the rounds.

CPU is that of all processes and threads of the client side, over the calls: what others compute meanwhile hardly
changes its ratio to the bare loop's of the same round, of which the middle one counts.
"""

from __future__ import annotations

import argparse
import asyncio
import compileall
import json
import os
import resource
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

from generated_project import load_note, write_project
from native_server import Native, native_server

import harness
from harness.files.bundle import load_bundle
from harness.journal import read_events
from harness.measure.run import measure
from harness.record import Record, Reply
from harness.rundir import JOURNAL

IN_FLIGHT = 64
_ROWS = ("bare pyreqwest loop", "1 process", "2 processes", "1 process, middle", "2 processes, middle")
_BODY = {"model": "m-1", "messages": [{"role": "user", "content": "Is this spam? message no. 1"}]}


def cpu_s() -> float:
    """Give the CPU seconds of this process, and of those that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def whole_path(server: Native, trials: int, processes: int) -> tuple[float, float, float]:
    """Give the trials per second of a new run, from its call to its last fsync, and of its middle; its CPU seconds.

    The middle (20% to 80% of the trials, by their start) leaves out the start of processes and the ramp.
    """
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        bundle = load_bundle(write_project(root, server.instant, cases=trials, concurrency=IN_FLIGHT))
        began, cpu = time.perf_counter(), cpu_s()
        run = measure(bundle, root / "results", processes=processes)
        took, cpu = time.perf_counter() - began, cpu_s() - cpu
        records = [event for event in read_events(run / JOURNAL) if isinstance(event, Record)]
        replies = sum(isinstance(r.outcome, Reply) and not r.warmup for r in records)
        if replies != trials:
            raise SystemExit(f"{trials - replies} trials have no reply")
        starts = sorted(datetime.fromisoformat(r.started_utc) for r in records)
        first, last = len(starts) // 5, len(starts) * 4 // 5
        return trials / took, (last - first) / (starts[last] - starts[first]).total_seconds(), cpu


async def bare_loop(server: Native, calls: int) -> float:
    """Give the calls per second of a loop over pyreqwest."""
    from pyreqwest.client import ClientBuilder

    url, body = f"{server.instant}/v1/chat/completions", json.dumps(_BODY).encode()
    left = iter(range(calls))
    builder = ClientBuilder().no_proxy().default_headers({"content-type": "application/json"})
    async with builder.build() as client:

        async def worker() -> None:
            for _ in left:
                response = await client.post(url).body_bytes(body).build().send()
                await response.bytes()

        began = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
        return calls / (time.perf_counter() - began)


def bare_alone(server: Native, calls: int) -> tuple[float, float]:
    """Run the bare loop in a process of its own, for what ran here before leaves the collector much to look at.

    Gives its calls per second and its CPU seconds.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        return alone.submit(_bare, server, calls).result()


def _bare(server: Native, calls: int) -> tuple[float, float]:
    used = cpu_s()
    return asyncio.run(bare_loop(server, calls)), cpu_s() - used


async def openai_loop(server: Native, calls: int) -> float:
    """Give the calls per second of the official client."""
    from openai import AsyncOpenAI

    left = iter(range(calls))
    async with AsyncOpenAI(base_url=f"{server.instant}/v1", api_key="none", max_retries=0) as client:

        async def worker() -> None:
            for _ in left:
                await client.chat.completions.create(**_BODY)  # type: ignore[call-overload]

        began = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
        return calls / (time.perf_counter() - began)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--openai", action="store_true")
    args = parser.parse_args()
    rows: dict[str, list[float]] = {name: [] for name in _ROWS}
    cpu: dict[str, list[float]] = {name: [] for name in _ROWS[:3]}
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    compileall.compile_dir(Path(harness.__file__).parent, quiet=1)  # as an installed package is, which processes load
    print(load_note())
    with native_server() as server:
        for _ in range(args.rounds):
            rate, used = bare_alone(server, args.trials)
            rows["bare pyreqwest loop"].append(rate)
            cpu["bare pyreqwest loop"].append(used)
            for processes, name in enumerate(_ROWS[1:3], 1):
                whole, middle, used = whole_path(server, args.trials, processes)
                rows[name].append(whole)
                rows[f"{name}, middle"].append(middle)
                cpu[name].append(used)
        if args.openai:
            rows["openai client"] = [asyncio.run(openai_loop(server, args.trials // 10))]
    bare, one = max(rows["bare pyreqwest loop"]), max(rows["1 process"])
    for name, rates in rows.items():
        every = " ".join(f"{rate:,.0f}" for rate in rates)
        best = max(rates)
        print(f"{name:<20} {best:>7,.0f}/s  {best / bare:.2f} of bare  {best / one:.2f} of one  ({every})")
    for name, used in cpu.items():
        ratios = [each / bare for each, bare in zip(used, cpu["bare pyreqwest loop"], strict=True)]
        each_us = statistics.median(used) / args.trials * 1e6
        every = " ".join(f"{ratio:.2f}" for ratio in ratios)
        print(
            f"{name:<20} {each_us:>5.0f} us CPU a call, {statistics.median(ratios):.2f} times the bare loop's ({every})"
        )
    print(load_note())


if __name__ == "__main__":
    main()
