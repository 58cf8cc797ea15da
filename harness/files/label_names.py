"""Files that give the names of labels: a name a line, a list, or names by id; as data sets bring them.

Text files (`classes.txt`, `mapping.txt` with an id before each name), JSON and YAML lists and mappings (id to
name, or name to id as in `label2id`), CSV and its kin, and the README.md of a data set: its front matter has
the classes of a feature (`dataset_info.features[].dtype.class_label.names`).
"""

import csv
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from harness.files.written import (
    Entries,
    Findings,
    TwiceError,
    as_text,
    each_once,
    parse_any,
    read_written,
    shortlist,
    shown,
)

_IDS = re.compile(r"\s*([0-9]+)\s*[\t,;:=| ]\s*(\S.*)")
_NAME = frozenset({"name", "names", "label", "labels", "class", "classes", "category", "intent", "title"})
_MAPPINGS = ("id2label", "label2id", "names")
_FIX = "Write a name a line, a list, or a mapping of ids to names."


@dataclass(frozen=True, slots=True)
class Names:
    """Names of labels, in the order of their file; `ids` are as many, or none where the file has none."""

    names: tuple[str, ...]
    ids: tuple[str, ...] = ()


def read_names(file: Path, findings: Findings, column: str = "label") -> Names | None:
    """Read a file of names; `column` is the feature of a data set's card. None when there was a problem."""
    text = read_written(file, findings)
    if text is None:
        return None
    kind = file.suffix.lower()
    if kind == ".md":
        return _of_card(file, text, findings, column)
    if kind in {".json", ".yml", ".yaml"}:
        found = _of_tree(_parsed(file, text, findings))
    elif kind in {".csv", ".tsv", ".tab"}:
        found = _of_table(text)
    else:
        found = _of_lines(text)
    if not findings.of(file) and (found is None or not found.names or not all(map(str.strip, found.names))):
        findings.add(file, None, "", "does not give the names of labels.", _FIX)
    return None if findings.of(file) else found


def _parsed(file: Path, text: str, findings: Findings) -> object:
    if file.suffix.lower() == ".json":
        try:
            return json.loads(text, object_pairs_hook=each_once)
        except TwiceError as twice:
            findings.add(file, None, "", f"the key `{shown(str(twice))}` stands twice.", "Keep one of them.")
            return None
        except (ValueError, RecursionError):
            findings.add(file, 1, "", "is not valid JSON.", _FIX)
            return None
    node = parse_any(text, file, findings)
    return None if node is None else node.value(texts=(("**",),))


def _of_lines(text: str) -> Names:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [_IDS.fullmatch(line) for line in lines]
    ids = [match[1] for match in found if match]
    if len(ids) == len(lines) and any([*map(int, ids)] == [*range(n, n + len(ids))] for n in (0, 1)):
        return Names(tuple(match[2].strip() for match in found if match), tuple(ids))
    return Names(tuple(lines))


def _of_tree(tree: object) -> Names | None:
    if isinstance(tree, dict):
        inner = next((tree[key] for key in _MAPPINGS if isinstance(tree.get(key), (dict, list))), tree)
        return _of_tree(inner) if isinstance(inner, list) else _of_mapping(inner)
    if isinstance(tree, list) and all(isinstance(each, dict) for each in tree):
        return _of_rows([{str(k): as_text(v) for k, v in each.items()} for each in tree])
    if isinstance(tree, list) and all(isinstance(each, (str, int, float)) for each in tree):
        return Names(tuple(as_text(each) for each in tree))
    return None


def _of_mapping(tree: Mapping[Any, Any]) -> Names | None:
    keys, values = [str(key) for key in tree], list(tree.values())
    if _whole(values) and not _whole(keys):  # label2id
        return Names(tuple(keys), tuple(as_text(value) for value in values))
    return Names(tuple(values), tuple(keys)) if all(isinstance(value, str) for value in values) else None


def _whole(values: Sequence[object]) -> bool:
    return all(not isinstance(value, bool) and as_text(value).isdecimal() for value in values)


def _of_table(text: str) -> Names | None:
    lines = [line for line in text.splitlines(keepends=True) if line.strip()]
    separator = next((each for each in ",;\t|" if lines and each in lines[0]), ",")
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator) if row]
    if not rows or len({len(row) for row in rows}) > 1:
        return None
    if {cell.casefold() for cell in rows[0]} & (_NAME | {"id"}):
        header, rows = rows[0], rows[1:]
    else:
        header = [str(i) for i in range(len(rows[0]))]
    return _of_rows([dict(zip(header, row, strict=True)) for row in rows])


def _of_rows(rows: Sequence[Mapping[str, str]]) -> Names | None:
    """Find which column names and which one numbers."""
    columns = list(rows[0]) if rows else []
    if any(list(row) != columns for row in rows):
        return None
    ids = next((c for c in columns if _whole([row[c] for row in rows])), None)
    rest = [column for column in columns if column != ids]
    name = next((c for c in rest if c.casefold() in _NAME), rest[0] if rest else ids)
    if name is None:
        return None
    numbers = () if ids is None or ids == name else tuple(row[ids] for row in rows)
    return Names(tuple(row[name] for row in rows), numbers)


def _of_card(file: Path, text: str, findings: Findings, column: str) -> Names | None:
    """Read the names of a data set's classes; its card may tell of several features and configurations."""
    found = list(_class_labels(front_matter(text, file, findings)))
    mine = [names for feature, names in found if feature == column]
    mine = mine or [names for _, names in found if len({feature for feature, _ in found}) == 1]
    if mine and all(names == mine[0] for names in mine):
        return mine[0]
    if findings.of(file):
        return None
    if not found:
        said, fix = "names no classes in its front matter (`dataset_info`).", _FIX
    elif mine:
        said, fix = f"names other classes of `{shown(column)}` in each configuration.", _FIX
    else:
        said = f"names no classes of `{shown(column)}`."
        fix = f"It does of {shortlist(list(dict.fromkeys(feature for feature, _ in found)))}."
    findings.add(file, 1, "dataset_info", said, fix)
    return None


def front_matter(text: str, file: Path, findings: Findings) -> object:
    """Give the YAML between the two `---` at the start of a document, as plain values; else None."""
    lines = text.splitlines()
    if not lines or lines[0].strip() != "---":
        return None
    end = next((i for i, line in enumerate(lines[1:], start=1) if line.strip() == "---"), None)
    node = None if end is None else parse_any("\n".join(["", *lines[1:end]]), file, findings)
    return node.value(texts=(("**",),)) if isinstance(node, Entries) else None


def _class_labels(card: object) -> Iterator[tuple[str, Names]]:
    info = card.get("dataset_info") if isinstance(card, dict) else None
    for each in info if isinstance(info, list) else [info]:
        features = each.get("features") if isinstance(each, dict) else None
        for feature in features if isinstance(features, list) else []:
            names = _at(feature, "dtype", "class_label", "names")
            found = _of_tree(names)
            if found is not None and isinstance(feature.get("name"), str):
                yield feature["name"], found


def _at(value: Any, *keys: str) -> object:  # noqa: ANN401 - whatever a card holds
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def card_of(file: Path) -> str | None:
    """Find the README.md that names the classes of a table's data set: beside it, or a folder above.

    It is written relative to the table.
    """
    for card in ("README.md", "../README.md"):
        path = file.parent / card
        text = read_written(path, Findings()) if path.is_file() else None
        if text is not None and any(_class_labels(front_matter(text, path, Findings()))):
            return card
    return None


def names_a_file(values: Mapping[str, str]) -> bool:
    """Whether values of a column are named by a file: `{file: classes.txt}`, perhaps with `from`."""
    return "file" in values and not values.keys() - {"file", "from"}


def by_id(names: Names, written: Collection[str], first: int | None) -> dict[str, str] | tuple[str, str]:
    """Map each id to its name; `written` are the values of the column, which tell whether it counts from 0.

    `first` says it where the data do not. Gives what is wrong and the fix where it can't be told. A whole
    number that was written as a float (`1.0`) is the same id.
    """
    ids = list(names.ids)
    if not ids:
        if first is None:
            first, wrong = _first_of(len(names.names), written)
            if wrong:
                return wrong
        ids = [str(first + i) for i in range(len(names.names))]
    pairs = list(zip(ids, names.names, strict=True))
    return dict(chain(((f"{i}.0", name) for i, name in pairs if i.isdecimal()), pairs))


def _first_of(count: int, written: Collection[str]) -> tuple[int, tuple[str, str] | None]:
    seen = {int(float(each)) for each in written if re.fullmatch(r"[0-9]{1,9}(\.0)?", each.strip())}
    if 0 in seen and max(seen) >= count:
        return 0, (f"has {count} names, but the column holds the ids 0 to {max(seen)}.", "Give every id a name.")
    if seen and max(seen) > count:
        return 0, (f"has {count} names, but the column holds the id {max(seen)}.", "Give every id a name.")
    if 0 in seen or not seen:
        return 0, None
    if count in seen:
        return 1, None
    return 0, (
        "has names without ids, and the column does not tell whether they count from 0 or from 1.",
        'Write it down: `{file: ..., from: "0"}`.',
    )
