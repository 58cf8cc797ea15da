"""The debug log: every exchange with an endpoint as text, its keys removed, its bodies cut.

Off unless the environment names a file, so that child processes of the engine inherit it and a run without it
pays nothing; a process on another machine gives its exchanges to whoever asked it. A header that can hold a
secret is never written, whatever its value; every other text loses the registered keys before it is cut, so that no
part of one survives the cut.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Set
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from harness.measure.endpoint.secrets import REDACTED, redact
from harness.measure.endpoint.transports.transport import Broken, Exchange, Sink, Transport

VARIABLE = "HARNESS_DEBUG_LOG"
BODY_SHOWN = 2000  # characters

Write: TypeAlias = Callable[[bytes], None]
_writes: list[Write] = []  # what takes the exchanges, where no file of this machine does

_SCANNED = 65_536  # bytes of a body that are looked at for keys: far more than is shown
_SECRET = ("authorization", "api-key", "apikey", "cookie", "token", "secret", "signature")
_COUNTERS = ("x-ratelimit", "anthropic-ratelimit")  # their names hold `tokens`, and they hold none


def log_to(path: Path) -> None:
    """Write every exchange of this process, and of its children, to a file from now on."""
    os.environ[VARIABLE] = str(path.absolute())  # what is a link there is not followed


def log_by(write: Write | None) -> None:
    """Give every exchange of this process to `write` from now on, or log none, whatever the environment says."""
    os.environ.pop(VARIABLE, None)
    _writes[:] = [] if write is None else [write]


def logs() -> bool:
    """Whether this process and its children log to a file."""
    return bool(os.environ.get(VARIABLE))


def write_down(text: bytes) -> None:
    """Add an exchange to the file; a full disk ends a run by its journal, which says so: a log must not end one."""
    with suppress(OSError):
        _append(Path(os.environ[VARIABLE]), text)


def logged(transport: Transport, headers: dict[str, str]) -> Transport:
    """Give the transport, with a log of what it sends and receives if one is wanted."""
    write = next(iter(_writes), write_down if logs() else None)
    return transport if write is None else LoggedTransport(transport, headers, write)


class LoggedTransport:
    """Does what another transport does, and writes down each exchange once it has ended."""

    def __init__(self, transport: Transport, headers: dict[str, str], write: Write) -> None:
        self._transport = transport
        self._headers = headers
        self._write = write

    async def open(self) -> None:
        """Make the client."""
        await self._transport.open()

    async def close(self) -> None:
        """Release the sockets."""
        await self._transport.close()

    async def exchange(
        self, method: str, url: str, body: bytes, *, timeout_s: float, sink: Sink | None = None
    ) -> Exchange | Broken:
        """Do one exchange and write it down, with the events that went to the sink."""
        seen = bytearray()

        def copy(chunk: bytes, at_ns: int) -> bool | None:
            assert sink is not None
            if len(seen) < _SCANNED:
                seen.extend(chunk)
            return sink(chunk, at_ns)

        ended = await self._transport.exchange(
            method, url, body, timeout_s=timeout_s, sink=None if sink is None else copy
        )
        whole = ended.body if isinstance(ended, Exchange) and not ended.streamed else bytes(seen)
        self._write(self._told(method, url, body, ended, whole).encode("utf-8", "backslashreplace"))
        return ended

    def _told(self, method: str, url: str, sent: bytes, ended: Exchange | Broken, received: bytes) -> str:
        lines = [
            f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {method} {_safe(url)} {_result(ended)}",
            *(f"> {line}" for line in _headers(self._headers.items())),
            f"> {_body(sent)}",
            *(f"< {line}" for line in _headers(() if ended.headers is None else ended.headers.items())),
            f"< {_body(received)}",
        ]
        return "\n".join(lines) + "\n\n"


def _append(path: Path, text: bytes) -> None:
    """Write at once to a file opened for appending: lines of several processes don't mix."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        os.write(descriptor, text)
    finally:
        os.close(descriptor)


def _result(ended: Exchange | Broken) -> str:
    took = f"{ended.duration_ns / 1e6:.1f} ms"
    if isinstance(ended, Broken):
        return f"-> {ended.failure.kind} after {took}: {_safe(ended.failure.message)}"
    return f"-> {ended.status} in {took}, first byte after {ended.first_byte_ns / 1e6:.1f} ms"


def _headers(headers: Iterable[tuple[str, str]]) -> list[str]:
    kept = [(name, REDACTED if _may_be_secret(name) else _safe(value)) for name, value in headers]
    whole = re.sub(r"[\s,]", "", "".join(value for _, value in kept))
    in_pieces = redact(whole) != whole  # which of them are a key's pieces can't be told from what only stands between
    return [f"{name}: {REDACTED if in_pieces else value}" for name, value in kept]


def _may_be_secret(header: str) -> bool:
    name = header.lower()
    return not name.startswith(_COUNTERS) and any(part in name for part in _SECRET)


def _body(content: bytes) -> str:
    text = redact(_unescaped(content[:_SCANNED].decode("utf-8", "replace")))
    shown = _safe(text[:BODY_SHOWN])
    return shown + (f"... ({len(content):,} bytes)" if len(text) > BODY_SHOWN else "")


def _unescaped(text: str) -> str:
    """Look for keys inside the texts of JSON, a document or an event a line: written with escapes, or in pieces."""
    whole = _decoded(text)
    lines = [(line, _decoded(line)) for line in text.split("\n")] if whole is None else [(text, whole)]
    said: dict[str, str] = {}  # what stands at one place of all events, and of all parts of a list
    for _, value in lines:
        _without_keys(value, said)
    in_pieces = {place for place, words in said.items() if redact(words) != words}
    return "\n".join(
        line if value is None else _start(line) + json.dumps(_without_keys(value, {}, in_pieces), ensure_ascii=False)
        for line, value in lines
    )


def _start(line: str) -> str:
    return "data: " if line.startswith("data:") else ""


def _decoded(line: str) -> object:
    """Decode a document or an event; None where it is none."""
    try:
        return json.loads(line.removeprefix("data:"))
    except (ValueError, RecursionError):
        return None


def _without_keys(value: object, said: dict[str, str], in_pieces: Set[str] = frozenset(), place: str = "") -> object:
    match value:
        case str():
            kept = redact(value)
            said[place] = said.get(place, "") + kept
            return REDACTED if place in in_pieces and kept == value else kept
        case list():
            return [_without_keys(item, said, in_pieces, place) for item in value]
        case dict():
            return {
                redact(str(name)): _without_keys(item, said, in_pieces, f"{place}/{name}")
                for name, item in value.items()
            }
        case _:
            return value


def _safe(text: str) -> str:
    """Remove keys, and make what could steer a terminal visible."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in redact(text))
