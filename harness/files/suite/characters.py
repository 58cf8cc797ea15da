"""Which characters a class of a pattern holds, as Python sees them: for RE2, or as ranges of code points."""

import sys
from collections.abc import Callable, Iterable
from functools import cache
from itertools import groupby
from typing import Any, TypeAlias

Ranges: TypeAlias = list[tuple[int, int]]  # first and last code points, in order, apart
LAST = sys.maxunicode
_CLASSES = {"CATEGORY_DIGIT": r"\p{Nd}", "CATEGORY_SPACE": r"\t-\r\x1c-\x20\x85\p{Z}", "CATEGORY_WORD": r"\p{L}\p{N}_"}


def item(kind: str, what: Any) -> str:  # noqa: ANN401 - as Python's parser gives it
    """Write one item of a class for RE2."""
    if kind == "CATEGORY":
        return _CLASSES[str(what)]
    return f"\\x{{{what:x}}}" if kind == "LITERAL" else f"\\x{{{what[0]:x}}}-\\x{{{what[1]:x}}}"


def as_class(ranges: Ranges) -> str:
    """Write ranges as a class for RE2."""
    if not ranges:
        return r"[^\x00-\x{10FFFF}]"
    return f"[{''.join(item('RANGE', pair) for pair in ranges)}]"


def ranges_of(items: list[tuple[str, Any]], *, folded: bool, ascii_: bool) -> Ranges:
    """Give the code points of a class, `folded` in both cases."""
    found: Ranges = []
    for kind, what in items:
        if kind == "CATEGORY":
            name = str(what).replace("_NOT_", "_")
            ranges = {"CATEGORY_DIGIT": _digit, "CATEGORY_SPACE": _space, "CATEGORY_WORD": word}[name]()
            ranges = both(ranges, [(0, 127)]) if ascii_ else ranges
            found += others(ranges) if "_NOT_" in str(what) else ranges
        elif kind != "NEGATE":
            first, last = (what, what) if kind == "LITERAL" else what
            found.append((first, last))
            if folded:
                found += _cases(first, last, ascii_=ascii_)
    joined = _joined(found)
    return others(joined) if any(kind == "NEGATE" for kind, _ in items) else joined


def _cases(first: int, last: int, *, ascii_: bool) -> Ranges:
    """Give the other cases of characters; of a wide range, those of its first thousand."""
    codes = range(first, min(last, first + 1_000) + 1)
    others = {other for code in codes for other in (chr(code).lower(), chr(code).upper()) if len(other) == 1}
    return [(ord(other), ord(other)) for other in others if not ascii_ or other.isascii()]


def _joined(ranges: Iterable[tuple[int, int]]) -> Ranges:
    found: Ranges = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def others(ranges: Ranges) -> Ranges:
    """Give all other code points."""
    edges = [-1, *(edge for pair in ranges for edge in pair), LAST + 1]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(before + 1, after - 1) for before, after in pairs if before + 1 <= after - 1]


def both(ones: Ranges, two: Ranges) -> Ranges:
    """Give the code points in both."""
    return others(_joined([*others(ones), *others(two)]))


def _where(tells: Callable[[str], bool]) -> Ranges:
    runs = groupby(range(LAST + 1), key=lambda code: tells(chr(code)))
    return [(codes[0], codes[-1]) for is_one, run in runs if is_one for codes in [list(run)]]


@cache
def word() -> Ranges:
    r"""Give what is `\w`."""
    return _joined([*_where(str.isalnum), (ord("_"), ord("_"))])


@cache
def _digit() -> Ranges:
    return _where(str.isdecimal)


@cache
def _space() -> Ranges:
    return _where(str.isspace)
