"""Rows of a case file as they stand in it: objects of JSONL and JSON, the test data of a prompt.

A row is its line and its fields: column -> value as written; a byte order mark is no part of the text.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.files.written import (
    Entries,
    Findings,
    Items,
    TwiceError,
    decoded,
    each_once,
    read_lines,
    read_tree,
    reason,
    shown,
)

LONGEST_FIELD = 200_000  # characters of one input
LARGEST_FILE = 1 << 28  # bytes of a JSON file, which is read as a whole


def read_jsonl(file: Path, findings: Findings, encoding: str = "") -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a JSONL file; blank lines are skipped, bad lines are findings."""
    for number, line in read_lines(file, findings, encoding):
        if not line.strip():
            continue
        try:
            fields = _as_written(line)
        except TwiceError as error:
            message = f"the key `{shown(str(error))}` stands twice."
            findings.add(file, number, shown(str(error)), message, "Keep one of them.")
            continue
        except json.JSONDecodeError as error:
            message = f"is not valid JSON: {error.msg} at column {error.colno}."
            fix = _is_a_list(file, number, line)
            if number == 1 and error.pos >= len(line.rstrip()):
                message = "is JSON that goes on over several lines."
                fix = fix or "Write an object a line, or one list of them: [{...}, {...}]."
            findings.add(file, number, "", message, fix)
            if number == 1 and fix:
                return  # each of its lines would be another problem
            continue
        except (RecursionError, ValueError):
            findings.add(file, number, "", "is not valid JSON: it is nested too deeply.")
            continue
        if not isinstance(fields, dict):
            message = 'must be a JSON object, such as {"message": ..., "expected": ...}.'
            findings.add(file, number, "", message, _is_a_list(file, number, line))
            continue
        yield number, fields


def _is_a_list(file: Path, number: int, line: str) -> str:
    if number > 1 or not line.startswith("["):
        return ""
    return f"If the file is one list, write `cases: {{file: {shown(file.name)}, format: json}}`."


def read_json(
    file: Path, findings: Findings, encoding: str = "", *, inside: str = ""
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a JSON file that is one list; what is wrong with it is a finding.

    Of one that is known to be an object, the list that stands in its member `inside`.
    """
    text = _whole(file, findings, encoding)
    if text is None:
        return
    at = _after_space(text, 0)
    if inside:
        at = _value_of(text, at + 1, inside)
    if text[at : at + 1] != "[":
        fix = "Write a list of objects: [{...}, {...}]."
        if text[at : at + 1] == "{":
            fix += f" If there is an object a line, `cases: {{file: {shown(file.name)}, format: jsonl}}`."
        findings.add(file, 1, "", "is not a list of cases.", fix)
        return
    try:
        yield from _items(file, text, at + 1, findings, alone=not inside)
    except json.JSONDecodeError as error:
        findings.add(file, error.lineno, "", f"is not valid JSON: {error.msg} at column {error.colno}.")
    except TwiceError as error:
        findings.add(file, None, shown(str(error)), f"the key `{shown(str(error))}` stands twice in a case.")
    except (RecursionError, ValueError):
        findings.add(file, None, "", "is not valid JSON: it is nested too deeply.")


def _whole(file: Path, findings: Findings, encoding: str) -> str | None:
    try:
        with file.open("rb") as source:
            raw = source.read(LARGEST_FILE + 1)
    except OSError as error:
        findings.add(file, None, "", f"cannot be read: {reason(error)}.", "Check its permissions.")
        return None
    if len(raw) > LARGEST_FILE:
        findings.add(file, None, "", f"is larger than {LARGEST_FILE:,} bytes.", "Write an object a line: .jsonl.")
        return None
    return decoded(file, raw, findings, encoding)


def list_in(whole: Mapping[str, Any]) -> str:
    """Name the list of objects that a document holds, the longest where there are several; nothing where none is."""
    lists = {name: each for name, each in whole.items() if isinstance(each, list) and each}
    size = {name: len(each) for name, each in lists.items() if isinstance(each[0], dict)}
    return max(size, key=lambda name: size[name], default="")


def _value_of(text: str, at: int, name: str) -> int:
    """Find where the value of a member begins, in an object whose brace stands before `at`."""
    while True:
        key, at = _DECODER.raw_decode(text, _after_space(text, at))
        at = _after_space(text, _after_space(text, at) + 1)
        if key == name:
            return at
        _, at = _DECODER.raw_decode(text, at)
        at = _after_space(text, at) + 1


def _items(file: Path, text: str, at: int, findings: Findings, *, alone: bool) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a list whose bracket stands before `at`, each with its line."""
    line, counted, first = 1, 0, True
    while (at := _after_space(text, at)) < len(text) and text[at] != "]":
        if not first:
            if text[at] != ",":
                raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
            at = _after_space(text, at + 1)
        first = False
        _, end = _DECODER.raw_decode(text, at)
        line, counted = line + text.count("\n", counted, at), at
        fields = _as_written(text[at:end])
        if isinstance(fields, dict):
            yield line, fields
        else:
            findings.add(file, line, "", "must be a JSON object, such as {...}.", "Leave it out.")
        at = end
    if at >= len(text) or (alone and text[_after_space(text, at + 1) :]):
        raise json.JSONDecodeError("Expecting the end of the list", text, min(at, len(text)))


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=each_once)


def _as_written(line: str) -> Any:  # noqa: ANN401 - what JSON can hold
    """Decode a line; numbers stay the text that was written, except inside lists and objects."""
    found = _DECODER.decode(line)
    if isinstance(found, dict) and any(isinstance(value, (list, dict)) for value in found.values()):
        nested = json.loads(line)
        return {k: nested[k] if isinstance(v, (list, dict)) else v for k, v in found.items()}
    return found


def read_test_data(file: Path, findings: Findings) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the `testData` of a *.prompt.yml."""
    tree = read_tree(file, findings)
    if tree is None:
        return
    line, data = tree.entries.get("testData", (tree.line, None))
    if not isinstance(data, Items):
        findings.add(file, line, "testData", "is not there: this prompt brings no cases.", "Add a list.")
        return
    for item in data.items:
        if isinstance(item, Entries):
            yield item.line, item.value(texts=(("**",),))
        else:
            findings.add(file, item.line, "testData", "must be a mapping of inputs to texts.")
