"""When to ask again, and when to stop asking: the retry, its budget, and the breaker of an endpoint that is down.

A failure that says the endpoint was not there (connection, 5xx, timeout, 429) may be an outage, and an outage
says nothing about a prompt. So such a record is *held* until another trial of the lane ends differently: then
it was this trial's own, and is final. When too many follow each other with nothing between, the run ends and
can be resumed; the held trials were not journalled and run again then.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

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
    """Ask again after a first answer, for as long as that is wanted and worth it; gives the last answer.

    `on_backoff(answer, seconds)` hears of each wait before it begins, also of the one that the last attempt
    would have asked for. Raises RunIncomplete when the endpoint asks for a longer wait than is allowed.
    """
    answer, made = first, 1
    while wants_retry(answer):
        seconds = backoff_s(answer, made, rules)
        on_backoff(answer, seconds)
        if _is_enough(answer, made, rules, spent_s=timeline.spent_ns / 1e9 + seconds):
            break
        await clock.sleep(seconds)
        timeline.backed_off()
        answer, made = await again(), made + 1
    return answer


def _is_enough(answer: Answer, made: int, rules: RetryRules, *, spent_s: float) -> bool:
    """Tell whether the number of attempts, the trial's deadline or an empty budget ends it."""
    overload = is_overload(answer)
    if (made >= rules.attempts and not (overload and rules.patient)) or spent_s >= rules.deadline_s:
        return True
    # Overload is met by the lane's own pause and cut: a 429 takes from the budget, and is never refused.
    return not rules.budget.take() and not overload


def backoff_s(answer: Answer, attempt: int, rules: RetryRules) -> float:
    """Seconds to wait after this attempt (1-based): Retry-After where it is given, else exponential with full jitter.

    AWS, "Exponential backoff and jitter".
    """
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
