"""Trials per second of the whole path against an endpoint that answers at once, beside a bare client loop.

    python benchmarks/throughput.py [--trials 20000] [--rounds 3] [--openai]

The whole path is plan, pacing, sandboxed rendering, encoding, wire, decoding, checksum and journal. The bare
loop sends the same bytes with pyreqwest, reads the body, and does nothing else. Best of each over the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from datetime import datetime
from pathlib import Path

from generated_project import load_note, write_project
from native_server import Native, native_server

from harness.files.bundle import load_bundle
from harness.journal import read_events
from harness.measure.run import measure
from harness.record import Record, Reply
from harness.rundir import JOURNAL

IN_FLIGHT = 64
_ROWS = ("bare pyreqwest loop", "1 process", "2 processes", "1 process, middle", "2 processes, middle")
_BODY = {"model": "m-1", "messages": [{"role": "user", "content": "Is this spam? message no. 1"}]}


def whole_path(server: Native, trials: int, processes: int) -> tuple[float, float]:
    """Give the trials per second of a new run, from its call to its last fsync, and of its middle.

    The middle (20% to 80% of the trials, by their start) leaves out the start of processes and the ramp.
    """
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        bundle = load_bundle(write_project(root, server.instant, cases=trials, concurrency=IN_FLIGHT))
        began = time.perf_counter()
        run = measure(bundle, root / "results", processes=processes)
        took = time.perf_counter() - began
        records = [event for event in read_events(run / JOURNAL) if isinstance(event, Record)]
        replies = sum(isinstance(r.outcome, Reply) and not r.warmup for r in records)
        if replies != trials:
            raise SystemExit(f"{trials - replies} trials have no reply")
        starts = sorted(datetime.fromisoformat(r.started_utc) for r in records)
        first, last = len(starts) // 5, len(starts) * 4 // 5
        return trials / took, (last - first) / (starts[last] - starts[first]).total_seconds()


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
    print(load_note())
    with native_server() as server:
        for _ in range(args.rounds):
            rows["bare pyreqwest loop"].append(asyncio.run(bare_loop(server, args.trials)))
            for processes, name in enumerate(_ROWS[1:3], 1):
                whole, middle = whole_path(server, args.trials, processes)
                rows[name].append(whole)
                rows[f"{name}, middle"].append(middle)
        if args.openai:
            rows["openai client"] = [asyncio.run(openai_loop(server, args.trials // 10))]
    bare, one = max(rows["bare pyreqwest loop"]), max(rows["1 process"])
    for name, rates in rows.items():
        every = " ".join(f"{rate:,.0f}" for rate in rates)
        best = max(rates)
        print(f"{name:<20} {best:>7,.0f}/s  {best / bare:.2f} of bare  {best / one:.2f} of one  ({every})")
    print(load_note())


if __name__ == "__main__":
    main()
