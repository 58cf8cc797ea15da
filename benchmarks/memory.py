"""Peak resident memory of a run by its number of trials, each in a process of its own.

    python benchmarks/memory.py [--full]

10,000 cases at most, repeated until there are enough trials. `--full` adds a million trials (minutes).
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from generated_project import load_note, write_project
from native_server import native_server

_CASES = 10_000
_TARGETS = {100_000: 300, 1_000_000: 500}


def child(suite: Path) -> None:
    """Measure in one process, and print the peak of its resident memory in MB and the seconds it took."""
    from harness.files.bundle import load_bundle
    from harness.measure.run import measure

    began = time.perf_counter()
    measure(load_bundle(suite), suite.parent / "results", processes=1)
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), took)


def main() -> None:
    """Start the server and one child per size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child)
        return
    with native_server() as server:
        for trials in (10_000, 100_000, *([1_000_000] if args.full else [])):
            with tempfile.TemporaryDirectory() as name:
                suite = write_project(
                    Path(name), server.instant, cases=_CASES, repeats=trials // _CASES, concurrency=64
                )
                done = subprocess.run(
                    [sys.executable, __file__, "--child", str(suite)], check=True, capture_output=True, text=True
                )
            peak, took = map(float, done.stdout.split())
            target = _TARGETS.get(trials)
            verdict = "" if target is None else f"  target < {target} MB: {'met' if peak < target else 'MISSED'}"
            print(f"{trials:>9,} trials  peak {peak:4.0f} MB  {took:.0f} s{verdict}  [{load_note()}]", flush=True)


if __name__ == "__main__":
    main()
