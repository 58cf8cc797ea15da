"""A transport moves bytes and keeps the clock: one exchange, timed as near to the wire as it can.

A transport is made for one endpoint and holds its headers. It follows no redirect, retries nothing, bounds
the whole exchange by a deadline and the decompressed body by a cap, and never raises for a bad exchange.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from harness.measure.endpoint.transports.hints import Headers
from harness.record import Failure

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})  # never reached through a proxy
BODY_CAP = 8 * 1024 * 1024
IDLE_S = 15.0  # a stream that sends nothing for so long has stalled


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A response that arrived whole. Offsets count from the start of the exchange."""

    status: int
    headers: Headers
    body: bytes  # empty when it went to a sink
    first_byte_ns: int
    duration_ns: int
    streamed: bool = False  # the body went to the sink
    written_ns: int | None = None  # when the request had been written, where the client tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """An exchange that did not come to its end."""

    failure: Failure
    duration_ns: int
    first_byte_ns: int | None = None
    headers: Headers | None = None  # when they had arrived
    written_ns: int | None = None


Sink: TypeAlias = Callable[[bytes, int], bool]
"""Takes a chunk and its arrival offset in ns; true when nothing more is needed."""


class Transport(Protocol):
    """Bytes and clock of one endpoint."""

    async def open(self) -> None:
        """Make the client."""
        ...

    async def close(self) -> None:
        """Release the sockets; safe to call twice."""
        ...

    async def exchange(self, method: str, url: str, body: bytes, *, timeout_s: float) -> Exchange | Broken:
        """Send one request and read the whole response within `timeout_s`."""
        ...

    async def stream(
        self, method: str, url: str, body: bytes, *, timeout_s: float, sink: Sink
    ) -> Exchange | Broken:
        """As `exchange`, but a 2xx body that is not plain JSON goes to `sink`, chunk by chunk."""
        ...


def goes_to_sink(status: int, headers: Headers) -> bool:
    """Whether this response is a stream of events; errors and plain JSON answers are read whole."""
    content_type = headers.get("content-type") or ""
    return 200 <= status < 300 and not content_type.lower().startswith("application/json")


def too_large(status: int, cap: int = BODY_CAP) -> Failure:
    """Return the failure of a body beyond the cap."""
    return Failure(kind="too_large", message=f"the body is larger than {cap:,} bytes", status=status)


def stalled(status: int, idle_s: float) -> Failure:
    """Return the failure of a stream that stopped sending."""
    return Failure(kind="stream_stalled", message=f"no byte for {idle_s:g} s", status=status)


def out_of_time(timeout_s: float, status: int | None = None) -> Failure:
    """Return the failure of an exchange that passed its deadline."""
    where = "before the response began" if status is None else "before the body was complete"
    return Failure(kind="timeout", message=f"{timeout_s:g} s passed {where}", status=status)
