"""A long run against an endpoint that misbehaves in one answer of twenty: nothing may grow, leak or get lost.

    python benchmarks/soak.py [--seconds 60] [--in-flight 200] [--json FILE]

By hand for half an hour (`--seconds 1800`), in CI for half a minute. The real command measures; beside it
memory, open files, threads and child processes are sampled once a second. At the end every trial has ended
once, as a reply or a named failure; memory and open files of the last third are those of the middle; the
endpoint has no connection left; no process outlives the run. Exit code 1 when one of these does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS / "servers"), str(TESTS / "specimens")]

from commanded import COMMAND, environment
from measured import write_project
from scripted import Answer, Request, ScriptedServer, chat_reply

FAULTY = 0.05
PER_SECOND = 220  # trials that end in a second of the soak, about: how many are planned
SLACK_MB = 200  # within which a process may still be growing up
GROWTH = 1.10  # of the last third against the middle third
_BOMB = gzip.compress(b"0" * 20_000_000, 1)
_GOOD = json.dumps(chat_reply("spam")).encode()

FAULTS: dict[str, Answer] = {
    "429": Answer(status=429, headers={"retry-after-ms": "20"}, body=b"{}"),
    "500": Answer(status=500, body=b"oops"),
    "503": Answer(status=503, headers={"retry-after": "0"}, body=b"{}"),
    "400": Answer.of_json({"error": {"message": "no"}}, status=400),
    "redirect": Answer(status=302, headers={"location": "http://127.0.0.1:9/"}),
    "error in a 200": Answer.of_json({"error": {"message": "overloaded"}}),
    "null choices": Answer.of_json({"choices": None}),
    "HTML": Answer(body=b"<html>sorry</html>"),
    "half a body": Answer(body=_GOOD[:30]),
    "cut": Answer(body=_GOOD[:30], length=len(_GOOD), cut=True),
    "closed": Answer(raw=b""),
    "a bomb": Answer(body=_BOMB, headers={"content-encoding": "gzip"}),
    "trickles": Answer(pieces=[b"{", *[0.3, b" "] * 30]),
    "too slow": Answer(body=_GOOD, delay_s=5.0),
    "no UTF-8": Answer(body=b'{"choices":"\xff"}'),
}


@dataclass
class Soaked:
    """What a soak has seen."""

    seconds: float = 0.0
    trials: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    memory_mb: tuple[float, float] = (0.0, 0.0)  # medians of the middle and the last third
    files: tuple[float, float] = (0.0, 0.0)
    threads: tuple[float, float] = (0.0, 0.0)
    connections_left: int = 0
    processes_left: int = 0
    exit_code: int = -1
    broken: tuple[str, ...] = ()


class _Counted(list[Request]):
    """Counts requests without keeping them."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def append(self, _: Request) -> None:
        self._count += 1

    def __len__(self) -> int:
        return self._count


def serve(pipe: Connection) -> None:
    """Answer until told to stop; then say what was served and how many connections are still open."""

    async def main() -> None:
        rng, faults = random.Random(1), Counter[str]()
        names = list(FAULTS)

        def script(_: Request) -> Answer:
            if rng.random() >= FAULTY:
                return Answer(body=_GOOD, headers={"content-type": "application/json"}, delay_s=0.1)
            name = rng.choice(names)
            faults[name] += 1
            return FAULTS[name]

        server = ScriptedServer(script)
        server.requests = _Counted()
        async with server:
            pipe.send(server.url)
            await asyncio.to_thread(pipe.recv)
            await asyncio.sleep(6)  # what is slow or trickles ends by itself
            pipe.send((len(server.requests), dict(faults), len(server._tasks)))

    asyncio.run(main())


@dataclass
class Watch:
    """Samples of a process and its children, once a second."""

    memory: list[float] = field(default_factory=list)
    files: list[float] = field(default_factory=list)
    threads: list[float] = field(default_factory=list)

    def sample(self, process: psutil.Process) -> None:
        """Take one sample; a process that has just ended gives none."""
        try:
            family = [process, *process.children(recursive=True)]
            self.memory.append(sum(p.memory_info().rss for p in family) / 1e6)
            self.files.append(sum(p.num_fds() for p in family))
            self.threads.append(sum(p.num_threads() for p in family))
        except psutil.Error:
            return

    @staticmethod
    def thirds(samples: list[float]) -> tuple[float, float]:
        """Give the medians of the middle and of the last third."""
        third = max(1, len(samples) // 3)
        middle, last = sorted(samples[third : 2 * third]), sorted(samples[2 * third : 3 * third])
        return (middle[len(middle) // 2], last[len(last) // 2]) if middle and last else (0.0, 0.0)


def soak(seconds: float, in_flight: int) -> Soaked:
    """Run the command against the endpoint and watch it."""
    here, there = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(there,), daemon=True)
    server.start()
    seen = Soaked()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        cases = max(500, int(seconds * PER_SECOND))
        limits = {"concurrency": in_flight, "attempts": 4}
        write_project(root, here.recv(), cases=cases, limits=limits, timeout="2 s", deadline="30 s")
        began, watch = time.monotonic(), Watch()
        process = subprocess.Popen(
            [*COMMAND, "run", "small.suite.yml", "--quiet"],
            cwd=root,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            watch.sample(watched)
            time.sleep(1)
        seen.seconds, seen.exit_code = time.monotonic() - began, process.returncode
        seen.processes_left = sum(_of_session(p, process.pid) for p in psutil.process_iter())
        here.send("stop")
        seen.requests, seen.faults, seen.connections_left = here.recv()
        (report,) = root.glob("results/*/report.json")
        said: dict[str, Any] = json.loads(report.read_bytes())
    seen.trials, seen.outcomes = said["planned_trials"], said["candidates"][0]["outcomes"]
    seen.memory_mb, seen.files, seen.threads = (
        Watch.thirds(watch.memory),
        Watch.thirds(watch.files),
        Watch.thirds(watch.threads),
    )
    seen.broken = tuple(_broken(seen, cases, in_flight, said))
    return seen


def _of_session(process: psutil.Process, leader: int) -> bool:
    try:
        return os.getsid(process.pid) == leader
    except OSError:
        return False


def _broken(seen: Soaked, cases: int, in_flight: int, said: dict[str, Any]) -> list[str]:
    """Name each promise that did not hold."""
    found = []
    if seen.exit_code not in {0, 1, 3}:
        found.append(f"the run ended with exit code {seen.exit_code}")
    if not said["journalled_trials"] == seen.trials == cases == sum(seen.outcomes.values()):
        found.append(f"{cases} trials were planned, {said['journalled_trials']} are in the journal")
    # An idle process has about 40 files open; how many connections are beside them is the pace's matter.
    for what, (middle, last), least in (
        ("memory", seen.memory_mb, SLACK_MB),
        ("open files", seen.files, in_flight + 64),
    ):
        if last > max(middle * GROWTH, least):
            found.append(f"{what} grew from {middle:,.0f} to {last:,.0f}")
    if seen.connections_left:
        found.append(f"{seen.connections_left} connections were left open")
    if seen.processes_left:
        found.append(f"{seen.processes_left} processes outlived the run")
    return found


def main() -> None:
    """Soak and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--in-flight", type=int, default=200)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    seen = soak(args.seconds, args.in_flight)
    faults = sum(seen.faults.values())
    print(
        f"{seen.trials:,} trials in {seen.seconds:,.0f} s, {args.in_flight} in flight; {seen.requests:,} "
        f"requests, {faults:,} of them faults of {len(seen.faults)} kinds ({faults / seen.requests:.1%})"
    )
    print(f"outcomes: {', '.join(f'{count:,} {name}' for name, count in seen.outcomes.items() if count)}")
    print(
        f"middle third -> last third: memory {seen.memory_mb[0]:.0f} -> {seen.memory_mb[1]:.0f} MB, "
        f"open files {seen.files[0]:.0f} -> {seen.files[1]:.0f}, "
        f"threads {seen.threads[0]:.0f} -> {seen.threads[1]:.0f}"
    )
    print("\n".join(f"BROKEN: {each}" for each in seen.broken) or "every promise held")
    if args.json:
        args.json.write_text(json.dumps(asdict(seen)))
    sys.exit(bool(seen.broken))


if __name__ == "__main__":
    main()
