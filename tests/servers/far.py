"""A way to a loopback server over which connections take long to open, as over a distance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from scripted import Listening


@asynccontextmanager
async def far_away(port: int, *, opening_s: float) -> AsyncIterator[int]:
    """Forward a port to a server's; what the client sends first waits for `opening_s`. Gives the port.

    Over TLS that is the handshake: it ends that much later, and everything afterwards is as fast as ever.
    """

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(opening_s)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            far_writer.transport.abort()
            writer.transport.abort()

    async with Listening(forward) as listening:
        yield listening.port


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(1 << 16):
            writer.write(chunk)
            await writer.drain()
    writer.close()
