"""The endpoint `replay`: recorded answers from a JSONL file; no network, no clock of its own.

Nothing sleeps: a recorded latency becomes the attempt's duration as it is, and the answer says that it was
recorded. Where several lines fit a trial, the most specific one answers: a line that names more of prompt,
model, variant and repeat, in this order of weight.

A million lines as objects would take half a gigabyte. Only a 64-bit hash and the place of each line are kept,
sorted by hash; a lookup reads the line again from the mapped file and compares the real key, so that a
collision of hashes can't give a wrong answer.
"""

from __future__ import annotations

import mmap
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from harness.endings import ending_of, in_common_words
from harness.errors import FilesError, Problem
from harness.measure.endpoint.codecs.fields import JsonObject
from harness.measure.endpoint.contract import Answer, Prepared, Rendered
from harness.record import Attempt, Failure, FailureKind, Reply, TokenLogprob, ToolCall, Trial, Usage

_Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
_Key: TypeAlias = tuple[str | None, str | None, str, str | None, int | None]
_Shape: TypeAlias = tuple[bool, bool, bool, bool]  # whether prompt, model, variant and repeat are named

_MOST_PROBLEMS = 50


class Recorded(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line: which trials it answers, and with what. What it does not name, it serves all of."""

    case: str | int  # id of the case
    prompt: str | None = None  # name of the prompt; null: of all
    model: str | None = None  # name of the model; null: of all
    variant: str | None = None  # original or a perturbation; null: of all
    repeat: Annotated[int, msgspec.Meta(ge=0, lt=100_000)] | None = None  # from 0; null: of all
    reply: str | None = None  # the text of the reply; null with a failure
    failure: FailureKind | None = None  # a kind of failure instead of a reply
    message: str | None = None  # of the failure
    status: int | None = None  # of the failure
    latency_s: _Seconds | None = None  # seconds that it took
    ttft_s: _Seconds | None = None  # seconds to the first token
    finish_reason: str | None = None  # as the endpoint gave it, such as stop or length
    refusal: str | None = None  # the text by which the model refused
    tool: JsonObject | str | None = None  # the arguments of the tool that was called instead of answering
    reasoning: str | None = None  # what the model thought aloud
    usage: Usage | None = None  # tokens
    score: float | None = None  # for the positive label, higher is likelier
    logprobs: tuple[TokenLogprob, ...] = ()  # of the tokens of the reply
    served_model: str | None = None  # the model that answered, by its own word


class ReplyFile:
    """The answers of one file."""

    def __init__(
        self, path: Path, mapped: mmap.mmap | bytes, hashes: array[int], places: array[int], shapes: set[_Shape]
    ) -> None:
        self.path = path
        self._mapped = mapped
        self._hashes = hashes
        self._places = places
        self._shapes = sorted(shapes, reverse=True)  # most specific first
        self._decoder = msgspec.json.Decoder(Recorded)

    def __len__(self) -> int:
        return len(self._hashes)

    def find(self, prompt: str, model: str, trial: Trial) -> Recorded | None:
        """Find the most specific line for a trial, or None."""
        variant, repeat = trial.variant, trial.repeat
        for p, m, v, r in self._shapes:
            key = prompt if p else None, model if m else None, trial.case, variant if v else None, repeat if r else None
            if (line := self._exactly(key)) is not None:
                return line
        return None

    def _exactly(self, key: _Key) -> Recorded | None:
        digest = _digest(key)
        at = bisect_left(self._hashes, digest)
        while at < len(self._hashes) and self._hashes[at] == digest:
            line = self._decoder.decode(_line_at(self._mapped, self._places[at]))
            if _key(line) == key:
                return line
            at += 1
        return None


def load_replies(path: Path) -> ReplyFile:
    """Read and check a replies file. Raises FilesError with every bad line; one file is read once."""
    try:
        stat = path.stat()
    except OSError as error:
        why = "there is no such file" if isinstance(error, FileNotFoundError) else str(error)
        problem = Problem(path, None, "", why, "Name the JSONL file with the recorded replies in harness.yml.")
        raise FilesError([problem]) from None
    return _load(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _load(path: Path, _mtime_ns: int, size: int) -> ReplyFile:  # the time is part of the cache's key
    if size == 0:
        return ReplyFile(path, b"", array("Q"), array("Q"), set())
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    hashes, places, shapes, problems = _index(path, mapped)
    order = array("Q", sorted(range(len(hashes)), key=hashes.__getitem__))
    hashes = array("Q", (hashes[i] for i in order))
    places = array("Q", (places[i] for i in order))
    problems.extend(_duplicates(path, mapped, hashes, places))
    if problems:
        raise FilesError(problems[:_MOST_PROBLEMS])
    return ReplyFile(path, mapped, hashes, places, shapes)


def _index(path: Path, mapped: mmap.mmap) -> tuple[array[int], array[int], set[_Shape], list[Problem]]:
    hashes, places, shapes, problems = array("Q"), array("Q"), set[_Shape](), list[Problem]()
    decode = msgspec.json.Decoder(Recorded).decode
    place = 0
    for number, raw in enumerate(iter(mapped.readline, b""), start=1):
        text = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
        if not text.strip():
            place += len(raw)
            continue
        try:
            line = decode(text)
            if (line.reply is None and line.refusal is None and line.tool is None) == (line.failure is None):
                problems.append(
                    Problem(path, number, "", 'needs one of `reply` ("" where nothing was said) and `failure`')
                )
            key = _key(line)
            shapes.add((key[0] is not None, key[1] is not None, key[3] is not None, key[4] is not None))
            hashes.append(_digest(key))
            places.append(place)
        except (ValueError, msgspec.MsgspecError, RecursionError) as error:
            words, _, at = str(error).partition(" - at `$")
            problems.append(Problem(path, number, at.strip("`").lstrip("."), words or "is nested too deeply"))
        if len(problems) >= _MOST_PROBLEMS:
            break
        place += len(raw)
    return hashes, places, shapes, problems


def _duplicates(path: Path, mapped: mmap.mmap, hashes: array[int], places: array[int]) -> Iterator[Problem]:
    decode = msgspec.json.Decoder(Recorded).decode
    for at in range(1, len(hashes)):
        if hashes[at] != hashes[at - 1]:
            continue
        first, second = sorted((places[at - 1], places[at]))
        if _key(decode(_line_at(mapped, first))) == _key(decode(_line_at(mapped, second))):
            number, earlier = (mapped[:place].count(b"\n") + 1 for place in (second, first))
            yield Problem(path, number, "", f"answers the same trial as line {earlier}")


def _line_at(mapped: mmap.mmap | bytes, place: int) -> bytes:
    end = mapped.find(b"\n", place)
    line = mapped[place:] if end < 0 else mapped[place:end]
    return line.removeprefix(b"\xef\xbb\xbf") if place == 0 else line


def _key(line: Recorded) -> _Key:
    return (line.prompt, line.model, str(line.case), line.variant, line.repeat)


def _digest(key: _Key) -> int:
    return hash(key) & 0xFFFF_FFFF_FFFF_FFFF


class ReplayEndpoint:
    """Answers one candidate's trials from a replies file."""

    def __init__(self, *, name: str, prompt: str, replies: ReplyFile) -> None:
        self.name = name
        self.pacing_key = f"replay:{replies.path}"
        self._prompt = prompt
        self._replies = replies

    async def open(self) -> None:
        """Nothing to start: the file was read and checked when the endpoint was built."""

    async def close(self) -> None:
        """Nothing to release: other candidates may share the file."""

    def prepare(self, rendered: Rendered, trial: Trial) -> Prepared:  # noqa: ARG002 (the trial is the key)
        """Only the trial counts."""
        return Prepared(trial=trial, body=b"", estimated_tokens=0)

    def knows(self, trial: Trial) -> bool:
        """Tell whether a line answers a trial."""
        return self._replies.find(self._prompt, self.name, trial) is not None

    async def attempt(self, prepared: Prepared, *, timeout_s: float) -> Answer:  # noqa: ARG002 (nothing waits)
        """Look the answer up."""
        line = self._replies.find(self._prompt, self.name, prepared.trial)
        if line is None:
            said = f"no recorded reply: {self._replies.path.name} has no line for this trial"
            failure = Failure(kind="no_recorded_reply", message=said)
            return Answer(attempt=Attempt(duration_ns=0, failure=failure), outcome=failure, recorded=True)
        outcome = _outcome(line)
        attempt = Attempt(
            duration_ns=round((line.latency_s or 0.0) * 1e9),
            first_token_ns=round(line.ttft_s * 1e9) if line.ttft_s is not None else None,
            failure=outcome if isinstance(outcome, Failure) else None,
        )
        return Answer(attempt=attempt, outcome=outcome, recorded=True)


def _outcome(line: Recorded) -> Reply | Failure:
    if line.failure is not None:
        return Failure(kind=line.failure, message=line.message or "recorded failure", status=line.status)
    if ending_of(line.finish_reason) == "error":
        message = line.message or f"the endpoint ended the reply with `{line.finish_reason}`"
        return Failure(kind="error_in_body", message=message, status=line.status)
    arguments = line.tool if isinstance(line.tool, str) else msgspec.json.encode(line.tool).decode()
    return Reply(
        text=line.reply or "",
        finish_reason=in_common_words(line.finish_reason),
        tools=() if line.tool is None else (ToolCall("", arguments),),
        reasoning=line.reasoning,
        refusal=line.refusal,
        usage=line.usage or Usage(),
        score=line.score,
        logprobs=line.logprobs,
        served_model=line.served_model,
    )
