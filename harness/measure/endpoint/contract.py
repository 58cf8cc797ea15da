"""The one seam for everything outside: an endpoint takes a rendered prompt, gives an answer and its clock.

An endpoint is a codec (JSON <-> reply) on a transport (bytes + clock), except `replay`, which reads a file.
It never retries, never paces, and never raises for a bad exchange: a failure is a value.
"""

from typing import Protocol

import msgspec

from harness.files.prompt import Rendered
from harness.measure.endpoint.headers import NO_HINTS, RateHints
from harness.record import Attempt, Failure, Reply, Trial


class Prepared(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A request ready to be sent as often as retries need: everything that costs CPU is done."""

    trial: Trial
    body: bytes
    estimated_tokens: int  # input + the most that may be generated; for tokens/min
    failure: Failure | None = None  # it can't be encoded: `attempt` gives this back and sends nothing


class Answer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One exchange: its clock (backoff and rate-limit waits still 0), its outcome, the endpoint's hints."""

    attempt: Attempt
    outcome: Reply | Failure
    hints: RateHints = NO_HINTS
    recorded: bool = False  # replayed


class Endpoint(Protocol):
    """One candidate's way out. Opened once per run and process, used by many calls at once."""

    name: str  # the entry's name in harness.yml
    pacing_key: str  # endpoints with one key share their limits: origin and key variable, never the key

    async def open(self) -> None:
        """Start what is needed (client, embedded server). Raises EndpointUnusable when it can't."""

    async def close(self) -> None:
        """Release sockets and processes; safe to call twice."""

    def prepare(self, rendered: Rendered, trial: Trial) -> Prepared:
        """Encode a request."""

    async def attempt(self, prepared: Prepared, *, timeout_s: float) -> Answer:
        """Do one exchange within `timeout_s` seconds in all. Never raises for a bad exchange."""
