"""A process that measures for another: a child of the engine `processes`, or an actor of a Ray cluster.

It reads its work from standard input and then, after each batch that the parent has written, how many events
were taken, or that it is to stop. So a trial is not followed by another in its place before it is in the
journal, as in one process. The parent's death closes the pipe, and ends this process. To an actor, calls bring
what the pipes bring to a child.
"""

import asyncio
import fcntl
import os
import pickle
import select
import signal
import sys
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from io import FileIO
from typing import BinaryIO

from harness.ending import end_process
from harness.measure.engine import processes as said
from harness.measure.engine.contract import EngineOutcome, Event, Halt, Work
from harness.measure.engine.local import Lanes, Plan, run_local

_CHUNK = 1 << 20
_GATHER_S = 0.005


class PipeSink:
    """Sends events to the parent, and knows which it has written."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._sent = 0
        self._taken = 0
        self._parent_gone = False
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def put(self, event: Event) -> None:
        """Send one event."""
        self._write(event)
        self._sent += 1

    def opened(self, candidate: int) -> None:
        """Say that a candidate of the bundle is answered."""
        self._write(said.Opened(candidate=candidate))

    def ask(self, candidates: list[int], count: int) -> None:
        """Ask for so many more trials of these candidates."""
        self._write(said.Wanted(candidates=tuple(candidates), count=count))

    def _write(self, event: Event | said.Opened | said.Wanted) -> None:
        try:
            self._out.write(said.to_frame(event))
            self._out.flush()
        except OSError as error:
            raise said.RunIncomplete("The parent process has ended.") from error

    settled: frozenset[str] = frozenset()  # the parent says it by ending the candidate

    @property
    def backlogged(self) -> bool:
        """Whether the parent has not yet written all."""
        return self._taken < self._sent and not self._parent_gone

    async def written(self) -> None:
        """Wait until the parent has written what was sent before."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((self._sent, future))
        await future

    def taken(self, count: int) -> None:
        """Hear that the parent has written so many events."""
        self._taken = count
        due = [future for sent, future in self._waiting if sent <= count]
        self._waiting = [(sent, future) for sent, future in self._waiting if sent > count]
        for future in due:
            if not future.done():
                future.set_result(None)

    def abandon(self) -> None:
        """Let nobody wait for a parent that is gone: what waits here could not even be told to stop."""
        self._parent_gone = True
        self.taken(self._sent)


async def _listen(source: FileIO, plan: Plan, sink: PipeSink, halt: Halt, lanes: Lanes) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
    try:
        while True:
            match said.word_in(await reader.readexactly(said.COUNT.size)):
                case said.Word.TAKEN, count:
                    sink.taken(count)
                case said.Word.STOP, _:
                    halt.interrupt(terminated=True)
                case said.Word.OPENED | said.Word.REFUSED as word, place:
                    lanes.told(place, opened=word == said.Word.OPENED)
                case said.Word.DEALT, code:
                    lanes.dealt(plan.candidate_of(code), code)
                case said.Word.DEALT_OUT, place:
                    lanes.dealt(place, None)
                case said.Word.LEAD, _:
                    lanes.lead()
                case said.Word.SHARE, share:
                    sharing, part = divmod(share, said.WHOLE + 1)
                    lanes.share(sharing, part / said.WHOLE)
    except asyncio.IncompleteReadError:
        sink.abandon()
        halt.stop(said.RunIncomplete("The parent process has ended."), grace_s=0)
    finally:
        transport.close()


def serve(work: Work, source: FileIO, out: BinaryIO) -> EngineOutcome:
    """Measure, sending every event to `out` and hearing words from `source`."""
    sink, plan = PipeSink(out), Plan(work.bundle)

    def listen(halt: Halt, lanes: Lanes) -> Coroutine[None, None, None]:
        return _listen(source, plan, sink, halt, lanes)

    return run_local(work, plan, sink, listen=listen, opened=sink.opened, ask=sink.ask)


class Measurer:
    """The same where Ray started the process: measures in a thread; calls take what it says, and bring words."""

    def __init__(self) -> None:
        self._told = 0
        self._early: dict[int, bytes] = {}
        self._lock = threading.Lock()

    def hello(self) -> tuple[str, int, str]:
        """Give the node's name, its time of day in ns, and the version of the harness there."""
        import ray

        node = f"{os.uname().nodename} {ray.get_runtime_context().get_node_id()[:6]}"
        return node, time.time_ns(), version("prompt-readiness")

    def begin(self, work: Work, number: int, warm: bool) -> None:
        """Start to measure, once. Times of pace count from here, by the clock of this node."""
        words, self._words = os.pipe()
        self._frames, frames = os.pipe()
        with suppress(AttributeError, OSError):  # Linux, and as much as it allows
            fcntl.fcntl(frames, fcntl.F_SETPIPE_SZ, _CHUNK)
        work = replace(work, shard=number, warm=warm, began_ns=time.perf_counter_ns())
        files = os.fdopen(words, "rb", buffering=0), os.fdopen(frames, "wb")
        threading.Thread(target=_measure, args=(work, *files), daemon=True).start()

    def frames(self, number: int, words: bytes) -> bytes:
        """Pass on words, wait for something to say, and give what there is a moment later."""
        self.tell(number, words)
        select.select([self._frames], [], [])
        time.sleep(_GATHER_S)  # a call of Ray's takes more CPU than a hundred trials' frames
        return os.read(self._frames, _CHUNK)

    def tell(self, number: int, words: bytes) -> None:
        """Pass on words, in the order of their numbers: calls of an actor with threads may overtake each other."""
        with self._lock, suppress(BrokenPipeError):  # it has ended meanwhile
            self._early[number] = words
            while self._told in self._early:
                os.write(self._words, self._early.pop(self._told))
                self._told += 1


def _measure(work: Work, source: FileIO, out: BinaryIO) -> None:
    try:
        ended = said.to_ended(serve(work, source, out))
    except Exception as error:
        ended = said.Ended(
            load=said.Load(), cut_off=0, error="RunIncomplete", message=f"{type(error).__name__}: {error}"
        )
    with suppress(OSError):
        out.write(said.to_frame(ended))
        out.close()


def main() -> None:
    """Measure what the parent asks for."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a terminal sends them to all; the parent says what to do
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that prints may end up between the frames
    source = os.fdopen(0, "rb", buffering=0, closefd=False)
    shard, size = (said.COUNT.unpack(_exactly(source, said.COUNT.size))[0] for _ in range(2))
    work: Work = pickle.loads(_exactly(source, size))  # noqa: S301 (from the parent, over its own pipe)
    outcome = serve(replace(work, shard=shard), source, out)
    try:
        out.write(said.to_frame(said.to_ended(outcome)))
        out.close()
    except BrokenPipeError:  # the parent is gone, and with it whoever would care
        os._exit(1)  # even closing again, as the interpreter does at its end, would complain


def _exactly(source: FileIO, size: int) -> bytes:
    got = bytearray()
    while len(got) < size:
        chunk = source.read(size - len(got))
        if not chunk:
            sys.exit(1)
        got += chunk
    return bytes(got)


if __name__ == "__main__":
    end_process(main)
