"""The endpoint `local`: the embedded model, served by a child process on a free loopback port."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from harness.files.project import ModelEntry
from harness.files.prompts import Rendered
from harness.measure.endpoint.codecs.codec import Codec
from harness.measure.endpoint.contract import Answer, Prepared
from harness.measure.endpoint.embedded import server as embedded
from harness.measure.endpoint.embedded.weights import ensure_weights, find_weights
from harness.measure.endpoint.http_endpoint import HttpEndpoint, prepare
from harness.measure.endpoint.transports.exchange_log import logged
from harness.measure.endpoint.transports.wire import WireTransport
from harness.record import Trial

DEFAULT_WEIGHTS = "smollm2-135m-instruct"
_MOST_SLOTS = 16  # calls that one CPU serves at once with any profit; more wait in the server's queue
_LEAST_CONTEXT = 512  # tokens per slot that a classification prompt needs


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_threads(cores: int) -> int:
    """Return the server's threads for so many cores.

    Its threads spin at a barrier after every layer, so one that waits for a busy core holds up all: measured
    on two cores, two threads halve the latency on an idle machine and make it eight times worse on a crowded
    one. Where there are more than three, one core is left to everything else; a small model gains nothing
    beyond four.
    """
    return min(cores, 2) if cores <= 3 else min(cores - 1, 4)


class LocalEndpoint:
    """One candidate on the embedded model."""

    def __init__(self, *, name: str, entry: ModelEntry, codec: Codec, root: Path) -> None:
        self.name = name
        self._weights = entry.weights or DEFAULT_WEIGHTS
        self._entry = entry
        self._root = root
        self._codec = codec
        self._settings: embedded.ServerSettings | None = None
        self._inner: HttpEndpoint | None = None
        self._threads = entry.threads or default_threads(usable_cores())
        self.pacing_key = f"local:{self._weights}:{self._threads}:{entry.context}"

    async def open(self) -> None:
        """Fetch the weights if need be and start the server, or share the one that runs."""
        path = find_weights(self._weights, root=self._root)
        if path is None:
            path = await asyncio.to_thread(ensure_weights, self._weights)
        slots = max(
            1, min(self._entry.limits.concurrency, _MOST_SLOTS, self._entry.context // _LEAST_CONTEXT)
        )
        settings = embedded.ServerSettings(
            name=self._weights, weights=path, threads=self._threads, context=self._entry.context, slots=slots
        )
        server = await embedded.acquire(settings)
        self._settings = settings
        headers = {"content-type": "application/json", "authorization": f"Bearer {server.key}"}
        self._inner = HttpEndpoint(
            name=self.name,
            pacing_key=self.pacing_key,
            url=f"{server.url}/v1{self._codec.path}",
            codec=self._codec,
            transport=logged(WireTransport(origin=server.url, headers=headers), headers),
            stream=self._entry.stream,
        )
        await self._inner.open()

    async def close(self) -> None:
        """Close the client and give the server back."""
        inner, self._inner = self._inner, None
        settings, self._settings = self._settings, None
        try:
            if inner is not None:
                await inner.close()
        finally:
            if settings is not None:
                await embedded.release(settings)

    def prepare(self, rendered: Rendered, trial: Trial) -> Prepared:
        """Encode a request; needs no running server."""
        return prepare(self._codec, rendered, trial)

    async def attempt(self, prepared: Prepared, *, timeout_s: float) -> Answer:
        """Do one exchange."""
        assert self._inner is not None, "open() comes first"
        return await self._inner.attempt(prepared, timeout_s=timeout_s)
