"""What a run is held against: the finished runs before it, but for those since a drop that has not recovered.

Two comparisons are made: against the previous run (a sudden drop) and against all runs before, pooled (a slow slide).
Every run is a chance to see a drop that is not there, so the error is kept over a series: each comparison may err in
(1 - confidence) / 20 of runs, and ten runs of an unchanged candidate raise a false alarm in at most 1 - confidence.

A drop that was found stays found until it recovers: the runs since then are no part of what later ones are held
against, or the past would swallow it within a few runs. It recovers with a run that is better than those since the
drop for certain, and no more than the margin below those before it.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from harness import judge
from harness.files.thresholds import ACCURACY
from harness.judge.scores import Missing, Share, difference, no_big_drop, wilson

WINDOW = 50  # runs that are pooled and that a report keeps: older ones say little of today
PREVIOUS: Final = "the previous run"
POOLED: Final = "the runs before, pooled"
LOOKS = 10  # runs over which the error is kept


def as_share(estimate: judge.Estimate) -> Share | Missing:
    """Give the share that has this Wilson interval; the effective number of trials is by bisection.

    It is told by the end away from 1/2: the other may have been moved out to the bound of a check. At 0 and 1
    that end is fixed, and the other one is as it was.
    """
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return Missing(estimate.why_undefined or "it has no interval", estimate.n)
    end = int((estimate.value >= 0.5) != (estimate.value in {0.0, 1.0}))
    wanted = abs((estimate.low, estimate.high)[end] - estimate.value)
    low, high = 0.01, float(max(estimate.n, 1))
    for _ in range(60):
        middle = (low + high) / 2
        bounds = wilson(estimate.value, middle, estimate.confidence)
        low, high = (middle, high) if abs(bounds[end] - estimate.value) > wanted else (low, middle)
    return _independent(estimate.value, high)


def _independent(p: float, n: float) -> Share:
    """Give the share p of n independent trials; n need not be whole."""
    whole = max(1, round(n))
    return Share(p=p, n=whole, cases=whole, floor=n, raw=n, informative=0, se=0.0)


def pooled(shares: Sequence[Share]) -> Share | Missing:
    """Give all trials of several runs as one share, weighted by their effective sizes."""
    sizes = [share.effective_n() for share in shares]
    if not sizes:
        return Missing("there is no earlier run to compare with")
    total = sum(sizes)
    return _independent(sum(s.p * n for s, n in zip(shares, sizes, strict=True)) / total, total)


def usable(runs: Sequence[judge.PastRun]) -> list[judge.PastRun]:
    """Keep the finished runs whose accuracy is known, the most recent ones."""
    return [run for run in runs if run.complete and accuracy_of(run).value is not None][-WINDOW:]


def sure_of(confidence: float) -> float:
    """Give how sure one of the two comparisons of a run has to be that accuracy fell, one-sided."""
    return 1 - (1 - confidence) / (2 * LOOKS)


class HeldAgainst(NamedTuple):
    """What a run is held against, and the runs since a drop that has not recovered; both oldest first."""

    reference: list[judge.PastRun]
    dropped: list[judge.PastRun]

    def recovers(self, now: Share | Missing, *, margin: float, confidence: float) -> bool:
        """Tell whether a run ends the drop."""
        usual, since = before_of(self.reference), before_of(self.dropped)
        better = difference(now, since).lower((1 + confidence) / 2)
        near = now.value is not None and usual.value is not None and now.value >= usual.value - margin
        return near and better is not None and better > 0


def standing(runs: Sequence[judge.PastRun], *, margin: float, confidence: float) -> HeldAgainst:
    """Follow the finished runs, oldest first, through every drop and recovery."""
    found = HeldAgainst([], [])
    for run in runs:
        now = as_share(accuracy_of(run))
        if found.dropped:
            if found.recovers(now, margin=margin, confidence=confidence):
                found = HeldAgainst([*found.reference, run], [])
            else:
                found.dropped.append(run)
            continue
        befores = [before_of(group) for _, group in groups_of(found.reference)]
        sure = sure_of(confidence)
        drops = [no_big_drop(now, one, margin=margin, confidence=confidence, sure=sure) for one in befores]
        (found.dropped if any(drop.status == "FAIL" for drop in drops) else found.reference).append(run)
    return found


def groups_of(known: Sequence[judge.PastRun]) -> list[tuple[judge.Against, Sequence[judge.PastRun]]]:
    """Give what a run is held against: the previous one and, where there are several, all before."""
    groups: list[tuple[judge.Against, Sequence[judge.PastRun]]] = []
    if known:
        groups.append((PREVIOUS, known[-1:]))
    if len(known) > 1:
        groups.append((POOLED, known))
    return groups


def before_of(runs: Sequence[judge.PastRun]) -> Share | Missing:
    """Give the pooled accuracy of runs."""
    shares = [as_share(accuracy_of(run)) for run in runs]
    return pooled([share for share in shares if isinstance(share, Share)])


def accuracy_of(run: judge.PastRun) -> judge.Estimate:
    """Give what a finished run had; what an unfinished one lacks would count as failed."""
    if not run.complete:
        return judge.undefined(run.why_no_figures or "it is not finished")
    return run.figures.get(ACCURACY.written) or judge.undefined(run.why_no_figures or "it was not judged")
