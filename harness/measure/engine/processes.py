"""The engine of several processes: each measures its share of the plan, the one writer stays in this one.

Child and parent speak in length-prefixed MessagePack frames.
"""

import asyncio
import contextlib
import pickle
import struct
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

import msgspec

from harness import errors
from harness.errors import HarnessError, RunIncomplete, StorageFailed
from harness.measure.engine.contract import EngineOutcome, RecordSink, Work, signals_stop, stopped_by_signal
from harness.measure.engine.interference import Load, summed
from harness.record import CaseRow, Event, Interference, Pace, Record, Refused, Session, Stopped

_CHUNK = 1 << 16
_LENGTH = struct.Struct("<I")


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """The last frame of a child."""

    load: Load
    cut_off: int
    error: str = ""  # name of a class of errors.py
    message: str = ""
    fix: str = ""


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag="opened"):
    """The process that leads found a candidate to be answered, by its place in the bundle."""

    candidate: int


Frame: TypeAlias = CaseRow | Session | Pace | Refused | Stopped | Interference | Record | Ended | Opened

_encode = msgspec.msgpack.Encoder().encode
_decode: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)


def to_frame(event: Event | Ended | Opened) -> bytes:
    """Encode with its length in front."""
    body = _encode(event)
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Take bytes and yield the frames that are whole now."""
        self._rest += chunk
        start = 0
        while len(self._rest) - start >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._rest, start)
            end = start + _LENGTH.size + size
            if end > len(self._rest):
                break
            yield _decode.decode(bytes(self._rest[start + _LENGTH.size : end]))
            start = end
        del self._rest[:start]


def to_ended(outcome: EngineOutcome) -> Ended:
    """Describe how an engine ended, for the parent."""
    error = outcome.error
    return Ended(
        load=outcome.load,
        cut_off=outcome.cut_off,
        error=type(error).__name__ if error is not None else "",
        message=error.message if error is not None else "",
        fix=error.fix if error is not None else "",
    )


def error_of(ended: Ended) -> HarnessError | None:
    """Make the child's error again."""
    if not ended.error:
        return None
    kind = getattr(errors, ended.error, errors.RunIncomplete)
    made: HarnessError = kind(ended.message, fix=ended.fix)
    return made


COUNT = struct.Struct("<Q")
STOP = 2**64 - 1  # instead of a count: let calls finish; a second time: end at once
OPENED = 2**63  # and above: candidate n of the bundle is answered
REFUSED = 2**62  # and above: it has ended


def run_processes(work: Work, sink: RecordSink, processes: int) -> EngineOutcome:
    """Measure all of the work in child processes."""
    return asyncio.run(_Parent(work, sink, processes).run())


class _Parent:
    """Starts the children, writes what they send, stops them together."""

    def __init__(self, work: Work, sink: RecordSink, processes: int) -> None:
        self._shares = [replace(work, shard=n, shards=processes) for n in range(processes)]
        self._sink = sink
        self._children: list[Process] = []
        self._error: HarnessError | None = None
        self._places = {each.name: n for n, each in enumerate(work.bundle.candidates)}
        self._refused: set[str] = set()

    async def run(self) -> EngineOutcome:
        """Run all children to their end."""
        with signals_stop(self._interrupt):
            try:
                for share in self._shares:
                    self._children.append(await _start(share))
                ends = await asyncio.gather(*(self._follow(child) for child in self._children))
            finally:
                for child in self._children:
                    with contextlib.suppress(ProcessLookupError):
                        child.kill()
                    await child.wait()
        finished = [end for end in ends if end is not None]
        return EngineOutcome(
            load=summed([end.load for end in finished]),
            error=self._error,
            cut_off=sum(end.cut_off for end in finished),
            processes=len(self._shares),
        )

    async def _follow(self, child: Process) -> Ended | None:
        assert child.stdout is not None
        frames, taken = FrameReader(), 0
        while chunk := await child.stdout.read(_CHUNK):
            for frame in frames.feed(chunk):
                if isinstance(frame, Ended):
                    if (error := error_of(frame)) is not None:
                        self._stop(error)
                    return frame
                if isinstance(frame, Opened):
                    self._tell_others(child, OPENED + frame.candidate)
                    continue
                taken += self._put_once(frame, child) if isinstance(frame, Refused) else self._put(frame)
            self._end_settled()
            await self._written()
            self._tell(child, taken)
        self._stop(RunIncomplete(f"A measuring process ended early (code {await child.wait()})."))
        return None

    def _put_once(self, refused: Refused, child: Process) -> bool:
        """Write that a candidate ended, and tell the others, the first time that a child says so."""
        if refused.candidate in self._refused:
            return True
        self._refused.add(refused.candidate)
        self._tell_others(child, REFUSED + self._places[refused.candidate])
        return self._put(refused)

    def _end_settled(self) -> None:
        """Tell all that a candidate's verdict is settled."""
        for name in self._sink.settled - self._refused:
            self._refused.add(name)
            for child in self._children:
                self._tell(child, REFUSED + self._places[name])

    def _tell_others(self, child: Process, word: int) -> None:
        for other in self._children:
            if other is not child:
                self._tell(other, word)

    def _put(self, event: Event) -> bool:
        try:
            self._sink.put(event)
        except HarnessError as error:
            self._stop(error)
            return not isinstance(error, StorageFailed)  # what reached a bound is written
        return True

    async def _written(self) -> None:
        try:
            if self._sink.backlogged:
                await self._sink.written()
        except HarnessError as error:
            self._stop(error)

    def _tell(self, child: Process, count: int) -> None:
        if child.stdin is not None and not child.stdin.is_closing():
            child.stdin.write(COUNT.pack(count))

    def _interrupt(self, terminated: bool) -> None:
        """React to a signal: a second one reaches the children as a second one."""
        self._error = self._error or stopped_by_signal(terminated=terminated)
        self._tell_all_to_stop()

    def _stop(self, error: HarnessError) -> None:
        """Stop all children; only the first error counts."""
        if self._error is None:
            self._error = error
            self._tell_all_to_stop()
            if isinstance(error, StorageFailed):
                self._tell_all_to_stop()  # what can't be saved need not be waited for

    def _tell_all_to_stop(self) -> None:
        for child in self._children:
            self._tell(child, STOP)


async def _start(share: Work) -> Process:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "harness.measure.engine.child", stdin=PIPE, stdout=PIPE
    )
    assert child.stdin is not None
    pickled = pickle.dumps(share, protocol=pickle.HIGHEST_PROTOCOL)
    # Not drained: a child reads its share once its imports are done, and the next need not wait for that.
    child.stdin.write(COUNT.pack(len(pickled)) + pickled)
    return child
