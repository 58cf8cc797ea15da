"""Reported latency against the true 200 ms, by calls in flight; the official client beside it at 256.

    python benchmarks/latency.py [--in-flight 1 16 64 256 1000] [--rounds 2]

Steady state: the first calls, with which concurrency grows to its limit, are left out. The server's own log
says how long each call truly took there. Per level the round with the lowest p95 is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from generated_project import PROMPT, load_note, write_project
from native_server import DELAY_S, Native, latencies_ms, native_server, quantile

from harness.files.bundle import load_bundle
from harness.journal import read_events
from harness.measure.run import measure
from harness.record import Interference, Pace
from harness.rundir import JOURNAL

TRUE_MS = DELAY_S * 1e3
_BOUNDS = (0.025, 0.10)
_BOUNDS_AT_1000 = (0.10, 0.10)


@dataclass(frozen=True)
class Level:
    """What was reported at one number of calls in flight."""

    p50: float
    p95: float
    server_p95: float
    said: str
    lowered: bool = False

    def line(self, name: str, bounds: tuple[float, float]) -> str:
        """Give a row: figures, their distance from the truth, and whether it is within bounds."""
        off = (self.p50 / TRUE_MS - 1, self.p95 / TRUE_MS - 1)
        held = all(abs(o) <= b for o, b in zip(off, bounds, strict=True))
        verdict = "within" if held else "LOWERED AND SAID" if self.lowered else "OFF"
        return (
            f"{name:<14} p50 {self.p50:7.1f} ms ({off[0]:+.1%})  p95 {self.p95:7.1f} ms ({off[1]:+.1%})"
            f"  server's p95 {self.server_p95:.0f} ms  {verdict}  {self.said}"
        )


def reported(server: Native, in_flight: int) -> Level:
    """Run the harness with so many calls in flight and read what it reports."""
    growing = in_flight * 8 if in_flight > 8 else 8
    cases = growing + min(4000, max(30, in_flight * 8))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        bundle = load_bundle(write_project(root, server.slow, cases=cases, concurrency=in_flight))
        run = measure(bundle, root / "results")
        latencies = latencies_ms(run, skip=growing)
        events = list(read_events(run / JOURNAL))
    load = next(event for event in events if isinstance(event, Interference))
    lowered = [e.why for e in events if isinstance(e, Pace) and "saturated" in e.why]
    lag_ms = load.lag_p99_ns / 1e6
    said = f"reached {load.max_in_flight}, processes {load.processes}, loop lag p99 {lag_ms:.1f} ms"
    if lowered:
        said += f', lowered {len(lowered)}x, last: "{lowered[-1]}"'
    took = server.took_ms()[growing:]
    return Level(
        p50=quantile(latencies, 0.5),
        p95=quantile(latencies, 0.95),
        server_p95=quantile(took, 0.95),
        said=said,
        lowered=bool(lowered),
    )


async def openai_client(server: Native, in_flight: int) -> Level:
    """Time the official client's calls as its user would, concurrency held by as many workers."""
    from openai import AsyncOpenAI

    latencies: list[float] = []
    left = iter(range(in_flight * 6))
    async with AsyncOpenAI(base_url=f"{server.slow}/v1", api_key="none", max_retries=0) as client:

        async def worker() -> None:
            for n in left:
                text = PROMPT.replace("{{ message }}", f"message no. {n}")
                began = time.perf_counter()
                await client.chat.completions.create(model="m-1", messages=[{"role": "user", "content": text}])
                latencies.append((time.perf_counter() - began) * 1e3)

        await asyncio.gather(*(worker() for _ in range(in_flight)))
    warm = latencies[in_flight:]
    return Level(
        p50=quantile(warm, 0.5),
        p95=quantile(warm, 0.95),
        server_p95=quantile(server.took_ms()[in_flight:], 0.95),
        said="first call of each worker left out",
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 16, 64, 256, 1000])
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    print(f"true: {TRUE_MS:.0f} ms; {load_note()}")
    with native_server() as server:
        for level in args.in_flight:
            rounds = [reported(server, level) for _ in range(args.rounds)]
            best = min(rounds, key=lambda each: each.p95)
            bounds = _BOUNDS if level <= 256 else _BOUNDS_AT_1000
            print(best.line(f"{level:>5}", bounds), f"[{load_note()}]", flush=True)
        openai = asyncio.run(openai_client(server, 256))
        print(openai.line("  256 openai", _BOUNDS), f"[{load_note()}]")


if __name__ == "__main__":
    main()
