"""The default transport, over pyreqwest: the least work of our own between the wire and the clock.

The body is read inside the client's own threads. A response that names a small length is read in one step;
one that does not (chunked, compressed) is read in pieces, so that a bomb stops at the cap.
"""

from collections import deque
from collections.abc import Iterable
from datetime import timedelta
from time import perf_counter_ns
from typing import Self
from urllib.parse import urlsplit

import pyreqwest.exceptions  # noqa: F401 (the client would load them when it raises one, and dies then if no file can be opened)
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.http import HeaderMap, Url
from pyreqwest.proxy import ProxyBuilder
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response

from harness.ending import wait_for_native_threads
from harness.measure.endpoint.transports.environment import LOOPBACK, proxy_for
from harness.measure.endpoint.transports.transport import ClientTransport, Failure, Headers, Read, Way

# The client hands a response over once so much of its body is there. A usual reply is then whole when the
# loop wakes up for it: one wake-up instead of two, at the price that the first byte's time is the last's.
# A body that breaks while it is read so takes its status with it: none is before the first good answer, nor after
# the first broken one, so that a refusal is known for what it is, at the latest when it is sent again.
_READ_AHEAD = 65_536

wait_for_native_threads()

_LEAST_OPENING_NS = 1_000_000  # less is not told apart from another call's opening that fell into its time
_OPENINGS_KEPT = 4096


class _Body:
    """A request's body that notes when it is asked for: the connection stands then, the head is written."""

    __slots__ = ("_began", "_body", "_openings", "_way")

    def __init__(self, body: bytes, way: Way, openings: deque[int]) -> None:
        self._body: bytes | None = body
        self._way = way
        self._openings = openings
        self._began = perf_counter_ns()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        """Give the body; a thread of the client asks."""
        body, self._body = self._body, None
        if body is None:
            raise StopIteration
        now = self._way.written_at = perf_counter_ns()
        if self._openings and self._openings[-1] >= self._began:
            first = min(at for at in tuple(self._openings) if at >= self._began)
            if now - first >= _LEAST_OPENING_NS:
                self._way.connecting_at = first
        return body


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
    """pyreqwest, one client per endpoint.

    The client does not tell when it wrote a request, nor for which one it opened a connection. Over a network
    the body is therefore given as a stream, and what is asked for the proxy of each new connection is ours:
    it hears when one begins to be opened. A call whose body was asked for only after that has waited for it.
    To this machine itself over plain HTTP, where opening takes microseconds, all this is left out: it costs
    more than it tells.

    One thread of the client serves all calls: with more of them each reply woke a second core only to wait for the
    interpreter, and a call cost half as much again.
    """

    _client: Client | None = None
    _ahead = 0
    _broke = False
    _timeout = (0.0, timedelta())
    _target: tuple[str, Url | None] = ("", None)  # parsed once: all calls of an endpoint go to one address

    async def open(self) -> None:
        """Make the client."""
        parts = urlsplit(self._origin)
        self._tells_openings = parts.scheme == "https"
        self._tells_writing = self._tells_openings or parts.hostname not in LOOPBACK
        self._openings: deque[int] = deque(maxlen=_OPENINGS_KEPT)
        builder = ClientBuilder().follow_redirects(False).referer(False).default_headers(self._headers).no_proxy()
        for certificate in self._trusted:
            builder = builder.add_root_certificate_pem(certificate)
        if (proxy := self._proxy()) is not None:
            builder = builder.proxy(proxy)
        self._client = builder.build()

    def _proxy(self) -> ProxyBuilder | None:
        server = proxy_for(self._origin)
        url = None if server is None else server.url
        if self._tells_openings:

            def on_opening(_: object) -> str | None:
                self._openings.append(perf_counter_ns())
                return url

            proxy = ProxyBuilder.custom(on_opening)
        elif url is None:
            return None
        else:
            proxy = ProxyBuilder.all(url)
        if server is not None and server.user:
            proxy = proxy.basic_auth(server.user, server.password)
        return proxy

    async def close(self) -> None:
        """Release the sockets."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def send(self, method: str, url: str, body: bytes, timeout_s: float, way: Way) -> StreamRequest:
        """Send the request; the client keeps the deadline."""
        assert self._client is not None, "open() comes first"
        if self._timeout[0] != timeout_s:
            self._timeout = (timeout_s, timedelta(seconds=timeout_s))
        at, target = self._target
        if target is None or at != url:
            self._target = (url, target := Url(url))
        request = self._client.request(method, target).timeout(self._timeout[1])
        if body and self._tells_writing:
            stream = _Body(body, way, self._openings)
            request = request.body_stream(stream).header("content-length", str(len(body)))
        else:
            request = request.body_bytes(body)
        return request.streamed_read_buffer_limit(0 if way.at_once else self._ahead).build_streamed()

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

    async def whole(self, response: Response, status: int, pieces: list[bytes]) -> bytes | Failure:
        """Read the body of an answer whose length is named, and small, in one step."""
        length = response.headers.get("content-length")
        if status == 200 and length is not None and length.isdigit() and int(length) <= self._cap:
            body = self._unzipped(bytes(await response.bytes()), status)
        else:
            body = await super().whole(response, status, pieces)
        self._ahead = 0 if self._broke else _READ_AHEAD
        return body

    async def _failed(self, error: Exception, url: str, timeout_s: float, status: int | None) -> Failure:
        """Name what the client raised; where that may have been a body, none is read ahead from now on."""
        failure = await super()._failed(error, url, timeout_s, status)
        if failure.kind in ("network", "invalid_reply", "timeout"):
            self._ahead, self._broke = 0, True
        return failure
