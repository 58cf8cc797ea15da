"""The default transport, over pyreqwest: the least work of our own between the wire and the clock.

The body is read inside the client's own threads. A response that names a small length is read in one step;
one that does not (chunked, compressed) is read in pieces, so that a bomb stops at the cap.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from time import perf_counter_ns
from urllib.parse import urlsplit

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response

from harness.measure.endpoint.transports import foreign_errors
from harness.measure.endpoint.transports.hints import Headers
from harness.measure.endpoint.transports.transport import (
    BODY_CAP,
    IDLE_S,
    LOOPBACK,
    Broken,
    Exchange,
    Sink,
    goes_to_sink,
    out_of_time,
    stalled,
    too_large,
)
from harness.record import Failure

# The client hands a response over once so much of its body is there. A usual reply is then whole when the
# loop wakes up for it: one wake-up instead of two, at the price that the first byte's time is the last's.
_READ_AHEAD = 65_536


class WireTransport:
    """pyreqwest, one client per endpoint."""

    def __init__(
        self, *, origin: str, headers: dict[str, str], cap_bytes: int = BODY_CAP, idle_s: float = IDLE_S
    ) -> None:
        self._headers = headers
        self._cap = cap_bytes
        self._idle_s = idle_s
        self._loopback = urlsplit(origin).hostname in LOOPBACK
        self._client: Client | None = None
        self._timeout = (0.0, timedelta())

    async def open(self) -> None:
        """Make the client."""
        builder = (
            ClientBuilder()
            .follow_redirects(False)
            .referer(False)
            .default_headers(self._headers)
            .runtime_multithreaded(True)
        )
        if self._loopback:
            builder = builder.no_proxy()
        self._client = builder.build()

    async def close(self) -> None:
        """Release the sockets."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def exchange(self, method: str, url: str, body: bytes, *, timeout_s: float) -> Exchange | Broken:
        """Send one request and read the whole response."""
        return await self._run(method, url, body, timeout_s, None)

    async def stream(
        self, method: str, url: str, body: bytes, *, timeout_s: float, sink: Sink
    ) -> Exchange | Broken:
        """Send one request and push the events' bytes to `sink` as they arrive."""
        return await self._run(method, url, body, timeout_s, sink)

    def _request(
        self, method: str, url: str, body: bytes, timeout_s: float, read_ahead: int
    ) -> StreamRequest:
        assert self._client is not None, "open() comes first"
        if self._timeout[0] != timeout_s:
            self._timeout = (timeout_s, timedelta(seconds=timeout_s))
        request = self._client.request(method, url).body_bytes(body).timeout(self._timeout[1])
        return request.streamed_read_buffer_limit(read_ahead).build_streamed()

    async def _run(
        self, method: str, url: str, body: bytes, timeout_s: float, sink: Sink | None
    ) -> Exchange | Broken:
        first = status = headers = None
        read_ahead = _READ_AHEAD if sink is None else 0
        start = perf_counter_ns()
        try:
            async with self._request(method, url, body, timeout_s, read_ahead) as response:
                first = perf_counter_ns() - start
                status, headers = response.status, response.headers
                streamed = sink is not None and goes_to_sink(status, headers)
                if streamed and sink is not None:
                    content = await self._feed(response, status, sink, start)
                else:
                    content = await self._whole(response, status, headers)
                end = perf_counter_ns() - start
        except (PyreqwestError, OSError) as error:
            foreign_errors.raise_if_ours(error)
            return Broken(
                failure=_failure(error, timeout_s, status),
                duration_ns=perf_counter_ns() - start,
                first_byte_ns=first,
                headers=headers,
            )
        if isinstance(content, Failure):
            return Broken(failure=content, duration_ns=end, first_byte_ns=first, headers=headers)
        return Exchange(
            status=status,
            headers=headers,
            body=content,
            first_byte_ns=first,
            duration_ns=end,
            streamed=streamed,
        )

    async def _whole(self, response: Response, status: int, headers: Headers) -> bytes | Failure:
        length = headers.get("content-length")
        if length is not None and length.isdigit() and int(length) <= self._cap:
            return bytes(await response.bytes())
        reader = response.body_reader
        pieces: list[bytes] = []
        size = 0
        while (piece := await reader.read_chunk()) is not None:
            pieces.append(bytes(piece))
            size += len(piece)
            if size > self._cap:
                return too_large(status, self._cap)
        return b"".join(pieces)

    async def _feed(self, response: Response, status: int, sink: Sink, start: int) -> bytes | Failure:
        reader = response.body_reader
        size = 0
        while True:
            try:
                async with asyncio.timeout(self._idle_s) as idle:
                    piece = await reader.read_chunk()
            except TimeoutError:
                if idle.expired():
                    return stalled(status, self._idle_s)
                raise
            if piece is None:
                return b""
            size += len(piece)
            if size > self._cap:
                return too_large(status, self._cap)
            if sink(bytes(piece), perf_counter_ns() - start):
                return b""


def _failure(error: Exception, timeout_s: float, status: int | None) -> Failure:
    failure = foreign_errors.as_failure(error, status)
    return out_of_time(timeout_s, status) if failure.kind == "timeout" else failure
