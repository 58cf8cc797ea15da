"""CPU time, wall time and peak memory of judging a run, by its number of trials, labels and cores.

    python benchmarks/judging.py [--full] [--huge] [--trials N] [--profile]

Each size is judged in processes of their own, bound to one core, then to two, where the system can; with one thread
for linear algebra. However often and on however many cores it is judged, the same bytes must give the same report.
Beside it stands what only decoding and checking every line of the journal takes on one core, as the journal's reader
does it. Memory is that of all processes together, looked at every 20 ms. `--full` adds a million trials, `--huge` ten
million: their journals (0.7 and 6.7 GB) stay in the temporary folder, so that they are written once. `--profile`
prints where the time of one core goes.
"""

from __future__ import annotations

import argparse
import cProfile
import hashlib
import os
import pstats
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from generated_journal import write_run
from generated_project import load_note

_TARGETS = {100_000: 5, 1_000_000: 40}
_HUGE = 10_000_000
_LABELS = (("spam", "ham"), tuple(f"topic {letter}" for letter in "abcdefghij"))
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_MOST_MB, _MOST_TIMES, _LEAST_FASTER = 2_560, 2.5, 1.6


class Judged(NamedTuple):
    """What one process, with those that it started, took."""

    cpu: float
    wall: float
    peak: float  # MB
    digest: str


def child(run: Path, what: str, cores: int, *, profile: bool) -> None:
    """Judge, or only decode, on so many cores; print CPU seconds of all processes, wall seconds and a digest."""
    import msgspec

    from harness.journal import read_events
    from harness.judge.assess import assess_run
    from harness.rundir import JOURNAL

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])
    profiler = cProfile.Profile()
    wall, before = time.perf_counter(), sum(os.times()[:4])
    if what == "decode":
        report = str(sum(1 for _ in read_events(run / JOURNAL))).encode()
    else:
        assessment = profiler.runcall(assess_run, run) if profile else assess_run(run)
        report = msgspec.json.encode(assessment)
    wall, cpu = time.perf_counter() - wall, sum(os.times()[:4]) - before
    if profile:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(40)
    print(cpu, wall, hashlib.sha256(report).hexdigest())


def taken(run: Path, what: str, cores: int, *, profile: bool = False) -> Judged:
    """Judge or decode a run in a process of its own, bound to so many cores."""
    command = [sys.executable, __file__, "--child", str(run), "--what", what, "--cores", str(cores)]
    command += ["--profile"] if profile else []
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **_ONE_THREAD})
    peak = [0.0]
    watching = threading.Thread(target=_watch, args=(started, peak))
    watching.start()
    told, _ = started.communicate()
    watching.join()
    if started.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    cpu, wall, digest = told.split()
    return Judged(float(cpu), float(wall), peak[0], digest)


def _watch(process: subprocess.Popen[str], peak: list[float]) -> None:
    """Keep the most memory that a process and those that it started have together."""
    while process.poll() is None:
        peak[0] = max(peak[0], _resident(process.pid) / 2**20)
        time.sleep(0.02)


def _resident(pid: int) -> int:
    """Give the bytes that a process and its children have in memory; shared pages count in each."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = Path(f"/proc/{pid}/task").glob("*/children")  # a child belongs to the thread that started it
        more = [int(each) for listed in children for each in listed.read_text().split()]
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(map(_resident, more))


def measured(trials: int, labels: tuple[str, ...], *, profile: bool) -> None:
    """Judge one run on one core twice, then on two, beside decoding alone; print a few lines."""
    with tempfile.TemporaryDirectory() as name:
        run = _kept(trials, labels) if trials >= 1_000_000 else write_run(Path(name), trials, labels)
        decoded = taken(run, "decode", 1)
        first = taken(run, "judge", 1, profile=profile)
        again = first if trials >= _HUGE else taken(run, "judge", 1)
        decoded = min(decoded, taken(run, "decode", 1))
        two = taken(run, "judge", 2)
        if trials < _HUGE:
            two = min(two, taken(run, "judge", 2), key=lambda each: each.wall)
    one = Judged(*(min(pair) for pair in zip(first, again, strict=True)))
    target = _TARGETS.get(trials)
    same = "same report each time" if len({first.digest, again.digest, two.digest}) == 1 else "REPORTS DIFFER"
    print(
        f"{trials:>10,} trials, {len(labels):>2} labels, one core: {one.cpu:6.1f} s CPU, {one.wall:6.1f} s wall, "
        f"peak {one.peak:5.0f} MB"
        + ("" if target is None else f"  target {target} s: {_met(one.wall < target)}")
        + f"; {same}  [{load_note()}]\n"
        f"{'':>10} decoding and checking alone: {decoded.cpu:6.1f} s CPU; judging takes {one.cpu / decoded.cpu:.2f} "
        f"times that{_aim(trials, one.cpu <= _MOST_TIMES * decoded.cpu, f'{_MOST_TIMES} times')}\n"
        f"{'':>10} two cores: {two.cpu:6.1f} s CPU, {two.wall:6.1f} s wall, {one.wall / two.wall:.2f} times as fast, "
        f"peak {two.peak:5.0f} MB of all processes"
        f"{_aim(trials, one.wall >= _LEAST_FASTER * two.wall, f'{_LEAST_FASTER} times')}"
        f"{_aim(trials, max(one.peak, two.peak) <= _MOST_MB, f'{_MOST_MB:,} MB')}",
        flush=True,
    )


def _aim(trials: int, met: bool, what: str) -> str:
    return f"  target {what}: {_met(met)}" if trials >= 1_000_000 else ""


def _met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


def _kept(trials: int, labels: tuple[str, ...]) -> Path:
    """Give a large run that is written once; what was cut off while it was written is written again."""
    folder = Path(tempfile.gettempdir()) / f"harness-judging-{trials}-{len(labels)}"
    done = folder / "done"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        done.write_text(write_run(folder / "results", trials, labels).name)
    return folder / "results" / done.read_text()


def main() -> None:
    """Print some lines per size and number of labels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--huge", action="store_true")
    parser.add_argument("--trials", type=int)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--what", default="judge", help=argparse.SUPPRESS)
    parser.add_argument("--cores", type=int, default=1, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child, args.what, args.cores, profile=args.profile)
        return
    sizes = (10_000, 100_000, *([1_000_000] if args.full else []))
    for trials in (args.trials,) if args.trials else sizes:
        for labels in _LABELS:
            measured(trials, labels, profile=args.profile)
    if args.huge:
        measured(_HUGE, _LABELS[0], profile=args.profile)


if __name__ == "__main__":
    main()
