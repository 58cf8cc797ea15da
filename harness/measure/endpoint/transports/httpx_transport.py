"""The transport over httpx: pure Python, for proxies, custom certificates and debugging; slower than wire."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import cycle
from urllib.parse import urlsplit

import httpx

from harness.measure.endpoint.contract import Headers
from harness.measure.endpoint.transports.transport import (
    BODY_CAP,
    IDLE_S,
    LOOPBACK,
    ClientTransport,
    Read,
    RequestWritten,
)

# A client's pool looks at all its connections for every request: at 256 in flight one pool took 20 ms of CPU
# a request. Spread over several pools the same calls took a tenth of it.
_CLIENTS = 16


class HttpxTransport(ClientTransport[httpx.Response]):
    """Several httpx.AsyncClients per endpoint, in turn; proxies and certificates as the environment says."""

    def __init__(
        self, *, origin: str, headers: dict[str, str], cap_bytes: int = BODY_CAP, idle_s: float = IDLE_S
    ) -> None:
        super().__init__(cap_bytes=cap_bytes, idle_s=idle_s)
        self._headers = headers
        self._environment = urlsplit(origin).hostname not in LOOPBACK
        self._clients: tuple[httpx.AsyncClient, ...] = ()
        self._turns: Iterator[httpx.AsyncClient] = iter(())

    async def open(self) -> None:
        """Make the client."""
        trust = httpx.create_ssl_context(trust_env=self._environment)
        self._clients = tuple(self._client(trust) for _ in range(_CLIENTS))
        self._turns = cycle(self._clients)

    def _client(self, trust: ssl.SSLContext) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers=self._headers,
            follow_redirects=False,
            timeout=None,  # noqa: S113 (the deadline of each exchange is ours, also for trickling bodies)
            trust_env=self._environment,
            verify=trust,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
        )

    async def close(self) -> None:
        """Release the sockets."""
        clients, self._clients = self._clients, ()
        for client in clients:
            await client.aclose()

    @asynccontextmanager
    async def send(
        self,
        method: str,
        url: str,
        body: bytes,
        timeout_s: float,
        *,
        at_once: bool,  # noqa: ARG002 (it always is)
    ) -> AsyncIterator[httpx.Response]:
        """Send the request; the body is not read yet."""
        assert self._clients, "open() comes first"
        sending = next(self._turns).stream(method, url, content=body, extensions={"trace": RequestWritten()})
        async with asyncio.timeout(timeout_s), sending as response:
            yield response

    def head(self, response: httpx.Response) -> tuple[int, Headers]:
        """Give status and headers."""
        return response.status_code, response.headers

    def reader(self, response: httpx.Response) -> Read:
        """Begin to read the body."""
        return partial(anext, response.aiter_bytes(), None)

    def written_at(self, response: httpx.Response) -> int | None:
        """Give the moment at which the request had been written."""
        written: RequestWritten = response.request.extensions["trace"]
        return written.at_ns
