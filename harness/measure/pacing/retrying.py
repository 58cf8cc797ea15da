"""When to ask again, and when to stop asking: the retry, its budget, and the breaker of an endpoint that is down.

Which answers are asked for again, when, and how often, is said here; the loop itself is tenacity's.

A failure that says the endpoint was not there (connection, 5xx, timeout, 429) may be an outage, and an outage
says nothing about a prompt. So such a record is *held* until another trial of the lane ends differently: then
it was this trial's own, and is final. When too many follow each other with nothing between, the run ends and
can be resumed; the held trials were not journalled and run again then.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

from tenacity import RetryCallState
from tenacity.asyncio import AsyncRetrying
from tenacity.retry import retry_if_result
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from harness.errors import EndpointUnusable, HarnessError, RunIncomplete
from harness.measure.endpoint.failure_map import is_fatal, is_retryable
from harness.measure.timeline import Answer, Clock, Timeline
from harness.record import Failure, FailureKind, Record, Reply

FIRST_S = 0.5
LONGEST_S = 20.0
_RETRY_AFTER_JITTER = 0.1  # later by up to so much, never earlier


def wants_retry(answer: Answer) -> bool:
    """Whether the same request is worth sending again: by the failure's kind, unless the endpoint says."""
    failure = answer.outcome
    if not isinstance(failure, Failure) or answer.recorded or is_fatal(failure.kind):
        return False
    said = answer.hints.should_retry
    return is_retryable(failure.kind) if said is None else said


def is_overload(answer: Answer) -> bool:
    """Whether the endpoint said that there was too much: 429 only, for an outage ends without a memory."""
    return isinstance(answer.outcome, Failure) and answer.outcome.kind == "rate_limited"


class RetryBudget:
    """Retries are at most a fifth of the calls, once the endpoint has shown that it works."""

    SHARE = 0.2
    WARM_AFTER = 50  # successes

    def __init__(self) -> None:
        self._calls = 0
        self._retries = 0
        self._successes = 0

    def called(self, *, succeeded: bool) -> None:
        """Count a call."""
        self._calls += 1
        self._successes += succeeded

    def take(self) -> bool:
        """Take one retry; False when none is left."""
        if self._successes >= self.WARM_AFTER and self._retries + 1 > self.SHARE * (self._calls + 1):
            return False
        self._retries += 1
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """What limits the retries of one trial."""

    attempts: int
    deadline_s: float
    max_retry_after_s: float
    patient: bool = False  # overload is waited for until the deadline, however often: a slower tier may be full
    budget: RetryBudget
    rng: Random = field(default_factory=Random)


async def retry(
    first: Answer,
    again: Callable[[], Awaitable[Answer]],
    *,
    rules: RetryRules,
    timeline: Timeline,
    clock: Clock,
    on_backoff: Callable[[Answer, float], None],
) -> Answer:
    """Go on after a first answer that wants a retry; gives the last answer.

    `on_backoff(answer, seconds)` hears of each wait before it begins, also of the one that the last attempt
    would have asked for. Raises RunIncomplete when the endpoint asks for a longer wait than is allowed.
    """
    waiting = [first]  # tenacity's first attempt is the one that was made already

    async def next_answer() -> Answer:
        return waiting.pop() if waiting else await again()

    async def back_off(seconds: float) -> None:
        await clock.sleep(seconds)
        timeline.backed_off()

    retrying = AsyncRetrying(
        sleep=back_off,
        retry=retry_if_result(wants_retry),
        wait=_Backoff(rules, on_backoff),
        stop=_Enough(rules, timeline),
        retry_error_callback=_last_answer,
    )
    answer: Answer = await retrying(next_answer)
    return answer


class _Backoff(wait_base):
    """Exponential with full jitter (AWS, "Exponential backoff and jitter"); Retry-After where it is given."""

    def __init__(self, rules: RetryRules, on_backoff: Callable[[Answer, float], None]) -> None:
        self._rules = rules
        self._on_backoff = on_backoff

    def __call__(self, retry_state: RetryCallState) -> float:
        answer = _last_answer(retry_state)
        seconds = backoff_s(answer, retry_state.attempt_number, self._rules)
        self._on_backoff(answer, seconds)
        return seconds


class _Enough(stop_base):
    """Stops at the number of attempts, the trial's deadline, or an empty budget."""

    def __init__(self, rules: RetryRules, timeline: Timeline) -> None:
        self._rules = rules
        self._timeline = timeline

    def __call__(self, retry_state: RetryCallState) -> bool:
        overload = is_overload(_last_answer(retry_state))
        if retry_state.attempt_number >= self._rules.attempts and not (overload and self._rules.patient):
            return True
        if self._timeline.spent_ns / 1e9 + retry_state.upcoming_sleep >= self._rules.deadline_s:
            return True
        # Overload is met by the lane's own pause and cut: a 429 takes from the budget, and is never refused.
        return not self._rules.budget.take() and not overload


def backoff_s(answer: Answer, attempt: int, rules: RetryRules) -> float:
    """Seconds to wait after this attempt (1-based)."""
    asked, grown = answer.hints.retry_after_s, min(LONGEST_S, FIRST_S * 2.0 ** (attempt - 1))
    if asked is not None and asked > 0:
        if asked > rules.max_retry_after_s:
            raise RunIncomplete(
                f"The endpoint asks to wait {asked:,.0f} s, more than `max_retry_after_s` "
                f"({rules.max_retry_after_s:g} s) allows.",
                fix="Resume after that time, or allow a longer wait in harness.yml.",
            )
        # Who was told to wait a second time shares that moment with others: they spread as if they had not been told.
        return asked + rules.rng.uniform(0, grown if attempt > 1 else min(1.0, asked * _RETRY_AFTER_JITTER))
    return rules.rng.uniform(0, grown)


def _last_answer(retry_state: RetryCallState) -> Answer:
    assert retry_state.outcome is not None
    answer: Answer = retry_state.outcome.result()
    return answer


HOPELESS_AFTER = 5  # trials in a row, each with all its attempts, when nothing ever succeeded
DOWN_AFTER = 20  # when something has

OUTAGE: frozenset[FailureKind] = frozenset(
    {
        "connect",
        "proxy",
        "network",
        "timeout",
        "deadline",
        "rate_limited",
        "server_error",
        "stream_cut",
        "stream_stalled",
    }
)


class Breaker:
    """Holds the records of a possible outage of one lane."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._succeeded = False
        self._held: list[Record] = []

    def settle(self, record: Record) -> tuple[Record, ...]:
        """Give the records that are final now; raises when the endpoint is down."""
        outcome = record.outcome
        if isinstance(outcome, Failure) and outcome.kind in OUTAGE and not record.recorded:
            self._held.append(record)
            if len(self._held) >= (DOWN_AFTER if self._succeeded else HOPELESS_AFTER):
                raise self._down(outcome)
            return ()
        self._succeeded = self._succeeded or isinstance(outcome, Reply)
        return (*self.release(), record) if self._held else (record,)

    def release(self) -> tuple[Record, ...]:
        """Give what is held, final because nothing is left to try."""
        held, self._held = tuple(self._held), []
        return held

    def _down(self, last: Failure) -> HarnessError:
        row = f"{len(self._held)} trials in a row failed, retries included"
        if not self._succeeded and last.kind != "rate_limited":
            return EndpointUnusable(row)  # each candidate says its own last failure
        said = f"{row}; the last: {last.message}"
        if last.kind == "rate_limited":
            return RunIncomplete(
                f"{self._endpoint}: {said}", fix="Lower `limits` in harness.yml, or wait; then resume."
            )
        return RunIncomplete(
            f"{self._endpoint}: {said}", fix="Resume when the endpoint is back; these trials run again."
        )
