"""Trials a second of one process, of several, and of a Ray cluster on this machine; and what one driver can journal.

    python benchmarks/scaling.py [--trials 20000] [--replayed 60000] [--actors 1 2 3]

All measure against an endpoint that answers at once, then replay answers from memory. The middle of a run (20% to 80%
of its trials) leaves out starts and ramps. A driver's ceiling is trials a second of its own CPU: beyond it, more nodes
bring nothing. The cluster's nodes are processes of this machine (ray.cluster_utils), bound to 127.0.0.1, and share its
cores with the endpoint: rates of several nodes here are no rates of several machines; the CPU a trial takes is.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from generated_project import load_note, write_project
from native_server import native_server

from harness.files.bundle import Bundle, load_bundle
from harness.journal import read_events
from harness.measure.run import measure
from harness.record import Interference, Record
from harness.rundir import JOURNAL

IN_FLIGHT, IN_MEMORY = 64, 1024  # a driver's calls are dear: it is the trials in each that make it fast
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


def row(name: str, bundle: Bundle, trials: int, processes: int) -> None:
    """Measure once, and print rates by the clock and by the CPU that they take."""
    with tempfile.TemporaryDirectory() as results:
        cpu = time.process_time()
        run = measure(bundle, Path(results), processes=processes)
        used = time.process_time() - cpu
        events = list(read_events(run / JOURNAL))
    starts = sorted(datetime.fromisoformat(each.started_utc) for each in events if isinstance(each, Record))
    load = next(each for each in events if isinstance(each, Interference))
    if len(starts) < trials:
        raise SystemExit(f"{name}: {trials - len(starts)} trials have no record")
    first, last = len(starts) // 5, len(starts) * 4 // 5
    middle = (last - first) / (starts[last] - starts[first]).total_seconds()
    each_s = middle / (load.cpu_share * load.processes)
    print(f"{name:<28} {middle:>7,.0f}/s  measuring {each_s:>7,.0f}, writing {trials / used:>7,.0f} a CPU second")


def replayed(root: Path, cases: int) -> Path:
    """Write a project whose endpoint is a file of replies."""
    suite = write_project(root, "http://127.0.0.1:9", cases=cases, repeats=REPEATS, concurrency=IN_MEMORY)
    entry = {"endpoint": "replay", "replies": "replies.jsonl", "limits": {"concurrency": IN_MEMORY}}
    (root / "harness.yml").write_text(json.dumps({"models": {"m": entry}}))
    lines = (json.dumps({"case": str(n), "reply": "spam"}) + "\n" for n in range(cases))
    (root / "replies.jsonl").write_text("".join(lines))
    return suite


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--replayed", type=int, default=120_000)
    parser.add_argument("--actors", type=int, nargs="*", default=[1, 2, 3])
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    print(load_note())
    with native_server() as server, tempfile.TemporaryDirectory() as folder:
        called = load_bundle(write_project(Path(folder), server.instant, cases=args.trials, concurrency=IN_FLIGHT))
        memory = load_bundle(replayed(Path(folder) / "replayed", args.replayed // REPEATS))
        row("one process", called, args.trials, 1)
        row("two processes", called, args.trials, 2)
        row("one process, from memory", memory, args.replayed, 1)
        with cluster(max(args.actors)):
            for count in args.actors:
                row(f"Ray, {count} actors", called.measured_by("ray"), args.trials, count)
                row(f"Ray, {count} actors, from memory", memory.measured_by("ray"), args.replayed, count)
    print(load_note())


if __name__ == "__main__":
    main()
