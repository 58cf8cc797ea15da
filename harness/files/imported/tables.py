"""Data sets as people have them: CSV and its kin, spreadsheets, Parquet, JSON rows, texts with labels beside.

What a file does not say is guessed from its data, and told: encoding, separator, whether there is a header, which
column holds the label and which the text, the names of label ids.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from harness.files import case
from harness.files.imported.draft import Draft, Hints, Row
from harness.files.imported.templates import input_name, pattern
from harness.files.label_names import Names, by_id, card_of, read_names
from harness.files.written import REMOTE, Findings, as_label, as_text, did_you_mean, read_lines, shortlist, shown

_LABELS = (
    *("expected", "expected_output", "expectedoutput", "label", "labels", "target", "class"),
    *("category", "intent", "sentiment", "answer", "gold", "y", "v1"),
)
_SPLITS = ("split", "fold", "partition")
_LOOKED = 2_000  # rows that a guess looks at
_PROSE = 15  # characters that a text has on average
_CODE = re.compile(r"[!-~]*[0-9][!-~]*")  # an id, a time or an address: no text, however long
_OF_IDS = re.compile(r"(.*[\W_])?(?i:id|uuid|guid)|.*[a-z](Id|ID)", re.DOTALL)  # names of columns that may name rows
_MOST_CLASSES = 1_000
_NAME_THEM = "write one above it that names the columns, such as `text,label`"


class _Table(NamedTuple):
    rows: list[tuple[int, dict[str, Any]]]
    file: Path
    names: Mapping[str, tuple[str, ...]] = {}  # of the classes of a column, where the file has them
    ident: str = ""  # the column that names the rows


def read_data_set(source: str, draft: Draft, asked: Hints, inside: str = "") -> None:
    """Read a table into a draft, with a prompt to begin with; `inside` of a JSON object its rows stand."""
    table = _read(source, draft, asked, inside)
    table = table._replace(rows=[(line, dict(_apart(fields))) for line, fields in table.rows])
    columns = list(dict.fromkeys(name for _, fields in table.rows for name in fields if name != case.NAMELESS))
    if draft.findings.total:
        return
    if not table.rows:
        draft.findings.add(table.file, None, "", "holds no rows.", "Name a file with at least one row.")
        return
    told = "expected" if _is_beside(asked, table.file) else asked.expected
    for flag, name in (("--expected", told), *(("--text", each) for each in asked.text)):
        if name and name not in columns:
            fix = did_you_mean(name, columns)
            draft.findings.add(table.file, 1, flag, f"there is no column `{shown(name)}`.", fix)
    label = told or _label_column(table, columns)
    texts = list(asked.text) or _text_columns(table, [name for name in columns if name != label])
    for flag, what, found in (("--expected", "label", label), ("--text", "text", texts)):
        if not found:
            said = f"no column looks like the {what}: {shortlist(columns)}."
            sure = table.file.suffix.lower() in {".parquet", ".jsonl", ".ndjson", ".json"} or not _may_be_a_row(columns)
            fix = f"Name it with {flag}" + ("." if sure else f"; if the first line is a row, {_NAME_THEM}.")
            draft.findings.add(table.file, 1, "", said, fix)
    if not draft.findings.total:
        ident = _id_column(table, [name for name in columns if name not in {label, *texts}])
        named = f"; id: `{shown(ident)}`" if ident not in {"", "id"} else ""
        draft.told.append(f"label: the column `{shown(label)}`; text: {shortlist(texts)}{named} (--expected, --text)")
        _cases(table._replace(ident=ident), label, texts, draft, _meant(table, label, draft, asked.names))


def _apart(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give the parts of an object as columns of their own: `input.message`."""
    for name, value in fields.items():
        inside = (
            {f"{name}.{part}": inner for part, inner in value.items()} if isinstance(value, dict) else {name: value}
        )
        yield from inside.items()


def _id_column(table: _Table, columns: Sequence[str]) -> str:
    """Find what names each row: `id`, else a column such as `Message-ID` or `ticketId` that holds no value twice."""
    for name in () if "id" in columns else filter(_OF_IDS.fullmatch, columns):
        values = [as_text(fields.get(name)).strip() for _, fields in table.rows]
        if all(values) and len({*values}) == len(values):
            return name
    return "id" if "id" in columns else ""


def _cases(table: _Table, label: str, texts: Sequence[str], draft: Draft, meant: Mapping[str, str]) -> None:
    split = next((name for name in _SPLITS if name in table.rows[0][1] and name not in {label, *texts}), "")
    own = {key: name for key, name in (("id", table.ident), ("tags", "tags")) if name and name not in {label, *texts}}
    for line, fields in table.rows:
        if fields.pop(case.NAMELESS, None) is not None:
            draft.leave(table.file, line, "", "text in a column without a name is not carried.")
        written = as_label(fields.get(label))
        known = {key: fields[name] for key, name in own.items() if fields.get(name)}
        known |= {"split": as_text(fields[split])} if split and fields.get(split) else {}
        left = {label, split, *own.values()}
        inputs = {input_name(name): as_text(value) for name, value in fields.items() if name not in left}
        inputs |= {input_name(name): "" for name in texts if name not in fields}  # a row may lack one
        if not any(inputs.get(input_name(name), "").strip() for name in texts):
            draft.leave(table.file, line, "", "the case is left out: it has no text.")
            continue
        draft.rows.append(Row(table.file, line, inputs, (meant.get(written, written),), None, known))
    draft.prompts["v1"] = pattern([input_name(name) for name in texts])


def _meant(table: _Table, label: str, draft: Draft, source: Path | None) -> Mapping[str, str]:
    """Give the names of label ids: from the file asked for, from the table itself, or from the card beside it."""
    written = {as_label(fields.get(label)) for _, fields in table.rows}
    if source is None and not all(map(_is_id, written)):
        return {}
    kept = None if source is not None else table.names.get(label)
    names = None if kept is None else Names(kept)
    if names is None and source is None and table.file.is_file():
        card = card_of(table.file)
        near = [] if card is None else [table.file.parent / card]
        source = next((each for each in [*_beside(table.file), *near] if each.is_file()), None)
    if source is not None:
        names = read_names(source, draft.findings, label)
    if names is None:
        draft.told.append("the labels are numbers: a file of their names can be given with --names.")
        return {}
    found = by_id(names, written, None)
    if isinstance(found, tuple):
        draft.findings.add(source or table.file, None, "", found[0], "Write each id before its name: `1 World`.")
        return {}
    draft.told.append(f"names of the label ids: {source or 'kept in the table itself'} (--names)")
    return found


def _beside(file: Path) -> list[Path]:
    return [file.with_name(name) for name in ("mapping.txt", "classes.txt", "label_names.txt", "categories.json")]


def _is_id(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,6}(\.0)?", text) is not None


def _label_column(table: _Table, columns: Sequence[str]) -> str:
    """Guess the label: a column of a telling name, else the one with the fewest short values that come again."""
    sample = [fields for _, fields in islice(table.rows, _LOOKED)]
    fit = {name: values for name in columns if (values := _classes([as_text(each.get(name)) for each in sample]))}
    fit = {name: count for name, count in fit.items() if name not in {"id", "tags", *_SPLITS}}
    by_name = [name for telling in _LABELS for name in fit if name.casefold() == telling]
    ending = [name for name in fit if name.casefold().endswith(_LABELS[:7])]
    return next(iter([*by_name, *ending, *sorted(fit, key=lambda name: fit[name])]), "")


def _classes(values: list[str]) -> int:
    """Count the classes in a column; 0 where it looks like none."""
    counted = Counter(value.strip() for value in values if value.strip())
    few = 2 <= len(counted) <= _MOST_CLASSES and (len(counted) < len(values) or len(values) < 8)
    short = all(len(value) <= 60 and "\n" not in value for value in counted)
    return len(counted) if few and short else 0


def _text_columns(table: _Table, columns: Sequence[str]) -> list[str]:
    """Guess the texts: columns of prose, else the longest one."""
    sample = [fields for _, fields in islice(table.rows, _LOOKED)]
    size = {
        name: sum(len(as_text(each.get(name))) for each in sample) / len(sample)
        for name in columns
        if name not in {*case.KNOWN, *_SPLITS}
    }
    coded = {name for name in size if all(_CODE.fullmatch(as_text(each.get(name)) or "0") for each in sample)}
    words = [name for name in size if name not in coded] or [*size]
    return [name for name in words if size[name] >= _PROSE] or sorted(words, key=lambda name: -size[name])[:1]


def _is_beside(asked: Hints, file: Path) -> bool:
    return bool(asked.expected) and Path(asked.expected).is_file() and file.suffix in {"", ".txt"}


def _read(source: str, draft: Draft, asked: Hints, inside: str) -> _Table:
    path, findings = Path(source), draft.findings
    suffix = path.suffix.lower()
    if source.startswith(REMOTE):
        kind = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl"}.get(suffix, "parquet")
        if source.startswith("hf://") and "@" not in source:
            draft.told.append("the address has no revision (`@...`): its rows may be others tomorrow.")
        draft.kind = "table at an address"
        separator = "\t" if kind == "tsv" else ""
        rows = list(case.read_remote(path, source, kind, findings, separator=separator, header=(), encoding=""))
        return _Table(rows, path, case.class_names(source) if kind == "parquet" and rows else {})
    draft.kind = {".parquet": "Parquet", ".jsonl": "JSONL", ".ndjson": "JSONL", ".json": "JSON"}.get(suffix, "table")
    if suffix == ".parquet":
        return _Table(list(case.read_table(path, source, findings)), path, case.class_names(source))
    if suffix == ".json":
        return _Table(list(case.read_json(path, findings, inside=inside)), path)
    if suffix in {".jsonl", ".ndjson"}:
        return _Table(list(case.read_jsonl(path, findings)), path)
    if suffix in {".xlsx", ".xlsm", ".xls", ".ods"}:
        cells = list(case.read_sheet(path, findings))
        header = _header([row for _, row in cells[:_LOOKED]], draft)
        return _Table(list(case.named_cells(path, iter(cells), header, findings)), path)
    return _of_text(path, draft, asked)


def _of_text(path: Path, draft: Draft, asked: Hints) -> _Table:
    """Read a text file whose encoding, separator and header are told by its first lines."""
    encoding, lines = _decoded(path, draft)
    findings = draft.findings
    if findings.total or not lines:
        return _Table([], path)
    beside = Path(asked.expected) if _is_beside(asked, path) else path.with_name(path.name.replace("text", "labels"))
    if beside != path and beside.is_file():
        draft.kind = "texts with labels beside"
        draft.told.append(f"the labels are the lines of {beside}")
        return _Table(list(case.read_beside(path, "text", {"expected": beside}, findings, encoding)), path)
    separator = _separator(lines)
    if not separator:
        findings.add(path, 1, "", "has no columns.", "Name the file of its labels, a line each, with --expected.")
        return _Table([], path)
    draft.kind = {"\t": "tab-separated", ",": "CSV"}.get(separator, f"CSV with `{separator}`")
    header = _header([row for row in _split(lines, separator) if row], draft)
    rows = case.read_separated(path, findings, needed=(), separator=separator, header=header, encoding=encoding)
    return _Table(list(rows), path)


def _decoded(path: Path, draft: Draft) -> tuple[str, list[str]]:
    """Give the encoding that reads a file (empty: as its mark says), and its first lines."""
    for encoding in ("", "cp1252", "latin-1"):
        tried = Findings()
        lines = [line for _, line in read_lines(path, tried, encoding)]
        unreadable = any("is not" in problem.message or "mixes" in problem.message for problem in tried.problems)
        if not unreadable or encoding == "latin-1":
            for problem in tried.problems:
                draft.findings.add(problem.file, problem.line, problem.field, problem.message, problem.fix)
            if encoding:
                draft.told.append(f"encoding: {encoding}, as the file is not UTF-8")
            return encoding, lines[:_LOOKED]
    return "", []


def _separator(lines: Sequence[str]) -> str:
    """Find what cuts the most lines into the same number of cells."""
    found: dict[str, float] = {}
    for separator in case.SEPARATORS:
        counts = Counter(len(row) for row in _split(lines, separator) if row)
        cells, often = counts.most_common(1)[0] if counts else (0, 0)
        if cells > 1:
            found[separator] = often / counts.total()
    return max(found, key=lambda each: found[each], default="")


def _split(lines: Sequence[str], separator: str) -> Iterator[list[str]]:
    quoting: Any = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    with suppress(csv.Error):  # what is wrong is told where all of it is read
        yield from csv.reader(lines, delimiter=separator, quoting=quoting)


def _are_names(cells: Sequence[str]) -> bool:
    return any(cell.casefold() in {*_LABELS, *case.KNOWN, "text", "message", "id"} for cell in cells)


def _may_be_a_row(cells: Sequence[str]) -> bool:
    return not _are_names(cells) and any(" " in cell.strip() for cell in cells)


def _header(rows: Sequence[Sequence[str]], draft: Draft) -> tuple[str, ...]:
    """Give names for the columns of a table that has no header; none where its first row names them."""
    first, rest = [cell.strip() for cell in (*rows, [])[0]], rows[1:]
    if _are_names(first) or not rest:
        return ()
    classes = {}
    for place, cell in enumerate(first):
        values = [row[place].strip() for row in rest if place < len(row)]
        ids = all(map(_is_id, [cell, *values]))
        if (ids or cell in values) and (count := _classes([cell, *values])):
            classes[place] = count
    if not classes:
        if _may_be_a_row(first):
            draft.told.append(f"the first line names the columns; if it is a row, {_NAME_THEM}")
        return ()
    label = min(classes, key=lambda place: classes[place])
    texts = iter(["text", *(f"text_{n}" for n in range(2, len(first) + 1))])
    draft.told.append("the file has no header: its columns are named here")
    return tuple("label" if place == label else next(texts) for place in range(len(first)))


def _of_csv(path: Path, findings: Findings) -> Iterator[tuple[int, dict[str, Any]]]:
    return case.read_separated(path, findings, needed=())


def _of_sheet(path: Path, findings: Findings) -> Iterator[tuple[int, dict[str, Any]]]:
    return case.named_cells(path, case.read_sheet(path, findings), (), findings)


READERS: Mapping[str, Callable[[Path, Findings], Iterator[tuple[int, dict[str, Any]]]]] = {
    ".json": case.read_json,
    ".jsonl": case.read_jsonl,
    ".ndjson": case.read_jsonl,
    ".csv": _of_csv,
    ".xlsx": _of_sheet,
    ".xls": _of_sheet,
}  # of files whose columns are known to be named
