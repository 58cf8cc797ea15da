"""A transport moves bytes and keeps the clock: one exchange, timed as near to the wire as it can.

A transport is made for one endpoint and holds its headers. It follows no redirect, retries nothing, bounds
the whole exchange by a deadline and the decompressed body by a cap, and never raises for a bad exchange. A status
other than 2xx says what became of a request, whatever became of its body: as much of that as came is given.
"""

import asyncio
import zlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from time import perf_counter_ns
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from harness.measure.endpoint.headers import Headers
from harness.measure.endpoint.transports import foreign_errors
from harness.measure.endpoint.transports.environment import expects_tls
from harness.record import Failure

BODY_CAP = 8 * 1024 * 1024
IDLE_S = 15.0  # a stream that sends nothing for so long has stalled


class Exchange(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A response that arrived whole. Offsets count from the start of the exchange."""

    status: int
    headers: Headers
    body: bytes  # empty when it went to a sink
    first_byte_ns: int
    duration_ns: int
    streamed: bool = False  # the body went to the sink
    written_ns: int | None = None  # when the request had been written, where the client tells
    connect_ns: int | None = None  # of the time before, opening a connection; None where none was opened


class Broken(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An exchange that did not come to its end."""

    failure: Failure
    duration_ns: int
    first_byte_ns: int | None = None
    headers: Headers | None = None  # when they had arrived
    written_ns: int | None = None
    connect_ns: int | None = None


Sink: TypeAlias = Callable[[bytes, int], bool | None]
"""Takes a chunk and its arrival offset in ns; true when nothing more is needed, None while the answer has not begun."""

Read: TypeAlias = Callable[[], Awaitable[bytes | None]]
"""Gives the next piece of a decompressed body; None at its end."""

R = TypeVar("R")

_ZIPPED = b"\x1f\x8b"  # how gzip begins, and no reply: a coding that the client does not know by its name (x-gzip)
_MOST_ZIPPED = 2  # times over
_GZIP = 16 + zlib.MAX_WBITS


class Way:
    """Notes how a request got onto the wire; what its client does not tell stays None.

    It is a `trace` as httpx and its kin call it at every step. Through a proxy the steps of its CONNECT come
    first, and those of the request itself replace them.
    """

    __slots__ = ("at_once", "connected_at", "connecting_at", "written_at")

    def __init__(self, *, at_once: bool) -> None:
        self.at_once = at_once  # each piece of the body matters
        self.connecting_at: int | None = None  # a connection began to be opened for it
        self.connected_at: int | None = None  # it could be written
        self.written_at: int | None = None

    async def __call__(self, step: str, _: object) -> None:
        """Hear of one step."""
        if step.endswith("send_request_body.complete"):
            self.written_at = perf_counter_ns()
        elif step.endswith("send_request_headers.started"):
            self.connected_at = perf_counter_ns()
        elif step.endswith("connect_tcp.started") and self.connecting_at is None:
            self.connecting_at = perf_counter_ns()

    def told(self, start: int) -> tuple[int | None, int | None]:
        """Give when the request had been written, from the start, and how long a connection was opened for it.

        None where that was not told; none was opened, or none stood in the end.
        """
        if self.written_at is None:
            return None, None
        if self.connecting_at is None:
            return self.written_at - start, None
        connected = self.written_at if self.connected_at is None else self.connected_at
        return self.written_at - start, max(0, connected - self.connecting_at)


class Transport(Protocol):
    """Bytes and clock of one endpoint."""

    async def open(self) -> None:
        """Make the client."""

    async def close(self) -> None:
        """Release the sockets; safe to call twice."""

    async def exchange(
        self, method: str, url: str, body: bytes, *, timeout_s: float, sink: Sink | None = None
    ) -> Exchange | Broken:
        """Send one request and read the whole response within `timeout_s`.

        With a sink, a 2xx body goes there, chunk by chunk: events come under any content type.
        """


class ClientTransport(ABC, Generic[R]):
    """What all clients share: the clock, the cap and the stall watch over one response `R` of theirs."""

    def __init__(
        self,
        *,
        origin: str,
        headers: dict[str, str],
        trusted: tuple[bytes, ...] = (),
        cap_bytes: int = BODY_CAP,
        idle_s: float = IDLE_S,
    ) -> None:
        self._origin, self._headers, self._trusted = origin, headers, trusted
        self._cap, self._idle_s = cap_bytes, idle_s
        self._expects_tls: bool | None = None  # known from when a plain connection broke
        self._asking = asyncio.Lock()

    @abstractmethod
    async def open(self) -> None:
        """Make the client."""

    @abstractmethod
    async def close(self) -> None:
        """Release the sockets; safe to call twice."""

    @abstractmethod
    def send(self, method: str, url: str, body: bytes, timeout_s: float, way: Way) -> AbstractAsyncContextManager[R]:
        """Send the request under its deadline; the body is not read yet. `way` is to be told what the client tells."""

    @abstractmethod
    def head(self, response: R) -> tuple[int, Headers]:
        """Give status and headers."""

    @abstractmethod
    def reader(self, response: R) -> Read:
        """Begin to read the body."""

    async def exchange(
        self, method: str, url: str, body: bytes, *, timeout_s: float, sink: Sink | None = None
    ) -> Exchange | Broken:
        """Send one request and read the whole response, or push its events' bytes to `sink`."""
        cancelled = _cancelled()
        first = status = headers = None
        pieces: list[bytes] = []
        streamed, way, start = False, Way(at_once=sink is not None), perf_counter_ns()
        try:
            async with self.send(method, url, body, timeout_s, way) as response:
                first = perf_counter_ns() - start
                status, headers = self.head(response)
                if sink is not None and 200 <= status < 300:
                    streamed = True
                    # What is called a plain answer may think between its head and its body.
                    plain = (headers.get("content-type") or "").lower().startswith("application/json")
                    content = await self._feed(response, status, sink, start, None if plain else self._idle_s)
                else:
                    content = await self.whole(response, status, pieces)
                end = perf_counter_ns() - start
        except Exception as error:
            end = perf_counter_ns() - start
            content = await self._failed(error, url, timeout_s, status)
        if _cancelled() > cancelled:  # a client that has its answer by then forgets it, and who was to end goes on
            raise asyncio.CancelledError
        if isinstance(content, Failure) and status is not None and not 200 <= status < 300:
            content = b"".join(pieces)[: self._cap]
        written_ns, connect_ns = way.told(start)
        if isinstance(content, Failure):
            return Broken(
                failure=content,
                duration_ns=end,
                first_byte_ns=first,
                headers=headers,
                written_ns=written_ns,
                connect_ns=connect_ns,
            )
        assert first is not None
        assert status is not None
        assert headers is not None
        return Exchange(
            status=status,
            headers=headers,
            body=content,
            first_byte_ns=first,
            duration_ns=end,
            streamed=streamed,
            written_ns=written_ns,
            connect_ns=connect_ns,
        )

    async def _failed(self, error: Exception, url: str, timeout_s: float, status: int | None) -> Failure:
        """Name what a client raised: it is a failed exchange, for the sink raises nothing. Cancellation passes."""
        foreign_errors.raise_if_ours(error)
        failure = foreign_errors.as_failure(error, status, url=url)
        if failure.kind == "timeout":
            return _out_of_time(timeout_s, status)
        if failure.kind == "network" and status is None and await self._wants_tls(url):
            return foreign_errors.wants_tls(failure)
        return failure

    async def _wants_tls(self, url: str) -> bool:
        """Whether what breaks plain connections expects TLS; asked once, and only where one broke."""
        async with self._asking:
            if self._expects_tls is None:
                self._expects_tls = await expects_tls(url)
        return self._expects_tls

    async def whole(self, response: R, status: int, pieces: list[bytes]) -> bytes | Failure:
        """Read the body up to the cap, into `pieces`, which hold what came where the rest does not."""
        read = self.reader(response)
        size = 0
        while (piece := await read()) is not None:
            pieces.append(piece)
            size += len(piece)
            if size > self._cap:
                return _too_large(status, self._cap)
        return self._unzipped(b"".join(pieces), status)

    def _unzipped(self, body: bytes, status: int) -> bytes | Failure:
        """Give a body that is no longer compressed. Raises zlib.error."""
        for _ in range(_MOST_ZIPPED):
            if not body.startswith(_ZIPPED):
                break
            body = zlib.decompressobj(_GZIP).decompress(body, self._cap + 1)
        return body if len(body) <= self._cap else _too_large(status, self._cap)

    async def _feed(self, response: R, status: int, sink: Sink, start: int, idle_s: float | None) -> bytes | Failure:
        """Push the body to the sink, piece by piece; in an answer that has begun no pause may be longer than `idle_s`.

        Before it a model may think, and say nothing meanwhile, for as long as an attempt may last.
        """
        read = self.reader(response)
        size, over, unzip = 0, None, None
        while True:
            try:
                async with asyncio.timeout(None if over is None else idle_s) as idle:
                    piece = await read()
            except TimeoutError:
                if idle.expired():
                    return Failure(kind="stream_stalled", message=f"no byte for {idle_s:g} s", status=status)
                raise
            if piece is None:
                return b""
            if size == 0 and piece.startswith(_ZIPPED):
                unzip = zlib.decompressobj(_GZIP)
            if unzip is not None:
                piece = unzip.decompress(piece, self._cap + 1)
            size += len(piece)
            if size > self._cap:
                return _too_large(status, self._cap)
            over = sink(piece, perf_counter_ns() - start)
            if over:
                return b""


class _Response(Protocol):
    status_code: int
    extensions: dict[str, Any]


async def hide_status(response: _Response) -> None:
    """Keep httpx and its kin, as a hook of theirs, from acting on a status: all that is not 2xx is ours to read.

    They raise for a redirect to no address; openai's client reads a refusal without a cap, and loses its status
    where that breaks.
    """
    response.extensions["status"] = response.status_code
    response.status_code = 200


def _cancelled() -> int:
    """Give how many cancellations the task has had that nobody took back."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def _too_large(status: int, cap: int) -> Failure:
    return Failure(kind="too_large", message=f"the body is larger than {cap:,} bytes", status=status)


def _out_of_time(timeout_s: float, status: int | None) -> Failure:
    where = "before the response began" if status is None else "before the body was complete"
    return Failure(kind="timeout", message=f"{timeout_s:g} s passed {where}", status=status)
