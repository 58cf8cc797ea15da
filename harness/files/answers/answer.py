"""One answer of another tool, and all of one file, as they are judged here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec

from harness.files.case import LONGEST_FIELD
from harness.files.digest import digest
from harness.files.written import as_text
from harness.record import Failure, FailureKind, Reply, Usage

LONGEST_NAME = 200  # characters of a case's id
LONGEST_S = 1e6  # seconds of an answer: eleven days
_TOLD_BY: tuple[tuple[FailureKind, tuple[str, ...]], ...] = (  # the first whose words an error holds
    ("rate_limited", ("429", "rate limit", "too many requests")),
    ("quota", ("insufficient_quota", "quota")),
    ("unauthorized", ("401", "403", "unauthorized", "api key")),
    ("timeout", ("timed out", "timeout", "deadline")),
    ("connect", ("econnrefused", "enotfound", "connection refused", "fetch failed")),
    ("network", ("econnreset", "connection reset", "socket hang up", "connection error")),
)
KINDS: dict[str, FailureKind] = {kind: kind for kind in get_args(FailureKind)}
UNLABELLED = "is not there, or empty: nothing would be right."
NOT_STORED = Failure(kind="no_recorded_reply", message="the file holds neither a reply nor an error")


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of another tool: what was asked, what would be right, what came back and after how long."""

    case: str
    expected: str
    outcome: Reply | Failure
    candidate: str = "given"
    latency_s: float | None = None  # None: nobody looked at the clock
    inputs: dict[str, str] = {}
    split: str = ""
    tags: tuple[str, ...] = ()
    passed: bool | None = None  # as the tool itself judged it; None where it did not


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """All answers of one file, in an order in which those of one case and candidate are its repeats."""

    tool: str  # as its makers write it
    name: str  # of the suite, as the file has it
    answers: tuple[Given, ...]
    rule_for: Callable[[list[str]], Mapping[str, Any]]  # labels -> how the tool read a reply, as a suite writes it
    choices: tuple[str, ...] = ()  # labels that the model could choose, besides those that were right
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # label -> other words for it
    clock: str = ""  # whose clock the latencies are by; empty where there are none
    queued: bool = False  # whether the tool's own waiting is in them: then they are no demand's business unasked
    created_utc: str = ""  # when the tool began, where it says so
    sha256: str = ""  # of the file
    notes: tuple[str, ...] = ()  # what was guessed, and what does not carry over


def reply(text: object, usage: Usage | None = None, finish_reason: str = "") -> Reply:
    """Give a reply as it was read: nothing (None, or a number that is none) is an empty one."""
    missing = text is None or text != text  # noqa: PLR0124 (only a NaN differs from itself)
    return Reply(text="" if missing else str(text), usage=usage or Usage(), finish_reason=finish_reason or None)


def by(rule: Mapping[str, Any]) -> Callable[[list[str]], Mapping[str, Any]]:
    """Give a rule that is the same whatever the labels are."""
    return lambda _: rule


def failure(message: str) -> Failure:
    """Give a failure in the tool's own words; its kind is told by them, as far as they tell one."""
    words = message.lower()
    found = (kind for kind, known in _TOLD_BY if any(each in words for each in known))
    kind = next(found, KINDS["server_error"])
    return Failure(kind=kind, message=message or "the tool stored an error without a word")


class Part:
    """A part of a document that another tool wrote: whatever is asked of it, it may be of any kind, or not there."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def at(self, *path: str | int) -> Part:
        """Give what stands at a place; a part that is None where it, or a part of the way to it, is not there."""
        value: Any = self.value
        for step in path:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
                value = value[step]
            else:
                return Part(None)
        return Part(value)

    def fields(self, *path: str | int) -> dict[str, Any]:
        """Give a mapping; an empty one where there is none."""
        found = self.at(*path).value
        return found if isinstance(found, dict) else {}

    def items(self, *path: str | int) -> list[Part]:
        """Give the parts of a list; nothing where there is none."""
        found = self.at(*path).value
        return [Part(each) for each in found] if isinstance(found, list) else []

    def text(self, *path: str | int) -> str:
        """Write it as text; half a surrogate pair, which no text has, becomes a question mark."""
        return as_text(self.at(*path).value).encode("utf-8", "replace").decode("utf-8")

    def texts(self, *path: str | int) -> tuple[str, ...]:
        """Give the texts of a text, or of a list of them, without the blanks at their edges."""
        found = self.at(*path)
        each = found.items() if isinstance(found.value, list) else [found]
        return tuple(dict.fromkeys(text for one in each if (text := one.text().strip())))

    def number(self, *path: str | int, times: float = 1.0) -> float | None:
        """Give a number that is not negative, times a factor; None for all else."""
        value = self.at(*path).value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e300:
            return None
        return float(value) * times

    def seconds(self, *path: str | int, times: float = 1.0) -> float | None:
        """Give a time, of whatever part of a second it is; None for what is none, or longer than any answer takes."""
        found = self.number(*path, times=times)
        return found if found is not None and found < LONGEST_S else None

    def usage(self, *names: str) -> Usage:
        """Read the tokens that were sent, that came back, and those of the first that a cache served."""
        counts = (self.number(name) for name in names)
        read, given, again, *_ = (*(None if n is None or n > 2**53 else int(n) for n in counts), None)
        return Usage(input=read, output=given, cached=again)

    def name(self, *path: str | int, otherwise: object) -> str:
        """Give what can stand in a list as a name: the text itself, or a digest where it is none."""
        text = self.text(*path).strip()
        return text if 0 < len(text) <= LONGEST_NAME and text.isprintable() else digest(otherwise)[:12]

    def utc(self, *path: str | int) -> str:
        """Give a time as this harness writes them; empty where it is none."""
        value = self.at(*path).value
        try:
            if isinstance(value, (int, float)):
                when = datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)  # promptfoo's are in ms
            else:
                when = datetime.fromisoformat(str(value).strip())
                when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
        except (ValueError, OverflowError, OSError):
            return ""
        return when.isoformat(timespec="microseconds")

    def inputs(self, *hidden: str) -> dict[str, str]:
        """Write the fields of a case, without those that say what would be right; a huge one is cut."""
        written = {Part(key).text(): self.text(key) for key in self.fields() if key not in hidden}
        return {
            key: text if len(text) <= LONGEST_FIELD else f"{text[:LONGEST_FIELD]}…" for key, text in written.items()
        }
