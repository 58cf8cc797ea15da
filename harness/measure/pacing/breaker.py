"""When to stop asking: the retry budget, and the breaker for an endpoint that is down.

A failure that says the endpoint was not there (connection, 5xx, timeout, 429) may be an outage, and an outage
says nothing about a prompt. So such a record is *held* until another trial of the lane ends differently: then
it was this trial's own, and is final. When too many follow each other with nothing between, the run ends and
can be resumed; the held trials were not journalled and run again then.
"""

from harness.errors import EndpointUnusable, HarnessError, RunIncomplete
from harness.record import Failure, FailureKind, Record, Reply

HOPELESS_AFTER = 5  # trials in a row, each with all its attempts, when nothing ever succeeded
DOWN_AFTER = 20  # when something has

OUTAGE: frozenset[FailureKind] = frozenset(
    {"connect", "network", "timeout", "deadline", "rate_limited", "server_error"}
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
        return (*self.release(), record)

    def release(self) -> tuple[Record, ...]:
        """Give what is held, final because nothing is left to try."""
        held, self._held = tuple(self._held), []
        return held

    def _down(self, last: Failure) -> HarnessError:
        trials = len(self._held)
        said = f"{self._endpoint}: {trials} trials in a row failed, retries included; the last: {last.message}"
        if last.kind == "rate_limited":
            return RunIncomplete(said, fix="Lower `limits` in harness.yml, or wait; then resume.")
        if self._succeeded:
            return RunIncomplete(said, fix="Resume when the endpoint is back; these trials run again.")
        if "certificate" in last.message or "TLS" in last.message:  # it is there, and says what is wrong
            return EndpointUnusable(said, fix="Correct that on the server or in harness.yml.")
        return EndpointUnusable(said, fix="Start the server, or correct its address in harness.yml.")


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
