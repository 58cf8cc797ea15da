"""Embedded servers of this process: one per weights and settings, shared by every candidate, counted.

The server is a child process. It is started by the first endpoint that opens, also when several open at once,
and stopped by the last that closes; it ends by itself when this process dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets as random_secrets
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import EndpointUnusable
from harness.measure.endpoint import secrets
from harness.measure.endpoint.embedded.weights import OTHER_SERVER

_START_S = 120.0
_STOP_S = 3.0
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
        line = await asyncio.wait_for(
            asyncio.to_thread(_first_line, process, settings, key, folder), _START_S
        )
        if not line.startswith("ready http://"):
            raise _did_not_start(settings, folder)
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
        return subprocess.Popen(
            [sys.executable, "-m", "harness.measure.endpoint.embedded.server_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )


def _first_line(process: subprocess.Popen[str], settings: ServerSettings, key: str, folder: Path) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    told = {
        "parent": os.getpid(),
        "name": settings.name,
        "weights": str(settings.weights),
        "threads": settings.threads,
        "context": settings.context,
        "slots": settings.slots,
        "key": key,
        "log": str(folder / "server.log"),
    }
    try:
        process.stdin.write(json.dumps(told) + "\n")
        process.stdin.flush()
    except OSError:
        return ""  # it ended at once; its log says why
    return process.stdout.readline()


def _did_not_start(settings: ServerSettings, folder: Path) -> EndpointUnusable:
    logs = [folder / "python.log", folder / "server.log"]
    text = "\n".join(log.read_text("utf-8", "replace") for log in logs if log.exists())
    tail = secrets.redact(text.strip())[-_TAIL:]
    return EndpointUnusable(
        f"the embedded server did not start with {settings.weights.name}:\n{tail}",
        fix=f"Check `weights` in harness.yml (a GGUF file that llama.cpp can read). {OTHER_SERVER}",
    )


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
