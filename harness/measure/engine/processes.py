"""The engine of several processes: each measures its share of the plan, the one writer stays in this one.

A child speaks in length-prefixed MessagePack frames, its parent in words of eight bytes.
"""

import asyncio
import contextlib
import pickle
import struct
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Protocol, TypeAlias

import msgspec

from harness import errors
from harness.errors import HarnessError, RunIncomplete, StorageFailed
from harness.measure.engine.contract import EngineOutcome, RecordSink, Work, signals_stop, stopped_by_signal
from harness.measure.engine.interference import Load, summed
from harness.record import CaseRow, Event, Interference, Pace, Record, Refused, Session, Stopped

_CHUNK = 1 << 16
_ENDS_S = 5.0  # that a child which said its last may take to end by itself
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


class Wanted(msgspec.Struct, frozen=True, kw_only=True, tag="wanted"):
    """Where trials are dealt out: so many more of these candidates, by their places in the bundle."""

    candidates: tuple[int, ...]
    count: int


class Logged(msgspec.Struct, frozen=True, kw_only=True, tag="logged"):
    """What one on another machine adds to the log of `--debug`."""

    text: bytes


_Said: TypeAlias = Ended | Opened | Wanted | Logged
Frame: TypeAlias = CaseRow | Session | Pace | Refused | Stopped | Interference | Record | _Said

_encode = msgspec.msgpack.Encoder().encode
_decode: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)


def to_frame(event: Event | _Said) -> bytes:
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
WHOLE = 1_000_000  # parts of a rate


class Word(IntEnum):
    """What a parent says: the kind in the highest byte, a number below it."""

    TAKEN = 0  # so many events of this child are written
    STOP = 1  # let calls finish; a second time: end at once
    OPENED = 2  # candidate n of the bundle is answered
    REFUSED = 3  # it has ended
    DEALT = 4  # the trial with this code is yours
    DEALT_OUT = 5  # nobody has more for the lane of candidate n
    LEAD = 6  # who found out whether candidates are answered is gone: do it
    SHARE = 7  # so many share the limits (times WHOLE + 1), and this part of the rates is yours

    def __call__(self, number: int = 0) -> bytes:
        """Say it."""
        return COUNT.pack(self << 56 | number)


def words_in(sent: bytes) -> Iterator[tuple[int, int]]:
    """Give kind and number of each word."""
    return (divmod(word, 1 << 56) for (word,) in COUNT.iter_unpack(sent))


class Member(Protocol):
    """One of those that measure."""

    def tell(self, word: bytes) -> None:
        """Say a word to it, if it still hears."""


class Parent:
    """Writes what those that measure send, tells each what it needs of the others, stops them together."""

    def __init__(self, work: Work, sink: RecordSink) -> None:
        self.sink = sink
        self.members: list[Member] = []
        self.error: HarnessError | None = None
        self.places = {each.name: n for n, each in enumerate(work.bundle.candidates)}
        self.ended: set[str] = set()

    def join(self, member: Member) -> None:
        """Let one that begins hear what all are told, and of a stop that came before."""
        self.members.append(member)
        if self.error is not None:
            member.tell(Word.STOP())

    def take(self, frame: Event | Opened, member: Member) -> bool:
        """Write an event, or pass on that a candidate is answered; tells whether it was one to be counted."""
        if isinstance(frame, Opened):
            self._tell_others(member, Word.OPENED(frame.candidate))
            return False
        if isinstance(frame, Refused):
            if frame.candidate in self.ended:
                return True
            self.end(frame.candidate, member)
        return self._put(frame)

    async def written(self, member: Member, taken: int) -> None:
        """Wait until what was taken is written, and tell who sent it; tell all whose verdict is settled."""
        for name in self.sink.settled - self.ended:
            self.end(name)
        try:
            if self.sink.backlogged:
                await self.sink.written()
        except HarnessError as error:
            self.stop(error)
        member.tell(Word.TAKEN(taken))

    def end(self, candidate: str, member: Member | None = None) -> None:
        """Tell all others that nothing more is asked of a candidate."""
        self.ended.add(candidate)
        self._tell_others(member, Word.REFUSED(self.places[candidate]))

    def interrupt(self, terminated: bool) -> None:
        """React to a signal: a second one reaches the children as a second one."""
        self.error = self.error or stopped_by_signal(terminated=terminated)
        self.tell_all_to_stop()

    def stop(self, error: HarnessError) -> None:
        """Stop all; only the first error counts."""
        if self.error is None:
            self.error = error
            self.tell_all_to_stop()
            if isinstance(error, StorageFailed):
                self.tell_all_to_stop()  # what can't be saved need not be waited for

    def tell_all_to_stop(self) -> None:
        """Let calls in flight finish, or cut them off."""
        self._tell_others(None, Word.STOP())

    def _tell_others(self, member: Member | None, word: bytes) -> None:
        for other in self.members:
            if other is not member:
                other.tell(word)

    def _put(self, event: Event) -> bool:
        try:
            self.sink.put(event)
        except HarnessError as error:
            self.stop(error)
            return not isinstance(error, StorageFailed)  # what reached a bound is written
        return True


def run_processes(work: Work, sink: RecordSink, processes: int) -> EngineOutcome:
    """Measure all of the work in child processes."""
    return asyncio.run(_run(Parent(work, sink), replace(work, shards=processes)))


async def _run(parent: Parent, work: Work) -> EngineOutcome:
    """Run all children to their end; they load their code while the work is made ready for them."""
    children: list[_Child] = []
    with signals_stop(parent.interrupt):
        try:
            while len(children) < work.shards:
                children.append(await _start())
            pickled = pickle.dumps(work, protocol=pickle.HIGHEST_PROTOCOL)
            for shard, child in enumerate(children):
                # Not drained: a child reads once its imports are done, and the next need not wait for that.
                child.tell(COUNT.pack(shard) + COUNT.pack(len(pickled)) + pickled)
                parent.join(child)
            ends = await asyncio.gather(*(_follow(parent, child) for child in children))
        finally:
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    child.process.kill()
                await child.process.wait()
    return EngineOutcome(
        load=summed([end.load for end in ends]),
        error=parent.error,
        cut_off=sum(end.cut_off for end in ends),
        processes=work.shards,
    )


async def _follow(parent: Parent, child: "_Child") -> Ended:
    assert child.process.stdout is not None
    frames, taken = FrameReader(), 0
    most: dict[str, int] = {}  # that it may have had in flight
    while chunk := await child.process.stdout.read(_CHUNK):
        for frame in frames.feed(chunk):
            if isinstance(frame, Ended):
                if (error := error_of(frame)) is not None:
                    parent.stop(error)
                with contextlib.suppress(TimeoutError):  # killed as it ends, asyncio would lose its exit code
                    await asyncio.wait_for(child.process.wait(), _ENDS_S)
                return frame
            assert not isinstance(frame, Wanted | Logged), "a child has its share, and the log itself"
            taken += parent.take(frame, child)
            if isinstance(frame, Pace):
                most[frame.endpoint] = max(frame.most, most.get(frame.endpoint, 0))
        await parent.written(child, taken)
    parent.stop(RunIncomplete(f"A measuring process ended early (code {await child.process.wait()})."))
    return Ended(load=Load(), cut_off=sum(most.values()))


@dataclass(frozen=True, slots=True)
class _Child:
    process: Process

    def tell(self, word: bytes) -> None:
        """Write it to the child's standard input."""
        if self.process.stdin is not None and not self.process.stdin.is_closing():
            self.process.stdin.write(word)


async def _start() -> _Child:
    program = (sys.executable, "-P", "-m", "harness.measure.engine.child")
    # Ctrl-C is the parent's to hear: it would meet a child in the middle of its imports
    return _Child(await asyncio.create_subprocess_exec(*program, stdin=PIPE, stdout=PIPE, process_group=0))
