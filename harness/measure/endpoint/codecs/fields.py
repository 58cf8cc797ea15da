"""Reading fields of foreign JSON: null where nothing was said, `Malformed` where what was said is absurd.

Nothing here trusts a type, a range or a depth. A codec reads through these functions and lets `Malformed`
escape; `codec.decode` turns it into a failure, so that no body can raise into the engine.
"""

from __future__ import annotations

import math
from itertools import islice
from typing import Any, TypeAlias

import msgspec

from harness.record import TokenLogprob, Usage

JsonObject: TypeAlias = dict[str, Any]

_MOST_TOKENS = 1_000_000_000  # beyond any context window; a larger count is a broken endpoint


class Malformed(Exception):
    """A body is not what its protocol promises."""


def parse_object(body: bytes) -> JsonObject:
    """Return the body as a JSON object."""
    try:
        value = msgspec.json.decode(body)
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
        return f"the body is HTML or XML, not JSON: {start}"
    return f"the body is not JSON ({error}): {start}"


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


def count_at(source: JsonObject, key: str) -> int | None:
    """Return a number of tokens, or null."""
    return as_count(source.get(key), key)


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


def at_pointer(document: object, pointer: str) -> object:
    """Return what an RFC 6901 JSON pointer names; null where the path does not exist."""
    here: Any = document
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(here, dict):
            here = here.get(key)
        elif isinstance(here, list) and key.isascii() and key.isdigit() and int(key[:9]) < len(here):
            here = here[int(key[:9])]
        else:
            return None
    return here


_MOST_KEPT = 4096  # of a label's reply; the journal keeps no more
_MOST_ALTERNATIVES = 20
_FLOOR = -9999.0  # what OpenAI writes for a token that is too unlikely to be counted


def openai_usage(payload: JsonObject) -> Usage:
    """`usage` of chat and text completions."""
    usage = object_at(payload, "usage")
    if usage is None:
        return Usage()
    details = object_at(usage, "prompt_tokens_details")
    return Usage(
        input=count_at(usage, "prompt_tokens"),
        output=count_at(usage, "completion_tokens"),
        cached=count_at(details, "cached_tokens") if details else None,
    )


def read_logprobs(holder: JsonObject) -> tuple[TokenLogprob, ...]:
    """`logprobs` of a choice, in the chat form (also llama.cpp's) or the old completions form."""
    logprobs = object_at(holder, "logprobs")
    if logprobs is None:
        return ()
    if (content := list_at(logprobs, "content")) is not None:
        return chat_logprobs(content)
    return _old_logprobs(logprobs)


def chat_logprobs(content: list[Any]) -> tuple[TokenLogprob, ...]:
    """Return a list of `{token, logprob, top_logprobs}`."""
    return tuple(_chat_token(item) for item in content[:_MOST_KEPT])


def _chat_token(item: object) -> TokenLogprob:
    token, logprob = _pair(item)
    assert isinstance(item, dict)
    top = list_at(item, "top_logprobs") or []
    return TokenLogprob(token, logprob, tuple(_pair(one) for one in top[:_MOST_ALTERNATIVES]))


def _pair(item: object) -> tuple[str, float]:
    if not isinstance(item, dict):
        raise Malformed("a token's logprob is not an object")
    token, logprob = text_at(item, "token"), number_at(item, "logprob")
    if token is None:
        raise Malformed("a token's logprob has no token")
    return token, _checked(logprob)


def _old_logprobs(logprobs: JsonObject) -> tuple[TokenLogprob, ...]:
    tokens = list_at(logprobs, "tokens") or []
    values = list_at(logprobs, "token_logprobs") or []
    tops = list_at(logprobs, "top_logprobs") or []
    if len(values) != len(tokens) or not all(isinstance(token, str) for token in tokens):
        raise Malformed("`logprobs` has lists of different lengths")
    tops = tops + [None] * (len(tokens) - len(tops))
    rows = islice(zip(tokens, values, tops, strict=False), _MOST_KEPT)
    return tuple(
        TokenLogprob(token, _checked(as_number(v, "token_logprobs")), _old_top(top)) for token, v, top in rows
    )


def _old_top(top: object) -> tuple[tuple[str, float], ...]:
    if not isinstance(top, dict):
        return ()
    pairs = islice(top.items(), _MOST_ALTERNATIVES)
    return tuple((token, _checked(as_number(value, "top_logprobs"))) for token, value in pairs)


def _checked(logprob: float | None) -> float:
    if logprob is None:
        return _FLOOR  # llama.cpp writes null for minus infinity, which JSON can't carry
    if logprob > 0.01:  # rounding may lift a certain token slightly above 0
        raise Malformed(f"a log probability of {logprob} is above zero")
    return min(0.0, max(_FLOOR, logprob))
