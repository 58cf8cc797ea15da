"""A child process of the engine `processes`: measures its share, sends every record to the parent.

It reads its work from standard input and then, after each batch that the parent has written, how many events
were taken, or that it is to stop. So a trial is not followed by another in its place before it is in the
journal, as in one process. The parent's death closes the pipe, and ends this process.
"""

import asyncio
import os
import pickle
import signal
import sys
from io import FileIO
from typing import BinaryIO

from harness.ending import end_process
from harness.measure.engine.contract import Event, Halt, Work
from harness.measure.engine.local import Plan, Told, run_local
from harness.measure.engine.processes import COUNT, OPENED, REFUSED, STOP, Opened, RunIncomplete, to_ended, to_frame


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
        self._write(Opened(candidate=candidate))

    def _write(self, event: Event | Opened) -> None:
        try:
            self._out.write(to_frame(event))
            self._out.flush()
        except OSError as error:
            raise RunIncomplete("The parent process has ended.") from error

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


async def _listen(source: FileIO, sink: PipeSink, halt: Halt, told: Told) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
    try:
        while True:
            (count,) = COUNT.unpack(await reader.readexactly(COUNT.size))
            if count == STOP:
                halt.interrupt(terminated=True)
            elif count >= OPENED:
                told(count - OPENED, True)
            elif count >= REFUSED:
                told(count - REFUSED, False)
            else:
                sink.taken(count)
    except asyncio.IncompleteReadError:
        sink.abandon()
        halt.stop(RunIncomplete("The parent process has ended."), grace_s=0)
    finally:
        transport.close()


def main() -> None:
    """Measure what the parent asks for."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a terminal sends them to all; the parent says what to do
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that prints may end up between the frames
    source = os.fdopen(0, "rb", buffering=0, closefd=False)
    (size,) = COUNT.unpack(_exactly(source, COUNT.size))
    work: Work = pickle.loads(_exactly(source, size))  # noqa: S301 (from the parent, over its own pipe)
    sink = PipeSink(out)
    outcome = run_local(
        work, Plan(work.bundle), sink, listen=lambda halt, told: _listen(source, sink, halt, told), opened=sink.opened
    )
    try:
        out.write(to_frame(to_ended(outcome)))
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
