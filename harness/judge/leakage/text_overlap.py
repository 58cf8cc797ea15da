"""Which texts are (nearly) the same: few-shot examples in cases, dev cases in holdout, duplicates.

Theory. Three measures, each shown with the pair:

- exact: equal after NFKC, case folding and white space;
- characters or words: Jaccard similarity of the sets of character 5-grams or of word 3-grams;
- aligned: 2 L / (n + m) for the longest common subsequence of L words. Two changed words break up to six
  word 3-grams and twenty character 5-grams, so that a copied sentence falls below a Jaccard of .8; this
  measure sees it. It needs `ALIGNED_WORDS` words on both sides: short sentences share words by chance.

Pairs are compared exactly, without sketching, but only those that can be similar (see `text_sets`). For
`characters` that loses none. `words` and `aligned` look at the pairs that share a word 3-gram: a Jaccard
above 0 has one, and so has a copy of eight words or more of which at most a fifth were replaced (k replaced
words leave k + 1 runs, one of which is three words long). Paraphrases evade every n-gram: none of this
finds them.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeAlias

import numpy as np

from harness.judge.leakage import text_sets
from harness.judge.leakage.text_sets import candidates

Measure: TypeAlias = Literal["exact", "characters", "words", "aligned"]
THRESHOLD = 0.8
CHARACTERS = 5
_WORDS = 3
ALIGNED_WORDS = 8
_SIEVE = 1 / 3
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, order=True)
class Overlap:
    """Two texts that nearly are one: positions in the lists given, and how similar by which measure."""

    left: int
    right: int
    similarity: float
    measure: Measure


def normalised(text: str) -> str:
    """Fold what a copy changes without changing the text: NFKC, case, white space."""
    folded = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return " ".join(folded.casefold().split())


def words_of(text: str) -> list[str]:
    """Split a normalised text into words, without punctuation."""
    return _WORD.findall(text)


def overlaps(left: Sequence[str], right: Sequence[str] | None = None) -> list[Overlap]:
    """Give all pairs of a left and a right text that overlap, best measure first; sorted by position.

    Without `right`, pairs within `left` (each once, left < right). Empty texts overlap with nothing.
    """
    folded = [normalised(text) for text in left] + [normalised(text) for text in right or ()]
    asked = _Asked(len(left), right is None)
    best: dict[tuple[int, int], Overlap] = {}
    for i, j in _equal(folded, asked):
        best[i, j] = Overlap(i, j, 1.0, "exact")
    for found in (*_by_characters(folded, asked), *_by_words(folded, asked)):
        old = best.get((found.left, found.right))
        if old is None or (old.measure != "exact" and found.similarity > old.similarity):
            best[found.left, found.right] = found
    shift = 0 if asked.within else asked.split
    return sorted(Overlap(o.left, o.right - shift, o.similarity, o.measure) for o in best.values())


@dataclass(frozen=True, slots=True)
class Sieve:
    """Finds the texts that could overlap with one of a few texts: cheaply, and generously.

    A text that overlaps shares most of its 5-grams; one with a fifth of its words replaced still shares
    nearly half, unless its words are very short. A third is asked for, with all of the few texts together.
    """

    wanted: text_sets.UInt32

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Sieve":
        """Make it of the few texts."""
        return cls(np.unique(text_sets.character_sets([normalised(text) for text in texts], CHARACTERS).items))

    def worth_comparing(self, others: Sequence[str]) -> list[int]:
        """Give the places of those that pass."""
        if not len(self.wanted):
            return []
        sets = text_sets.character_sets([normalised(text) for text in others], CHARACTERS)
        hits = np.bincount(sets.rows()[np.isin(sets.items, self.wanted)], minlength=len(others))
        return np.flatnonzero(hits >= _SIEVE * np.maximum(sets.size, 1)).tolist()


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which pairs are asked for among the joined lists."""

    split: int
    within: bool

    def wanted(self, i: text_sets.Int64, j: text_sets.Int64) -> text_sets.Bool:
        """Tell which pairs i < j are asked for."""
        across: text_sets.Bool = (i < self.split) & (j >= self.split)
        return np.ones(len(i), dtype=np.bool_) if self.within else across


def _equal(folded: list[str], asked: _Asked) -> Iterator[tuple[int, int]]:
    places: dict[str, list[int]] = {}
    for i, text in enumerate(folded):
        if text:
            places.setdefault(text, []).append(i)
    for group in places.values():
        for i, j in combinations(group, 2):
            if asked.within or i < asked.split <= j:
                yield i, j


def _by_characters(folded: list[str], asked: _Asked) -> Iterator[Overlap]:
    sets = text_sets.character_sets(folded, CHARACTERS)
    size, signatures = sets.size, sets.signatures()
    for i, j in candidates(sets, THRESHOLD):
        apart = (1 - THRESHOLD) / (1 + THRESHOLD) * (size[i] + size[j])
        keep = asked.wanted(i, j) & text_sets.alike_in_size(size[i], size[j], THRESHOLD)
        i, j, apart = i[keep], j[keep], apart[keep]  # noqa: PLW2901 - the same pairs, fewer of them
        keep = text_sets.at_least_different(signatures, i, j) <= apart + 1e-9
        yield from _jaccard(sets, i[keep], j[keep], "characters")


def _jaccard(sets: text_sets.HashedSets, i: text_sets.Int64, j: text_sets.Int64, measure: Measure) -> Iterator[Overlap]:
    common = sets.common(i, j)
    similarity = common / np.maximum(sets.size[i] + sets.size[j] - common, 1)
    for k in np.flatnonzero(similarity >= THRESHOLD - 1e-9):
        yield Overlap(int(i[k]), int(j[k]), float(similarity[k]), measure)


def _by_words(folded: list[str], asked: _Asked) -> Iterator[Overlap]:
    texts = _numbered(folded)
    length = np.array([len(words) for words in texts], dtype=np.int64)
    grams, words = text_sets.word_sets(texts, _WORDS), text_sets.word_sets(texts, 1)
    signatures = words.signatures()
    for i, j in candidates(grams, 0.0):
        # An element that only one text has spoils a 3-gram at least, and every 3-gram has three words.
        both = length[i] + length[j]
        keep = asked.wanted(i, j) & text_sets.alike_in_size(length[i], length[j], THRESHOLD / (2 - THRESHOLD))
        i, j, both = i[keep], j[keep], both[keep]  # noqa: PLW2901 - the same pairs, fewer of them
        apart = text_sets.at_least_different(signatures, i, j)
        keep = apart <= 3 * (1 - THRESHOLD) / (1 + THRESHOLD) * both
        yield from _jaccard(grams, i[keep], j[keep], "words")
        # Words that only one text has stand outside of any common subsequence: (1 - t)(n + m) may.
        keep = (apart <= (1 - THRESHOLD) * both + 1e-9) & (np.minimum(length[i], length[j]) >= ALIGNED_WORDS)
        for a, b in zip(i[keep].tolist(), j[keep].tolist(), strict=True):
            similarity = _aligned(texts[a].tolist(), texts[b].tolist())
            if similarity >= THRESHOLD:
                yield Overlap(a, b, similarity, "aligned")


def _numbered(folded: list[str]) -> list[text_sets.Int64]:
    """Give the words of each text as numbers."""
    number: dict[str, int] = {}
    return [
        np.array([number.setdefault(word, len(number)) for word in words_of(text)], dtype=np.int64) for text in folded
    ]


def _aligned(one: Sequence[int], two: Sequence[int]) -> float:
    """Give 2 L / (n + m), L the length of the longest common subsequence (bit-parallel: Hyyroe 2004)."""
    places: dict[int, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << place
    everywhere = (1 << len(one)) - 1
    free = everywhere
    for word in two:
        hit = free & places.get(word, 0)
        free = ((free + hit) | (free - hit)) & everywhere
    common = len(one) - free.bit_count()
    return 2 * common / (len(one) + len(two))
