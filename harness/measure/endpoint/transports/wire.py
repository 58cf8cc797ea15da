"""The default transport, over pyreqwest: the least work of our own between the wire and the clock.

The body is read inside the client's own threads. A response that names a small length is read in one step;
one that does not (chunked, compressed) is read in pieces, so that a bomb stops at the cap.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from urllib.parse import urlsplit

import pyreqwest.exceptions  # noqa: F401 (the client would load them when it raises one, and dies then if no file can be opened)
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.http import HeaderMap
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response

from harness.ending import wait_for_native_threads
from harness.measure.endpoint.contract import Headers
from harness.measure.endpoint.transports.transport import BODY_CAP, IDLE_S, LOOPBACK, ClientTransport, Read
from harness.record import Failure

# The client hands a response over once so much of its body is there. A usual reply is then whole when the
# loop wakes up for it: one wake-up instead of two, at the price that the first byte's time is the last's.
_READ_AHEAD = 65_536

wait_for_native_threads()


class _Readable:
    """Headers of which one that is not ASCII is not known: the client refuses to read it."""

    __slots__ = ("_headers",)

    def __init__(self, headers: HeaderMap) -> None:
        self._headers = headers

    def get(self, key: str, /) -> str | None:
        """Return the first value of a header."""
        try:
            return self._headers.get(key)
        except ValueError:
            return None

    def items(self) -> Iterable[tuple[str, str]]:
        """Give all headers that can be read."""
        pairs = ((name, self.get(name)) for name in self._headers)
        return [(name, value) for name, value in pairs if value is not None]


class WireTransport(ClientTransport[Response]):
    """pyreqwest, one client per endpoint."""

    def __init__(
        self, *, origin: str, headers: dict[str, str], cap_bytes: int = BODY_CAP, idle_s: float = IDLE_S
    ) -> None:
        super().__init__(cap_bytes=cap_bytes, idle_s=idle_s)
        self._headers = headers
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

    def send(self, method: str, url: str, body: bytes, timeout_s: float, *, at_once: bool) -> StreamRequest:
        """Send the request; the client keeps the deadline."""
        assert self._client is not None, "open() comes first"
        if self._timeout[0] != timeout_s:
            self._timeout = (timeout_s, timedelta(seconds=timeout_s))
        request = self._client.request(method, url).body_bytes(body).timeout(self._timeout[1])
        return request.streamed_read_buffer_limit(0 if at_once else _READ_AHEAD).build_streamed()

    def head(self, response: Response) -> tuple[int, Headers]:
        """Give status and headers."""
        return response.status, _Readable(response.headers)

    def reader(self, response: Response) -> Read:
        """Begin to read the body."""
        read_chunk = response.body_reader.read_chunk

        async def read() -> bytes | None:
            chunk = await read_chunk()
            return None if chunk is None else bytes(chunk)

        return read

    async def whole(self, response: Response, status: int, headers: Headers) -> bytes | Failure:
        """Read a body whose length is named, and small, in one step."""
        length = headers.get("content-length")
        if length is not None and length.isdigit() and int(length) <= self._cap:
            return bytes(await response.bytes())
        return await super().whole(response, status, headers)
