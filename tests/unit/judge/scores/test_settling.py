"""Evidence that the verdict of a whole suite is settled, against figures of independent code."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import beta, binom

from harness.judge.scores import settling
from harness.judge.scores.not_worse import tango_z
from harness.judge.scores.settling import Cuts, Sure, cutoff, cuts, log_e_precision, look_at_ratio
from harness.judge.scores.settling_pairs import PairedCuts, log_e_pairs, paired_cuts

AT = cuts(200, 0.9)
SURE = Sure(0.9, 0.95, 0.95, 0.95)


@pytest.mark.parametrize(
    ("n", "required", "passes", "fails"),
    [(60, 0.90, 59, 49), (100, 0.90, 96, 84), (200, 0.90, 188, 172), (400, 0.90, 371, 349), (300, 0.95, 292, 278)],
)
def test_the_cuts_of_the_fixed_test(n: int, required: float, passes: int, fails: int) -> None:
    assert (cuts(n, required).passes, cuts(n, required).fails) == (passes, fails)


def test_a_suite_too_small_to_pass_has_no_passing_total() -> None:
    assert cuts(20, 0.9).passes == 21
    assert settling.log_e_passes(cuts(20, 0.9), 10, 10) == -math.inf
    assert settling.log_e_cannot_pass(cuts(20, 0.9), 0, 0) == math.inf


@pytest.mark.parametrize(
    ("n", "hits", "passes", "cannot", "fails"),
    [
        (50, 50, 2.663513, -7.808381, -12.693686),
        (55, 55, 3.036979, None, None),
        (74, 74, 4.667727, -10.566158, None),
        (100, 99, 4.856471, None, None),
        (100, 98, 2.950617, -8.313628, None),
        (100, 95, -0.360746, -4.453191, -11.791229),
        (150, 146, 5.182131, None, None),
        (50, 40, -11.410906, 7.016963, -0.970942),
    ],
)
def test_evidence_of_200_cases_at_90_percent(
    n: int, hits: int, passes: float, cannot: float | None, fails: float | None
) -> None:
    assert settling.log_e_passes(AT, n, hits) == pytest.approx(passes, abs=2e-6)
    if cannot is not None:
        assert settling.log_e_cannot_pass(AT, n, hits) == pytest.approx(cannot, abs=2e-6)
    if fails is not None:
        assert settling.log_e_fails(AT, n, hits) == pytest.approx(fails, abs=2e-6)


@pytest.mark.parametrize(("delta", "stops_after"), [(0.05, 55), (0.01, 74)])
def test_all_right_settles_a_pass_after(delta: float, stops_after: int) -> None:
    settled = [n for n in range(1, 201) if settling.log_e_passes(AT, n, n) >= -math.log(delta)]
    assert settled[0] == stops_after


@pytest.mark.parametrize(("n", "passes", "fails", "cannot"), [(100, 99, 77, 87), (150, 146, 122, 137)])
def test_boundaries_at_one_percent(n: int, passes: int, fails: int, cannot: int) -> None:
    # 137 of 150: with 50 left the suite ends at 187 of 200 at most, and 188 pass.
    limit = math.log(100)
    assert min(s for s in range(n + 1) if settling.log_e_passes(AT, n, s) >= limit) == passes
    assert max(s for s in range(n + 1) if settling.log_e_fails(AT, n, s) >= limit) == fails
    assert max(s for s in range(n + 1) if settling.log_e_cannot_pass(AT, n, s) >= limit) == cannot


def test_at_the_end_only_the_verdict_of_the_whole_suite_is_left() -> None:
    for hits in range(201):
        passed = settling.log_e_passes(AT, 200, hits)
        assert passed == (math.inf if hits >= 188 else -math.inf)
        assert settling.log_e_cannot_pass(AT, 200, hits) == -passed
        assert settling.log_e_fails(AT, 200, hits) == (math.inf if hits <= 172 else -math.inf)


def test_precision_with_an_unknown_number_of_predictions() -> None:
    assert log_e_precision(100, 300, right=50, false=0, sure=SURE)[0] == pytest.approx(2.530043, abs=2e-6)
    assert log_e_precision(150, 300, right=75, false=0, sure=SURE)[0] == pytest.approx(4.682624, abs=2e-6)
    assert log_e_precision(60, 300, right=20, false=10, sure=SURE)[1] == pytest.approx(9.848502, abs=2e-6)


def test_betting_on_scores_per_case() -> None:
    bound = cutoff(300, 0.9)
    assert bound == pytest.approx(0.929338, abs=1e-6)
    evidence = [settling.log_e_mean_above(np.ones(n), 300, bound) for n in range(1, 101)]
    assert [evidence[n - 1] for n in (50, 75, 100)] == pytest.approx([2.328748, 4.148307, 6.361245], abs=2e-6)
    assert 1 + next(i for i, e in enumerate(evidence) if e >= math.log(20)) == 60
    assert 1 + next(i for i, e in enumerate(evidence) if e >= math.log(100)) == 81
    scores = np.tile([1, 1, 1, 2 / 3], 75)
    assert settling.log_e_mean_below(scores[:100], 300, bound) == pytest.approx(-0.826141, abs=2e-6)
    assert settling.log_e_mean_below(scores[:200], 300, bound) == pytest.approx(0.7601, abs=2e-6)


def test_a_mean_that_is_reached_already_is_certain() -> None:
    assert settling.log_e_mean_above(np.ones(91), 100, 0.9) == math.inf
    assert settling.log_e_mean_below(np.zeros(11), 100, 0.9) == math.inf


def no_worse(total: int, margin: float) -> PairedCuts:
    """Give the totals whose loss of the margin Tango's score excludes at 95%."""
    return paired_cuts(total, lambda gains, losses: tango_z(gains, losses, total, -margin) >= 1.6449)


@pytest.mark.parametrize(("gains", "most"), [(0, 6), (5, 9), (10, 13)])
def test_most_losses_that_are_no_worse_than_three_points_of_400(gains: int, most: int) -> None:
    assert no_worse(400, 0.03).most[gains] == most


def test_evidence_of_pairs() -> None:
    at = no_worse(400, 0.03)
    assert log_e_pairs(at, 200, 0, 0)[0] == pytest.approx(-4.273421, abs=2e-6)
    assert log_e_pairs(at, 200, 4, 2)[0] == pytest.approx(-4.215980, abs=2e-6)
    assert log_e_pairs(at, 100, 2, 12)[1] == pytest.approx(0.537670, abs=2e-6)
    assert log_e_pairs(at, 400, 0, 6) == (math.inf, -math.inf)
    assert log_e_pairs(at, 400, 0, 7) == (-math.inf, math.inf)


@pytest.mark.parametrize(("n", "gains", "losses"), [(0, 0, 0), (5, 0, 5), (7, 7, 0), (20, 1, 6), (38, 1, 2)])
def test_evidence_of_pairs_is_the_sum_over_all_totals(n: int, gains: int, losses: int) -> None:
    total, at = 40, no_worse(40, 0.1)
    inside, outside, sizes = [], [], [0, 0]
    for b in range(total + 1):
        for c in range(total - b + 1):
            ways = math.comb(b, gains) * math.comb(c, losses) * math.comb(total - b - c, n - gains - losses)
            is_in = bool(c <= at.most[b])
            sizes[is_in] += 1
            if ways:
                (inside if is_in else outside).append(ways)
    worst = [max(side, default=0) for side in (outside, inside)]
    expected = [
        math.log(sum(side)) - math.log(sizes[which]) - math.log(against) if side and against else None
        for side, which, against in ((inside, 1, worst[0]), (outside, 0, worst[1]))
    ]
    for found, wanted in zip(log_e_pairs(at, n, gains, losses), expected, strict=True):
        assert found == pytest.approx(wanted, abs=1e-9) if wanted is not None else math.isinf(found)


def _edges(at: Cuts, limit: float, every: int) -> Iterator[tuple[int, int, int]]:
    """Give each look: cases, the fewest hits that stop it PASS, and the most that stop it as not passing."""
    for n in range(every, at.n + 1, every):
        passes = bisect.bisect_left(range(n + 1), True, key=lambda s, n=n: settling.log_e_passes(at, n, s) >= limit)
        cannot = bisect.bisect_left(range(n + 1), True, key=lambda s, n=n: settling.log_e_cannot_pass(at, n, s) < limit)
        yield n, passes, cannot - 1


def _stopped(total: int, limit: float, every: int, truth: float) -> tuple[float, float, float]:
    """Give exactly how often a suite drawn from a population stops PASS, passes whole, and its mean cases."""
    at = cuts(total, 0.9)
    alive, before, passed, mean = np.ones(1), 0, 0.0, 0.0
    for n, passes, cannot in _edges(at, limit, every):
        step = binom.pmf(np.arange(n - before + 1), n - before, truth)
        alive, before = np.convolve(alive, step), n
        hits = np.arange(n + 1)
        ends = (hits >= passes) | (hits <= cannot)
        passed += float(alive[hits >= passes].sum())
        mean += n * float(alive[ends].sum())
        alive = np.where(ends, 0.0, alive)
    assert alive.sum() == pytest.approx(0, abs=1e-12)  # at the last case it is certain
    return passed, float(binom.sf(at.passes - 1, total, truth)), mean


@pytest.mark.parametrize(
    ("delta", "truth", "passes", "whole", "mean"),
    [
        (0.05, 0.96, 0.9359, 0.9401, 140.0),
        (0.05, 0.98, 0.9984, None, 92.4),
        (0.01, 0.96, 0.9385, None, 160.7),
        (0.01, 0.80, None, None, 39.2),
    ],
)
def test_200_cases_looked_at_each_time_exactly(
    delta: float, truth: float, passes: float | None, whole: float | None, mean: float
) -> None:
    found = _stopped(200, -math.log(delta), 1, truth)
    if passes is not None:
        assert found[0] == pytest.approx(passes, abs=5e-5)
    if whole is not None:
        assert found[1] == pytest.approx(whole, abs=5e-5)
    assert found[2] == pytest.approx(mean, abs=0.05)


@pytest.mark.parametrize(
    ("truth", "mean"), [(0.80, 65), (0.85, 124), (0.90, 274), (0.93, 356), (0.95, 289), (0.96, 231), (0.99, 100)]
)
def test_400_cases_at_one_percent_save_most_of_a_clear_run_and_keep_its_verdict(truth: float, mean: float) -> None:
    """The figures of independent simulations; at most 80 cases at .80, 240 at .96, PASS within .005 of all cases."""
    passes, whole, found = _stopped(400, -math.log(0.01), 5, truth)
    assert found == pytest.approx(mean, abs=3)
    assert passes == pytest.approx(whole, abs=0.005)


def _stops(right: np.ndarray, limit: float) -> str:
    at = cuts(len(right), 0.9)
    hits = np.cumsum(right)
    for n in range(5, len(right) + 1, 5):
        if settling.log_e_passes(at, n, int(hits[n - 1])) >= limit:
            return "PASS"
        if settling.log_e_cannot_pass(at, n, int(hits[n - 1])) >= limit:
            return "OTHER"
    return "OTHER"


@pytest.mark.parametrize(("total", "wrong"), [(187, "PASS"), (188, "OTHER")])
def test_few_orders_of_a_suite_contradict_it(total: int, wrong: str) -> None:
    """At delta .05; independent code saw 4.2% (187 right) and 1.7% (188) of 2,000 orders."""
    rng = np.random.default_rng(5)
    suite = np.arange(200) < total
    contradicted = sum(_stops(rng.permutation(suite), math.log(20)) == wrong for _ in range(200))
    assert contradicted / 200 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 200)


def by_hand(scores: Sequence[float], total: int, bound: float) -> float:
    """Bet on scores without replacement, as Waudby-Smith and Ramdas do, in plain products."""
    wealth = 0.0
    for part in (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9):
        product, before = 1.0, 0.0
        for place, score in enumerate(scores):
            product *= 1 + part * (score / ((total * bound - before) / (total - place)) - 1)
            before += score
        wealth += product / 7
    return math.log(wealth)


def passing_from(n: int) -> float:
    """Give the share of n from which the exact lower bound is 80%."""
    return float(brentq(lambda c: beta.ppf(0.05, n * c, n - n * c + 1) - 0.8, 0.5, 1 - 1e-12))


def test_precision_with_repeats_is_bet_on_right_answers_less_the_demanded_share_of_all_answers() -> None:
    sure = Sure(0.8, 0.95, 0.95, 0.95)
    # Of 200 cases 60 were asked, three times each: 30 with the label, 2 false alarms, of which one in a single repeat.
    counts = [(3, 3, 0, 0)] * 28 + [(2, 2, 0, 0)] * 2 + [(0, 3, 0, 0), (0, 1, 0, 0)] + [(0, 0, 0, 0)] * 28
    seen = look_at_ratio(counts, total=200, repeats=3, likely=100, sure=sure)
    part = 15  # 15% of the 100 answers that are likely are there (92 of three each are 30.7), 40% are not
    at = passing_from(part)
    scores = [(right - at * given) / 3 + at for right, given, *_ in counts]
    assert seen.passes == pytest.approx(by_hand(scores, 200, at) - math.log(3), abs=1e-4)
    assert seen.fails == -math.inf
    low = passing_from(600)
    against = [1 - ((right - low * given) / 3 + low) for right, given, *_ in counts]
    assert seen.cannot == pytest.approx(by_hand(against, 200, 1 - low), abs=1e-4)


def test_no_answer_with_the_label_is_no_evidence_that_its_precision_passes() -> None:
    sure = Sure(0.8, 0.95, 0.95, 0.95)
    for asked in (20, 200):
        assert look_at_ratio([(0, 0, 0, 0)] * asked, total=200, repeats=3, likely=100, sure=sure).passes == -math.inf
    lost = look_at_ratio([(3, 3, 0, 0)] * 60 + [(0, 0, 0, 3)] * 60, total=200, repeats=3, likely=100, sure=sure)
    kept = look_at_ratio([(3, 3, 0, 0)] * 60 + [(0, 0, 0, 0)] * 60, total=200, repeats=3, likely=100, sure=sure)
    assert lost.passes < 0 < math.log(100) < kept.passes  # what was lost may have been false alarms
    assert lost.cannot == pytest.approx(kept.cannot)
