"""Many texts as one run of bytes, in which a phrase is found in all of them at once.

Case is folded and blanks are made equal on both sides. The phrase is looked for where its rarest byte stands,
so that the time does not grow with how often it occurs: a hundred megabytes take a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.judge.table.columns import Bool, Int64

LONGEST = 2_000  # characters of one text that are searched
_SAMPLE = 1 << 16
Bytes = npt.NDArray[np.uint8]


def folded_text(text: str) -> bytes:
    """Give a text as it is searched: case folded, every blank a space, no line end."""
    return " ".join(text[:LONGEST].casefold().split()).encode("utf-8", "replace")


class ReplyTexts:
    """Texts by number; `matching` tells which of them contain a phrase. More can be put after them."""

    def __init__(self, texts: Sequence[bytes] = (), before: ReplyTexts | None = None) -> None:
        """Hold these texts, after those of another object."""
        self._runs: tuple[_Run, ...] = () if before is None else before._runs
        if texts:
            self._runs = (*self._runs, _Run(texts))

    def __len__(self) -> int:
        return sum(map(len, self._runs))

    def matching(self, phrase: str) -> Bool:
        """Tell which texts contain a phrase; an empty one is in all."""
        needle = np.frombuffer(folded_text(phrase), dtype=np.uint8)
        if not len(needle):
            return np.ones(len(self), dtype=np.bool_)
        none = np.zeros(0, dtype=np.bool_)
        return np.concatenate([none, *(run.matching(needle) for run in self._runs)])


class _Run:
    """Texts that were read together: one after the other, each with a line end."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._ends: Int64 = np.cumsum([len(text) + 1 for text in texts], dtype=np.int64)
        self._starts: Int64 = np.concatenate([np.zeros(1, dtype=np.int64), self._ends[:-1]])
        self._bytes = np.frombuffer(b"\n".join([*texts, b""]), dtype=np.uint8)

    def __len__(self) -> int:
        return len(self._ends)

    def matching(self, needle: Bytes) -> Bool:
        places = self._occurrences(needle)
        if len(places) > len(self):  # more hits than texts: cheaper to look at every byte than up every hit
            hits = np.zeros(len(self._bytes), dtype=np.bool_)
            hits[places] = True
            return np.asarray(np.logical_or.reduceat(hits, self._starts), dtype=np.bool_)
        found = np.zeros(len(self), dtype=np.bool_)
        found[np.searchsorted(self._ends, places, side="right")] = True
        return found

    def _occurrences(self, needle: Bytes) -> Int64:
        """Give the places where a phrase begins; it never spans two texts, for it holds no line end."""
        size = len(self._bytes) - len(needle) + 1
        if size <= 0:
            return np.empty(0, dtype=np.int64)
        common = np.bincount(self._bytes[:_SAMPLE], minlength=256)
        order = np.argsort(common[needle], kind="stable")  # the rarest byte first
        rarest = int(order[0])
        places = np.flatnonzero(self._bytes[rarest : rarest + size] == needle[rarest])
        for at in order[1:]:
            places = places[self._bytes[places + at] == needle[at]]
        return places.astype(np.int64)
