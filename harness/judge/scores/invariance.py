"""Whether a change that should not matter moves answers by more than plain repeats do.

Theory. Case i has n_i answers to the original and m_i to its variant, O_ic and V_ic of them being answer c.
Two answers, one of each, differ with chance flips_i = 1 - sum_c O_ic V_ic / (n_i m_i); two answers to the
original with chance noise_i = 1 - sum_c O_ic (O_ic - 1) / (n_i (n_i - 1)). The excess, flips - noise, is
unbiased for what the change adds, and may be negative.

If the change does nothing, the n_i + m_i answers of a case are draws from one distribution, and any split of
them into originals and variants was as likely as the one seen. That gives an exact test (Fisher 1935; Pitman
1937), whatever the noise and however few the flips: the p-value is the share of splits, drawn case by case
from the multivariate hypergeometric distribution, whose excess is no smaller. A t-test on the same excess is
not safe: most cases have excess 0, a few are far off.

What it costs and buys is measured in `benchmarks/robustness.py`.

`RepeatPairs` asks the same of repeats: do pairs sent among many calls, or answered by two models, differ more?
A pair is two repeats of one case. Whether pairs of one kind differ more often than pairs of another is a
difference of two shares clustered by case (Newcombe). A case may have pairs of both kinds; taking the kinds
as independent then makes the interval wider than it need be: "it explains flips" is never said lightly.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import product
from math import comb, prod, sqrt

import numpy as np

from harness.judge.scores.figure import Bool, Estimate, Float, Int32, Int64, Missing
from harness.judge.scores.proportion import Share, share_of_counts

_DRAWS = 9_999
_MOST_SPLITS = 5_000  # of one case; above, splits are sampled
_SEED = 20_190_603
FARTHEST = 8  # repeats apart: with 1,000 repeats of a case all pairs would be half a million


def flips_of(original: Int64, variant: Int64) -> Float:
    """Give per case the chance that an answer to the original and one to the variant differ."""
    n, m = original.sum(axis=1), variant.sum(axis=1)
    return np.asarray(1 - (original * variant).sum(axis=1) / (n * m), dtype=np.float64)


def noise_of(original: Int64) -> Float:
    """Give per case the chance that two answers to the original differ; each needs two at least."""
    n = original.sum(axis=1)
    return np.asarray(1 - (original * (original - 1)).sum(axis=1) / (n * (n - 1)), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Excess:
    """Flips minus noise. Bounds: MOVER for two correlated shares (Zou 2007), so they never shrink to a point.

    A bound lies at flips - noise -+ sqrt(a^2 + b^2 - 2 r a b), a and b the distances of each share to its own
    bound on the side that matters, r the correlation of flips and noise over cases.
    """

    flips: Share
    noise: Share
    correlation: float

    @property
    def value(self) -> float | None:
        """The difference."""
        return self.flips.p - self.noise.p

    @property
    def n(self) -> int:
        """The cases."""
        return self.flips.cases

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """Give the difference with its two-sided interval, from the Wilson intervals of both shares."""
        flips, noise = self.flips.wilson(confidence), self.noise.wilson(confidence)
        return Estimate(
            value=self.value,
            n=self.n,
            low=self._bound(flips[0], noise[1], -1),
            high=self._bound(flips[1], noise[0], 1),
            confidence=confidence,
            method="flips minus noise, MOVER, paired by case",
        )

    def lower(self, confidence: float = 0.95) -> float | None:
        """Give the one-sided lower bound, from Clopper-Pearson bounds."""
        return self._bound(self.flips.lower(confidence), self.noise.upper(confidence), -1)

    def upper(self, confidence: float = 0.95) -> float | None:
        """Give the one-sided upper bound, from Clopper-Pearson bounds."""
        return self._bound(self.flips.upper(confidence), self.noise.lower(confidence), 1)

    def _bound(self, flips: float | None, noise: float | None, side: int) -> float:
        assert flips is not None
        assert noise is not None
        a, b = abs(flips - self.flips.p), abs(noise - self.noise.p)
        away = sqrt(max(0.0, a * a + b * b - 2 * self.correlation * a * b))
        return self.flips.p - self.noise.p + side * away


def excess(original: Int64, variant: Int64, *, why_empty: str) -> Excess | Missing:
    """Give flips minus noise over cases; counts are cases x answers, at least two originals a case."""
    flips, noise = flips_of(original, variant), noise_of(original)
    of_flips = flip_share(original, variant, why_empty=why_empty)
    n = original.sum(axis=1)
    of_noise = _share(noise, n * (n - 1) // 2, why_empty)
    if isinstance(of_flips, Missing) or isinstance(of_noise, Missing):
        return Missing(why_empty)
    varying = flips.std() > 0 and noise.std() > 0
    correlation = float(np.corrcoef(flips, noise)[0, 1]) if varying else 0.0
    return Excess(of_flips, of_noise, max(0.0, correlation))


def flip_share(original: Int64, variant: Int64, *, why_empty: str) -> Share | Missing:
    """Give the share of pairs, one answer of each, that differ; clustered by case."""
    flips = flips_of(original, variant)
    return _share(flips, original.sum(axis=1) * variant.sum(axis=1), why_empty)


def _share(per_case: Float, pairs: Int64, why_empty: str) -> Share | Missing:
    """Give the mean over cases as a share of the pairs that a case can have; every case counts the same."""
    most = int(pairs.max(initial=1))
    return share_of_counts(per_case * most, np.full(len(per_case), most), why_empty=why_empty)


def p_value(original: Int64, variant: Int64, *, draws: int = _DRAWS) -> float:
    """Give the p-value of "the change moves answers", by permutation within cases.

    Doubled, because the interval beside it is two-sided: a change that does nothing gets a p-value below .05
    in 2.5% of the runs, and not by calming answers down.
    """
    seen = float((flips_of(original, variant) - noise_of(original)).sum())
    alike: Counter[tuple[int, tuple[int, ...]]] = Counter()
    for n, pool in zip(original.sum(axis=1).tolist(), (original + variant).tolist(), strict=True):
        answers = tuple(sorted(count for count in pool if count))
        if len(answers) > 1:  # a case with one answer has the same excess, 0, however it is split
            alike[n, answers] += 1
    rng = np.random.default_rng(_SEED)
    total = np.zeros(draws)
    for (n, answers), cases in sorted(alike.items()):
        values, chances = _splits(n, answers, rng)
        total += rng.multinomial(cases, chances, size=draws) @ values
    return min(1.0, 2 * float(1 + np.count_nonzero(total >= seen - 1e-9)) / (1 + draws))


def _splits(n: int, pool: tuple[int, ...], rng: np.random.Generator) -> tuple[Float, Float]:
    """Give the excesses that splitting a case's answers can have, with their chances."""
    m = sum(pool) - n
    if prod(count + 1 for count in pool) <= _MOST_SPLITS:
        every = [split for split in product(*(range(count + 1) for count in pool)) if sum(split) == n]
        originals = np.array(every, dtype=np.float64)
        ways = [prod(comb(count, k) for count, k in zip(pool, split, strict=True)) for split in every]
        chances = np.array(ways, dtype=np.float64) / comb(n + m, n)
    else:
        originals = rng.multivariate_hypergeometric(list(pool), n, size=_MOST_SPLITS).astype(np.float64)
        chances = np.full(len(originals), 1 / len(originals))
    variants = np.array(pool, dtype=np.float64) - originals
    agreeing = (originals * (originals - 1)).sum(axis=1) / (n * (n - 1))
    together = (originals * variants).sum(axis=1) / (n * m)
    values, place = np.unique(np.round(agreeing - together, 12), return_inverse=True)
    weights = np.bincount(place, weights=chances)
    return values, weights / weights.sum()


@dataclass(frozen=True, slots=True)
class RepeatPairs:
    """Pairs of repeats: rows of the two trials, of what case, and whether their answers differ."""

    first: Int32 | Int64
    second: Int32 | Int64
    case: Int32 | Int64
    differ: Bool

    @classmethod
    def of(cls, case: Int32 | Int64, answer: Int32 | Int64) -> "RepeatPairs":
        """Pair the repeats of each case; rows must be sorted by case."""
        firsts, seconds = [], []
        for apart in range(1, FARTHEST + 1):
            rows = np.flatnonzero(case[apart:] == case[:-apart]) if apart < len(case) else np.empty(0, np.int64)
            if len(rows) == 0:
                break
            rows = rows.astype(np.int32)
            firsts.append(rows)
            seconds.append(rows + apart)
        none = np.empty(0, dtype=np.int32)
        first = np.concatenate([none, *firsts])
        second = np.concatenate([none, *seconds])
        differ = np.asarray(answer[first] != answer[second], dtype=np.bool_)
        return cls(first, second, case[first], differ)

    def where(self, keep: Bool) -> "RepeatPairs":
        """Keep some pairs."""
        if keep.all():
            return self
        return RepeatPairs(self.first[keep], self.second[keep], self.case[keep], self.differ[keep])

    def differing(self) -> Share | Missing:
        """Give the share of pairs that differ, clustered by case."""
        if len(self.case) == 0:
            return Missing("there is no such pair of repeats")
        hits, pairs = np.bincount(self.case, weights=self.differ), np.bincount(self.case)
        return share_of_counts(hits, pairs, why_empty="there is no such pair of repeats")


def balanced_cut(values: Int32 | Int64) -> int | None:
    """Give the value that splits values into two groups (up to it, above it) of sizes as equal as can be."""
    distinct, sizes = np.unique(values, return_counts=True)
    if len(distinct) < 2:
        return None
    below = np.cumsum(sizes)[:-1]
    return int(distinct[:-1][np.argmin(np.abs(below - len(values) / 2))])
