"""The transport over httpx: pure Python, for proxies, custom certificates and debugging; slower than wire."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import cycle

import httpx

from harness.measure.endpoint.transports.environment import context, proxy_for
from harness.measure.endpoint.transports.transport import ClientTransport, Headers, Read, Way, hide_status

# A client's pool looks at all its connections for every request: at 256 in flight one pool took 20 ms of CPU
# a request. Spread over several pools the same calls took a tenth of it.
_CLIENTS = 16


class HttpxTransport(ClientTransport[httpx.Response]):
    """Several httpx.AsyncClients per endpoint, in turn; proxies and certificates as the environment says."""

    _clients: tuple[httpx.AsyncClient, ...] = ()
    _turns: Iterator[httpx.AsyncClient] = iter(())

    async def open(self) -> None:
        """Make the client."""
        trust = context(self._trusted)
        self._clients = tuple(self._client(trust) for _ in range(_CLIENTS))
        self._turns = cycle(self._clients)

    def _client(self, trust: ssl.SSLContext) -> httpx.AsyncClient:
        server = proxy_for(self._origin)
        return httpx.AsyncClient(
            headers=self._headers,
            follow_redirects=False,
            event_hooks={"response": [hide_status]},
            timeout=None,  # noqa: S113 (the deadline of each exchange is ours, also for trickling bodies)
            trust_env=False,
            proxy=None if server is None else httpx.Proxy(server.url, auth=server.auth),
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
        self, method: str, url: str, body: bytes, timeout_s: float, way: Way
    ) -> AsyncIterator[httpx.Response]:
        """Send the request; the body is not read yet."""
        assert self._clients, "open() comes first"
        sending = next(self._turns).stream(method, url, content=body, extensions={"trace": way})
        async with asyncio.timeout(timeout_s), sending as response:
            yield response

    def head(self, response: httpx.Response) -> tuple[int, Headers]:
        """Give status and headers."""
        return response.extensions["status"], response.headers

    def reader(self, response: httpx.Response) -> Read:
        """Begin to read the body."""
        return partial(anext, response.aiter_bytes(), None)
