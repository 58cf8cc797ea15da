"""Samples of OpenAI evals, Inspect and DeepEval: an input (a text, or the messages of a chat) and what is ideal.

Messages that are the same in every sample are the prompt; those that differ are inputs. What class or scorer
judged the samples stands in OpenAI's registry, and in Python code elsewhere.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from harness.files.imported.assertions import field_of
from harness.files.imported.draft import Draft, Row, Way
from harness.files.written import as_text, shown

Records: TypeAlias = Iterable[tuple[int, Mapping[str, Any]]]
Turns: TypeAlias = tuple[tuple[str, str], ...]  # role, content


class Judged(NamedTuple):
    """How a tool judges its samples, where that is known, and examples that go before each one's last message."""

    way: Way | None = None
    shots: Turns = ()


_UNKNOWN = Judged()


class Shape(NamedTuple):
    """How a tool writes its samples."""

    kind: str
    expected: tuple[str, ...]
    id: str = "id"
    metadata: tuple[str, ...] = ("metadata",)


SHAPES = (
    Shape("OpenAI evals samples", ("ideal",)),
    Shape("Inspect samples", ("target",)),
    Shape(
        "DeepEval goldens", ("expected_output", "expectedOutput"), "name", ("additional_metadata", "additionalMetadata")
    ),
)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def shape_of(keys: Iterable[str]) -> Shape | None:
    """Tell whose samples have these keys."""
    known = set(keys)
    return next((shape for shape in SHAPES if "input" in known and known & {*shape.expected}), None)


def read_samples(path: Path, records: Records, draft: Draft, shape: Shape, judged: Judged = _UNKNOWN) -> None:
    """Read samples into a draft."""
    rows: list[tuple[Row, Turns]] = []
    for line, record in records:
        turns = turns_of(record.get("input"), draft, path, line)
        if turns is None:
            draft.leave(path, line, "input", "the case is left out: its input is no text and no messages of texts.")
            continue
        row = _row(path, line, record, shape, draft)
        rows.append((_as_judged(row, judged.way), (*turns[:-1], *judged.shots, turns[-1])))
    roles = Counter(tuple(role for role, _ in turns) for _, turns in rows)
    most = max(roles, key=lambda each: roles[each], default=())
    kept = []
    for row, turns in rows:
        if tuple(role for role, _ in turns) == most:
            kept.append((row, turns))
        else:
            said = f"the case is left out: its messages are {len(turns)}, or of other roles than most cases'."
            draft.leave(row.file, row.line, "input", said)
    if kept:
        _prompt(kept, draft)
    draft.rows += [row for row, _ in kept]


def _row(path: Path, line: int, record: Mapping[str, Any], shape: Shape, draft: Draft) -> Row:
    expected = next((record[key] for key in shape.expected if record.get(key) is not None), None)
    texts = tuple(map(as_text, expected if isinstance(expected, list) else [expected]))
    known: dict[str, Any] = {"id": as_text(record[shape.id])} if record.get(shape.id) else {}
    for key in shape.metadata:
        inner = record.get(key)
        for name, value in inner.items() if isinstance(inner, Mapping) else ():
            if name in {"id", "tags", "split"}:
                known[name] = value
            else:
                draft.leave(path, line, f"{key}.{shown(name)}", "is not carried.")
    inputs: dict[str, str] = {}
    if isinstance(choices := record.get("choices"), list) and choices:
        lines = [f"{letter}) {as_text(each)}" for letter, each in zip(_LETTERS, choices, strict=False)]
        inputs["choices"] = "\n".join(lines)
    carried = {"input", *(["choices"] if inputs else []), shape.id, *shape.expected, *shape.metadata}
    for key in [key for key, value in record.items() if key not in carried and value not in (None, "", [], {})]:
        hint = " (replies are judged by `harness judge`)" if key in {"actual_output", "actualOutput"} else ""
        draft.leave(path, line, shown(key), f"is not carried{hint}.")
    return Row(path, line, inputs, texts, None, known)


def _as_judged(row: Row, way: Way | None) -> Row:
    """Give the row as it was judged; a way by JSON says in the ideal's JSON which field holds the label."""
    row.way = way
    if way is None or way.pointer is None:
        return row
    found = [field_of(way.told, _parsed(text), {}) for text in row.accepted]
    if len({each.way for each in found}) == 1:
        row.way = found[0].way
    row.accepted = tuple(text for each in found for text in each.accepted if each.way == row.way)
    return row


def _parsed(text: str) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        found = json.loads(text)
        return found if isinstance(found, dict) else {}
    return {}


def turns_of(written: object, draft: Draft, path: Path, line: int) -> Turns | None:
    """Give the messages of an input; None where it is no text and no messages of texts."""
    if isinstance(written, str) and written.lstrip().startswith("["):  # a cell of a table that holds messages
        with suppress(ValueError, RecursionError):
            written = json.loads(written)
    if isinstance(written, str):
        return (("user", written),)
    turns = []
    for each in written if isinstance(written, list) else ():
        content = each.get("content") if isinstance(each, Mapping) else None
        if isinstance(content, list):
            parts = [part.get("text") for part in content if isinstance(part, Mapping)]
            content = None if not all(isinstance(part, str) for part in parts) else "\n".join(map(str, parts))
        if not isinstance(content, str) or str(each.get("role")) not in {"system", "user", "assistant", "developer"}:
            return None
        for key in each.keys() - {"role", "content"}:
            draft.leave(path, line, f"input.{shown(key)}", "is not carried.")
        turns.append((str(each["role"]), content))
    return tuple(turns) or None


def _prompt(kept: list[tuple[Row, Turns]], draft: Draft) -> None:
    """Make the prompt of what all samples say, and inputs of what differs."""
    columns = list(zip(*(turns for _, turns in kept), strict=True))
    places = [place for place, column in enumerate(columns) if len({content for _, content in column}) > 1]
    if not places or (len(kept) == 1 and len(columns) > 1):
        places = [len(columns) - 1]
    messages = []
    for place, column in enumerate(columns):
        role, content = column[0]
        fixed = None if place in places else _literal(content)
        if fixed is None:
            name = "input" if place == max(places) else f"{role}_{place + 1}"
            for (row, _), (_, text) in zip(kept, column, strict=True):
                row.inputs[name] = text
            fixed = f"{{{{ {name} }}}}"
        messages.append({"role": role, "content": fixed})
    if any("choices" in row.inputs for row, _ in kept):
        for row, _ in kept:
            row.inputs.setdefault("choices", "")
        messages[-1]["content"] += "\n\n{{ choices }}\n\nAnswer with the letter of the right choice, and nothing else."
        draft.told.append("of choices the letter is the label; the words that ask for it are this tool's.")
    draft.prompts["v1"] = {"name": "as the samples have it", "messages": messages}


def _literal(text: str) -> str | None:
    """Write a text as a template that renders to itself; None where there is none."""
    if not re.search(r"\{\{|\{%|\{#", text):
        return text
    return None if "endraw" in text else f"{{%+ raw %}}{text}{{% endraw +%}}"
