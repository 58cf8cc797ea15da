"""A scripted server in a thread of its own, for tests of blocking code and of other processes."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from scripted import SETTLE, Script, ScriptedServer


@contextmanager
def serving(script: Script) -> Iterator[ScriptedServer]:
    """Serve until the block ends."""
    server = ScriptedServer(script)
    started, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        async with server:
            started.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(60)
    try:
        yield server
    finally:
        stop.set()
        thread.join(10)


def settle(server: ScriptedServer) -> None:
    """Wait until all that a client sent before it died is in the server's list.

    The server looks at its connections in the order of what arrived: once it has answered a later one, it has
    read the earlier.
    """
    parts = urlsplit(server.url)
    for _ in range(2):  # the first may be accepted in the turn in which the last request is only begun
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
            connection.sendall(f"{SETTLE} / HTTP/1.1\r\n\r\n".encode())
            while connection.recv(1024):
                pass
