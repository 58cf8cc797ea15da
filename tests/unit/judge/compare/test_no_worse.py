"""The questions of a change of model: how ratios are taken apart, and what few cases can show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_of import case_row, manifest_of, record, replayed
from sklearn.metrics import f1_score, precision_score

from harness.files.thresholds import MACRO_F1, PRECISION
from harness.judge.compare.agreement import agreement, lost_for_certain
from harness.judge.compare.no_worse import Demand, _ratio, no_worse
from harness.judge.documents import LabelShift
from harness.judge.pairs import Pairs, pair
from harness.judge.table.read import tabulate
from harness.judge.view import RunView

LABELS = ("a", "b", "c")
Answers = Sequence[int]


def pairs_of(expected: Answers, old: Answers, new: Answers, **suite: object) -> Pairs:
    names = ("v1@old", "v1@new")
    events = [case_row(f"c{i:03d}", LABELS[label]) for i, label in enumerate(expected)]
    for name, given_ in zip(names, (old, new), strict=True):
        events += [record(f"c{i:03d}", LABELS[label], candidate=name, recorded=True) for i, label in enumerate(given_)]
    manifest = manifest_of(LABELS, planned=2 * len(expected), candidates=[replayed(name) for name in names], **suite)
    return pair(*RunView(manifest, tabulate(manifest, events)).views)


def demand(margin: float = 0.05, **more: int) -> Demand:
    return Demand(margin=margin, label_margin=margin, confidence=0.95, **more)


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=12, max_size=40))
@settings(max_examples=30, deadline=None)
def test_what_the_cases_add_sums_to_the_difference_of_the_ratios(rows: list[tuple[int, int, int]]) -> None:
    rows = [*rows, (0, 0, 0), (1, 1, 1), (2, 2, 2)]  # every label occurs and is answered on both sides
    expected, old, new = zip(*rows, strict=True)
    pairs = pairs_of(expected, old, new)
    for metric, score in ((PRECISION, precision_score), (MACRO_F1, f1_score)):
        after, before = (score(expected, side, labels=[0, 1, 2], average=None) for side in (new, old))
        for label in range(3):
            part = _ratio(pairs, label, metric)
            assert part is not None
            assert part.adds.sum() == pytest.approx(after[label] - before[label])


def test_labels_with_three_cases_are_never_shown_to_be_no_worse() -> None:
    expected = [0] * 300 + [1] * 300 + [2] * 3
    asked = no_worse(pairs_of(expected, expected, expected), demand())
    status = {(one.metric, one.label): one.status for one in asked}
    assert status["recall", "a"] == status["recall", "b"] == status["accuracy", None] == "PASS"
    assert status["recall", "c"] == status["macro_f1", None] == "INCONCLUSIVE"
    needed = next(one.needed_n for one in asked if one.label == "c")
    assert needed == 59  # (1 - .05)^59 < .05


def test_two_false_alarms_against_none_prove_no_loss_of_precision() -> None:
    expected = [0] * 60 + [1] * 60
    new = [0] * 62 + [1] * 58
    asked = no_worse(pairs_of(expected, expected, new, positive="a"), demand(0.02))
    precision = next(one for one in asked if one.metric == "precision")
    assert precision.p_worse is not None
    assert precision.status == "INCONCLUSIVE"
    assert precision.p_worse >= 0.25  # the sign test of two cases


def test_more_prompts_and_models_make_a_refusal_harder_and_a_pass_stricter() -> None:
    rng = np.random.default_rng(5)
    expected = rng.integers(0, 2, 300).tolist()
    new = [1 - label if i < 14 else label for i, label in enumerate(expected)]
    alone, among = (no_worse(pairs_of(expected, expected, new), demand(0.02, decisions=n)) for n in (1, 1000))
    assert (alone[0].status, among[0].status) == ("FAIL", "INCONCLUSIVE")
    fifty_nine = [0] * 59 + [1] * 59
    one, three = (
        next(q for q in no_worse(pairs_of(fifty_nine, fifty_nine, fifty_nine), demand(choices=n)) if q.label == "a")
        for n in (1, 3)
    )
    assert (one.status, three.status) == ("PASS", "INCONCLUSIVE")


def test_only_losses_beyond_chance_are_certain() -> None:
    shifts = [LabelShift(label="a", gained=0, lost=7), LabelShift(label="b", gained=2, lost=4)]
    assert lost_for_certain(shifts, 0.05) == ["a"]  # 2^-7, twice
    assert lost_for_certain([LabelShift(label="a", gained=0, lost=4)], 0.05) == []


def test_with_every_label_the_agreement_is_the_plain_comparison() -> None:
    expected, old, new = [0] * 40 + [1] * 40, [0] * 39 + [1] * 41, [0] * 42 + [1] * 38
    pairs = pairs_of(expected, old, new)
    made = agreement(pairs.base.view, pairs.head.view, demand())
    assert (made.exact, made.disagreeing, made.least) == (True, 3, made.most)
    assert made.accuracy.difference.value == pytest.approx(-1 / 80)
    assert "by a one-sided 95% test)" in made.accuracy.sentence
    one_of_three = agreement(pairs.base.view, pairs.head.view, demand(choices=3)).accuracy
    assert one_of_three.difference == made.accuracy.difference, "the interval beside it is not corrected"
    assert "by a one-sided 98.33% test)" in one_of_three.sentence
