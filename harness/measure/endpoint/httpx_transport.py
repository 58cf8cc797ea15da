"""The transport over httpx: pure Python, for proxies, custom certificates and debugging; slower than wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx

from harness.measure.endpoint.python_transport import PythonTransport, Response
from harness.measure.endpoint.transport import BODY_CAP, IDLE_S, LOOPBACK


class HttpxTransport(PythonTransport):
    """One httpx.AsyncClient per endpoint; proxies and certificates as the environment says."""

    def __init__(
        self, *, origin: str, headers: dict[str, str], cap_bytes: int = BODY_CAP, idle_s: float = IDLE_S
    ) -> None:
        super().__init__(cap_bytes=cap_bytes, idle_s=idle_s)
        self._headers = headers
        self._environment = urlsplit(origin).hostname not in LOOPBACK
        self._client: httpx.AsyncClient | None = None

    async def open(self) -> None:
        """Make the client."""
        self._client = httpx.AsyncClient(
            headers=self._headers,
            follow_redirects=False,
            timeout=None,  # noqa: S113 (the deadline of each exchange is ours, also for trickling bodies)
            trust_env=self._environment,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
        )

    async def close(self) -> None:
        """Release the sockets."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    @asynccontextmanager
    async def send(self, method: str, url: str, body: bytes) -> AsyncIterator[Response]:
        """Send the request; the body is not read yet."""
        assert self._client is not None, "open() comes first"
        async with self._client.stream(method, url, content=body) as response:
            yield Response(response.status_code, response.headers, response.aiter_bytes)
