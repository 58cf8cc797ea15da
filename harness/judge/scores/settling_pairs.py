"""When what a candidate gains and loses against its baseline is settled (theory: `settling`).

The whole suite's totals of gains and losses, b and c of N pairs, are fixed numbers; the fixed test makes a set of
those that pass. After n pairs the likelihood of totals is that of drawing without replacement, and the evidence is the
same mixture in relation to the best total outside. With repeats a case moves by fractions: then bets are made on a
weighted sum of gains and losses, against a line beyond which no total of the set lies.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.judge.scores.settling import log_choose, log_e_mean_above, log_e_mean_below, log_sum
from harness.judge.table.packed import Bool, Float, Int64


@dataclass(frozen=True, slots=True)
class PairedCuts:
    """A set of totals of gains and losses in N pairs: with b gains those with at most `most`[b] losses (-1: none)."""

    total: int
    most: Int64  # shape (N + 1,)

    @property
    def sizes(self) -> tuple[int, int]:
        """How many possible totals are in the set, and how many are not."""
        every = self.total - np.arange(self.total + 1) + 1
        inside = np.minimum(self.most + 1, every)
        return int(inside.sum()), int((every - inside).sum())


def paired_cuts(total: int, met: Callable[[int, int], bool]) -> PairedCuts:
    """Give the totals for which it holds, of gains and losses; more losses, or fewer gains, never make it hold."""
    most, lost = np.full(total + 1, -1, dtype=np.int64), -1
    for gained in range(total + 1):
        lost = min(lost, total - gained)
        while lost < total - gained and met(gained, lost + 1):
            lost += 1
        most[gained] = lost
    return PairedCuts(total, most)


_NEAR = 200  # totals on either side of the likeliest that are summed up; to leave some out only weakens evidence


def log_e_pairs(at: PairedCuts, n: int, gains: int, losses: int) -> tuple[float, float]:
    """Give ln of the evidence that the whole suite's totals are in the set, and that they are not.

    n pairs were asked; in `gains` only the candidate was right, in `losses` only the baseline. The likelihood
    of totals (b, c) is ln C(b, gains) + ln C(c, losses) + ln C(N - b - c, ties).
    """
    ties, total = n - gains - losses, at.total
    b = np.arange(gains, total - losses - ties + 1)
    left = total - b
    ends = np.minimum(at.most[b], left - ties)  # the most losses that are possible and inside
    likeliest = np.clip((left + 1) * losses // max(losses + ties, 1), losses, left - ties)
    if not losses + ties:
        likeliest = left

    def likelihood(b: Int64, c: Int64) -> Float:
        return log_choose(b, gains) + log_choose(c, losses) + log_choose(total - b - c, ties)

    def best(c: Int64, where: Bool) -> float:
        """Give the greatest likelihood of these totals; they are unimodal in c for each b."""
        return float(likelihood(b[where], c[where]).max(initial=-math.inf))

    within, beyond = ends >= losses, ends < left - ties
    inside = best(np.minimum(likeliest, ends), within)
    outside = best(np.maximum(likeliest, np.maximum(ends + 1, losses)), beyond)
    middle = int(b[np.argmax(likelihood(b, likeliest))])
    rows = b[np.abs(b - middle) <= _NEAR]
    centre = int(likeliest[middle - gains])
    columns = np.arange(max(losses, centre - _NEAR), min(total - gains - ties, centre + _NEAR) + 1)
    grid = rows[:, None] + columns[None, :] <= total - ties
    rest = np.where(grid, total - rows[:, None] - columns[None, :], ties)
    seen = log_choose(rows, gains)[:, None] + log_choose(columns, losses)[None, :] + log_choose(rest, ties)
    is_in = columns[None, :] <= at.most[rows][:, None]
    masses = [log_sum(seen[grid & where]) if (grid & where).any() else -math.inf for where in (is_in, ~is_in)]
    return (
        _over(masses[0] - math.log(max(at.sizes[0], 1)), inside, outside),
        _over(masses[1] - math.log(max(at.sizes[1], 1)), outside, inside),
    )


def _over(mixture: float, inside: float, outside: float) -> float:
    """Give a mixture over a set in relation to the best outside of it; what is impossible speaks against nothing."""
    if inside == -math.inf:
        return -math.inf
    return math.inf if outside == -math.inf else mixture - outside


def lines_within(at: PairedCuts) -> tuple[tuple[float, float], ...]:
    """Give (slope, start) of lines below which all totals, whole or not, are in the set: c <= start + slope b."""
    b = np.arange(at.total + 1)
    b = b[at.most < at.total - b]  # there the set ends, and not only what is possible
    return tuple((slope, float((at.most[b] - slope * (b + 1)).min())) for slope in (0.0, 0.5, 0.75) if len(b))


def lines_beyond(at: PairedCuts) -> tuple[tuple[float, float], ...]:
    """Give (slope, start) of lines above which no total, whole or not, is in the set: c >= start + slope b."""
    before = np.maximum(np.arange(at.total + 1) - 1, 0)
    return tuple((slope, float((at.most + 1 - slope * before).max())) for slope in (1.0, 1.5, 2.0, 3.0))


def look_at_lines(moved: Sequence[float], at: PairedCuts, *, below: bool) -> float:
    """Give ln of the evidence that gains and losses lie in the set, or not: bets on their sum, weighed as lines say.

    `moved` holds each asked case's share of right answers less the baseline's, in the order asked.
    """
    total, lines, seen = at.total, lines_within(at) if below else lines_beyond(at), []
    x = np.asarray(moved, dtype=np.float64)
    for slope, start in lines:
        weighed = np.where(x > 0, slope * x, x)  # in [-1, slope]; its sum is slope b - c
        score, bound = (weighed + 1) / (1 + slope), (1 - start / total) / (1 + slope)
        if 0 < bound < 1:
            seen.append(log_e_mean_above(score, total, bound) if below else log_e_mean_below(score, total, bound))
    return log_sum(np.array(seen)) - math.log(len(lines)) if seen else -math.inf
