"""Which texts are (nearly) the same: few-shot examples in cases, dev cases in holdout, duplicates.

Theory. Three measures, each shown with the pair:

- exact: equal after NFKC, case folding and white space;
- characters or words: Jaccard similarity of the sets of character 5-grams or of word 3-grams;
- aligned: 2 L / (n + m) for the longest common subsequence of L words. Two changed words break up to six
  word 3-grams and twenty character 5-grams, so that a copied sentence falls below a Jaccard of .8; this
  measure sees it. It needs `ALIGNED_WORDS` words on both sides: short sentences share words by chance.

All pairs are compared exactly, without sketching: if Jaccard(A, B) >= t, then the |A| - ceil(t |A|) + 1
rarest elements of A meet the rarest ones of B (prefix filter: Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma
and Srikant 2007). Only pairs that share such a rare element are looked at, found by a sparse matrix product.
An aligned similarity >= t needs a Jaccard of word sets >= t/(2 - t) when no word repeats: that is its filter.
Texts so alike in style that an element occurs in more than `COMMON` of them are compared through their rarer
elements only. Paraphrases evade every n-gram: none of this finds them.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from harness.judge.table import Bool, Int64

Measure: TypeAlias = Literal["exact", "characters", "words", "aligned"]
THRESHOLD = 0.8
CHARACTERS = 5
WORDS = 3
ALIGNED_WORDS = 8
COMMON = 1_000
BLOCK = 2_000


@dataclass(frozen=True, slots=True, order=True)
class Overlap:
    """Two texts that nearly are one: positions in the lists given, and how similar by which measure."""

    left: int
    right: int
    similarity: float
    measure: Measure


def normalised(text: str) -> str:
    """Fold what a copy changes without changing the text: NFKC, case, white space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def words_of(text: str) -> list[str]:
    """Split a normalised text into words, without punctuation."""
    return re.findall(r"\w+", text)


def overlaps(
    left: Sequence[str], right: Sequence[str] | None = None, *, threshold: float = THRESHOLD
) -> list[Overlap]:
    """Give all pairs of a left and a right text that overlap, best measure first; sorted by position.

    Without `right`, pairs within `left` (each once, left < right). Empty texts overlap with nothing.
    """
    within = right is None
    folded = [normalised(text) for text in left] + [normalised(text) for text in right or ()]
    split = len(left)
    best: dict[tuple[int, int], Overlap] = {}
    pairs = _Pairs(split, within)
    for measure, grams, needed in (
        ("characters", _character_grams(folded), threshold),
        ("words", _sets([_word_grams(text) for text in folded]), threshold),
    ):
        for i, j, similarity in pairs.jaccard(grams, needed):
            _keep(best, pairs, Overlap(i, j, similarity, measure))  # type: ignore[arg-type]
    words = [words_of(text) for text in folded]
    for i, j, _ in pairs.jaccard(_sets([set(w) for w in words]), threshold / (2 - threshold) - 0.05):
        if min(len(words[i]), len(words[j])) >= ALIGNED_WORDS:
            similarity = _aligned(words[i], words[j])
            if similarity >= threshold:
                _keep(best, pairs, Overlap(i, j, similarity, "aligned"))
    for i, j in _equal(folded, pairs):
        _keep(best, pairs, Overlap(i, j, 1.0, "exact"))
    return sorted(best.values())


def _keep(best: dict[tuple[int, int], Overlap], pairs: _Pairs, found: Overlap) -> None:
    place = (found.left, found.right if pairs.within else found.right - pairs.split)
    old = best.get(place)
    if old is None or found.measure == "exact" or found.similarity > old.similarity:
        best[place] = Overlap(*place, found.similarity, found.measure)


def _equal(folded: list[str], pairs: _Pairs) -> list[tuple[int, int]]:
    places: dict[str, list[int]] = {}
    for i, text in enumerate(folded):
        if text:
            places.setdefault(text, []).append(i)
    groups = [np.array(group) for group in places.values() if len(group) > 1]
    return [
        (int(i), int(j)) for group in groups for i in group for j in group if pairs.wanted(int(i), int(j))
    ]


@dataclass(frozen=True, slots=True)
class _Sets:
    """Sets of integers, one per text: elements of text i are items[start[i]:start[i+1]], 0..vocabulary-1."""

    items: Int64
    start: Int64
    vocabulary: int


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Which pairs are asked for among the joined lists."""

    split: int
    within: bool

    def wanted(self, i: int, j: int) -> bool:
        return i < j if self.within else i < self.split <= j

    def jaccard(self, sets: _Sets, threshold: float) -> list[tuple[int, int, float]]:
        """Give the wanted pairs with Jaccard similarity at or above the threshold."""
        from scipy import sparse

        size = np.diff(sets.start)
        row = np.repeat(np.arange(len(size)), size)
        if len(row) == 0:
            return []
        shape = (len(size), sets.vocabulary)
        whole = sparse.csr_matrix((np.ones(len(row), dtype=np.int32), (row, sets.items)), shape=shape)
        rare = _prefixes(sets, row, size, threshold)
        prefix = sparse.csr_matrix((np.ones(int(rare.sum()), np.int32), (row[rare], sets.items[rare])), shape)
        columns = prefix if self.within else prefix[self.split :]
        rows = len(size) if self.within else self.split
        offset = 0 if self.within else self.split
        turned = columns.T.tocsr()
        found: list[tuple[int, int, float]] = []
        for begin in range(0, rows, BLOCK):
            met = (prefix[begin : min(begin + BLOCK, rows)] @ turned).tocoo()
            i, j = met.row.astype(np.int64) + begin, met.col.astype(np.int64) + offset
            keep = (i < j) & _alike_in_size(size[i], size[j], threshold)
            found += _verified(whole, size, i[keep], j[keep], threshold)
        return found


def _alike_in_size(one: Int64, two: Int64, threshold: float) -> Bool:
    alike: Bool = np.minimum(one, two) >= threshold * np.maximum(one, two) - 1e-9
    return alike


def _prefixes(sets: _Sets, row: Int64, size: Int64, threshold: float) -> Bool:
    """Mark the elements by which a text can be found: its rarest ones, and none that is too common."""
    frequency = np.bincount(sets.items, minlength=sets.vocabulary)
    order = np.lexsort((sets.items, frequency[sets.items], row))
    rank = np.empty(len(row), dtype=np.int64)
    rank[order] = np.arange(len(row)) - sets.start[row[order]]
    length = size - np.ceil(threshold * size - 1e-9).astype(np.int64) + 1
    found: Bool = (rank < length[row]) & (frequency[sets.items] <= COMMON)
    return found


def _verified(
    whole: object, size: Int64, i: Int64, j: Int64, threshold: float
) -> list[tuple[int, int, float]]:
    """Count the common elements of the candidates and keep those similar enough."""
    found: list[tuple[int, int, float]] = []
    for begin in range(0, len(i), 50_000):
        a, b = i[begin : begin + 50_000], j[begin : begin + 50_000]
        common = np.asarray(whole[a].multiply(whole[b]).sum(axis=1)).ravel()  # type: ignore[index]
        similarity = common / (size[a] + size[b] - common)
        good = np.flatnonzero(similarity >= threshold - 1e-9)
        found += [(int(a[k]), int(b[k]), float(similarity[k])) for k in good]
    return found


def _character_grams(texts: list[str]) -> _Sets:
    """Give the distinct character 5-grams of each text; a shorter text is one gram."""
    return _sets([_grams(text, CHARACTERS) for text in texts])


def _grams(text: str, n: int) -> set[str]:
    if len(text) <= n:
        return {text} if text else set()
    return {text[i : i + n] for i in range(len(text) - n + 1)}


def _word_grams(text: str) -> set[str]:
    """Give the word 3-grams; a text of one or two words has none: `hm :)` is no copy of `hm :(`."""
    words = words_of(text)
    return {" ".join(words[i : i + WORDS]) for i in range(len(words) - WORDS + 1)}


def _sets(texts: Sequence[set[str]]) -> _Sets:
    """Give each element a number, in the order in which sorted sets first show them: runs agree."""
    number: dict[str, int] = {}
    items: list[int] = []
    start = [0]
    for elements in texts:
        items.extend(number.setdefault(element, len(number)) for element in sorted(elements))
        start.append(len(items))
    return _Sets(np.array(items, dtype=np.int64), np.array(start, dtype=np.int64), max(len(number), 1))


def _aligned(one: list[str], two: list[str]) -> float:
    """Give 2 L / (n + m), L the length of the longest common subsequence (Hunt-Szymanski)."""
    places: dict[str, list[int]] = {}
    for j, word in enumerate(two):
        places.setdefault(word, []).append(j)
    ends: list[int] = []
    for word in one:
        for j in reversed(places.get(word, ())):
            at = bisect_left(ends, j)
            ends[at : at + 1] = [j]
    return 2 * len(ends) / (len(one) + len(two))
