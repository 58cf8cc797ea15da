"""What is seen of many texts at once, each for itself: what of it stands in a prompt, its words, and a digest.

Texts are folded and cut into words a block at a time, behind each other, which takes a fraction of what it takes one
by one. The outcome is the same: nothing is folded over the blank that parts two texts.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import NamedTuple
from zlib import adler32, crc32

import numpy as np
import numpy.typing as npt

from harness.judge.leakage.prompt_texts import Grams
from harness.judge.leakage.text_overlap import Sieve, normalised, words_of
from harness.judge.table.columns import CaseColumns
from harness.judge.table.packed import Packed, every_named

_AT_ONCE = 4_096  # texts that are looked at together
STATES = re.compile(r"\b(?:label|class|category|expected|answer|intent)\s*[:=]\s*[\"'\[(]?", re.IGNORECASE)
_END = "\0"
_APART = bytes(byte if chr(byte).isalnum() or byte in b"_\0" else 32 for byte in range(128)) + bytes(128)


class Looked(NamedTuple):
    """What was seen of some texts; places are among them."""

    digests: npt.NDArray[np.uint64]  # of the normalised texts
    near: list[int]  # that could overlap with a text that is shown
    within: list[tuple[str, int, str, float]]  # template, place of the text, what stands there, share of 3-grams
    states: list[int]  # that name a label as a field does, any label
    words: list[tuple[int, int]]  # label, place of a text that holds it as a word


@dataclass(frozen=True, slots=True)
class Look:
    """How to look at texts: with what a prompt shows, and for the words of labels."""

    sieve: Sieve
    grams: dict[str, Grams]
    labels: tuple[tuple[str, ...], ...]

    def __call__(self, block: Sequence[dict[str, str]] | Sequence[str]) -> Looked:
        """Look at the longest input of each case, or at texts."""
        texts = _texts(every_named(block) if isinstance(block, Packed) else block)
        joined = _END.join(texts)
        stating = texts if ":" in joined or "=" in joined else ()
        whole = _folded(joined, len(texts))
        folded = whole.split(_END) if whole or texts == [""] else [normalised(text) for text in texts]
        stands = {first: first in whole for first in {words[0] for words in self.labels if words}}
        near = [label for label, words in enumerate(self.labels) if not words or stands[words[0]] or not whole]
        apart = _apart(whole)
        grams = {name: one for name, one in self.grams.items() if not apart or one.may_stand_in(apart)}
        words = _words(apart, folded) if grams or near else []
        return Looked(
            digests_of(folded),
            self.sieve.worth_comparing(folded),
            [(template, *hit) for template, one in grams.items() for hit in one.contained(words)],
            [at for at, text in enumerate(stating) if (":" in text or "=" in text) and STATES.search(text)],
            [(label, at) for label in near for at in _holding(self.labels[label], folded, words)],
        )


def blocks_of(cases: CaseColumns) -> Iterator[Sequence[dict[str, str]] | Sequence[str]]:
    """Give the inputs of all cases in parts, as they are held."""
    if isinstance(cases.inputs, Packed):
        for begin in range(0, len(cases), _AT_ONCE):
            yield cases.inputs[begin : begin + _AT_ONCE].alone()
        return
    left: Iterator[dict[str, str]] | Iterator[str] = iter(cases.inputs) if cases.inputs else iter(cases.texts)
    while part := list(islice(left, _AT_ONCE)):
        yield part  # type: ignore[misc]


def text_of(cases: CaseColumns, row: int) -> str:
    """Give the longest input of a case: the text that a copy would share."""
    return _longest(cases.inputs[row] if cases.inputs else cases.texts[row])


def _longest(inputs: dict[str, str] | str) -> str:
    return inputs if isinstance(inputs, str) else max(inputs.values(), key=len, default="")


def _texts(block: Sequence[dict[str, str]] | Sequence[str]) -> list[str]:
    if set(map(type, block)) == {dict} and set(map(len, block)) == {1}:  # the usual: one input
        return list(chain.from_iterable(map(dict.values, block)))  # type: ignore[arg-type]
    return [_longest(each) for each in block]


def digests_of(folded: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Give 64 bits for each text; who needs to know whether texts are equal looks at these, too."""
    encoded = _END.join(folded).encode("utf-8", "surrogatepass").split(_END.encode())
    if len(encoded) != len(folded):  # none, or one that holds what should part them
        encoded = [text.encode("utf-8", "surrogatepass") for text in folded]
    two = [np.fromiter(map(of, encoded), np.uint64, len(encoded)) for of in (crc32, adler32)]
    return two[0] << np.uint64(32) | two[1]


def _folded(joined: str, count: int) -> str:
    """Normalise texts that are joined, as `normalised` does each; empty where that can't be done."""
    if joined.count(_END) != count - 1:
        return ""  # a text holds what should part them
    folded = joined if joined.isascii() else unicodedata.normalize("NFKC", joined)
    folded = folded.casefold()
    return folded if _is_tidy(folded) else _END.join(" ".join(text.split()) for text in folded.split(_END))


def _is_tidy(joined: str) -> bool:
    """Tell whether joined texts are ASCII without blanks but for single spaces between words."""
    if not joined.isascii():
        return False
    held = np.frombuffer(f"{_END}{joined}{_END}".encode(), np.uint8)
    low = held <= ord(" ")
    ours = np.count_nonzero((held == ord(" ")) | (held == ord(_END)))
    return np.count_nonzero(low) == ours and not (low[1:] & low[:-1]).any()


def _apart(whole: str) -> str:
    """Put blanks for all that parts words, and around each text; empty where that takes more than a table of bytes."""
    if not whole.isascii() or not whole:
        return ""
    return f" {whole.encode('ascii').translate(_APART).decode('ascii').replace(_END, f' {_END} ')} "


def _words(apart: str, folded: list[str]) -> list[list[str]]:
    return [text.split() for text in apart.split(_END)] if apart else [words_of(text) for text in folded]


def _holding(label: tuple[str, ...], folded: list[str], words: list[list[str]]) -> Iterator[int]:
    """Give the places of the texts that hold a label as a word, or as words that follow each other."""
    first, wanted = label[0] if label else "", f" {' '.join(label)} "
    for at, text in enumerate(folded):
        if first in text and wanted in f" {' '.join(words[at])} ":
            yield at
