"""Cases: rows of files of any usual form, read as labelled inputs; streamed.

Everything that is not a known column (`id`, `expected`, `split`, `tags`) is an input of the template, and
every input is text, as written. A case without an id is named after its file and line. A label is written as
the suite writes it: `Spam` is read as `spam` where a reply would be, and `values` gives ids their names.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from harness.files.case.expected import Expected, entry_line
from harness.files.case.rows import LONGEST_FIELD, read_json, read_jsonl, read_test_data
from harness.files.case.separated import NAMELESS, named_cells, read_beside, read_separated
from harness.files.case.sheets import read_sheet
from harness.files.case.tables import read_remote, read_table
from harness.files.suite.model import CaseFile, digest
from harness.files.written import SAVE, Findings, as_text, did_you_mean, shown
from harness.record import CaseRow as Case

__all__ = ["Case", "CaseReader"]

KNOWN = ("id", "expected", "split", "tags")
LONGEST_NAME = 200  # characters of an id, split or tag
FORMATS: Mapping[str, str] = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "tsv", ".tab": "tsv",
    ".parquet": "parquet", ".xlsx": "xlsx", ".xlsm": "xlsx", ".xls": "xlsx", ".ods": "xlsx",
    ".prompt.yml": "prompt", ".prompt.yaml": "prompt",
}  # fmt: skip
SAYS: Mapping[str, tuple[str, ...]] = {  # what an entry may say of a file of each format
    "jsonl": ("encoding",), "json": ("encoding",), "csv": ("separator", "header", "encoding"),
    "tsv": ("separator", "header", "encoding"), "parquet": (), "xlsx": ("header", "sheet"), "prompt": (),
    "lines": ("header", "encoding", "beside"),
}  # fmt: skip

_Place: TypeAlias = tuple[Path, int]
_Rows: TypeAlias = Iterable[tuple[int, dict[str, Any]]]


@dataclass(slots=True)
class CaseReader:
    """Reads the case files of one suite; ids are unique over all of them."""

    labels: Sequence[str] | None  # None: the labels of the suite are themselves wrong, so nothing is compared
    columns: Mapping[str, str]
    findings: Findings
    case_sensitive: bool = False
    unlabelled: bool = False  # whether a case may lack its label, which is the empty text then
    labels_alone: bool = False  # whether a case needs no input, but the file a column of labels
    seen: set[str] = field(default_factory=set)  # the columns of all files; kept where columns are mapped
    nameless: Counter[Path] = field(default_factory=Counter)  # rows with text that no column names
    expected: Expected = field(init=False)
    _ids: dict[str, _Place] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Know the labels."""
        column = self.columns.get("expected", "expected")
        sensitive = self.case_sensitive
        self.expected = Expected(self.labels, column, self.findings, case_sensitive=sensitive, optional=self.unlabelled)

    def read(
        self,
        file: Path,
        form: CaseFile | None = None,
        *,
        url: str | None = None,
        values: Mapping[str, Mapping[str, str]] | None = None,
        beside: Mapping[str, Path] | None = None,
    ) -> Iterator[Case]:
        """Yield the good cases of a file; the problems of the others go into `findings`.

        `values` and `beside` stand for those of `form` once their files are found and read.
        """
        kind = _kind(file, form, url)
        before, count = self.findings.of(file), 0
        rows = self._rows(file, kind, form, url, beside or {})
        if values is None:
            values = form.values if form is not None else {}
        for line, fields in rows:
            count += 1
            if fields.pop(NAMELESS, None) is not None:
                self.nameless[file] += 1
            if self.columns or values:
                self.seen.update(fields)
            if count == 1 and kind not in {"jsonl", "json", "prompt"} and self._lacks(file, fields, form):
                return
            case = self._case(file, line, fields, values)
            if case is not None:
                yield case
        if count == 0 and self.findings.of(file) == before:
            self.findings.add(file, None, "", "holds no cases.", "Add at least one.")

    def values_of(
        self, column: str, file: Path, form: CaseFile | None, *, url: str | None = None, beside: Mapping[str, Path]
    ) -> set[str]:
        """Give the values of a column, as written; what is wrong with the file is told by `read`."""
        other = CaseReader(self.labels, self.columns, Findings())
        rows = other._rows(file, _kind(file, form, url), form, url, beside)
        return {as_text(fields[column]) for _, fields in rows if column in fields}

    def _rows(
        self, file: Path, kind: str | None, form: CaseFile | None, url: str | None, beside: Mapping[str, Path]
    ) -> _Rows:
        """Give the rows of a file, from the reader of its format; none when there is no reader."""
        if kind is None:
            written = entry_line(file, "format: ...")
            fix = f"Use .jsonl, .json, .csv, .tsv, .xlsx or .parquet, or write {written}."
            self.findings.add(file, None, "", "is not a file of cases.", fix)
            return ()
        for key in ("separator", "header", "encoding", "sheet", "beside"):
            if form is not None and getattr(form, key) and key not in SAYS[kind]:
                message = f"`{key}` says nothing of a file of the format `{kind}`."
                self.findings.add(file, None, f"cases.{key}", message, "Leave it out, or write another `format`.")
                return ()
        encoding = (form and form.encoding) or ""
        header = form.header if form is not None else ()
        separator = (form and form.separator) or ("\t" if kind == "tsv" else "")
        if url is not None:
            return read_remote(file, url, kind, self.findings, separator=separator, header=header, encoding=encoding)
        readers: dict[str, Callable[[], _Rows]] = {
            "parquet": lambda: read_table(file, str(file), self.findings),
            "jsonl": lambda: read_jsonl(file, self.findings, encoding),
            "json": lambda: read_json(file, self.findings, encoding),
            "prompt": lambda: read_test_data(file, self.findings),
            "lines": lambda: read_beside(file, (*header, "text")[0], beside, self.findings, encoding),
            "xlsx": lambda: named_cells(
                file, read_sheet(file, self.findings, (form and form.sheet) or ""), header, self.findings
            ),
            "csv": lambda: read_separated(
                file,
                self.findings,
                needed=self._needed(),
                separator=separator,
                header=header,
                encoding=encoding,
                fix=f"{SAVE} Or write {entry_line(file, 'encoding: cp1252')}.",
            ),
        }
        return readers["csv" if kind == "tsv" else kind]()

    def _needed(self) -> list[str]:
        if self.labels_alone:
            return [self.expected.column]
        columns = dict.fromkeys((self.expected.column, *self.columns.values()))
        return [column for column in columns if not (self.unlabelled and column == self.expected.column)]

    def _lacks(self, file: Path, fields: Mapping[str, Any], form: CaseFile | None) -> bool:
        """Tell once of the columns that a table lacks, with the line to write."""
        missing = [column for column in self._needed() if column not in fields]
        for column in missing:
            fix = ""
            if column == self.expected.column:
                fix = self.expected.seen_in(file, fields, header=bool(form and form.header))
            fix = fix or did_you_mean(column, fields)
            self.findings.add(file, 1, column, f"the column `{shown(column)}` is missing.", fix)
        return bool(missing)

    def _case(
        self, file: Path, line: int, raw: Mapping[str, Any], values: Mapping[str, Mapping[str, str]]
    ) -> Case | None:
        fields = self._renamed(raw)
        for column, meant in values.items():
            name = next((mine for mine, theirs in self.columns.items() if theirs == column), column)
            if name in fields:
                written = as_text(fields[name])
                fields[name] = meant.get(written, written)
        before = self.findings.of(file)
        expected = self.expected.read(file, line, fields.get("expected"), raw)
        inputs = {name: self._input(file, line, name, value) for name, value in fields.items() if name not in KNOWN}
        if not inputs and not self.labels_alone:
            self.findings.add(file, line, "", "has no input.", "Add a column with the text to classify.")
        name = self._word(file, line, "id", fields.get("id")) or self._after_itsentry_line(file, line)
        if name in self._ids:
            other, first = self._ids[name]
            where = f"line {first}" if other == file else f"{other.name} line {first}"
            message = f"the id `{shown(name)}` stands twice (first on {where})."
            self.findings.add(file, line, "id", message, "Give each case an id of its own.")
        else:
            self._ids[name] = (file, line)
        split = self._word(file, line, "split", fields.get("split"))
        tags = self._tags(file, line, fields.get("tags"))
        if self.findings.of(file) > before:
            return None
        return Case(id=name, digest=case_digest(inputs), expected=expected, split=split, tags=tags, inputs=inputs)

    def _renamed(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        if not self.columns:
            return dict(fields)
        names = {column: name for name, column in self.columns.items()}
        hidden = set(self.columns) - set(self.columns.values())  # a mapped name is not also a column of its own
        return {names.get(c, c): value for c, value in fields.items() if c in names or c not in hidden}

    def _input(self, file: Path, line: int, name: str, value: object) -> str:
        text = as_text(value)
        if len(text) > LONGEST_FIELD:
            message = f"is longer than {LONGEST_FIELD:,} characters."
            self.findings.add(file, line, shown(name), message, "Shorten it, or leave the case out.")
        elif "\0" in text:
            self.findings.add(file, line, shown(name), "holds a NUL character.", "Remove it.")
        elif not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
            self.findings.add(file, line, shown(name), "holds half of a surrogate pair.", "Save the text as UTF-8.")
        return text

    def _after_itsentry_line(self, file: Path, line: int) -> str:
        name = f"{file.stem}-{line}"
        others = 1
        while self._ids.get(name) == (file, line):  # a JSON list on one line
            others += 1
            name = f"{file.stem}-{line}.{others}"
        return name

    def _word(self, file: Path, line: int, what: str, value: object) -> str:
        text = as_text(value)
        if len(text) > LONGEST_NAME or not text.isprintable():
            self.findings.add(file, line, what, f"must be short ({LONGEST_NAME} characters) and printable.")
            return ""
        return text.strip()

    def _tags(self, file: Path, line: int, value: object) -> tuple[str, ...]:
        if isinstance(value, (list, tuple)):
            parts: list[Any] = list(value)
        else:
            parts = as_text(value).replace(";", ",").split(",")
        words = (self._word(file, line, "tags", part) for part in parts)
        return tuple(dict.fromkeys(word for word in words if word))


def read_labels(
    file: Path, labels: Sequence[str], columns: Mapping[str, str], *, case_sensitive: bool
) -> dict[str, str]:
    """Give the label of each case of a file that has one, by id. Raises FilesError."""
    findings = Findings()
    reader = CaseReader(labels, columns, findings, case_sensitive, unlabelled=True, labels_alone=True)
    found = {case.id: case.expected for case in reader.read(file) if case.expected}
    findings.raise_if_any()
    return found


def case_digest(inputs: Mapping[str, str]) -> str:
    """Digest the inputs of a case: not its id, label, split or tags."""
    return digest(dict(inputs))


def _kind(file: Path, form: CaseFile | None, url: str | None) -> str | None:
    """Give the format of a file: as its entry says, else as its name does."""
    lowered = (url or file.name).lower()
    told = (kind for ending, kind in FORMATS.items() if lowered.endswith(ending))
    return (form and form.format) or next(told, "parquet" if url else None)
