"""A scripted server in a thread of its own, for tests of blocking code and of other processes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from scripted import Script, ScriptedServer


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
    assert started.wait(10)
    try:
        yield server
    finally:
        stop.set()
        thread.join(10)
