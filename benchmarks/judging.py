"""CPU time, wall time and peak memory of judging a run, by its number of trials and labels, on one core.

    python benchmarks/judging.py [--full] [--trials N] [--profile]

Each size is judged in a process of its own, bound to one core where the system can, with one thread for
linear algebra. Each is judged twice: the same bytes must give the same report. `--full` adds a million trials
(half a gigabyte of journal in the temporary folder); `--profile` prints where the time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import hashlib
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from generated_journal import write_run
from generated_project import load_note

_TARGETS = {100_000: 5, 1_000_000: 40}
_LABELS = (("spam", "ham"), tuple(f"topic {letter}" for letter in "abcdefghij"))
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def child(run: Path, *, profile: bool) -> None:
    """Judge in this process; print CPU seconds, wall seconds, peak MB and a digest of the report."""
    import msgspec

    from harness.judge.assess import assess_run

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    profiler = cProfile.Profile()
    wall, cpu = time.perf_counter(), time.process_time()
    assessment = profiler.runcall(assess_run, run) if profile else assess_run(run)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    report = msgspec.json.encode(assessment)
    if profile:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(40)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak /= 1024 * 1024 if sys.platform == "darwin" else 1024
    print(cpu, wall, peak, hashlib.sha256(report).hexdigest())


def judged(run: Path, *, profile: bool) -> tuple[float, float, float, str]:
    """Judge a run in a process of its own."""
    command = [sys.executable, __file__, "--child", str(run), *(["--profile"] if profile else [])]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **_ONE_THREAD})
    cpu, wall, peak, digest = done.stdout.split()
    return float(cpu), float(wall), float(peak), digest


def measured(trials: int, labels: tuple[str, ...], *, profile: bool) -> None:
    """Write one run, judge it twice and print a line."""
    with tempfile.TemporaryDirectory() as name:
        run = write_run(Path(name), trials, labels)
        first = judged(run, profile=profile)
        again = judged(run, profile=False)
    cpu, wall, peak = (min(pair) for pair in zip(first[:3], again[:3], strict=True))
    target = _TARGETS.get(trials)
    verdict = "" if target is None else f"  target {target} s: {'met' if wall < target else 'MISSED'}"
    same = "same report twice" if first[3] == again[3] else "REPORTS DIFFER"
    print(
        f"{trials:>9,} trials, {len(labels):>2} labels: {cpu:5.1f} s CPU, {wall:5.1f} s wall, "
        f"peak {peak:5.0f} MB{verdict}; {same}  [{load_note()}]",
        flush=True,
    )


def main() -> None:
    """Print one line per size and number of labels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--trials", type=int)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child, profile=args.profile)
        return
    sizes = (10_000, 100_000, *([1_000_000] if args.full else []))
    for trials in (args.trials,) if args.trials else sizes:
        for labels in _LABELS:
            measured(trials, labels, profile=args.profile)


if __name__ == "__main__":
    main()
