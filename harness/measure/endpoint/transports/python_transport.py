"""What the pure-Python transports share: clock, deadline, cap and stall watch over one client."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from time import perf_counter_ns

from harness.measure.endpoint.transports import foreign_errors
from harness.measure.endpoint.transports.hints import Headers
from harness.measure.endpoint.transports.transport import (
    Broken,
    Exchange,
    Sink,
    goes_to_sink,
    out_of_time,
    stalled,
    too_large,
)
from harness.record import Failure


class RequestWritten:
    """Notes when a request had been written: a `trace` as httpx and its kin call it at every step."""

    __slots__ = ("at_ns",)

    def __init__(self) -> None:
        self.at_ns: int | None = None

    async def __call__(self, step: str, _: object) -> None:
        """Hear of one step."""
        if step.endswith("send_request_body.complete"):
            self.at_ns = perf_counter_ns()


@dataclass(frozen=True, slots=True)
class Response:
    """The head of a response, and how to read its decompressed body."""

    status: int
    headers: Headers
    pieces: Callable[[], AsyncIterator[bytes]]
    written: RequestWritten


class PythonTransport(ABC):
    """One exchange over `send`, which a client provides."""

    def __init__(self, *, cap_bytes: int, idle_s: float) -> None:
        self._cap = cap_bytes
        self._idle_s = idle_s

    @abstractmethod
    def send(self, method: str, url: str, body: bytes) -> AbstractAsyncContextManager[Response]:
        """Send the request; the body is not read yet."""

    async def exchange(self, method: str, url: str, body: bytes, *, timeout_s: float) -> Exchange | Broken:
        """Send one request and read the whole response."""
        return await self._run(method, url, body, timeout_s, None)

    async def stream(
        self, method: str, url: str, body: bytes, *, timeout_s: float, sink: Sink
    ) -> Exchange | Broken:
        """Send one request and push the events' bytes to `sink` as they arrive."""
        return await self._run(method, url, body, timeout_s, sink)

    async def _run(
        self, method: str, url: str, body: bytes, timeout_s: float, sink: Sink | None
    ) -> Exchange | Broken:
        first = status = headers = written = None
        start = perf_counter_ns()
        try:
            async with asyncio.timeout(timeout_s), self.send(method, url, body) as response:
                first = perf_counter_ns() - start
                status, headers = response.status, response.headers
                written = None if response.written.at_ns is None else response.written.at_ns - start
                streamed = sink is not None and goes_to_sink(status, headers)
                content = await self._read(response, sink if streamed else None, start)
                end = perf_counter_ns() - start
        except Exception as error:
            # Whatever a client raises is a failed exchange: nothing of ours runs in here but the sink, which
            # turns what it can't read into a failure itself. Cancellation is no Exception and passes.
            foreign_errors.raise_if_ours(error)
            failure = foreign_errors.as_failure(error, status)
            if failure.kind == "timeout":
                failure = out_of_time(timeout_s, status)
            duration = perf_counter_ns() - start
            return Broken(
                failure=failure,
                duration_ns=duration,
                first_byte_ns=first,
                headers=headers,
                written_ns=written,
            )
        if isinstance(content, Failure):
            return Broken(
                failure=content, duration_ns=end, first_byte_ns=first, headers=headers, written_ns=written
            )
        return Exchange(
            status=status,
            headers=headers,
            body=content,
            first_byte_ns=first,
            duration_ns=end,
            streamed=streamed,
            written_ns=written,
        )

    async def _read(self, response: Response, sink: Sink | None, start: int) -> bytes | Failure:
        pieces: list[bytes] = []
        size = 0
        source = response.pieces()
        while True:
            try:
                async with asyncio.timeout(self._idle_s if sink is not None else None) as idle:
                    piece = await anext(source, None)
            except TimeoutError:
                if idle.expired():
                    return stalled(response.status, self._idle_s)
                raise
            if piece is None:
                return b"".join(pieces)
            size += len(piece)
            if size > self._cap:
                return too_large(response.status, self._cap)
            if sink is None:
                pieces.append(piece)
            elif sink(piece, perf_counter_ns() - start):
                return b""
