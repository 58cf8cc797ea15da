"""Stability across repeats: published examples and hand-worked votes."""

from __future__ import annotations

import numpy as np
import pytest

from harness.judge.scores import stability
from harness.judge.scores import stability as reliability
from harness.judge.scores.stability import Votes

# Fleiss' table of 10 subjects x 5 categories x 14 raters, as on Wikipedia; kappa .20993.
FLEISS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]


def votes_of(table: list[list[int]]) -> Votes:
    case = [i for i, row in enumerate(table) for count in row for _ in range(count)]
    answer = [j for row in table for j, count in enumerate(row) for _ in range(count)]
    return Votes.of(np.array(case), np.array(answer))


def test_fleiss_kappa_equals_the_published_value() -> None:
    estimate = reliability.fleiss_kappa(votes_of(FLEISS), seed=1).estimate()
    assert estimate.value == pytest.approx(0.209931, abs=5e-7)
    assert estimate.low is not None
    assert estimate.low < 0.209931
    assert estimate.n == 10


def test_differing_replies_with_one_label_have_tar_raw_0_and_tar_label_1() -> None:
    replies = {text: i for i, text in enumerate(["The answer is yes ", "Yes, Yes"])}
    case = np.array([0, 0])
    assert stability.all_same(case, np.array(list(replies.values()))).value == 0.0
    assert stability.all_same(case, np.array([3, 3])).value == 1.0


def test_total_agreement_counts_only_repeated_cases_and_needs_little_memory() -> None:
    # Case 0: alike; case 1: asked once; case 2: differs.
    case, answer = np.array([2, 0, 1, 0, 2]), np.array([5, 7, 1, 7, 6])
    share = stability.all_same(case, answer)
    assert (share.value, share.n) == (0.5, 2)
    # 200,000 cases with a reply of their own for each trial: a table of cases by replies would be 640 GB.
    many = stability.all_same(np.repeat(np.arange(200_000), 2), np.arange(400_000))
    assert (many.value, many.n) == (0.0, 200_000)


def test_agreement_is_the_mean_share_of_agreeing_pairs() -> None:
    # aaa -> 1; aab -> 1/3; mean 2/3. Pairs of repeats: 6.
    votes = Votes.of(np.repeat([0, 1], 3), np.array([0, 0, 0, 0, 0, 1]))
    agreement = stability.agreement(votes)
    assert agreement.value == pytest.approx(2 / 3)
    assert agreement.n == 6
    assert stability.flip_rate(votes).value == pytest.approx(1 / 3)


def test_agreement_does_not_depend_on_the_number_of_repeats() -> None:
    rng = np.random.default_rng(1)
    few, many = (
        stability.agreement(Votes.of(np.repeat(np.arange(20_000), n), (rng.random(20_000 * n) < 0.1) * 1))
        for n in (2, 6)
    )
    assert few.value == pytest.approx(0.82, abs=0.01)  # .9^2 + .1^2
    assert many.value == pytest.approx(0.82, abs=0.01)


def test_a_reply_without_a_label_is_an_answer_of_its_own() -> None:
    case, answer = np.array([0, 0, 1, 1]), np.array([-1, -1, -1, 0])
    votes = Votes.of(case, answer)
    assert stability.all_same(case, answer).value == 0.5
    assert stability.flips(votes) == [(-1, 0, 0.5, 1)]


def test_flips_are_shares_of_all_pairs_and_sum_to_the_flip_rate() -> None:
    votes = votes_of([[3, 1, 0], [2, 1, 1], [0, 4, 0]])
    flips = stability.flips(votes)
    # 18 pairs: 0-1 differ 3 + 2 times, 0-2 twice, 1-2 once.
    assert flips == [(0, 1, 5 / 18, 5), (0, 2, 2 / 18, 2), (1, 2, 1 / 18, 1)]
    assert sum(flip[2] for flip in flips) == pytest.approx(stability.flip_rate(votes).value)


def test_cases_asked_once_say_nothing_and_the_reason_is_given() -> None:
    once = Votes.of(np.arange(5), np.zeros(5, dtype=np.int64))
    alone = stability.all_same(np.arange(5), np.zeros(5, dtype=np.int64))
    for figure in (stability.agreement(once), stability.flip_rate(once), alone):
        assert figure.estimate().why_undefined == stability.ONE_REPEAT
    assert reliability.krippendorff_alpha(once, seed=1).value is None
    assert stability.mean_entropy(once) is None
    assert reliability.clustering(np.arange(5), np.ones(5, dtype=bool)) is None


def test_pass_to_the_k_counts_k_subsets_that_are_all_right() -> None:
    # 4 of 4 and 3 of 4 right: pass^2 = (1 + 3/6)/2, pass^4 = (1 + 0)/2.
    case, right = np.repeat([0, 1], 4), np.array([1, 1, 1, 1, 1, 1, 1, 0], dtype=bool)
    assert stability.pass_power(case, right, 1).value == pytest.approx(7 / 8)
    assert stability.pass_power(case, right, 2).value == pytest.approx(0.75)
    assert stability.pass_power(case, right, 4).value == pytest.approx(0.5)
    assert stability.pass_power(case, right, 5).estimate().why_undefined == "no case was asked 5 times"


def test_best_and_worst_accuracy_take_the_luckiest_and_unluckiest_repeats() -> None:
    case, right = np.repeat([0, 1, 2], 2), np.array([1, 1, 1, 0, 0, 0], dtype=bool)
    assert stability.best_and_worst(case, right) == (pytest.approx(2 / 3), pytest.approx(1 / 3))


def test_entropy_is_one_bit_for_an_even_split_and_zero_for_agreement() -> None:
    votes = Votes.of(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]))
    assert stability.mean_entropy(votes) == pytest.approx(0.5)


def test_the_least_stable_case_comes_first_and_stable_ones_do_not_appear() -> None:
    votes = votes_of([[4, 0], [2, 2], [3, 1]])
    assert stability.least_stable(votes) == [1, 2]


def test_icc_and_design_effect_equal_the_hand_worked_ones() -> None:
    # Two cases x 2, (1,1) and (1,0): MSB = .25, MSW = .25, so ICC = 0 and the design effect 1.
    clustering = reliability.clustering(np.repeat([0, 1], 2), np.array([1, 1, 1, 0], dtype=bool))
    assert clustering is not None
    assert clustering.icc == pytest.approx(0.0)
    assert clustering.design_effect == pytest.approx(1.0)
    same = reliability.clustering(np.repeat([0, 1, 2], 4), np.repeat([True, True, False], 4))
    assert same is not None
    assert (same.icc, same.design_effect) == (pytest.approx(1.0), pytest.approx(4.0))


def test_alpha_above_the_limit_is_linearised_as_wide_as_the_bootstrap() -> None:
    rng = np.random.default_rng(6)
    answer = np.repeat(rng.integers(0, 3, 22_000), 3)
    answer[rng.random(66_000) < 0.2] = 0
    votes = Votes.of(np.repeat(np.arange(22_000), 3), answer)
    part = Votes(votes.counts[:20_000], votes.codes, votes.case[:20_000])
    many, few = (reliability.krippendorff_alpha(v, seed=1).estimate() for v in (votes, part))
    assert (many.method, few.method) == ("linearised by case", "bootstrap by case")
    widths = [(e.high or 0) - (e.low or 0) for e in (many, few)]
    assert widths[0] == pytest.approx(widths[1] * (20 / 22) ** 0.5, rel=0.06)


def test_which_repeat_failed_moves_neither_kappa_nor_alpha() -> None:
    # Codes from 2 on are failures, one for each repeat: nobody answered, so no two of them are alike by chance.
    case, here, there = np.repeat([0, 1, 2, 3], 2), [2, 0, 2, 1, 0, 0, 1, 1], [2, 0, 1, 3, 0, 0, 1, 1]
    for figure in (reliability.fleiss_kappa, reliability.krippendorff_alpha):
        first, second = (figure(Votes.of(case, np.array(said), told=2), seed=1).estimate() for said in (here, there))
        assert (first.value, first.low, first.high) == pytest.approx((second.value, second.low, second.high))
    kappa = reliability.fleiss_kappa(Votes.of(case, np.array(here), told=2), seed=1).value
    assert kappa == pytest.approx((1 / 2 - 2 * (3 / 8) ** 2) / (1 - 2 * (3 / 8) ** 2))


def test_kappa_of_unequal_repeats_points_to_alpha_and_of_one_answer_is_undefined() -> None:
    unequal = Votes.of(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 1]))
    why = reliability.fleiss_kappa(unequal, seed=1).estimate().why_undefined
    assert why == "cases have different numbers of repeats: see Krippendorff's alpha"
    constant = Votes.of(np.repeat([0, 1], 3), np.zeros(6, dtype=np.int64))
    assert reliability.fleiss_kappa(constant, seed=1).estimate().why_undefined == reliability.ONE_ANSWER


def test_forty_cases_that_all_agree_do_not_prove_perfect_agreement() -> None:
    votes = Votes.of(np.repeat(np.arange(40), 3), np.repeat(np.arange(40) % 2, 3))
    for figure in (stability.fleiss_kappa(votes, seed=0), stability.krippendorff_alpha(votes, seed=0)):
        estimate = figure.estimate()
        assert estimate.value == 1.0
        # as for a share of 40 cases without a miss: about 3.7/40 at two-sided 95% on a chance of half
        assert estimate.low == pytest.approx(0.88, abs=0.04)
