"""A reply that is a JSON document, perhaps in a code fence, and what stands in it at a pointer."""

from __future__ import annotations

import json
import math
import re

_FENCE = re.compile(r"\A```[\w-]*[ \t]*\r?\n(.*?)\r?\n?```\Z", re.DOTALL)
_NOTHING = object()


def document_of(text: str) -> object:
    """Give the JSON document of a reply, perhaps in a code fence; a marker when there is none."""
    bare = text.strip()
    if fenced := _FENCE.match(bare):
        bare = fenced[1]
    try:
        return json.loads(bare, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return _NOTHING


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def at_pointer(document: object, pointer: str) -> object:
    """Follow a JSON pointer (RFC 6901)."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(key, _NOTHING)
        elif isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        else:
            return _NOTHING
    return document


def scalar(value: object) -> str | None:
    """Give a JSON string, number or boolean as it is written; None for anything else."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | int | float) else None


def number(value: object) -> float:
    """Give a JSON number that is finite; NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        number = float(value)
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan
