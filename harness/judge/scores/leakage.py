"""Texts that give answers away: cases quoted in a prompt, label words in inputs, duplicates that disagree."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.judge.scores.text_overlap import Overlap, normalised, words_of
from harness.judge.table import Int16

QUOTED_WORDS = 5  # shorter inputs ("yes please") occur in prose by chance


def quoted_in(prompt_text: str, texts: Sequence[str], *, least_words: int = QUOTED_WORDS) -> list[int]:
    """Give the texts that the prompt contains word for word (case, punctuation and white space aside)."""
    prompt = _words_only(prompt_text)
    found = []
    for i, text in enumerate(texts):
        words = _words_only(text)
        if words.count(" ") > least_words and words in prompt:
            found.append(i)
    return found


def _words_only(text: str) -> str:
    return f" {' '.join(words_of(normalised(text)))} "


def label_written_in(texts: Sequence[str], expected: Int16, labels: Sequence[str]) -> list[int]:
    """Give the texts that contain their own expected label as a word."""
    patterns = [re.compile(rf"(?<!\w){re.escape(normalised(label))}(?!\w)") for label in labels]
    return [i for i, text in enumerate(texts) if patterns[expected[i]].search(normalised(text))]


def conflicting(duplicates: Sequence[Overlap], expected: Int16) -> list[Overlap]:
    """Keep the pairs of (nearly) equal cases that expect different labels."""
    return [pair for pair in duplicates if expected[pair.left] != expected[pair.right]]


def across(duplicates: Sequence[Overlap], split: Int16, first: int, second: int) -> list[Overlap]:
    """Keep the pairs with one case in each of two splits, such as dev and holdout."""
    wanted = {first, second}
    return [pair for pair in duplicates if {int(split[pair.left]), int(split[pair.right])} == wanted]
