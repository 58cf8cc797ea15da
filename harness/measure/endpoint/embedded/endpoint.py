"""The endpoint `local`: the embedded model, served by a child process on a free loopback port.

There is one server per weights and settings, shared by every candidate of this process, and counted. It is
started by the first endpoint that opens, also when several open at once, and stopped by the last that closes;
it ends by itself when this process dies.
"""

import asyncio
import contextlib
import json
import os
import secrets as random_secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness.cores import usable
from harness.files.project import ModelEntry
from harness.measure.endpoint import secrets
from harness.measure.endpoint.embedded.weights import OTHER_SERVER, EndpointUnusable, ensure_weights, find_weights
from harness.measure.endpoint.http_endpoint import Answer, Codec, HttpEndpoint, Prepared, Rendered, Trial, prepare
from harness.measure.endpoint.transports import make_transport

DEFAULT_WEIGHTS = "smollm2-135m-instruct"
_MOST_SLOTS = 16  # calls that one CPU serves at once with any profit; more wait in the server's queue
_LEAST_CONTEXT = 512  # tokens per slot that a classification prompt needs


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
        self._settings: ServerSettings | None = None
        self._inner: HttpEndpoint | None = None
        self._threads = entry.threads or default_threads(usable())
        self.pacing_key = f"local:{self._weights}:{self._threads}:{entry.context}"

    async def open(self) -> None:
        """Fetch the weights if need be and start the server, or share the one that runs."""
        path = find_weights(self._weights, root=self._root)
        if path is None:
            path = await _fetch(self._weights)
        slots = max(1, min(self._entry.limits.concurrency, _MOST_SLOTS, self._entry.context // _LEAST_CONTEXT))
        settings = ServerSettings(
            name=self._weights, weights=path, threads=self._threads, context=self._entry.context, slots=slots
        )
        server = await acquire(settings)
        self._settings = settings
        headers = {"content-type": "application/json", "authorization": f"Bearer {server.key}"}
        self._inner = HttpEndpoint(
            name=self.name,
            pacing_key=self.pacing_key,
            url=f"{server.url}/v1{self._codec.path}",
            codec=self._codec,
            transport=make_transport("wire", server.url, headers),
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
                await release(settings)

    def prepare(self, rendered: Rendered, trial: Trial) -> Prepared:
        """Encode a request; needs no running server."""
        return prepare(self._codec, rendered, trial)

    async def attempt(self, prepared: Prepared, *, timeout_s: float) -> Answer:
        """Do one exchange."""
        assert self._inner is not None, "open() comes first"
        return await self._inner.attempt(prepared, timeout_s=timeout_s)


async def _fetch(weights: str) -> Path:
    stopped = threading.Event()

    def stops(_done: int, _total: int) -> None:
        if stopped.is_set():
            raise asyncio.CancelledError

    try:
        return await asyncio.to_thread(ensure_weights, weights, progress=stops)
    finally:
        stopped.set()


_START_S = 120.0
_STOP_S = 3.0
# Run by its path, so that it starts without the packages around it; `-P`, so that it sees none of its room.
_SERVER = Path(__file__).with_name("server_process.py")
_TAIL = 800  # characters of the log shown when the server does not start


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What makes two embedded servers the same one."""

    name: str
    weights: Path
    threads: int
    context: int
    slots: int


@dataclass(slots=True, kw_only=True)
class RunningServer:
    """A started child."""

    url: str
    key: str  # random per server, so that other users of this machine can't call it
    process: subprocess.Popen[str]
    folder: Path  # holds its log


@dataclass(slots=True)
class _Shared:
    starting: asyncio.Task[RunningServer]
    users: int = field(default=0)


_shared: dict[tuple[asyncio.AbstractEventLoop, ServerSettings], _Shared] = {}


async def acquire(settings: ServerSettings) -> RunningServer:
    """Share the running server for these settings, started if need be. Raises EndpointUnusable."""
    key = (asyncio.get_running_loop(), settings)
    shared = _shared.get(key)
    if shared is None:
        shared = _shared[key] = _Shared(asyncio.create_task(_start(settings)))
    shared.users += 1
    try:
        return await asyncio.shield(shared.starting)
    except BaseException:
        await release(settings)
        raise


async def release(settings: ServerSettings) -> None:
    """Give it back; the last user stops it."""
    key = (asyncio.get_running_loop(), settings)
    shared = _shared.get(key)
    if shared is None:
        return
    shared.users -= 1
    if shared.users > 0:
        return
    del _shared[key]
    if not shared.starting.done():
        shared.starting.cancel()
    outcome = (await asyncio.gather(shared.starting, return_exceptions=True))[0]
    if isinstance(outcome, RunningServer):
        await asyncio.to_thread(_stop, outcome.process, outcome.folder)


async def _start(settings: ServerSettings) -> RunningServer:
    folder = Path(tempfile.mkdtemp(prefix="harness-local-"))
    key = random_secrets.token_urlsafe(24)
    secrets.register(key)
    process = _spawn(folder)
    try:
        line = await asyncio.wait_for(asyncio.to_thread(_first_line, process, settings, key, folder), _START_S)
        if not line.startswith("ready http://"):
            logs = [folder / "python.log", folder / "server.log"]
            text = "\n".join(log.read_text("utf-8", "replace") for log in logs if log.exists())
            tail = secrets.redact(text.strip())[-_TAIL:]
            raise EndpointUnusable(
                f"the embedded server did not start with {settings.weights.name}:\n{tail}",
                fix=f"Check `weights` in harness.yml (a GGUF file that llama.cpp can read). {OTHER_SERVER}",
            )
    except BaseException as error:
        await asyncio.to_thread(_stop, process, folder)
        if isinstance(error, TimeoutError):
            raise EndpointUnusable(
                f"the embedded server was not ready within {_START_S:g} s", fix=OTHER_SERVER
            ) from None
        raise
    return RunningServer(url=line.split()[1], key=key, process=process, folder=folder)


def _spawn(folder: Path) -> subprocess.Popen[str]:
    """Start the child from the loop's own thread: Linux ties its life to the thread that made it."""
    with (folder / "python.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 (our own file)
            [sys.executable, "-P", str(_SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )


def _first_line(process: subprocess.Popen[str], settings: ServerSettings, key: str, folder: Path) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    told = {**asdict(settings), "parent": os.getpid(), "key": key, "log": folder / "server.log"}
    try:
        process.stdin.write(json.dumps(told, default=str) + "\n")
        process.stdin.flush()
    except OSError:
        return ""  # it ended at once; its log says why
    return process.stdout.readline()


def _stop(process: subprocess.Popen[str], folder: Path) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()  # the child ends at the end of its stdin
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
    shutil.rmtree(folder, ignore_errors=True)
