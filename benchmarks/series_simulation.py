"""Simulates a candidate over time: drops that are not there, and whether one that is there stays found.

    python benchmarks/series_simulation.py [--series 2000] [--cases 100 400] [--drop 15]

Every run answers the same number of cases anew, 92% right, independently of the runs before. "equal": ten such runs;
the share of series in which `drift.drop` FAILs in any (at most 5%). "drop": from the fifth run on accuracy is lower by
the given points; the share of series that find it in that run, that have found it by the next, and, of those that
found it, the share in which it stays FAIL for five further runs. "recovery": five runs later accuracy is what it was;
how often the first such run ends the FAIL. By the functions that judge a real run; no network, seconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from harness.judge.documents import PastRun
from harness.judge.history.reference import standing
from harness.judge.scores.binomial import wilson
from harness.judge.scores.proportion import Share, share_of_counts

RIGHT, MARGIN, CONFIDENCE = 0.92, 0.05, 0.95
BLANK = dict.fromkeys(("candidate", "prompt", "model", "prompt_digest", "model_digest", "model_id", "reply_rule"), "")


def run_of(number: int, hits: int, cases: int) -> PastRun:
    """Describe one run as its successors see it."""
    share = share_of_counts(np.arange(cases) < hits, np.ones(cases))
    assert isinstance(share, Share)
    when = {"run_id": f"run-{number:02d}", "created_utc": f"2026-01-{number + 1:02d}"}
    rest = {"suite_digest": "", "labels": (), "planned": cases, "complete": True, "cases": cases}
    return PastRun(**BLANK, **when, **rest, figures={"accuracy": share.estimate(CONFIDENCE)})


def fails(rng: np.random.Generator, truths: Sequence[float], cases: int) -> list[bool]:
    """Tell of each run of a series whether it FAILs: whether it is among those since a drop."""
    runs = [run_of(n, int(rng.binomial(cases, truth)), cases) for n, truth in enumerate(truths)]
    made = []
    for n in range(len(runs)):
        stands = standing(runs[: n + 1], margin=MARGIN, confidence=CONFIDENCE)
        made.append(bool(stands.dropped))
    return made


def told(name: str, hits: int, tries: int) -> None:
    """Print a share with its interval."""
    low, high = wilson(hits / max(tries, 1), tries)
    print(f"  {name:<56} {hits / max(tries, 1):6.1%}  ({low:.1%} to {high:.1%})", flush=True)


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--series", type=int, default=2000)
    parser.add_argument("--cases", type=int, nargs="*", default=[100, 400])
    parser.add_argument("--drop", type=float, default=15.0)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    for cases in options.cases:
        print(f"{cases} cases")
        equal = [fails(rng, [RIGHT] * 10, cases) for _ in range(options.series)]
        told("equal: some FAIL in ten runs", sum(any(one) for one in equal), options.series)
        low = RIGHT - options.drop / 100
        made = [fails(rng, [RIGHT] * 4 + [low] * 6 + [RIGHT], cases) for _ in range(options.series)]
        told("drop: FAIL at the run", sum(one[4] for one in made), options.series)
        told("drop: FAIL at the run or the next", sum(one[4] or one[5] for one in made), options.series)
        found = [one for one in made if one[4]]
        told("drop: stays FAIL for five further runs, once found", sum(all(one[4:10]) for one in found), len(found))
        told("recovery: the first run that is as good again ends it", sum(not one[10] for one in found), len(found))


if __name__ == "__main__":
    main()
