"""Samples of OpenAI evals, Inspect and DeepEval: an input (a text, or the messages of a chat) and what is ideal.

Messages that are the same in every sample are the prompt; those that differ are inputs. What class or scorer
judged the samples stands in OpenAI's registry, whose samples lie below `data`, and in Python code elsewhere.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from harness.files.case import read_jsonl
from harness.files.imported.assertions import field_of
from harness.files.imported.draft import Draft, Passes, Row, name_for_files
from harness.files.written import Entries, Outside, as_text, resolve, shortest, shown

Records: TypeAlias = Iterable[tuple[int, Mapping[str, Any]]]
Turns: TypeAlias = tuple[tuple[str, str], ...]  # role, content


class Judged(NamedTuple):
    """How a tool judges its samples, where that is known, and examples that go before each one's last message."""

    way: Passes | None = None
    shots: Turns = ()


_UNKNOWN = Judged()


class Shape(NamedTuple):
    """How a tool writes its samples."""

    kind: str
    expected: tuple[str, ...]
    id: str = "id"
    metadata: tuple[str, ...] = ("metadata",)


_SHAPES = (
    Shape("OpenAI evals samples", ("ideal",)),
    Shape("Inspect samples", ("target",)),
    Shape(
        "DeepEval goldens", ("expected_output", "expectedOutput"), "name", ("additional_metadata", "additionalMetadata")
    ),
)
_CLASSES: Mapping[str, Passes] = {
    "Match": Passes("Match", r"\A"),
    "Includes": Passes("Includes"),
    "FuzzyMatch": Passes("FuzzyMatch", cased=False),
    "JsonMatch": Passes("JsonMatch", pointer=""),
}
_DIFFERS = {
    "FuzzyMatch": "`FuzzyMatch` passes a part of a label, too, and no punctuation; here a reply holds all of it.",
    "JsonMatch": "`JsonMatch` fails a reply with more fields than the ideal; here only the field is read.",
}
_READ = frozenset({"samples_jsonl", "ignore_case", "few_shot_jsonl", "num_few_shot"})
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def of_chat(record: dict[str, Any]) -> dict[str, Any]:
    """Give an example to tune a model with as a sample: what the assistant said last is ideal. All else as it is."""
    talk = record.get("messages")
    if not isinstance(talk, list) or not talk or not isinstance(talk[-1], dict) or talk[-1].get("role") != "assistant":
        return record
    others = {key: value for key, value in record.items() if key != "messages"}
    return {**others, "input": talk[:-1], "ideal": talk[-1].get("content")}


def shape_of(keys: Iterable[str]) -> Shape | None:
    """Tell whose samples have these keys."""
    known = set(keys)
    return next((shape for shape in _SHAPES if "input" in known and known & {*shape.expected}), None)


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


def _as_judged(row: Row, way: Passes | None) -> Row:
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


def evals_of(tree: Entries) -> list[str]:
    """Name the evals of a registry's file."""
    return [name for name, (_, node) in tree.entries.items() if isinstance(node, Entries) and "class" in node.entries]


def read_registry(path: Path, tree: Entries, draft: Draft, wanted: str) -> None:
    """Read an eval into a draft; `wanted` chooses among several."""
    evals = evals_of(tree)
    names = [name for name in evals if wanted in {"", name, name.partition(".")[0]}]
    if len(names) != 1:
        known = ", ".join(f"`{shown(name)}`" for name in evals)
        draft.findings.add(path, 1, "", f"holds {len(evals)} evals: {known}.", "Name the one to import with --name.")
        return
    name = names[0]
    draft.name = name_for_files(name.partition(".")[0])
    node = tree.at((name, "args"))[0]
    args = node.value((("**",),)) if isinstance(node, Entries) else {}
    for key in args.keys() - _READ:
        draft.leave(path, tree.at((name, "args", key))[1], f"{name}.args.{shown(key)}", "is not carried.")
    kind = as_text(tree.at((name, "class"))[0].value()).rpartition(":")[2]
    way = _CLASSES.get(kind)
    if way is None:
        said = f"`{shown(kind)}` is code, and is not run: the suite takes the label that a reply mentions."
        draft.leave(path, tree.at((name, "class"))[1], f"{name}.class", said)
    elif as_text(args.get("ignore_case")).lower() == "true":
        way = Passes(f"{way.told} without case", way.before, way.after, cased=False)
    draft.told += [_DIFFERS[kind]] if kind in _DIFFERS else []
    few = as_text(args.get("num_few_shot"))
    shots: list[tuple[str, str]] = []
    if few.isdecimal() and int(few):
        for file, at, record in list(_records(path, tree, name, "few_shot_jsonl", draft))[: int(few)]:
            shots += turns_of(record.get("sample"), draft, file, at) or ()
    samples = list(_records(path, tree, name, "samples_jsonl", draft))
    if samples:
        rows = [(at, each) for _, at, each in samples]
        read_samples(samples[0][0], rows, draft, _SHAPES[0], Judged(way, tuple(shots)))


def _records(
    path: Path, tree: Entries, name: str, key: str, draft: Draft
) -> Iterator[tuple[Path, int, dict[str, Any]]]:
    """Yield the records of a file: below `data` beside the folder `evals`, or beside the YAML file."""
    node, line, walked = tree.at((name, "args", key))
    written = as_text(node.value()) if len(walked) == 3 else ""
    folder = path.resolve().parent
    roots = [folder.parent / "data", folder] if folder.name == "evals" else [folder, folder / "data"]
    try:
        places = [resolve(written, root, root) for root in roots if written and "://" not in written]
        file = next((place for place in places if place.is_file()), None)
    except Outside:
        said = f"`{shown(written)}` leads out of the registry."
        draft.findings.add(path, line, f"{name}.args.{key}", said, "Copy the file into it.")
        return
    except OSError:  # too long for a name
        file = None
    if file is None:
        looked = " or ".join(f"{root.name}/" for root in roots)
        said = f"no such file: `{shown(written)}`."
        draft.findings.add(path, line, f"{name}.args.{key}", said, f"It is looked for in {looked}.")
        return
    file = shortest(file)
    yield from ((file, at, record) for at, record in read_jsonl(file, draft.findings))
