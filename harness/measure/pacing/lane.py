"""A lane: everything that endpoints with one pacing key share."""

import resource
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from harness.files.project import Limits
from harness.measure.pacing.rate import RateLimiter
from harness.measure.pacing.retrying import Answer, Breaker, Clock, Failure, RetryBudget
from harness.measure.pacing.turnstile import Turnstile

_WORTH_SAYING_S = 0.05
_LEAST_FOR_CLIENT = 4
_PATIENCE = 20  # good windows of half a second until more is tried; twice as many after each setback
_LONGEST_PATIENCE = 320


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """What a sent call needs when its answer is heeded."""

    sent_ns: int
    counts: tuple[int, int]
    tokens: int


class Lane:
    """Gate, rate limiter, retry budget and breaker of one endpoint and key.

    `on_change(lane, why)` hears of every change of the limit and of every pause.
    """

    def __init__(
        self, name: str, limits: Limits, clock: Clock, on_change: "Callable[[Lane, str], None]", *, sharing: int = 1
    ) -> None:
        self.name = name
        self.turnstile = Turnstile(limits.concurrency)
        self.rate = RateLimiter(clock, rpm=limits.rpm, tpm=limits.tpm, sharing=sharing)
        self.budget = RetryBudget()
        self.breaker = Breaker(name)
        self.in_flight = 0
        self.max_in_flight = 0
        self._good_windows = 0
        self._patience = _PATIENCE
        self._clock = clock
        self._on_change = on_change

    def begin(self, *, connections: int) -> None:
        """Say the limit that the lane starts with: no more than the connections that it may open."""
        why = ""
        if connections < self.turnstile.asked:
            why = f" and not {self.turnstile.asked}: this process may not open more files (ulimit -n)"
            self.turnstile.cap(connections)
        self._say(f"started; {self.turnstile.limit} in flight at first, {self.turnstile.most} at most{why}")

    def sending(self, counts: tuple[int, int], tokens: int) -> Ticket:
        """Count a call that goes out now."""
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        return Ticket(self._clock.now_ns(), counts, tokens)

    def heed(self, answer: Answer, ticket: Ticket) -> None:
        """Learn from an answer."""
        outcome, hints = answer.outcome, answer.hints
        self.budget.called(succeeded=not isinstance(outcome, Failure))
        if self.rate.heed(hints, ticket.counts):
            self._say(f"spreading {hints.remaining_requests} requests over {hints.reset_requests_s:g} s")
        if isinstance(outcome, Failure):
            return
        used = outcome.usage
        if used.input is not None and used.output is not None:
            self.rate.settle(ticket.tokens, used.input + used.output)
        self.rate.learn_faster()
        before = self.turnstile.limit
        if self.turnstile.succeeded():
            self._say(f"all well; {before} -> {self.turnstile.limit} in flight")

    def overloaded(self, answer: Answer, ticket: Ticket, seconds: float) -> None:
        """Cut and pause after an answer that says there was too much."""
        before = self.turnstile.limit
        if not self.turnstile.overloaded(ticket.sent_ns, self._clock.now_ns()):
            return
        self.rate.pause(seconds)
        if before == 1:
            self.rate.learn_slower()
        if before != self.turnstile.limit or seconds >= _WORTH_SAYING_S:
            status = answer.attempt.status or "overload"
            self._say(f"{status}, backing off {seconds:.2g} s; {before} -> {self.turnstile.limit} in flight")

    def client_saturated(self, lag_ms: float) -> None:
        """Send less at once, because this machine can't time so many calls honestly."""
        before = self.turnstile.limit
        self._good_windows = 0
        if self.turnstile.bound(max(_LEAST_FOR_CLIENT, int(before * 0.75))):
            self._patience = min(self._patience * 2, _LONGEST_PATIENCE)
            self._say(f"client saturated, {lag_ms:.0f} ms late; {before} -> {self.turnstile.limit} in flight")

    def client_well(self) -> None:
        """Allow a quarter more after a while in which this machine kept up: what held it may be over."""
        self._good_windows += 1
        if self._good_windows >= self._patience:
            self._good_windows = 0
            before = self.turnstile.most
            if self.turnstile.relieve(before + max(1, before // 4)):
                self._say(f"client keeps up again; at most {before} -> {self.turnstile.most} in flight")

    def _say(self, why: str) -> None:
        self._on_change(self, why)


def shared_limits(limits: Iterable[Limits], *, shards: int = 1) -> Limits:
    """Give the strictest of each limit: entries that share a key share what it allows.

    Each of several processes gets its share of it.
    """
    every = list(limits)
    rpm = [each.rpm for each in every if each.rpm is not None]
    tpm = [each.tpm for each in every if each.tpm is not None]
    return Limits(
        concurrency=max(1, min(each.concurrency for each in every) // shards),
        rpm=max(1, min(rpm) // shards) if rpm else None,
        tpm=max(1, min(tpm) // shards) if tpm else None,
        attempts=min(each.attempts for each in every),
        max_retry_after_s=min(each.max_retry_after_s for each in every),
    )


_OTHERS = 32  # the journal, pipes, look-ups of names, connections that are still closing


def connections_allowed(wanted: int) -> int:
    """Raise the limit as far as the system lets us; give how many of `wanted` connections may be open."""
    taken = sum(1 for _ in Path("/dev/fd").iterdir()) + _OTHERS
    limit, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _below(limit, taken + wanted):
        with suppress(ValueError, OSError):  # more than the kernel allows, whatever the limit says
            raised = taken + wanted if not _below(highest, taken + wanted) else highest
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, highest))
            limit = raised
    return wanted if not _below(limit, taken + wanted) else max(1, limit - taken)


def _below(limit: int, files: int) -> bool:
    return limit != resource.RLIM_INFINITY and limit < files
