"""Start-up time: `harness --help` beside an interpreter that does nothing.

python benchmarks/startup.py [--rounds 10]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from generated_project import load_note

_NOTHING = [sys.executable, "-c", "pass"]
_HELP = [sys.executable, "-c", "from harness.cli.main import main; main()", "--help"]


def took_ms(command: list[str]) -> float:
    """Time one start to the end of the process."""
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - began) * 1e3


def main() -> None:
    """Measure in turns and print medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    took_ms(_HELP)  # fills the page cache
    nothing, text = zip(*((took_ms(_NOTHING), took_ms(_HELP)) for _ in range(rounds)), strict=True)
    plain, ours = statistics.median(nothing), statistics.median(text)
    print(f"python -c pass  {plain:6.0f} ms")
    print(f"harness --help  {ours:6.0f} ms  {ours / plain:.1f} times, {ours - plain:.0f} ms more")
    print(f"fastest         {min(text):6.0f} ms beside {min(nothing):.0f} ms; {load_note()}")


if __name__ == "__main__":
    main()
