"""The rate limiter: spreads requests and tokens evenly, so that no minute's quota is used up in a burst.

Each request reserves the next free moment; moments are `60 s / rpm` apart, and a request's tokens push the
next moment of the token side by `60 s / tpm` for each. Being late by up to 50 ms is caught up, so that a
coarse timer doesn't lower the rate.

Headers: with `remaining` requests for the next `reset` seconds, moments are `reset / remaining` apart. This
is right for a fixed window (it spreads what is left over the rest of the window) and stable for a token
bucket, whose `reset` is the time until it is full (it settles at a half-full bucket, at exactly the refill
rate). Requests sent after the one that was answered are taken off `remaining` first. Windows longer than two
minutes are not spread over: a daily quota is there to be used.
"""

import asyncio

from harness.measure.endpoint.contract import NO_HINTS, RateHints
from harness.measure.timeline import Clock

_CATCH_UP_NS = 50_000_000
_LONGEST_WINDOW_S = 120.0
_FIRST_LEARNED_NS = 20_000_000.0
_SLOWEST_LEARNED_NS = 2e9  # a provider that allows less says so in Retry-After
_FORGOTTEN_NS = 1_000_000.0


class RateLimiter:
    """Requests and tokens per minute of one lane."""

    def __init__(self, clock: Clock, *, rpm: int | None, tpm: int | None, sharing: int = 1) -> None:
        self._clock = clock
        self.share(rpm, tpm, 1.0, sharing)
        self._hinted_request_ns = 0.0
        self._hinted_token_ns = 0.0
        self._learned_ns = 0.0
        self._next_request = 0.0
        self._next_token = 0.0
        self._paused_until = 0.0
        self._turn = asyncio.Lock()
        self._sent_requests = 0
        self._sent_tokens = 0
        self._newest_hint = 0

    async def wait(self, tokens: int) -> tuple[int, int]:
        """Wait for the next free moment and take it; gives the requests and tokens sent so far."""
        if (taken := self.at_once(tokens)) is not None:
            return taken
        async with self._turn:
            while (delay := self._delay_s()) > 0:
                await self._clock.sleep(delay)
            return self._take(tokens)

    def at_once(self, tokens: int) -> tuple[int, int] | None:
        """Take this moment if it is free, as `wait` does."""
        return None if self._turn.locked() or self._delay_s() > 0 else self._take(tokens)

    def share(self, rpm: int | None, tpm: int | None, part: float, sharing: int) -> None:
        """Take this part of what may be sent in a minute; of what headers leave, one of so many."""
        self._sharing = sharing  # processes that spend the same `remaining`
        self._request_ns = 60e9 / (rpm * part) if rpm else 0.0  # between two requests
        self._token_ns = 60e9 / (tpm * part) if tpm else 0.0

    def pause(self, seconds: float) -> None:
        """Send nothing for so long."""
        self._paused_until = max(self._paused_until, self._clock.now_ns() + seconds * 1e9)

    def settle(self, estimated: int, actual: int) -> None:
        """Give back the tokens that were reserved and not used, or charge for more."""
        self._next_token -= (estimated - actual) * max(self._token_ns, self._hinted_token_ns)

    def heed(self, hints: RateHints, ticket: tuple[int, int]) -> bool:
        """Follow an answer's headers; True when they limit requests for the first time."""
        requests, tokens = ticket
        if hints is NO_HINTS or requests <= self._newest_hint:
            return False  # nothing was said, or an answer that overtook this one knows better
        now, first = self._clock.now_ns(), False
        if hints.remaining_requests is not None:
            self._newest_hint = requests
            since = self._sent_requests - requests
            left = hints.remaining_requests // self._sharing - since
            interval = _spread(left, hints.reset_requests_s)
            first = self._hinted_request_ns == 0.0 < interval
            self._hinted_request_ns = interval
            if hints.remaining_requests == 0:
                self._next_request = max(self._next_request, now + interval)
        if hints.remaining_tokens is not None:
            self._newest_hint = requests
            left = hints.remaining_tokens // self._sharing - (self._sent_tokens - tokens)
            interval = _spread(left, hints.reset_tokens_s)
            self._hinted_token_ns = interval
            if hints.remaining_tokens == 0:
                self._next_token = max(self._next_token, now + interval)
        return first

    def learn_slower(self) -> None:
        """Lower the rate that 429s have taught by a third."""
        self._learned_ns = min(max(self._learned_ns * 1.5, _FIRST_LEARNED_NS), _SLOWEST_LEARNED_NS)

    def learn_faster(self) -> None:
        """Raise it a little after a success."""
        if self._learned_ns:
            self._learned_ns *= 0.97
            if self._learned_ns < _FORGOTTEN_NS:
                self._learned_ns = 0.0

    def _delay_s(self) -> float:
        due = max(self._next_request, self._next_token, self._paused_until)
        return (due - self._clock.now_ns()) / 1e9 if due else 0.0

    def _take(self, tokens: int) -> tuple[int, int]:
        request_ns = max(self._request_ns, self._hinted_request_ns, self._learned_ns)
        token_ns = max(self._token_ns, self._hinted_token_ns)
        if request_ns or token_ns:
            earliest = self._clock.now_ns() - _CATCH_UP_NS
            if request_ns:
                self._next_request = max(self._next_request, earliest) + request_ns
            if token_ns:
                self._next_token = max(self._next_token, earliest) + tokens * token_ns
        self._sent_requests += 1
        self._sent_tokens += tokens
        return self._sent_requests, self._sent_tokens


def _spread(left: int, reset_s: float | None) -> float:
    """Nanoseconds between two units so that what is left lasts until the reset; 0 when nothing is said."""
    if reset_s is None or not 0 < reset_s <= _LONGEST_WINDOW_S:
        return 0.0
    return reset_s * 1e9 / max(1, left)
