"""Kills a real run at every fsync, write, rename, ... of it, resumes it, and holds it against a whole run.

    python benchmarks/crash_matrix.py [--every 1] [--json FILE]

Needs strace. Four passes: killed in the run; in the resume; in the run, the resume and the second resume; and
an error instead of a kill (no space, input/output error) at each write and fsync of the journal.
After each: same verdict and figures as an uninterrupted run, every finished trial still there and none twice,
and at the endpoint no more requests than trials + calls in flight at each kill. `--every 10` samples.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS / "servers"), str(TESTS / "specimens")]

from crashing import CALLS, STRACE, Crashed, Injection, make_project, mostly_right, runs_of, uninterrupted
from threaded import serving

EARLY = Injection("write", 45)  # some trials are saved, others in flight


@dataclass
class Tally:
    """What one pass has counted."""

    name: str
    interruptions: int = 0
    trials: int = 0
    requests: int = 0
    missed: int = 0  # the command ended before the injection struck


def survive(folder: Path, chain: Sequence[Injection], expected: dict[str, Any], tally: Tally) -> None:
    """Interrupt one project by each injection in turn, finish it, check it."""
    with serving(mostly_right) as server:
        make_project(folder, server.url)
        project = Crashed(folder, server)
        for injection in chain:
            on_journal = injection.path is not None
            if on_journal:
                injection = Injection(  # noqa: PLW2901 (the journal's path is known only now)
                    injection.call, injection.nth, injection.error, runs_of(folder)[-1] / "journal.jsonl"
                )
            tally.missed += not project.interrupt(injection)
        project.check(expected)
        tally.interruptions += project.interruptions
        tally.trials += expected["trials"]
        tally.requests += len(server.requests)


def passes(every: int) -> dict[str, list[tuple[Injection, ...]]]:
    """Give the chains of injections of each pass."""
    points = [Injection(call, n) for call, most in CALLS.items() for n in range(1, most + 1)][::every]
    journal = Path("journal")  # stands for the run's own
    errors = [
        Injection(call, n, error, journal)
        for call, error, most in (("write", "ENOSPC", 20), ("fsync", "EIO", 2), ("write", "EIO", 20))
        for n in range(1, most + 1)
    ][::every]
    return {
        "killed in the run": [(point,) for point in points],
        "killed in the resume": [(EARLY, point) for point in points],
        "killed in the run, the resume and again": [(EARLY, point, point) for point in points[::4]],
        "an error of the journal's disk": [(EARLY, error) for error in errors],
    }


def run_matrix(every: int, names: Iterable[str] | None = None) -> list[Tally]:
    """Run all passes, or those named."""
    tallies = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        expected = uninterrupted(root / "whole")
        for title, chains in passes(every).items():
            if names is not None and title not in names:
                continue
            tally = Tally(title)
            for number, chain in enumerate(chains):
                survive(root / f"{len(tallies)}-{number}", chain, expected, tally)
            tallies.append(tally)
            print(
                f"{tally.name:<42} {tally.interruptions:>4} survived ({tally.missed} ended before)  "
                f"{tally.requests:,} requests for {tally.trials:,} trials",
                flush=True,
            )
    return tallies


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if STRACE is None:
        raise SystemExit("strace is needed: apt-get install strace (Debian)")
    tallies = run_matrix(args.every)
    if args.json:
        args.json.write_text(json.dumps([asdict(tally) for tally in tallies]))


if __name__ == "__main__":
    main()
