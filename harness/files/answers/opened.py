"""What other tools write their results in, opened without trust: JSON, lines of it, archives, databases.

All has a bound: of bytes (an archive may unpack to a thousand times its size), of members, of steps of a query (a
view in a database may never end). Nothing is unpacked to disk, no name in an archive is a path to anything here,
and a database is opened as a file that can't change: no lock, no journal, no function of its schema runs.
"""

import ast
import json
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, fields
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias
from warnings import catch_warnings

from harness.errors import how_to_install
from harness.files.case import LARGEST_FILE
from harness.files.written import Findings, decoded, reason, shortlist, shown

Document: TypeAlias = tuple[int | None, Any]  # the line on which it stands, where there are several, and what it is
MOST_MEMBERS = 200_000
LARGEST_ARCHIVE = 4 << 30  # bytes of all members that are read
MOST_STEPS = 20_000  # thousands of instructions of one query
_STORED, _DEFLATED, _ZSTD = 0, 8, 93
_LONGEST_SHOWN = 10_000  # characters of a value as Python shows it
_AGAIN = "Let the tool write it again."


class NotRead(Exception):
    """A file, or a part of it, that is not read; says why, and what to do."""

    def __init__(self, why: str, fix: str = _AGAIN) -> None:
        super().__init__(why)
        self.fix = fix


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAs:
    """What a user says of a file, where it does not say so itself: the names of its columns, or of a part of it."""

    expected: str = ""
    reply: str = ""
    case: str = ""
    repeat: str = ""
    candidate: str = ""
    latency: str = ""
    error: str = ""
    part: str = ""

    def refuse_others(self, tool: str, taken: tuple[str, ...]) -> None:
        """Refuse what says nothing of a file of this tool. Raises NotRead."""
        for each in fields(self):
            if getattr(self, each.name) and each.name not in taken:
                what = tool if tool.startswith("a ") else f"a file of {tool}"
                raise NotRead(f"is {what}: `--{each.name}` says nothing of that.", "Leave the option out.")


def parsed(text: str | bytes) -> Any:  # noqa: ANN401 - what JSON can hold
    """Decode JSON as other tools write it: NaN and Infinity, which are no numbers, become null. Raises NotRead."""
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        raise NotRead(f"is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise NotRead("is not valid JSON: it is nested too deeply.") from None
    except ValueError as error:  # a number of thousands of digits; bytes that are no UTF-8
        raise NotRead(f"is not valid JSON: {shown(str(error), 100)}.") from None


def as_object(value: object) -> object:
    """Give the object or list that a text is, in JSON or as Python shows it; any other value as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    with suppress(NotRead):
        return parsed(value)
    if len(value) <= _LONGEST_SHOWN:
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError), catch_warnings(action="ignore"):
            return ast.literal_eval(value.strip())
    return value


def documents(file: Path, findings: Findings) -> list[Document]:
    """Give the document of a JSON file, or those of its lines; what is none of them is a finding."""
    text = _whole(file, findings)
    if text is None:
        return []
    first, _, rest = text.lstrip().partition("\n")
    with suppress(NotRead):
        if rest.strip() and isinstance(parsed(first), dict):
            return [*_lines(file, text, findings)]
    try:
        return [(None, parsed(text))]
    except NotRead as why:
        findings.add(file, None, "", str(why), why.fix)
        return []


def _whole(file: Path, findings: Findings) -> str | None:
    with file.open("rb") as source:
        raw = source.read(LARGEST_FILE + 1)
    if len(raw) > LARGEST_FILE:
        findings.add(file, None, "", f"is larger than {LARGEST_FILE:,} bytes.", "Judge it in parts, or as Parquet.")
        return None
    return decoded(file, raw, findings)


def _lines(file: Path, text: str, findings: Findings) -> Iterator[Document]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield number, parsed(line)
        except NotRead as why:
            findings.add(file, number, "", str(why), "Leave the line out, if the tool was stopped while it wrote it.")


def members(file: Path, wanted: re.Pattern[str], findings: Findings) -> Iterator[tuple[str, Any]]:
    """Yield the JSON members of an archive whose whole names fit `wanted`; bad ones are findings."""
    packing: Any = zipfile
    with suppress(ImportError):  # Python 3.14 knows by itself the method that newer logs are packed with
        packing = import_module("backports.zstd.zipfile")
    left = LARGEST_ARCHIVE
    try:
        with packing.ZipFile(file) as packed:
            names = packed.NameToInfo  # of a name that stands twice the last: logs are appended to
            if len(names) > MOST_MEMBERS:
                raise NotRead(f"has more than {MOST_MEMBERS:,} members.", "Judge a part of it.")
            for name, info in names.items():
                if not wanted.fullmatch(name):
                    continue
                _check_member(name, info)
                try:
                    with packed.open(info) as member:
                        raw = member.read(min(LARGEST_FILE, left) + 1)
                except (NotImplementedError, RuntimeError):
                    why = f"the member `{shown(name)}` is packed with zstd."
                    raise NotRead(why, how_to_install("tables")) from None
                left -= len(raw)
                if len(raw) > LARGEST_FILE or left < 0:
                    raise NotRead(f"the member `{shown(name)}` unpacks to more than can be read.", "Judge a part.")
                try:
                    yield name, parsed(raw)
                except NotRead as why:
                    findings.add(file, None, shown(name), str(why), why.fix)
    except NotRead as why:
        findings.add(file, None, "", str(why), why.fix)
    except (packing.BadZipFile, zlib.error, EOFError, OSError, ValueError, OverflowError) as error:
        findings.add(file, None, "", f"is a damaged archive: {shown(str(error), 120)}.", _AGAIN)


def _check_member(name: str, info: Any) -> None:  # noqa: ANN401 - of one of two modules
    if info.file_size > LARGEST_FILE:
        raise NotRead(f"the member `{shown(name)}` unpacks to more than can be read.", "Judge a part.")
    if name.startswith("/") or "\\" in name or ".." in name.split("/"):
        raise NotRead(f"the member `{shown(name)}` leads out of the archive.", "Don't trust this file.")
    if info.flag_bits & 1:
        raise NotRead(f"the member `{shown(name)}` is encrypted.", "Pack it without a password.")
    if info.compress_type not in {_STORED, _DEFLATED, _ZSTD}:
        raise NotRead(f"the member `{shown(name)}` is packed in a way that no log is.", "Don't trust this file.")


class Database:
    """An SQLite file that is only read, and only its tables."""

    def __init__(self, file: Path) -> None:
        """Open it as a file that can't change. Raises NotRead."""
        beside = file.with_name(file.name + "-wal")
        if beside.is_file() and beside.stat().st_size:
            fix = f"Close the tool, or run: sqlite3 {file.name} 'PRAGMA wal_checkpoint(TRUNCATE)'"
            raise NotRead(f"is still being written: {beside.name} holds changes that are not in it.", fix)
        self._open = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        self._open.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_FILE)
        self._open.execute("PRAGMA trusted_schema = OFF")
        self._steps = 0
        self._open.set_progress_handler(self._too_long, 1000)

    def _too_long(self) -> int:
        self._steps += 1
        return int(self._steps > MOST_STEPS)

    def close(self) -> None:
        """Let go of the file."""
        self._open.close()

    def columns(self, table: str) -> set[str]:
        """Name the columns of a table; nothing where there is none, or it is a view."""
        known = self.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?", table)
        return {str(row[1]) for row in self.rows(f"PRAGMA table_info({table})")} if list(known) else set()

    def rows(self, query: str, *values: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query. Raises NotRead."""
        self._steps = 0
        try:
            with closing(self._open.execute(query, values)) as found:
                yield from found
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise NotRead(f"can't be read as a database: {shown(str(error), 120)}.") from None


def begins_with(file: Path) -> bytes:
    """Give the first bytes of a file, by which its format is told. Raises NotRead."""
    if file.exists() and not file.is_file() and not file.is_dir():  # it is read more than once
        raise NotRead("is a pipe or a device.", "Write it to a file first.")
    if file.is_dir():
        there = sorted(each.name for each in islice(file.iterdir(), MOST_MEMBERS) if each.is_file())
        raise NotRead("is a folder.", f"Name a file of it: {shortlist(there, 5)}." if there else "Name a file.")
    try:
        with file.open("rb") as source:
            return source.read(16)
    except OSError as error:
        raise NotRead(f"cannot be read: {reason(error)}.", "Check the path and its permissions.") from None
