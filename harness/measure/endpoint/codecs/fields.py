"""Reading fields of foreign JSON: null where nothing was said, `Malformed` where what was said is absurd.

Nothing here trusts a type, a range or a depth. A codec reads through these functions and lets `Malformed`
escape; `codec.decode` turns it into a failure, so that no body can raise into the engine.
"""

import math
import re
from typing import Annotated, Any, TypeAlias

import msgspec

JsonObject: TypeAlias = dict[str, Any]

BOM = b"\xef\xbb\xbf"

_INDEX = re.compile(r"[0-9]{1,9}\Z")
_MOST_TOKENS = 1_000_000_000  # beyond any context window; a larger count is a broken endpoint
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_MOST_TOKENS)]


class Malformed(Exception):
    """A body is not what its protocol promises."""


class ErrorInReply(Exception):
    """A reply carries an error in place of an answer: its partial text is not read."""

    def __init__(self, error: object) -> None:
        super().__init__(str(error))
        self.error = error


def parse_object(body: bytes) -> JsonObject:
    """Return the body as a JSON object."""
    try:
        value = msgspec.json.decode(body.removeprefix(BOM))
    except RecursionError:
        raise Malformed("the JSON is nested too deeply") from None
    except (ValueError, msgspec.MsgspecError) as error:
        raise Malformed(_why_no_json(body, error)) from None
    if not isinstance(value, dict):
        raise Malformed(f"the JSON is {_kind(value)}, not an object")
    return value


def _why_no_json(body: bytes, error: Exception) -> str:
    if not body.strip():
        return "the body is empty"
    start = body[:120].decode("utf-8", "replace")
    if start.lstrip().startswith("<"):
        return "the body is HTML or XML, not JSON"
    if len(lines := body.split(b"\n", 2)) > 1 and all(_is_object(line) for line in lines[:2]):
        return (
            "the body is JSON documents, one a line (NDJSON), where one was due: ask for it unstreamed "
            "(`\"stream\": false`; Ollama's own API streams unless it is told so), or take the server's OpenAI face "
            f"(Ollama's `base_url` ends in /v1): {start}"
        )
    return f"the body is not JSON ({error}): {start}"


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return False


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def text_at(source: JsonObject, key: str) -> str | None:
    """Return a string or null."""
    value = source.get(key)
    if value is None or isinstance(value, str):
        return value
    raise Malformed(f"`{key}` is {_kind(value)}, not a string")


def object_at(source: JsonObject, key: str) -> JsonObject | None:
    """Return an object or null."""
    value = source.get(key)
    if value is None or isinstance(value, dict):
        return value
    raise Malformed(f"`{key}` is {_kind(value)}, not an object")


def list_at(source: JsonObject, key: str) -> list[Any] | None:
    """Return a list or null."""
    value = source.get(key)
    if value is None or isinstance(value, list):
        return value
    raise Malformed(f"`{key}` is {_kind(value)}, not a list")


def first_object(source: JsonObject, key: str) -> JsonObject:
    """Return the first item of a list that must have one."""
    items = list_at(source, key)
    if not items:
        raise Malformed(f"`{key}` is {'empty' if items is not None else 'missing'}")
    if not isinstance(items[0], dict):
        raise Malformed(f"`{key}[0]` is {_kind(items[0])}, not an object")
    return items[0]


def as_count(value: object, name: str) -> int | None:
    """Return a number of tokens, or null."""
    if value is None:
        return None
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole or not 0 <= value <= _MOST_TOKENS:  # type: ignore[operator]
        raise Malformed(f"`{name}` is {str(value)[:40]}, not a number of tokens")
    return int(value)  # type: ignore[call-overload, no-any-return]


def as_number(value: object, name: str) -> float | None:
    """Return a finite number, or null."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Malformed(f"`{name}` is {_kind(value)}, not a number")
    try:
        number = float(value)
    except OverflowError:
        raise Malformed(f"`{name}` is too large for a number") from None
    if not math.isfinite(number):
        raise Malformed(f"`{name}` is not finite")
    return number


def number_at(source: JsonObject, key: str) -> float | None:
    """Return a finite number, or null."""
    return as_number(source.get(key), key)


def value_at(document: object, pointer: str) -> object:
    """Return what an RFC 6901 JSON pointer names; null where the path does not exist."""
    here: Any = document
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(here, dict):
            here = here.get(key)
        elif isinstance(here, list) and _INDEX.match(key) and int(key) < len(here):
            here = here[int(key)]
        else:
            return None
    return here
