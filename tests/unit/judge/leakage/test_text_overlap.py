"""Leaked and duplicate texts: what is found, and what is not."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from harness.judge.leakage import text_overlap
from harness.judge.leakage.text_overlap import Overlap, overlaps
from harness.judge.leakage.text_sets import HashedSets

SUITES = Path(__file__).parents[4] / "suites"
TEXT = "Your parcel is held at customs, pay the fee of two pounds at the link below today"


def messages() -> list[str]:
    lines = (SUITES / "sms_spam.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["message"] for line in lines]


def two_words_changed(text: str) -> str:
    words = text.split()
    words[len(words) // 3], words[2 * len(words) // 3] = "quite", "otherwise"
    return " ".join(words)


def test_case_spacing_and_unicode_forms_are_still_exact() -> None:
    copy = "  your PARCEL is held at customs,\n pay the fee of two pounds at the link below today"
    assert overlaps([TEXT], [copy]) == [Overlap(0, 0, 1.0, "exact")]
    assert overlaps(["ﬁne caf\u00e9"], ["fine cafe\u0301"]) == [Overlap(0, 0, 1.0, "exact")]


def test_twelve_leaked_examples_of_150_messages_are_found_and_no_other() -> None:
    cases = messages()
    long = [i for i, text in enumerate(cases) if len(text_overlap.words_of(text)) >= 12][:12]
    examples = [cases[i] for i in long[:4]]
    examples += ["  " + cases[i].upper().replace(" ", "  ") for i in long[4:8]]
    examples += [two_words_changed(cases[i]) for i in long[8:]]
    examples += ["Lunch at noon in the garden behind the town hall, bring a chair", "ok see you there"]
    found = overlaps(examples, cases)
    assert [(pair.left, pair.right) for pair in found] == list(enumerate(long))
    assert {pair.measure for pair in found[:8]} == {"exact"}


def test_the_shipped_messages_hold_no_near_duplicates() -> None:
    assert overlaps(messages()) == []


def test_similarities_are_the_hand_worked_ones() -> None:
    # Ten words each, one changed in the middle: aligned 2*9/20 = .9.
    one = "alpha bravo charlie delta echo foxtrot golf hotel india juliett"
    two = one.replace("echo", "zulu")
    assert overlaps([one], [two]) == [Overlap(0, 0, 0.9, "aligned")]
    # 4 of 5 characters 5-grams: abcdefgh and abcdefghi share 4 of 5.
    assert overlaps(["abcdefgh"], ["abcdefghi"]) == [Overlap(0, 0, pytest.approx(0.8), "characters")]
    # Word 3-grams alone: punctuation differs everywhere.
    assert overlaps(["a b, c! d?"], ["a; b c: d"])[0] == Overlap(0, 0, 1.0, "words")


def test_short_sentences_that_share_most_words_are_not_called_copies() -> None:
    assert overlaps(["can you call me later"], ["can you text me later"]) == []


def test_empty_texts_overlap_with_nothing() -> None:
    assert overlaps(["", " "], ["", "a"]) == []
    assert overlaps([]) == []


def test_pairs_within_a_list_are_given_once() -> None:
    found = overlaps([TEXT, "something else entirely", TEXT.upper(), two_words_changed(TEXT)])
    assert [(pair.left, pair.right) for pair in found] == [(0, 2), (0, 3), (2, 3)]


def test_the_prefix_filter_loses_no_pair_that_a_full_comparison_finds() -> None:
    rng = np.random.default_rng(7)
    words = np.array([f"w{i}" for i in range(60)])
    texts = [" ".join(rng.choice(words, rng.integers(4, 14))) for _ in range(60)]
    texts += [two_words_changed(text) for text in texts[:20]] + [text + " w1" for text in texts[20:40]]

    def grams(text: str, n: int) -> set[str]:
        return {text[i : i + n] for i in range(len(text) - n + 1)}

    def jaccard(one: set[str], two: set[str]) -> float:
        return len(one & two) / len(one | two)

    expected = {
        (i, j)
        for i in range(len(texts))
        for j in range(i + 1, len(texts))
        if jaccard(grams(texts[i], 5), grams(texts[j], 5)) >= 0.8
    }
    assert len(expected) > 5
    assert expected <= {(pair.left, pair.right) for pair in overlaps(texts)}


def test_one_shared_word_with_other_signs_is_no_copy() -> None:
    assert overlaps(["@anonymous :'( :'(", "@anonymous :) :) :)", "@anonymous :) :) :)"]) == [
        Overlap(1, 2, 1.0, "exact")
    ]


def test_few_and_many_elements_are_counted_alike() -> None:
    buckets = np.repeat(np.array([3, 5, 9], dtype=np.uint32), [400_000, 1, 800_000]) << 8
    for items in (buckets, buckets[399_998:400_002]):
        counted = Counter(items.tolist())
        sets = HashedSets(items=items, start=np.array([0, len(items)]))
        found = sets.frequencies()
        assert found.dtype == np.int32
        assert found.tolist() == [counted[one] for one in items.tolist()]
