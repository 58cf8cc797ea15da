"""What a provider's batches are asked: to take lines, to say how far they are, to give the results.

Two protocols. OpenAI's, which Azure and Groq speak too: a file is uploaded, a batch is made of it,
and its results are two files, of replies and of errors. Anthropic's: one request holds all lines, one file all
results. Lines come back in any order, each with the custom_id that it was sent with, and are read by the same codec
as an answer that was waited for. Nothing of a provider is believed beyond that: an address that it names is not
followed, for the key would go there too.

After an answer that was lost on its way nobody knows whether a batch was made, so it is looked for before it is
sent again. OpenAI's has metadata, and its file has a name: both hold our id. Anthropic's has neither. Ours is one of
as many requests that was made since; which one, its results say once it has ended, and only then.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias
from urllib.parse import quote

import msgspec

from harness.measure.endpoint import failure_map
from harness.measure.endpoint.headers import read_hints
from harness.measure.endpoint.http_endpoint import Broken, Exchange, Failure, HttpEndpoint, Reply, Transport, short

_ASK_S, _MOVE_S = 60.0, 1_800.0  # seconds for a question, and for a file
_SLACK = timedelta(hours=1)  # by which the provider's clock may differ from this one
_PAGES = 50  # of batches that are looked through for one that was lost
NULL = msgspec.Raw(b"null")
NEITHER = "the line has neither a reply nor an error"


class Unanswered(NamedTuple):
    """Why a question was not answered, and how long the provider asks to wait."""

    failure: Failure
    wait_s: float | None = None


class State(NamedTuple):
    """How far a batch is. `over` with nothing in `files`: it has no results."""

    over: bool
    ready: int = 0
    files: tuple[str, ...] = ()  # addresses, made here
    cancelled: bool = False
    refused: str = ""  # why it was not taken, in the provider's words
    full: bool = False  # refused for what waits already


class Result(msgspec.Struct):
    """A line of results, of either protocol; what it holds is read where it is known what was asked."""

    custom_id: str
    response: msgspec.Raw = NULL
    error: msgspec.Raw = NULL
    result: msgspec.Raw = NULL


Json: TypeAlias = dict[str, Any]
Found: TypeAlias = str | Literal[False] | None
"""A batch's id; None where there is none, False where it can't be told yet."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the journal keeps of a batch that may have been lost."""

    id: str
    trials: int
    since: datetime


class Asking(ABC):
    """One model's way to its provider's batches, whichever protocol."""

    most_lines: int
    most_bytes: int
    _listing: str
    _cursor: str

    def __init__(self, ways: tuple[Transport, Transport, Callable[[str], str]], path: str, edge: str) -> None:
        self._plain, self._uploads, self._at = ways
        self._path, self._edge = f"/v1{path}", edge  # what is asked; what parts an upload

    @abstractmethod
    def line(self, custom_id: str, body: bytes) -> bytes:
        """Write one request."""

    @abstractmethod
    async def send(self, id_: str, lines: bytes) -> str | Unanswered:
        """Have a batch made; gives its id. After any trouble but a refusal it may have been made all the same."""

    @abstractmethod
    async def is_ours(self, one: Json, kept: Kept) -> bool | None:
        """Tell whether a batch of the list is the one that may have been made; None: not yet."""

    @abstractmethod
    async def state(self, name: str) -> State | Unanswered:
        """Ask how far a batch is."""

    @abstractmethod
    def outcome(self, endpoint: HttpEndpoint, said: Result) -> Reply | Failure | None:
        """Read what a line of results holds; None where it was never asked."""

    async def open(self) -> None:
        """Make the clients."""
        await self._plain.open()
        await self._uploads.open()

    async def close(self) -> None:
        """Release the sockets."""
        await self._plain.close()
        await self._uploads.close()

    async def find(self, kept: Kept) -> Found | Unanswered:
        """Look for a batch that may have been made."""
        after, unsure = "", False
        for _ in range(_PAGES):
            url = self._at(self._listing)
            said = f"&{self._cursor}={quote(after, safe='')}" if after else ""
            page = await self.ask("GET", f"{url}{'&' if '?' in url else '?'}limit=100{said}")
            if isinstance(page, Unanswered):
                return page
            listed = objects(page)
            for one in (each for each in listed if _since(each, kept)):
                ours = await self.is_ours(one, kept)
                if ours:
                    return str(one.get("id"))
                unsure = unsure or ours is None
            if not page.get("has_more") or not listed or not _since(listed[-1], kept):
                break
            after = str(listed[-1].get("id"))
        return False if unsure else None

    async def fetch(self, url: str, take: Callable[[bytes], None]) -> Unanswered | None:
        """Give each whole line of results as it comes; Unanswered where the file was cut."""
        rest = bytearray()

        def sink(chunk: bytes, _: int) -> bool:
            rest.extend(chunk)
            *whole, left = rest.split(b"\n")
            rest[:] = left
            for line in filter(None, map(bytes.strip, map(bytes, whole))):
                take(line)
            return False

        ended = await self._plain.exchange("GET", url, b"", timeout_s=_MOVE_S, sink=sink)
        trouble = _trouble_of(ended)
        if trouble is None and rest.strip():
            if decoded_as(bytes(rest), Json) is None:
                return Unanswered(Failure(kind="stream_cut", message="the results end in the middle of a line"))
            take(bytes(rest))
        return trouble

    async def ask(self, method: str, url: str, body: bytes = b"", *, upload: bool = False) -> Json | Unanswered:
        """Do one exchange that is answered by a JSON object."""
        way = self._uploads if upload else self._plain
        ended = await way.exchange(method, url, body, timeout_s=_MOVE_S if len(body) > 1 << 20 else _ASK_S)
        if (trouble := _trouble_of(ended)) is not None:
            return trouble
        assert isinstance(ended, Exchange)
        said: Json | None = decoded_as(ended.body, Json)
        if said is None:
            words = f"no JSON object: {failure_map.plain_words(ended.body)}"
            return Unanswered(Failure(kind="invalid_reply", message=short(words), status=ended.status))
        return said


def parsed(line: bytes) -> Result | None:
    """Read a line of results as far as both protocols agree; None for what is none."""
    found: Result | None = decoded_as(line, Result)
    return found


def _trouble_of(ended: Exchange | Broken) -> Unanswered | None:
    if isinstance(ended, Broken):
        return Unanswered(ended.failure)
    if 200 <= ended.status < 300:
        return None
    failure = failure_map.from_status(ended.status, ended.body, ended.headers.get("location"))
    return Unanswered(failure, read_hints(ended.headers).retry_after_s)


def id_of(said: Json | Unanswered) -> str | Unanswered:
    """Give the id of what was made."""
    if isinstance(said, Unanswered):
        return said
    if isinstance(named := said.get("id"), str) and named:
        return named
    return Unanswered(Failure(kind="invalid_reply", message="the batch that was made has no id"))


def decoded_as(raw: bytes | msgspec.Raw, kind: Any) -> Any:  # noqa: ANN401 - whatever type is asked for
    """Decode JSON of somebody else; None where it is not of this type."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def objects(page: object) -> list[Json]:
    """Give the objects of a list as both protocols write one."""
    listed = page.get("data") if isinstance(page, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def counts_of(batch: Json) -> dict[str, int]:
    """Give how many lines of a batch are how far, as far as it says so."""
    said = batch.get("request_counts")
    counts = said.items() if isinstance(said, dict) else ()
    return {name: value for name, value in counts if isinstance(value, int) and value > 0}


def _since(one: Json, kept: Kept) -> bool:
    """Tell whether a batch may have been made after ours was begun; one that does not say may."""
    at = one.get("created_at")
    try:
        made = datetime.fromtimestamp(at, UTC) if isinstance(at, (int, float)) else datetime.fromisoformat(str(at))
    except (ValueError, OverflowError, OSError):
        return True
    return made.replace(tzinfo=made.tzinfo or UTC) >= kept.since - _SLACK
