"""Start-up time: `harness --help` beside an interpreter that does nothing, and beside it what reads a stored run.

python benchmarks/startup.py [--rounds 10] [--project FOLDER --suite FILE]

FOLDER holds the results of a run of FILE on two candidates or more, such as the demo's.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

from generated_project import load_note

_NOTHING = [sys.executable, "-c", "pass"]
_HARNESS = [sys.executable, "-c", "from harness.cli.main import main; main()"]
_HELP = [*_HARNESS, "--help"]


def took_ms(command: list[str], at: str = ".") -> float:
    """Time one start to the end of the process."""
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=at, check=False)
    assert done.returncode in {0, 1, 3}, command  # else it failed, and is no verdict
    return (time.perf_counter() - began) * 1e3


def _on_a_run(project: str, suite: str, rounds: int) -> dict[str, float]:
    """Give the median of each command that reads the latest run of a project; `report` first, for `show` needs it."""
    listed = subprocess.run([*_HARNESS, "show", "--json"], cwd=project, stdout=subprocess.PIPE, check=True).stdout
    first, second, *_ = (one["name"] for one in json.loads(listed)["candidates"])
    commands = {
        "report": ["report"],
        "show": ["show"],
        "list": ["list"],
        "compare": ["compare", f"latest:{first}", f"latest:{second}"],
        "check": ["check", suite],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, words in commands.items():
            times[name].append(took_ms([*_HARNESS, *words], project))
    return {name: statistics.median(took) for name, took in times.items()}


def main() -> None:
    """Measure in turns and print medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--project", default="")
    parser.add_argument("--suite", default="")
    asked = parser.parse_args()
    rounds = asked.rounds
    took_ms(_HELP)  # fills the page cache
    nothing, text = zip(*((took_ms(_NOTHING), took_ms(_HELP)) for _ in range(rounds)), strict=True)
    plain, ours = statistics.median(nothing), statistics.median(text)
    print(f"python -c pass  {plain:6.0f} ms")
    print(f"harness --help  {ours:6.0f} ms  {ours / plain:.1f} times, {ours - plain:.0f} ms more")
    if asked.project:
        for name, ms in _on_a_run(asked.project, asked.suite, rounds).items():
            print(f"harness {name:<7} {ms:6.0f} ms  {ms / ours:.1f} times `harness --help`")
    print(f"fastest         {min(text):6.0f} ms beside {min(nothing):.0f} ms; {load_note()}")


if __name__ == "__main__":
    main()
