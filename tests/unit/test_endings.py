"""The table of finish reasons: each word has one meaning, in whatever case it comes."""

from __future__ import annotations

import pytest

from harness.endings import WORDS, ending_of, in_common_words

PAIRS = [(word, ending) for ending, said in WORDS.items() for words in said.values() for word in words.split()]


def test_no_word_has_two_meanings() -> None:
    meanings: dict[str, set[str]] = {}
    for word, ending in PAIRS:
        meanings.setdefault(word.replace("_", "").lower(), set()).add(ending)
    assert {word: found for word, found in meanings.items() if len(found) > 1} == {}


@pytest.mark.parametrize(("word", "ending"), PAIRS)
def test_a_word_means_the_same_in_any_case_and_spelling(word: str, ending: str) -> None:
    forms = (word, word.lower(), word.upper(), word.replace("_", "-"), word.replace("_", " "))
    assert {ending_of(form) for form in forms} == {ending}
    assert in_common_words(word) == ending
    assert ending_of(ending) == ending


@pytest.mark.parametrize(
    ("word", "ending"),
    [
        ("FinishReason.MAX_TOKENS", "length"),
        ("FINISH_REASON_STOP", "stop"),
        ("maxTokens", "length"),
        ("content-filter", "content_filter"),
        ("content_filter: RECITATION", "content_filter"),
        ("function_call_filter: MALFORMED_FUNCTION_CALL", "tool_calls"),
        ("other", None),
        ("OTHER", None),
        ("", None),
        (None, None),
    ],
)
def test_words_as_sdks_and_gateways_spell_them(word: str | None, ending: str | None) -> None:
    assert ending_of(word) == ending


def test_an_unknown_word_is_kept_and_null_is_none() -> None:
    assert in_common_words("Because") == "Because"
    assert in_common_words("null") is None
    assert in_common_words(None) is None
