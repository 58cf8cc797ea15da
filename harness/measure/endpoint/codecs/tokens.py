"""Token counts and token log probabilities in the forms in which endpoints give them."""

from __future__ import annotations

from itertools import islice
from typing import Any

from harness.measure.endpoint.codecs.fields import (
    JsonObject,
    Malformed,
    as_number,
    count_at,
    list_at,
    number_at,
    object_at,
    text_at,
)
from harness.record import TokenLogprob, Usage

_MOST_TOKENS = 4096  # of a label's reply; the journal keeps no more
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
    return tuple(_chat_token(item) for item in content[:_MOST_TOKENS])


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
    rows = islice(zip(tokens, values, tops, strict=False), _MOST_TOKENS)
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
