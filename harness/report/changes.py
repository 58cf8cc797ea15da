"""Two texts as one, with what changed between them marked: `win mo[-n-]{+m+}ey`, as `wdiff` writes it.

Words are compared first, so that a changed word stays one change; within a changed word only the letters
between the common beginning and the common end are marked. Far from any change the text is left out.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, TypeAlias

Fate: TypeAlias = Literal["same", "gone", "new"]

CONTEXT = 40  # characters kept beside a change
LONGEST = 600  # of one marked piece
MOST_COMPARED = 4_000  # characters between the common ends that are compared word by word
_PIECES = re.compile(r"\w+(?:['’]\w+)*|\s|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of characters and what became of it."""

    fate: Fate
    text: str


def marked(before: str, after: str) -> tuple[Piece, ...]:
    """Give the pieces of both texts in order; one piece `same` when they are equal."""
    pieces = _joined(_pieces(before, after))
    if len(pieces) == 1 and pieces[0].fate == "same":
        return (Piece("same", _cut(pieces[0].text, LONGEST)),)
    last = len(pieces) - 1
    return tuple(_near(piece, first=i == 0, last=i == last) for i, piece in enumerate(_told_apart(pieces)))


def written(pieces: tuple[Piece, ...]) -> str:
    """Write pieces as plain text, for media without colours and strokes."""
    marks = {"same": "{}", "gone": "[-{}-]", "new": "{{+{}+}}"}
    return "".join(marks[piece.fate].format(piece.text) for piece in pieces)


def _pieces(before: str, after: str) -> Iterator[Piece]:
    old, new = _PIECES.findall(before), _PIECES.findall(after)
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    yield Piece("same", "".join(old[:start]))
    yield from _between(old[start : len(old) - end], new[start : len(new) - end])
    yield Piece("same", "".join(old[len(old) - end :]))


def _between(old: list[str], new: list[str]) -> Iterator[Piece]:
    if max(sum(map(len, old)), sum(map(len, new))) > MOST_COMPARED:
        yield from _replaced("".join(old), "".join(new))
        return
    for what, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            yield Piece("same", "".join(old[i:j]))
        else:
            yield from _replaced("".join(old[i:j]), "".join(new[k:m]))


def _replaced(old: str, new: str) -> Iterator[Piece]:
    """Mark what lies between the common beginning and the common end."""
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    yield Piece("same", old[:start])
    yield Piece("gone", old[start : len(old) - end])
    yield Piece("new", new[start : len(new) - end])
    yield Piece("same", old[len(old) - end :])


def _alike(one: Sequence[str], two: Sequence[str]) -> int:
    """Count the items that both begin with."""
    return next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))


def _joined(pieces: Iterator[Piece]) -> list[Piece]:
    """Leave out empty pieces and join neighbours of one fate."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and joined[-1].fate == piece.fate:
            joined[-1] = Piece(piece.fate, joined[-1].text + piece.text)
        elif piece.text:
            joined.append(piece)
    return joined


def _told_apart(pieces: list[Piece]) -> list[Piece]:
    """Spell out code points where a change can't be seen: composed and decomposed letters look the same."""
    told = list(pieces)
    for i in range(len(pieces) - 1):
        old, new = pieces[i], pieces[i + 1]
        alike = unicodedata.normalize("NFC", old.text) == unicodedata.normalize("NFC", new.text)
        if (old.fate, new.fate) == ("gone", "new") and alike:
            told[i], told[i + 1] = Piece("gone", _spelled(old.text)), Piece("new", _spelled(new.text))
    return told


def _spelled(text: str) -> str:
    return "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in text)


def _near(piece: Piece, *, first: bool, last: bool) -> Piece:
    """Keep what of an unchanged piece stands beside a change."""
    text = piece.text
    if piece.fate != "same":
        return Piece(piece.fate, _cut(text, LONGEST))
    room = CONTEXT if first or last else 2 * CONTEXT
    if len(text) <= room + 1:
        return piece
    head, tail = "" if first else text[:CONTEXT], "" if last else text[-CONTEXT:]
    return Piece("same", f"{head}…{tail}")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
