"""Labels that a reader, or a model, could take for each other; what `harness check` warns of.

Nothing here is an error: the reader keeps such labels apart as well as it can. But a reply that says one in
the manner of the other is read wrongly or not at all, and only the team can choose other words.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from harness.judge.labels.names import INVISIBLE, folded, joined, layers

_NEGATIVE = re.compile(
    r"\b(?:no|not|non|never|without|isn['\u2019]?t|nicht|kein\w*|pas|sans|sin|ohne|niet|geen)\b", re.IGNORECASE
)
# Letters that look like a Latin one: Cyrillic, Greek, digits and signs (as in Unicode's confusables.txt).
_TWINS = dict(
    zip(
        "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u0261\u03bf\u03bd\u03c1\u03b1\u03b9\u0131"
        "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0406\u0408\u0405"
        "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
        "0l1I|",
        "aeopcyxijsdwgovpaiiABEKMHOPCTXIJSABEZHIKMNOPTYXoiiii",
        strict=True,
    )
)
_LOOKS = str.maketrans(_TWINS)


class Confusable(NamedTuple):
    """Two names (labels or aliases), or one alone, and in what they could be confused."""

    kind: str
    names: tuple[str, ...]
    sentence: str


def confusable(labels: Sequence[str], aliases: Mapping[str, Iterable[str]], *, reads: str) -> tuple[Confusable, ...]:
    """Give what could be confused among names of different labels, in the order of the labels.

    `reads` is the rule's `as`: where one name holds another matters to `mention` only, as negation does.
    """
    names = [(label, label) for label in labels]
    names += [(alias, label) for label, words in aliases.items() for alias in words]
    found = [*_alike(names)]
    if reads == "mention":
        found += [*_holding(names), *_negative(names)]
    return tuple(found)


def _bare(name: str) -> str:
    *_, innermost = layers(folded(name))
    return joined(innermost).strip("+-#") or name


def _look(name: str) -> str:
    return joined(unicodedata.normalize("NFKC", name).translate(INVISIBLE).translate(_LOOKS).casefold())


_ALIKE: tuple[tuple[str, Callable[[str], str], str], ...] = (
    ("same characters", lambda name: unicodedata.normalize("NFC", name), "are the same text in two Unicode forms"),
    ("case", str.casefold, "differ in case only"),
    ("joints", lambda name: joined(folded(name)), "differ in blanks, hyphens, case or width only"),
    ("decoration", _bare, "differ only in what may be decoration"),
    ("look", _look, "look alike"),
)


def _alike(names: Sequence[tuple[str, str]]) -> Iterator[Confusable]:
    """Give each pair once, under the first kind that makes its names one."""
    told: set[frozenset[str]] = set()
    for kind, key, words in _ALIKE:
        first: dict[str, tuple[str, str]] = {}
        for name, label in names:
            other, of = first.setdefault(key(name), (name, label))
            if of != label and frozenset((name, other)) not in told:
                told.add(frozenset((name, other)))
                yield Confusable(kind, (other, name), f"{{0}} and {{1}} {words}")


def _holding(names: Sequence[tuple[str, str]]) -> Iterator[Confusable]:
    """Give the names that stand as whole words in a name of another label."""
    by_words = {tuple(joined(folded(name)).split()): (name, label) for name, label in names}
    longest = max(map(len, by_words), default=0)
    for words, (name, label) in by_words.items():
        for size in range(1, min(len(words), longest + 1)):
            for at in range(len(words) - size + 1):
                inner, of = by_words.get(words[at : at + size], ("", label))
                if of != label:
                    yield Confusable(
                        "part", (inner, name), "{0} is part of {1}: a reply that shortens {1} is read as {0}"
                    )


def _negative(names: Sequence[tuple[str, str]]) -> Iterator[Confusable]:
    for name, _ in names:
        if _NEGATIVE.search(joined(folded(name))) and len(joined(folded(name)).split()) > 1:
            yield Confusable(
                "negation",
                (name,),
                "{0} holds a negation: a reply that says it in other words (isn't, no) has no label",
            )
