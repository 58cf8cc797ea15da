"""Rows of a case file as they stand in it, one at a time: JSONL objects and CSV records."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from harness.files.written import Findings, did_you_mean, first_bytes_problem, not_utf8, shown, unreadable

LONGEST_LINE = 4 << 20  # bytes
_SAVE = "Save it as UTF-8 without a byte order mark."


@dataclass(frozen=True, slots=True)
class Row:
    """One row: column -> value as written, and the line on which it starts."""

    line: int
    fields: dict[str, Any]


def read_jsonl(file: Path, findings: Findings) -> Iterator[Row]:
    """Yield the objects of a JSONL file; blank lines are skipped, bad lines are findings."""
    for number, line in _lines(file, findings):
        if not line.strip():
            continue
        try:
            fields = _as_written(line)
        except _TwiceError as error:
            message = f"the key `{shown(str(error))}` stands twice."
            findings.add(file, number, shown(str(error)), message, "Keep one of them.")
            continue
        except json.JSONDecodeError as error:
            findings.add(file, number, "", f"is not valid JSON: {error.msg} at column {error.colno}.")
            continue
        except (RecursionError, ValueError):
            findings.add(file, number, "", "is not valid JSON: it is nested too deeply.")
            continue
        if not isinstance(fields, dict):
            findings.add(
                file, number, "", 'must be a JSON object, such as {"message": ..., "expected": ...}.'
            )
            continue
        yield Row(number, fields)


class _TwiceError(Exception):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _TwiceError(key)
            seen.add(key)
    return found


_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_object)


def _as_written(line: str) -> Any:  # noqa: ANN401 - what JSON can hold
    """Decode a line; numbers stay the text that was written, except inside lists and objects."""
    found = _DECODER.decode(line)
    if isinstance(found, dict) and any(isinstance(value, (list, dict)) for value in found.values()):
        nested = json.loads(line)
        return {k: nested[k] if isinstance(v, (list, dict)) else v for k, v in found.items()}
    return found


def read_csv(file: Path, needed: Sequence[str], findings: Findings) -> Iterator[Row]:
    """Yield the records of a CSV file whose header has all columns `needed`."""
    csv.field_size_limit(LONGEST_LINE)
    reader = csv.reader((line for _, line in _lines(file, findings)), strict=True)
    try:
        header = next(reader, None)
        if header is None or not _good_header(file, header, needed, findings):
            return
        line = reader.line_num + 1
        for cells in reader:
            if cells and len(cells) != len(header):
                message = f"has {len(cells)} fields where the header has {len(header)}."
                findings.add(file, line, "", message, "Put quotes around a field that holds a comma.")
            elif cells:
                yield Row(line, dict(zip(header, cells, strict=True)))
            line = reader.line_num + 1
    except csv.Error as error:
        message = f"is not valid CSV: {error}."
        findings.add(
            file, reader.line_num or 1, "", message, "Close every quote; double a quote inside a field."
        )


def _good_header(file: Path, header: list[str], needed: Sequence[str], findings: Findings) -> bool:
    before = findings.of(file)
    for twice in sorted({column for column in header if header.count(column) > 1}):
        findings.add(
            file, 1, shown(twice), f"the column `{shown(twice)}` stands twice.", "Rename one of them."
        )
    for column in needed:
        if column not in header:
            one = header[0] if len(header) == 1 else ""
            fix = did_you_mean(column, header)
            if ";" in one or "\t" in one:
                fix = "The file seems to use another separator: save it with commas."
            findings.add(file, 1, column, f"the column `{shown(column)}` is missing.", fix)
    return findings.of(file) == before


def _lines(file: Path, findings: Findings) -> Iterator[tuple[int, str]]:
    """Yield numbered lines as text; a line that is not clean UTF-8 is a finding and is left out."""
    try:
        with file.open("rb") as source:
            yield from _decoded(file, source, findings)
    except OSError as error:
        unreadable(file, error, findings)


def _decoded(file: Path, source: BinaryIO, findings: Findings) -> Iterator[tuple[int, str]]:
    number = offset = 0
    while raw := source.readline(LONGEST_LINE + 1):
        number += 1
        problem = first_bytes_problem(raw) if number == 1 else ""
        if problem:
            findings.add(file, 1, "", problem, _SAVE)
            return
        if len(raw) > LONGEST_LINE:
            findings.add(file, number, "", f"is longer than {LONGEST_LINE:,} bytes.", "Shorten it.")
            return
        if b"\0" in raw:
            findings.add(file, number, "", "holds a NUL byte.", "Remove it; text files have none.")
        else:
            try:
                yield number, raw.decode("utf-8")
            except UnicodeDecodeError as error:
                message = not_utf8(raw, error.start).replace(
                    f"offset {error.start:,}", f"offset {offset + error.start:,}"
                )
                findings.add(file, number, "", message, _SAVE)
        offset += len(raw)
