"""A process that measures for another: a child of the engine `processes`, or an actor of a Ray cluster.

It reads its work from standard input and then, after each batch that the parent has written, how many events
were taken, or that it is to stop. So a trial is not followed by another in its place before it is in the
journal, as in one process. The parent's death closes the pipe, and ends this process. To an actor, calls bring
what the pipes bring to a child.
"""

import asyncio
import os
import pickle
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from io import FileIO
from typing import TypeAlias

from harness.ending import end_process
from harness.measure.endpoint.transports import log_by
from harness.measure.engine import processes as said
from harness.measure.engine.contract import Event, Halt, Work
from harness.measure.engine.local import Lanes, Plan, run_local

_CHUNK = 1 << 20
_GATHER_S = 0.005
_SOON = 1 / 4  # of the calls that are out: where so many end in a moment, the others are waited for


class PipeSink:
    """Sends events to the parent, and knows which it has written."""

    lanes: Lanes

    def __init__(self, say: Callable[[bytes], None], whole: Callable[[], None]) -> None:
        self._say, self._whole = say, whole
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
            self._say(said.to_frame(event))
        except OSError as error:
            raise said.RunIncomplete("The parent process has ended.") from error

    settled: frozenset[str] = frozenset()  # the parent says it by ending the candidate

    @property
    def backlogged(self) -> bool:
        """Whether the parent has not yet written all."""
        return self._taken < self._sent and not self._parent_gone

    async def written(self) -> None:
        """Wait until the parent has written what was sent before."""
        if not self.backlogged:
            return  # nothing would ever be heard
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((self._sent, future))
        if not self.lanes.out:
            self._whole()
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


class _Ears(asyncio.Protocol):
    """Does what the parent's words say."""

    def __init__(self, plan: Plan, sink: PipeSink, halt: Halt, lanes: Lanes) -> None:
        self._plan, self._sink, self._halt, self.lanes = plan, sink, halt, lanes
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        """Hear words, of which the last may be cut."""
        sent = self._rest + data
        whole = len(sent) // said.COUNT.size * said.COUNT.size
        self._rest = sent[whole:]
        for word in said.words_in(sent[:whole]):
            self._hear(*word)

    def _hear(self, word: int, number: int) -> None:
        lanes = self.lanes
        match word:
            case said.Word.DEALT:
                lanes.dealt(self._plan.candidate_of(number), number)
            case said.Word.TAKEN:
                self._sink.taken(number)
            case said.Word.STOP:
                self._halt.interrupt(terminated=True)
            case said.Word.OPENED | said.Word.REFUSED:
                lanes.told(number, opened=word == said.Word.OPENED)
            case said.Word.DEALT_OUT:
                lanes.dealt(number, None)
            case said.Word.LEAD:
                lanes.lead()
            case said.Word.SHARE:
                sharing, part = divmod(number, said.WHOLE + 1)
                lanes.share(sharing, part / said.WHOLE)

    def eof_received(self) -> None:
        """End with the parent."""
        self._sink.abandon()
        self._halt.stop(said.RunIncomplete("The parent process has ended."), grace_s=0)


Hear: TypeAlias = Callable[[_Ears], Coroutine[None, None, None]]


def serve(work: Work, say: Callable[[bytes], None], hear: Hear, whole: Callable[[], None] = lambda: None) -> said.Ended:
    """Measure, and say every event; `hear` gives the ears what the parent says; `whole` learns that no call is out."""
    plan = Plan(work.bundle)
    sink = PipeSink(say, whole)

    def listen(halt: Halt, lanes: Lanes) -> Coroutine[None, None, None]:
        sink.lanes = lanes
        return hear(_Ears(plan, sink, halt, lanes))

    return said.to_ended(run_local(work, plan, sink, listen=listen, opened=sink.opened, ask=sink.ask))


class Measurer:
    """The same where Ray started the process: measures in a thread; calls take what it says, and bring words."""

    def __init__(self) -> None:
        self._said: deque[bytes] = deque()
        self._count = 0  # of all that was ever said
        self._asked = self._gathering = False
        self._due = threading.Event()
        self._told = 0
        self._early: dict[int, tuple[bytes, bool]] = {}
        self._lock = threading.Lock()
        self._ears: _Ears | None = None

    def hello(self) -> tuple[str, int, str]:
        """Give the node's name, its time of day in ns, and the version of the harness there."""
        import ray

        node = f"{os.uname().nodename} {ray.get_runtime_context().get_node_id()[:6]}"
        return node, time.time_ns(), version("prompt-readiness")

    def begin(self, work: Work, number: int, warm: bool) -> None:
        """Start to measure, once. Times of pace count from here, by the clock of this node."""
        work = replace(work, shard=number, warm=warm, began_ns=time.perf_counter_ns())
        threading.Thread(target=self._measure, args=(work,), daemon=True).start()

    def frames(self, number: int, words: bytes) -> bytes:
        """Pass on words, wait until there is something to say, and give what there is."""
        self.tell(number, words, asks=True)
        self._due.wait()
        self._due.clear()
        given = bytearray()
        while self._said and len(given) < _CHUNK:
            given += self._said.popleft()
        if self._said:
            self._due.set()
        return bytes(given)

    def tell(self, number: int, words: bytes, *, asks: bool = False) -> None:
        """Pass on words, in the order of their numbers: calls of an actor with threads may overtake each other."""
        with self._lock:
            self._early[number] = words, asks
            self._tell()

    def _tell(self) -> None:
        while self._ears is not None and self._told in self._early:
            with suppress(RuntimeError):  # the loop is closed: it has ended meanwhile
                self._loop.call_soon_threadsafe(self._heard, self._ears, *self._early.pop(self._told))
            self._told += 1

    def _hear(self, ears: _Ears) -> Coroutine[None, None, None]:
        """Let words through; not async itself, for Ray would then run the calls of this actor in one loop."""
        with self._lock:
            self._loop, self._ears = asyncio.get_running_loop(), ears
            self._tell()
        return _for_good()

    def _heard(self, ears: _Ears, words: bytes, asks: bool) -> None:
        ears.data_received(words)
        self._asked = self._asked or asks
        self._gather()

    def _say(self, frame: bytes) -> None:
        self._said.append(frame)
        self._count += 1
        self._gather()

    def _gather(self) -> None:
        """Give what was said a moment later: a call of Ray's takes more CPU than a hundred trials' frames."""
        if self._asked and self._said and not self._gathering:
            self._gathering = True
            self._loop.call_later(_GATHER_S, self._look, self._count, time.thread_time())

    def _look(self, before: int, cpu_s: float) -> None:
        """Wait on while many of the calls that are out end, or the loop has work: then who waits loses nothing."""
        assert self._ears is not None
        now_s = time.thread_time()
        many = self._count - before >= max(1, self._ears.lanes.out * _SOON)
        if self._asked and (many or now_s - cpu_s > _GATHER_S / 2):
            self._loop.call_later(_GATHER_S, self._look, self._count, now_s)
            return
        self._gathering = False
        self._give()

    def _whole(self) -> None:
        """Give it once all who go on in this turn of the loop have: the first may end before the next begins."""
        self._loop.call_soon(lambda: None if self._ears and self._ears.lanes.out else self._give())

    def _give(self) -> None:
        if self._asked and self._said:
            self._asked = False
            self._due.set()

    def _measure(self, work: Work) -> None:
        log_by((lambda text: self._say(said.to_frame(said.Logged(text=text)))) if work.debug else None)
        try:
            ended = serve(work, self._say, self._hear, self._whole)
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            ended = said.Ended(load=said.Load(), cut_off=0, error="RunIncomplete", message=told)
        self._said.append(said.to_frame(ended))
        self._due.set()


async def _for_good() -> None:
    await asyncio.get_running_loop().create_future()


def main() -> None:
    """Measure what the parent asks for."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)  # whoever ends a service sends them to all; the parent says what to do
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that prints may end up between the frames
    source = os.fdopen(0, "rb", buffering=0, closefd=False)
    shard, size = (said.COUNT.unpack(_exactly(source, said.COUNT.size))[0] for _ in range(2))
    work: Work = pickle.loads(_exactly(source, size))  # noqa: S301 (from the parent, over its own pipe)

    def say(frame: bytes) -> None:
        out.write(frame)
        out.flush()

    async def hear(ears: _Ears) -> None:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: ears, source)
        try:
            await _for_good()
        finally:
            transport.close()

    ended = serve(replace(work, shard=shard), say, hear)
    try:
        say(said.to_frame(ended))
        out.close()
    except BrokenPipeError:  # the parent is gone, and with it whoever would care
        os._exit(1)  # even closing again, as the interpreter does at its end, would complain


def _exactly(source: FileIO, size: int) -> bytes:
    got = bytearray()
    while len(got) < size:
        if not (chunk := source.read(size - len(got))):
            sys.exit(1)
        got += chunk
    return bytes(got)


if __name__ == "__main__":
    end_process(main)
