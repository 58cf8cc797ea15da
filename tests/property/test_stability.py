"""Stability figures on random answers: as krippendorff, statsmodels and counting pairs give them."""

from __future__ import annotations

import itertools
from collections import Counter

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from harness.judge.scores import stability
from harness.judge.scores import stability as reliability
from harness.judge.scores.invariance import RepeatPairs
from harness.judge.scores.stability import Votes


@st.composite
def ratings(draw: st.DrawFn) -> np.ndarray:
    """Give answers, cases x repeats, NaN where a trial is missing; every case keeps at least one."""
    cases, repeats = draw(st.integers(2, 25)), draw(st.integers(2, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    table = rng.integers(0, draw(st.integers(1, 4)), (cases, repeats)).astype(float)
    table[rng.random(table.shape) < draw(st.sampled_from([0.0, 0.1, 0.4]))] = np.nan
    empty = np.isnan(table).all(axis=1)
    table[empty, 0] = 0.0
    return table


def flat(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give case and answer of each trial that is there, sorted by case."""
    case, repeat = np.nonzero(~np.isnan(table))
    return case, table[case, repeat].astype(np.int64)


@settings(deadline=None, max_examples=80)
@given(ratings())
def test_alpha_with_missing_ratings_equals_krippendorff(table: np.ndarray) -> None:
    ours = reliability.krippendorff_alpha(Votes.of(*flat(table)), seed=1)
    if ours.value is not None:
        theirs = krippendorff.alpha(reliability_data=table.T, level_of_measurement="nominal")
        assert ours.value == pytest.approx(theirs, abs=1e-12)
        return
    repeated = table[(~np.isnan(table)).sum(axis=1) > 1]
    assert len(np.unique(repeated[~np.isnan(repeated)])) <= 1


@settings(deadline=None, max_examples=80)
@given(ratings())
def test_kappa_equals_statsmodels_on_complete_cases_and_is_refused_where_ratings_are_missing(table: np.ndarray) -> None:
    with_gaps = reliability.fleiss_kappa(Votes.of(*flat(table)), seed=1)
    asked = (~np.isnan(table)).sum(axis=1)
    if len(np.unique(asked[asked > 1])) > 1:
        assert with_gaps.value is None
    complete = table[asked == table.shape[1]]
    ours = reliability.fleiss_kappa(Votes.of(*flat(complete)), seed=1) if len(complete) else None
    if ours is not None and ours.value is not None:
        counts, _ = aggregate_raters(complete.astype(int))
        assert ours.value == pytest.approx(fleiss_kappa(counts), abs=1e-12)


@settings(deadline=None, max_examples=80)
@given(ratings())
def test_flips_are_what_counting_every_pair_gives(table: np.ndarray) -> None:
    case, answer = flat(table)
    votes = Votes.of(case, answer)
    by_case = [answer[case == one].tolist() for one in np.unique(case)]
    pairs = [pair for said in by_case for pair in itertools.combinations(said, 2)]
    counted = Counter(tuple(sorted(pair)) for pair in pairs if pair[0] != pair[1])
    assert {(a, b): n for a, b, _, n in stability.flips(votes)} == counted
    both_ways = [*pairs, *((b, a) for a, b in pairs)]
    for (a, b), rate in stability.flip_rates(votes).items():
        beside = [second for first, second in both_ways if first == a]
        assert rate == pytest.approx(beside.count(b) / len(beside))
    made = RepeatPairs.of(case, answer)
    assert (len(made.case), int(made.differ.sum())) == (len(pairs), sum(counted.values()))
