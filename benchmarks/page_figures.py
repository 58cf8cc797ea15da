"""The figures of docs/metrics.md, docs/stopping.md and docs/comparing.md that no other script makes.

    python benchmarks/page_figures.py

Each is summed exactly, with the functions that judge a run. One core, no network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

import numpy as np
from scipy.stats import binom

from harness.judge.scores import second_error, settling
from harness.judge.scores.combined import AtPrevalence
from harness.judge.scores.not_worse import p_not_above
from harness.judge.scores.paired import non_inferiority_n
from harness.judge.scores.proportion import share_of_counts
from harness.judge.scores.settling_pairs import log_e_pairs, paired_cuts

DELTA = 0.01


def at_prevalence() -> Iterator[str]:
    """Sum how often the two-sided interval of precision at a production share of 2% misses either end."""

    def shares(n: int) -> list[object]:
        return [share_of_counts(np.array([1.0] * k + [0.0] * (n - k)), np.ones(n), why_empty="") for k in range(n + 1)]

    for (n, m), recall, specificity in product(((20, 20), (100, 100), (100, 1_000)), (0.8, 0.95), (0.9, 0.99)):
        truth = 0.02 * recall / (0.02 * recall + 0.98 * (1 - specificity))
        found, kept = shares(n), shares(m)
        below = above = 0.0
        for k, one in enumerate(found):
            for h, other in enumerate(kept):
                weight = binom.pmf(k, n, recall) * binom.pmf(h, m, specificity)
                if weight < 1e-7:
                    continue
                figure = AtPrevalence(one, other, 0.02)
                if figure.value is None:
                    continue
                below += weight * ((figure.lower(0.975) or 0.0) > truth)
                above += weight * ((figure.upper(0.975) or 0.0) < truth)
        yield f"{n} + {m} cases, {recall}, {specificity}: missed in {below:.2%} below, {above:.2%} above"


def looks() -> Iterator[str]:
    """Give the confidence of a second look, and how often a true value on the threshold passes one of both."""
    for first, added in ((100, 100), (100, 300), (300, 100)):
        yield f"{added} added to {first}: at {1 - second_error(0.05, first / (first + added)):.1%}"
    passed = []
    for first, added, share in product((100, 300, 400, 1_000), (100, 300, 400, 1_000), (0.8, 0.9, 0.95)):
        n, error = first + added, second_error(0.05, first / (first + added))
        now, later = binom.isf(0.05, first, share) + 1, binom.isf(error, n, share) + 1
        seen = np.arange(now)
        passed.append(
            binom.sf(now - 1, first, share)
            + float((binom.pmf(seen, first, share) * binom.sf(later - 1 - seen, added, share)).sum())
        )
    yield f"on the threshold: {min(passed):.1%} to {max(passed):.1%}"


def stops(total: int = 400, demanded: float = 0.9, every: int = 5) -> Iterator[str]:
    """Sum over all orders how many cases a stop asks, and how often the whole suite would pass, and the stop."""
    at, limit = settling.cuts(total, demanded), -math.log(DELTA)
    for truth in (0.80, 0.90, 0.93, 0.96, 0.99):
        alive, asked, passes = np.array([1.0]), 0.0, 0.0
        for n in range(every, total + 1, every):
            alive = np.convolve(alive, binom.pmf(np.arange(every + 1), every, truth))
            for hits in np.flatnonzero(alive > 1e-12):
                ready = settling.log_e_passes(at, n, int(hits)) >= limit
                if ready or settling.log_e_cannot_pass(at, n, int(hits)) >= limit or n == total:
                    asked, passes = asked + n * alive[hits], passes + ready * alive[hits]
                    alive[hits] = 0.0
        whole = binom.sf(at.passes - 1, total, truth)
        yield f"true {truth:.2f}: {asked:.0f} of {total} asked, passes {passes:.4f}, the whole suite {whole:.4f}"


def pairs() -> Iterator[str]:
    """Give after how many pairs, of which not one moves, `no worse` is settled."""
    for total, margin in ((300, 0.02), (300, 0.06), (600, 0.02), (1_000, 0.02), (1_000, 0.05)):
        at = paired_cuts(total, lambda b, c, n=total, least=margin: p_not_above(b, c, n, -least) <= 0.05)
        after = next(n for n in range(5, total + 1, 5) if n == total or log_e_pairs(at, n, 0, 0)[0] >= -math.log(DELTA))
        yield f"{total} pairs, margin {margin:.0%}: after {after}"


def no_worse() -> Iterator[str]:
    """Give how many cases show `no worse`, where no answer differs and where 5% do."""
    for margin in (0.02, 0.03, 0.05):
        alike = next(n for n in range(1, 1_000) if p_not_above(0, 0, n, -margin) <= 0.05)
        yield f"margin {margin:.0%}: {alike} if none differ, {non_inferiority_n(0.05, margin)} if 5% do"


def main() -> None:
    """Print all."""
    for title, lines in {
        "precision at a production share, exact": at_prevalence(),
        "a second look, exact": looks(),
        "a stop at accuracy >= 90%, exact": stops(),
        "pairs": pairs(),
        "no worse": no_worse(),
    }.items():
        print(title)
        for line in lines:
            print(f"  {line}", flush=True)


if __name__ == "__main__":
    main()
