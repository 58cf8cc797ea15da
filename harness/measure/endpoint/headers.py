"""What the headers of a response say: how much may still be asked for, and how long to wait."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

import msgspec


class Headers(Protocol):
    """The part of a client's header mapping that is used; names are case-insensitive."""

    def get(self, key: str, /) -> str | None:
        """Return the first value of a header."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Give all headers."""


class RateHints(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an answer's headers say of the endpoint's limits; None where it said nothing."""

    remaining_requests: int | None = None
    reset_requests_s: float | None = None
    remaining_tokens: int | None = None
    reset_tokens_s: float | None = None
    retry_after_s: float | None = None
    should_retry: bool | None = None  # x-should-retry


NO_HINTS = RateHints()

_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)(ms|s|m|h|d)")
_FIRST_EPOCH = 1e9  # some gateways write the moment as Unix seconds or milliseconds: no wait is 30 years
_IN_WORDS = re.compile(rb'(?:(?:try again|retry) (?:in|after) |"retryDelay[\\": ]+)([0-9][0-9.dhm]*) ?s', re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,12})?")


def read_hints(headers: Headers, body: bytes = b"", *, now: datetime | None = None) -> RateHints:
    """Read the hints of one response; costs a few lookups when there are none.

    The body is that of a 429, which counts where no header names a wait: Gemini says it there alone, OpenRouter only
    when its limit is reset.
    """
    get = headers.get
    openai = get("x-ratelimit-remaining-requests")
    tokens = get("x-ratelimit-remaining-tokens")
    anthropic = get("anthropic-ratelimit-requests-remaining")
    retry_ms, retry, should = get("retry-after-ms"), get("retry-after"), get("x-should-retry")
    if body and not retry:
        words = _IN_WORDS.search(body[:65_536])
        retry = f"{words[1].decode()}s" if words else get("x-ratelimit-reset")
    if not (openai or tokens or anthropic or retry_ms or retry or should):
        return NO_HINTS
    prefix, order = ("anthropic-ratelimit-", "{1}-{0}") if anthropic else ("x-ratelimit-", "{0}-{1}")

    def named(what: str, of: str) -> str | None:
        return headers.get(prefix + order.format(what, of))

    return RateHints(
        remaining_requests=_count(named("remaining", "requests")),
        reset_requests_s=wait_s(named("reset", "requests"), now=now),
        remaining_tokens=_count(named("remaining", "tokens")),
        reset_tokens_s=wait_s(named("reset", "tokens"), now=now),
        retry_after_s=_retry_after(retry_ms, retry, now),
        should_retry={"true": True, "false": False}.get((should or "").strip().lower()),
    )


def wait_s(value: str | None, *, now: datetime | None = None) -> float | None:
    """Seconds from `6m0s`, `120ms`, `1.5`, an HTTP date or an RFC 3339 time; None for anything else."""
    if value is None or not (text := value.strip()) or len(text) > 64:
        return None
    if _NUMBER.fullmatch(text):
        return _seconds(float(text), now)
    parts = _PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNIT_S[unit] for number, unit in parts)
    return _until(text, now)


def _seconds(number: float, now: datetime | None) -> float:
    if number < _FIRST_EPOCH:
        return number
    epoch = number / 1000 if number >= _FIRST_EPOCH * 1000 else number
    return max(0.0, epoch - (now or datetime.now(UTC)).timestamp())


def _until(text: str, now: datetime | None) -> float | None:
    moment = None
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
            break
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def _retry_after(millis: str | None, value: str | None, now: datetime | None) -> float | None:
    if millis is not None and _NUMBER.fullmatch(millis.strip()):
        return float(millis) / 1000
    return wait_s(value, now=now)


def _count(value: str | None) -> int | None:
    text = (value or "").strip()
    return int(float(text)) if _NUMBER.fullmatch(text) else None
