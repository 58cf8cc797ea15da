"""Reading what only keeps books: ids, models, token counts, logprobs. What can't be read is not known.

A reply with a clean answer and an odd token count is a reply. So nothing here raises: an odd field becomes
None and its name is kept, and the report counts the replies that had one.

Tokens of reasoning are part of `output` in most protocols, and beside it in some (xAI, Gemini's OpenAI face).
The endpoint's own total tells which: tokens that it counts in the total, and neither as input nor as output,
were generated and are paid for, so they are added to `output`, once.
"""

from collections.abc import Callable
from itertools import islice
from typing import Any, TypeVar

from msgspec import structs

from harness.measure.endpoint.codecs import fields
from harness.measure.endpoint.headers import Headers
from harness.measure.endpoint.secrets import redact
from harness.record import TokenLogprob, Usage

N = TypeVar("N", int, float)
_MOST_KEPT = 4096  # of a label's reply; the journal keeps no more
_MOST_ALTERNATIVES = 20
_LONGEST_TIER = 40  # characters of its name
_FLOOR = -9999.0  # what OpenAI writes for a token that is too unlikely to be counted


class Books:
    """Reads the bookkeeping of one reply, and remembers which fields of it were odd."""

    def __init__(self) -> None:
        self._odd: dict[str, None] = {}

    @property
    def odd(self) -> tuple[str, ...]:
        """The fields that could not be read, each once."""
        return tuple(self._odd)

    def text(self, source: fields.JsonObject, key: str) -> str | None:
        """Return a string; None where there is none, or something else."""
        value = source.get(key)
        if value is None or isinstance(value, str):
            return value or None
        self._not_known(key)
        return None

    def group(self, source: fields.JsonObject, key: str) -> fields.JsonObject:
        """Return an object; an empty one where there is none, or something else."""
        value = source.get(key)
        if value is None or isinstance(value, dict):
            return value or {}
        self._not_known(key)
        return {}

    def count(self, value: object, name: str) -> int | None:
        """Return a number of tokens; None where there is none, or something else."""
        return None if value is None else self._read(fields.as_count, value, name)

    def number(self, value: object, name: str) -> float | None:
        """Return a finite number; None where there is none, or something else."""
        return self._read(fields.as_number, value, name)

    def _read(self, read: Callable[[object, str], N | None], value: object, name: str) -> N | None:
        try:
            return read(value, name)
        except fields.Malformed:
            self._not_known(name)
            return None

    def logprobs(self, holder: fields.JsonObject) -> tuple[TokenLogprob, ...]:
        """Return `logprobs` of a choice, in the chat form (also llama.cpp's) or the completions form."""
        try:
            logprobs = fields.object_at(holder, "logprobs")
            if not logprobs:
                return ()
            content = fields.list_at(logprobs, "content")
            return _old_logprobs(logprobs) if content is None else chat_logprobs(content)
        except fields.Malformed:
            self._not_known("logprobs")
            return ()

    def _not_known(self, name: str) -> None:
        self._odd[name] = None


def at_tier(usage: Usage, said: str | None, headers: Headers) -> Usage:
    """Add the service tier that served a reply; Gemini's OpenAI face says it in a header alone."""
    said = said or headers.get("x-gemini-service-tier")
    return structs.replace(usage, tier=redact(said)[:_LONGEST_TIER].lower()) if said else usage


def openai_usage(
    payload: fields.JsonObject, books: Books, before: str = "prompt_tokens", after: str = "completion_tokens"
) -> Usage:
    """Return `usage` of OpenAI's protocols and all that speak as they do; Responses have other names for the two."""
    usage = books.group(payload, "usage")
    within = books.group(usage, f"{before}_details")
    cached = within.get("cached_tokens", usage.get("prompt_cache_hit_tokens"))
    written = within.get("cache_write_tokens", within.get("cache_creation_input_tokens"))  # OpenAI; Alibaba
    thought = books.group(usage, f"{after}_details").get("reasoning_tokens", usage.get("reasoning_tokens"))
    counted = Usage(
        input=books.count(usage.get(before), before),
        output=books.count(usage.get(after), after),
        cached=books.count(cached, "cached_tokens"),
        cache_write=books.count(written, "cache_write_tokens"),
        reasoning=books.count(thought, "reasoning_tokens"),
    )
    return with_all_output(counted, books.count(usage.get("total_tokens"), "total_tokens"))


def anthropic_usage(usage: fields.JsonObject, books: Books) -> Usage:
    """Return the counts; here `input_tokens` leaves out what the cache served or took in."""
    fresh, cached, stored = (
        books.count(usage.get(name), name)
        for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    after = books.group(usage, "output_tokens_details")
    return Usage(
        input=None if fresh is None else (fresh + (cached or 0) + (stored or 0)) or None,
        output=books.count(usage.get("output_tokens"), "output_tokens"),
        cached=cached,
        cache_write=stored,
        reasoning=books.count(after.get("thinking_tokens"), "thinking_tokens"),
    )


def with_all_output(usage: Usage, total: int | None) -> Usage:
    """Add to the output what the endpoint counts beside it: see the top of this file."""
    if usage.input == 0:  # no call has no input: a server that counts nothing writes zeros
        usage = structs.replace(usage, input=None, output=usage.output or None)
    if usage.output is None:
        return usage
    thought = usage.reasoning or 0
    beside = 0 if total is None or usage.input is None else total - usage.input - usage.output
    if thought > usage.output or (thought and beside == thought):
        return with_thoughts_beside(usage, thought)
    if usage.reasoning is None and beside > 0:
        return with_thoughts_beside(usage, beside)
    return usage


def with_thoughts_beside(usage: Usage, thought: int) -> Usage:
    """Give the same counts with the tokens of thoughts that `output` leaves out."""
    output = (usage.output or 0) + thought
    return structs.replace(usage, output=output, reasoning=thought)


def chat_logprobs(content: list[Any]) -> tuple[TokenLogprob, ...]:
    """Return a list of `{token, logprob, top_logprobs}`."""
    return tuple(_chat_token(item) for item in content[:_MOST_KEPT])


def _chat_token(item: object) -> TokenLogprob:
    token, logprob = _pair(item)
    assert isinstance(item, dict)
    top = fields.list_at(item, "top_logprobs") or []
    return TokenLogprob(token, logprob, tuple(_pair(one) for one in top[:_MOST_ALTERNATIVES]))


def _pair(item: object) -> tuple[str, float]:
    if not isinstance(item, dict):
        raise fields.Malformed("a token's logprob is not an object")
    token, logprob = fields.text_at(item, "token"), fields.number_at(item, "logprob")
    if token is None:
        raise fields.Malformed("a token's logprob has no token")
    return token, _checked(logprob)


def _old_logprobs(logprobs: fields.JsonObject) -> tuple[TokenLogprob, ...]:
    tokens = fields.list_at(logprobs, "tokens") or []
    values = fields.list_at(logprobs, "token_logprobs") or []
    tops = fields.list_at(logprobs, "top_logprobs") or []
    if len(values) != len(tokens) or not all(isinstance(token, str) for token in tokens):
        raise fields.Malformed("`logprobs` has lists of different lengths")
    tops = tops + [None] * (len(tokens) - len(tops))
    rows = islice(zip(tokens, values, tops, strict=False), _MOST_KEPT)
    return tuple(
        TokenLogprob(token, _checked(fields.as_number(v, "token_logprobs")), _old_top(top)) for token, v, top in rows
    )


def _old_top(top: object) -> tuple[tuple[str, float], ...]:
    if not isinstance(top, dict):
        return ()
    pairs = islice(top.items(), _MOST_ALTERNATIVES)
    return tuple((token, _checked(fields.as_number(value, "top_logprobs"))) for token, value in pairs)


def _checked(logprob: float | None) -> float:
    if logprob is None:
        return _FLOOR  # llama.cpp writes null for minus infinity, which JSON can't carry
    if logprob > 0.01:  # rounding may lift a certain token slightly above 0
        raise fields.Malformed(f"a log probability of {logprob} is above zero")
    return min(0.0, max(_FLOOR, logprob))


def request_id(headers: Headers) -> str | None:
    """Return the id by which the provider's support finds this request."""
    return headers.get("x-request-id") or headers.get("request-id") or headers.get("apim-request-id")


def server_ns(payload: fields.JsonObject, headers: Headers) -> int | None:
    """Return the processing time that the server itself reports; a nonsensical one counts as none."""
    said = headers.get("openai-processing-ms") or headers.get("x-envoy-upstream-service-time")
    try:
        timings = fields.object_at(payload, "timings")  # llama.cpp
        if timings is not None:
            millis = (fields.number_at(timings, "prompt_ms") or 0.0) + (
                fields.number_at(timings, "predicted_ms") or 0.0
            )
        elif said:
            millis = float(said)
        else:
            return None
    except (fields.Malformed, ValueError):
        return None
    return round(millis * 1e6) if 0 <= millis < 1e9 else None
