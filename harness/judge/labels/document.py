"""The JSON document of a reply, and the value in it.

A reply is a document as a whole, in a code fence, or with prose around it: then the one object (or list of
objects or texts) in it is the document. What begins like one and is none (a trailing comma, single quotes, an
end that is missing) is no document, whatever valid part it holds. A key that stands twice holds no value.
"""

import json
import math
import re
from typing import Final

from harness.judge.labels.reasons import Flaw

_FENCE = re.compile(r"\A```[\w-]*[ \t]*\r?\n(.*?)\r?\n?```\Z", re.DOTALL)
# Where an object or a list may begin; one before anything else is prose: {spam}, [1], [see a].
_INDEX = re.compile(r"[0-9]{1,9}\Z")
_BEGINS = re.compile(r"\{(?=\s*(?:[\"'}]|\w+\s*:))|\[(?=\s*[{\[\"])")


class NotThere:
    """Stands for a document or value that is not there, and says why."""

    def __init__(self, flaw: Flaw) -> None:
        self.flaw: Final = flaw


_TWICE = NotThere("doubled_key")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                found[key] = _TWICE
            seen.add(key)
    return found


_DECODER = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=_object)


def document_of(text: str) -> object:
    """Give the one JSON document of a reply; `Missing` when there is none, or more than one."""
    bare = text.strip()
    if fenced := _FENCE.match(bare):
        bare = fenced[1]
    try:
        return _DECODER.decode(bare)
    except (ValueError, RecursionError):
        found: object = NotThere("no_document")
        at = 0
        while begin := _BEGINS.search(bare, at):
            if not isinstance(found, NotThere):
                return NotThere("several_documents")
            try:
                found, at = _DECODER.raw_decode(bare, begin.start())
            except (ValueError, RecursionError):
                return NotThere("broken_document")
        return found


def at_pointer(document: object, pointer: str) -> object:
    """Follow a JSON pointer (RFC 6901); `Missing` where it leads nowhere."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and key in document:
            document = document[key]
        elif isinstance(document, list) and _INDEX.match(key) and int(key) < len(document):
            document = document[int(key)]
        else:
            return document if isinstance(document, NotThere) else NotThere("no_value")
    return document


def number_in(value: object) -> float:
    """Give a JSON number that is finite; NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        number_in = float(value)
    except OverflowError:
        return math.nan
    return number_in if math.isfinite(number_in) else math.nan
