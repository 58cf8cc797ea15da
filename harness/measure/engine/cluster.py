"""A Ray cluster as the engine `ray` uses it: being connected to it, and an actor as its driver knows it."""

import asyncio
import logging
import os
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from harness.errors import UsageError, how_to_install
from harness.measure.engine.processes import Interference, Load, Word, summed

_LOOPBACK = re.compile(r"127\.|localhost:|\[::1\]:")
_ANSWERS_S = 10.0
_ENOUGH = 30  # trials for each
_NOT_SHARED = {"local": "is embedded", "function": "is a function of this process"}


def check(endpoints: Mapping[str, str]) -> None:
    """Refuse what Ray can't measure here, by the kinds of the models' endpoints. Raises UsageError."""
    if find_spec("ray") is None:
        raise UsageError("`engine: ray` needs Ray, which is not installed.", fix=how_to_install("ray"))
    for model, kind in endpoints.items():
        if kind in _NOT_SHARED:
            raise UsageError(
                f"the model {model} {_NOT_SHARED[kind]}: the nodes of a Ray cluster can't share it.",
                fix="Measure it without `engine: ray`, or serve it at an address that all nodes reach.",
            )


@contextmanager
def connected(address: str, actors: int) -> Iterator[Any]:
    """Be connected to the cluster, or start one of this machine that none other reaches. Raises UsageError."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    own: dict[str, Any] = {"num_cpus": actors, "include_dashboard": False} if address == "local" else {}
    if here := address == "local" or _LOOPBACK.match(address) is not None:
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # Ray's own way to be at 127.0.0.1 only
    logging.getLogger("ray").setLevel(logging.ERROR)
    import ray

    inside: Any = sys.modules  # what Ray has no option for
    inside["ray._private.worker"]._worker_logs_enabled = False  # it would print on standard output what befalls nodes
    if here:  # where it was imported before the variable was set
        inside["ray._private.ray_constants"].ENABLE_RAY_CLUSTER = False
    if ray.is_initialized():  # by whoever called us
        yield ray
        return
    try:
        if ":" in address:  # Ray itself would try for minutes
            host, port = address.removeprefix("ray://").rsplit(":", 1)
            socket.create_connection((host.strip("[]"), int(port)), _ANSWERS_S).close()
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except Exception as error:  # Ray raises bare ones where its own processes do not start
        what = "Ray did not start on this machine" if address == "local" else f"no Ray cluster answers at `{address}`"
        fix = "Start one with `ray start --head`, or write `engine: {name: ray, address: local}` in harness.yml."
        if address == "local":
            fix = "Look into `logs` of Ray's newest session (in /tmp/ray), or measure without `engine: ray`."
        raise UsageError(f"{what}: {first_line(error)}", fix=fix) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def first_line(error: Exception) -> str:
    """Give what an error of Ray says first."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@dataclass(eq=False, slots=True)
class Node:
    """An actor, and what the driver knows of it."""

    actor: Any
    number: int
    name: str = ""
    clock_ns: int = 0  # that its time of day is ahead of ours
    part: float = 1.0  # of the rates that all share
    ended: int = 0  # trials since the parts were weighed
    warm: bool = False  # it takes the place of one that warmed up what is called
    running: bool = False
    left: bool = False  # it has ended, or is lost
    has: set[int] = field(default_factory=set)  # codes that were dealt to it and are not journalled
    most: dict[str, int] = field(default_factory=dict)  # that each of its lanes may have had in flight
    loads: list[Load] = field(default_factory=list)
    _waits: bool = False  # a call is out that brings what it says
    _said: int = 0
    _words: bytearray = field(default_factory=bytearray)

    def __str__(self) -> str:
        return f"node {self.name or self.number + 1}"

    async def begin(self, work: object) -> None:
        """Let it measure; `work` is Ray's reference to it."""
        await self.actor.begin.remote(work, self.number, self.warm)
        self.running = True

    def tell(self, word: bytes) -> None:
        """Say a word; those of one turn of the loop go together, or else along with the call that comes next."""
        if self.running and (self._waits or word == Word.STOP()):
            asyncio.get_running_loop().call_soon(self._send)
        if self.running:
            self._words += word

    async def frames(self) -> bytes:
        """Wait for what it says; what was said to it and not sent yet goes along."""
        self._waits = True
        said: bytes = await self.actor.frames.remote(*self._unsent())
        self._waits = False
        return said

    def _send(self) -> None:
        if self.running and self._words:
            self.actor.tell.remote(*self._unsent())

    def _unsent(self) -> tuple[int, bytes]:
        number, words = self._said, bytes(self._words)
        self._words.clear()
        self._said += 1
        return number, words


def new_node(ray: Any, number: int, *, warm: bool = False) -> Node:  # noqa: ANN401 (its module)
    """Ask for an actor, wherever it is least crowded; each measures once, for the client does not bear two threads."""
    child = import_module("harness.measure.engine.child")  # as a child process is started: by its name
    remote = ray.remote(max_concurrency=4, num_cpus=1, enable_task_events=False, scheduling_strategy="SPREAD")(
        child.Measurer
    )
    return Node(remote.remote(), number, warm=warm)


def weighed(parts: list[float], counts: list[int]) -> list[float]:
    """Move the parts of a rate towards what each uses, a tenth of it towards equal ones: who was slow may recover.

    Few calls prove nothing: then they stay.
    """
    total, number = sum(counts), len(parts)
    if total < _ENOUGH * number:
        return parts
    return [(part + 0.9 * count / total + 0.1 / number) / 2 for part, count in zip(parts, counts, strict=True)]


def audits(nodes: list[Node]) -> tuple[Interference, ...]:
    """Give the load of each node over its actors."""
    found = []
    for name in sorted({node.name for node in nodes if node.loads}):
        own = [node for node in nodes if node.name == name]
        load = summed([load for node in own for load in node.loads])
        found.append(load.interference(len(own), node=name, clock_ns=own[0].clock_ns))
    return tuple(found)
