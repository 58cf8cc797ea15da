"""A loopback HTTP/1.1 server that answers as a function says, down to single bytes and pauses.

async with ScriptedServer(lambda request: Answer(body=b"{}")) as server:
    ...  server.url, server.requests
"""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

Piece: TypeAlias = bytes | float | asyncio.Event


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as it arrived; `number` counts from 0 over the whole server."""

    number: int
    method: str
    path: str
    headers: dict[str, str]  # lower-case names
    body: bytes
    connection: int = 0  # the how manieth of the server's it came over

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What to send back.

    `pieces` (bytes, or seconds to pause, or an event of the server's loop to wait for) replace `body` and are
    sent as they are, chunked unless `length` says otherwise. `cut` closes the connection without the proper
    end. `raw` replaces everything.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_s: float = 0.0  # before the status line
    pieces: Sequence[Piece] | None = None
    length: int | None = None
    gzipped: bool = False
    cut: bool = False
    raw: bytes | None = None

    @classmethod
    def of_json(cls, value: Any, **rest: Any) -> Self:
        headers = {"content-type": "application/json", **rest.pop("headers", {})}
        return cls(body=json.dumps(value).encode(), headers=headers, **rest)

    @classmethod
    def of_events(cls, *pieces: Piece, **rest: Any) -> Self:
        return cls(pieces=pieces, headers={"content-type": "text/event-stream", **rest.pop("headers", {})}, **rest)


def chat_reply(text: str | None, **message: Any) -> dict[str, Any]:
    """Return an ordinary chat completion."""
    return {
        "id": "chatcmpl-1",
        "model": "served-model",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 1, "total_tokens": 12},
    }


Script = Callable[[Request], Answer | Awaitable[Answer]]


@dataclass
class Held:
    """Answers as a function does, but late from one request on, or when `number` is raised beyond it.

    A run that is to be stopped in its middle can't end before, however slow the machine is that stops it.
    """

    answer: Callable[[Request], Answer]
    number: float = math.inf  # of the first request that is held
    delay_s: float = 600.0

    async def __call__(self, request: Request) -> Answer:
        answer, clock = self.answer(request), asyncio.get_running_loop().time
        until = clock() + self.delay_s
        while request.number >= self.number and clock() < until:  # noqa: ASYNC110 (set by another thread)
            await asyncio.sleep(0.01)
        return answer

    def release(self) -> None:
        """Answer everything at once from now on."""
        self.number = math.inf


TLS_HANDSHAKE = b"\x16"  # how a client that speaks TLS begins
SETTLE = "SETTLE"  # the method of a request that is not counted: see `settle` in threaded.py


_TURNS = 5  # of the loop, from a socket that was accepted to the task that reads it

Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class _Taken(asyncio.StreamReaderProtocol):
    """A connection that the server knows from its first moment, before a task of it has begun."""

    def __init__(self, taken: list[asyncio.Transport], connected: Callable[..., Any]) -> None:
        super().__init__(asyncio.StreamReader(), connected)
        self._all = taken

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._all.append(transport)
        super().connection_made(transport)


class Listening:
    """A free loopback port, whose connections are all closed at its end, whatever has become of their tasks.

    What is left open is found by the collector in some later test, and fails that one.
    """

    def __init__(self, connected: Connected, *, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.connected = connected
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._taken: list[asyncio.Transport] = []

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Taken(self._taken, self._handle), "127.0.0.1", 0, backlog=2048, ssl=self.tls
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        for listening in self._server.sockets:  # closed at once, asyncio loses what it has just accepted
            asyncio.get_running_loop().remove_reader(listening.fileno())
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        self.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for transport in self._taken:
            if self.tls or not transport.is_closing() or transport.get_write_buffer_size():
                transport.abort()  # a close waits for ever to send what the client never read
        await asyncio.sleep(0)  # the sockets are released in the next turn of the loop

    def close(self) -> None:
        """Take no more connections."""
        assert self._server is not None
        self._server.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self.connected(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away, as many tests want it to
        except asyncio.CancelledError:
            pass  # the server stops
        finally:
            self._tasks.discard(task)
            writer.close()


class ScriptedServer(Listening):
    """Serves a script on a free loopback port and keeps every request."""

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(self._serve, tls=tls)
        self.script = script
        self.requests: list[Request] = []
        self.connections = 0

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = self.connections
        self.connections += 1
        while (request := await self._read(reader, number)) is not None:
            if request.method == SETTLE:
                break
            self.requests.append(request)
            if not await self._respond(request, writer):
                break

    async def _read(self, reader: asyncio.StreamReader, connection: int) -> Request | None:
        try:
            first = await reader.readexactly(1)
            if first == TLS_HANDSHAKE:  # a server of plain HTTP does not wait for the rest of it
                return None
            head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Request(
            number=len(self.requests), method=method, path=path, headers=headers, body=body, connection=connection
        )

    async def _respond(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Send the scripted answer; true while the connection may be used again."""
        answer = self.script(request)
        if not isinstance(answer, Answer):
            answer = await answer
        if answer.delay_s:
            await asyncio.sleep(answer.delay_s)
        if answer.raw is not None:
            writer.write(answer.raw)
            await writer.drain()
            return False
        if answer.pieces is None:
            await _send_whole(answer, writer)
        else:
            await _send_pieces(answer, answer.pieces, writer)
        return not answer.cut


def _head(answer: Answer, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} Scripted", *(f"{k}: {v}" for k, v in {**answer.headers, **headers}.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def _send_whole(answer: Answer, writer: asyncio.StreamWriter) -> None:
    body = gzip.compress(answer.body) if answer.gzipped else answer.body
    headers = {"content-length": str(len(body) if answer.length is None else answer.length)}
    if answer.gzipped:
        headers["content-encoding"] = "gzip"
    writer.write(_head(answer, headers) + body)
    await writer.drain()


async def _send_pieces(answer: Answer, pieces: Sequence[Piece], writer: asyncio.StreamWriter) -> None:
    chunked = answer.length is None
    headers = {"transfer-encoding": "chunked"} if chunked else {"content-length": str(answer.length)}
    if answer.gzipped:
        headers["content-encoding"] = "gzip"
    writer.write(_head(answer, headers))
    for piece in pieces:
        if isinstance(piece, asyncio.Event):
            await writer.drain()
            await piece.wait()
        elif isinstance(piece, (int, float)):
            await writer.drain()
            await asyncio.sleep(piece)
        else:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            await writer.drain()
    if chunked and not answer.cut:
        writer.write(b"0\r\n\r\n")
    await writer.drain()
