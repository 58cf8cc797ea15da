"""Pairs of repeats, and what splits them in two: figures counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from harness.judge.scores import stability
from harness.judge.scores.figure import Missing
from harness.judge.scores.invariance import FARTHEST, RepeatPairs, balanced_cut
from harness.judge.scores.proportion import Share
from harness.judge.scores.stability import Votes


def test_every_two_repeats_of_a_case_are_a_pair_and_differ_as_often_as_the_flip_rate_says() -> None:
    case, answer = np.repeat([0, 1, 2], 3), np.array([0, 0, 0, 0, 0, 1, 0, 1, 2])
    pairs = RepeatPairs.of(case, answer)
    assert sorted(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [
        *((0, 1), (0, 2), (1, 2)),
        *((3, 4), (3, 5), (4, 5)),
        *((6, 7), (6, 8), (7, 8)),
    ]
    share = pairs.differing()
    assert isinstance(share, Share)
    assert share.p == pytest.approx(5 / 9)  # none, two and three of three
    assert share.p == pytest.approx(stability.flip_rate(Votes.of(case, answer)).value)
    assert share.cases == 3


def test_many_repeats_are_paired_with_their_neighbours_only() -> None:
    pairs = RepeatPairs.of(np.zeros(1000, dtype=np.int64), np.arange(1000))
    assert len(pairs.case) == sum(1000 - apart for apart in range(1, FARTHEST + 1))


def test_cases_that_were_asked_once_make_no_pair() -> None:
    pairs = RepeatPairs.of(np.arange(5), np.arange(5))
    assert isinstance(pairs.differing(), Missing)


def test_the_cut_makes_groups_as_equal_as_can_be() -> None:
    assert balanced_cut(np.array([1, 2, 3, 4])) == 2
    assert balanced_cut(np.array([1, 8, 8, 8, 8])) == 1
    assert balanced_cut(np.array([1, 1, 1, 4, 8])) == 1
    assert balanced_cut(np.array([8, 8])) is None


def test_a_flip_rate_is_a_share_of_the_repeats_beside_the_first_answer() -> None:
    # Case 0: s s h: beside an s stand s, h, s, h, beside the h stand s, s. Case 1: s s s: six more, all s.
    votes = Votes.of(np.repeat([0, 1], 3), np.array([0, 0, 1, 0, 0, 0]))
    assert stability.flip_rates(votes) == {(0, 1): pytest.approx(2 / 10), (1, 0): pytest.approx(1.0)}
