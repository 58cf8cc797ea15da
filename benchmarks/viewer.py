"""Seconds for each page of the viewer over a large run: the first index, then pages, filters and searches.

    python benchmarks/viewer.py [TRIALS]

A million trials of 333,333 cases by default, in a temporary folder. Each page is asked for from a running
server over loopback, as a browser does, and is HTML of 50 rows; the target is a second per page.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS / "servers"), str(TESTS / "specimens")]

from viewing import viewing

from generated_journal import write_run
from generated_project import load_note

_TARGET_S = 1.0
_PAGES = {
    "page 1": "",
    "page 1 again": "",
    "page 2": "page=2",
    "last page": "page=99999999",
    "never right": "right=never",
    "flipped, slow, one split": "flipped=1&slow=1&split=holdout",
    "read as spam, tagged bank": "read_as=spam&tag=bank",
    "slowest first": "order=slowest",
    "by id, last page": "order=id&page=99999999",
    "search for a common word": "search=winner",
    "search for one letter": "search=e",
    "search in replies": "search=see+line+4242",
    "search for nothing there": "search=quetzalcoatl",
}


def main() -> None:
    """Write a run, start the viewer, and time its pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trials", nargs="?", type=int, default=1_000_000)
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "harness.yml").write_text("models: {recorded: {endpoint: replay, replies: none.jsonl}}\n")
        folder = write_run(root / "results", trials, ("spam", "ham"))
        size = (folder / "journal.jsonl").stat().st_size
        print(f"{trials:,} trials, a journal of {size / 1e6:,.0f} MB  [{load_note()}]", flush=True)
        with viewing(root) as (_, address):
            _measure(f"{address}/{folder.name}", trials)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory of the viewer {peak:,.0f} MB  [{load_note()}]")


def _measure(run: str, trials: int) -> None:
    began = time.perf_counter()
    while _get(f"{run}/cases.json")[0] == 202:
        time.sleep(0.1)
    print(f"{time.perf_counter() - began:6.2f} s  first index of the journal (once)", flush=True)
    took = {what: _timed(f"{run}/cases?{query}") for what, query in _PAGES.items()}
    took["a case"] = _timed(f"{run}/case?id=case-{trials // 6:07d}&order=slowest")
    for what, seconds in took.items():
        print(f"{seconds:6.2f} s  {what}{'' if seconds < _TARGET_S else '  MISSED'}")


def _timed(address: str) -> float:
    began = time.perf_counter()
    status, body = _get(address)
    took = time.perf_counter() - began
    assert status == 200
    assert b"Reading the journal" not in body
    return took


def _get(address: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(address) as answer:
        return answer.status, answer.read()


if __name__ == "__main__":
    main()
