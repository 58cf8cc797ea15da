"""Trials a second of one process, of several, and of a Ray cluster on this machine; and what one driver can journal.

    python benchmarks/scaling.py [--trials 20000] [--actors 1 2 3] [--in-flight 64 256] [--quota 600]

All measure against an endpoint that answers at once, with so many calls in flight that all share, then replay answers
from memory. At last three actors share a
quota of 600 a minute, and one is killed: what counts is what comes in at the endpoint. The middle of a run (20% to 80%
of its trials) leaves out starts and ramps. What a trial more takes is the difference of a run and of one three times
as long, by the CPU of all processes but the endpoint's, Ray's own too; what is left is taken once, by the start of a
run (that of the cluster comes before it). A busy machine changes it least. A driver's ceiling is trials a second of
its own CPU: beyond it, more nodes bring nothing. The cluster's nodes are processes of this machine
(ray.cluster_utils), bound to 127.0.0.1, and share its cores with the endpoint: rates of several nodes here are no
rates of several machines; the CPU a trial takes is.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import psutil
from generated_project import load_note, write_project
from native_server import native_server
from scripted import Answer, Request, chat_reply
from threaded import serving

from harness.files.bundle import Bundle, load_bundle
from harness.journal import read_events
from harness.measure.run import measure
from harness.record import Interference, Record
from harness.rundir import JOURNAL

IN_MEMORY = 1024  # in flight: a driver's calls are dear, it is the trials in each that make it fast
REPEATS = 20  # of what is replayed, so that beginning a run weighs little
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "disabled"}


@contextmanager
def cluster(nodes: int) -> Iterator[None]:
    """Start a cluster of this machine, and be connected to it."""
    os.environ.update(_QUIET)
    import ray
    from ray.cluster_utils import Cluster

    folder = tempfile.mkdtemp(prefix="h")
    node = {"node_ip_address": "127.0.0.1", "include_dashboard": False, "num_cpus": 1, "temp_dir": folder}
    started = Cluster(initialize_head=True, head_node_args=node)
    try:
        for _ in range(nodes - 1):
            started.add_node(**node)
        ray.init(address=started.address, log_to_driver=False, logging_level="ERROR")
        yield
    finally:
        ray.shutdown()
        started.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


class Ledger:
    """CPU seconds of this process, of its children that ended, and of Ray's processes, as they were last seen."""

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}

    def total(self) -> float:
        """Look, and give the sum."""
        for each in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                if each.name() != "nginx":
                    self._seen[each.pid] = sum(each.cpu_times()[:2])
        return sum(os.times()[:4]) + sum(self._seen.values())

    def sees_actors_end(self) -> None:
        """Look before an actor is killed."""
        import ray

        kill = ray.kill

        def seen(actor: object) -> None:
            self.total()
            kill(actor)

        ray.kill = seen


class Row(NamedTuple):
    """What one run took."""

    trials: int
    spent: float  # CPU seconds of all processes
    middle: float  # trials a second by the clock
    own: float  # trials a CPU second of those that measure


def more(name: str, few: Row, many: Row) -> float:
    """Print what a trial more takes, and give it in seconds."""
    each = (many.spent - few.spent) / (many.trials - few.trials)
    once = few.spent - few.trials * each
    print(f"{name:<30} {each * 1e6:>7,.0f} us CPU for a trial more, all processes; {once:.1f} s once")
    return each


def row(name: str, bundle: Bundle, trials: int, processes: int, ledger: Ledger) -> Row:
    """Measure once, and print rates by the clock and by the CPU that they take."""
    before = ledger.total()
    with tempfile.TemporaryDirectory() as results:
        cpu = time.process_time()
        run = measure(bundle, Path(results), processes=processes)
        used, spent = time.process_time() - cpu, ledger.total() - before
        events = list(read_events(run / JOURNAL))
    starts = sorted(datetime.fromisoformat(each.started_utc) for each in events if isinstance(each, Record))
    load = next(each for each in events if isinstance(each, Interference))
    if len(starts) < trials:
        raise SystemExit(f"{name}: {trials - len(starts)} trials have no record")
    first, last = len(starts) // 5, len(starts) * 4 // 5
    middle = (last - first) / (starts[last] - starts[first]).total_seconds()
    each_s = middle / (load.cpu_share * load.processes)
    print(f"{name:<30} {middle:>7,.0f}/s  measuring {each_s:>7,.0f}, writing {trials / used:>7,.0f} a CPU second")
    return Row(trials, spent, middle, each_s)


def replayed(root: Path, cases: int) -> Path:
    """Write a project whose endpoint is a file of replies."""
    suite = write_project(root, "http://127.0.0.1:9", cases=cases, repeats=REPEATS, concurrency=IN_MEMORY)
    entry = {"endpoint": "replay", "replies": "replies.jsonl", "limits": {"concurrency": IN_MEMORY}}
    (root / "harness.yml").write_text(json.dumps({"models": {"m": entry}}))
    lines = (json.dumps({"case": str(n), "reply": "spam"}) + "\n" for n in range(cases))
    (root / "replies.jsonl").write_text("".join(lines))
    return suite


def quota(actors: int, trials: int) -> None:
    """Print what comes in of a quota of 600 a minute that so many share, before one of them is killed and after."""
    came: list[float] = []

    def answer(_: Request) -> Answer:
        came.append(time.monotonic())
        return Answer.of_json(chat_reply("spam"), delay_s=0.05)

    def kill_one() -> None:
        while len(came) < trials // 2:
            time.sleep(0.01)
        family = psutil.Process().children(recursive=True)
        next(each for each in family if "ray::Measurer" in " ".join(each.cmdline())).kill()

    with serving(answer) as server, tempfile.TemporaryDirectory() as folder:
        suite = write_project(Path(folder), server.url, cases=trials, concurrency=30, warmup=0)
        written = suite.parent / "harness.yml"
        written.write_text(written.read_text().replace("concurrency: 30", "concurrency: 30\n      rpm: 600"))
        threading.Thread(target=kill_one, daemon=True).start()
        run = measure(load_bundle(suite).measured_by("ray"), Path(folder) / "results", processes=actors)
        kept = sum(isinstance(event, Record) for event in read_events(run / JOURNAL))
    half = trials // 2
    before, after = (60 * (j - i) / (came[j] - came[i]) for i, j in ((0, half), (half, len(came) - 1)))
    print(f"600 a minute: {actors} actors send {before:,.0f}, one less {after:,.0f}; {len(came)} calls, {kept} records")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--replayed", type=int, default=120_000)
    parser.add_argument("--quota", type=int, default=600, help="trials that a quota is measured with")
    parser.add_argument("--actors", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--in-flight", type=int, nargs="*", default=[64, 256], help="calls, shared by all that measure")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    print(load_note())
    ledger = Ledger()

    def twice(name: str, in_flight: int, actors: int, engine: str = "local") -> tuple[float, Row]:
        sizes = args.trials, 3 * args.trials
        few, many = (row(name, called[in_flight, n].measured_by(engine), n, actors, ledger) for n in sizes)
        return more(name, few, many), many

    with native_server() as server, tempfile.TemporaryDirectory() as folder:
        called = {
            (most, n): load_bundle(
                write_project(Path(folder) / f"{most} {n}", server.instant, cases=n, concurrency=most)
            )
            for most in args.in_flight
            for n in (args.trials, 3 * args.trials)
        }
        memory = load_bundle(replayed(Path(folder) / "replayed", args.replayed // REPEATS))
        for most in args.in_flight:
            twice(f"one process, {most} in flight", most, 1)
        row("one process, from memory", memory, args.replayed, 1, ledger)
        before = ledger.total()
        with cluster(max(args.actors)):
            print(f"{'the cluster':<30} {ledger.total() - before:>7,.1f} s CPU to start")
            ledger.sees_actors_end()
            for count in args.actors:
                for most in args.in_flight:  # beside each other: a machine is not as fast at all times
                    two, local = twice(f"two processes, {most} in flight", most, 2)
                    each, ray = twice(f"Ray, {count} actors, {most} in flight", most, count, "ray")
                    own, clock = ray.own / local.own, ray.middle / local.middle
                    print(f"{'':<30} {two / each:>7.2f} of two processes by the CPU of all, {own:.2f} by that of")
                    print(f"{'':<30}         those that measure, {clock:.2f} by the clock")
                row(f"Ray, {count} actors, from memory", memory.measured_by("ray"), args.replayed, count, ledger)
            if args.quota:
                quota(max(args.actors), args.quota)
    print(load_note())


if __name__ == "__main__":
    main()
