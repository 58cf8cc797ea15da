"""Cases: JSONL, CSV and, with the extra `tables`, Parquet and remote tables; streamed.

Everything that is not a known column (`id`, `expected`, `split`, `tags`) is an input of the template, and
every input is text, as written. A case without an id is named after its file and line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from harness.files.case.rows import Row, read_csv, read_jsonl
from harness.files.digest import digest
from harness.files.written import Findings, did_you_mean, shown
from harness.record import CaseRow as Case

__all__ = ["Case", "CaseReader"]

KNOWN = ("id", "expected", "split", "tags")
LONGEST_FIELD = 200_000  # characters of one input
LONGEST_NAME = 200  # characters of an id, split or tag

Place: TypeAlias = tuple[Path, int]


@dataclass(slots=True)
class CaseReader:
    """Reads the case files of one suite; ids are unique over all of them."""

    labels: Sequence[str] | None  # None: the labels of the suite are themselves wrong, so nothing is compared
    columns: Mapping[str, str]
    findings: Findings
    seen: set[str] = field(default_factory=set)  # the columns of all files; kept where columns are mapped
    _ids: dict[str, Place] = field(default_factory=dict)

    def read(self, file: Path, *, url: str | None = None) -> Iterator[Case]:
        """Yield the good cases of a file; the problems of the others go into `findings`."""
        suffix = Path(url or file).suffix.lower()
        if url is not None or suffix == ".parquet":
            from harness.files.case.tables import read_table

            rows: Iterable[Row] = read_table(file, url or str(file), self.findings)
        elif suffix in {".jsonl", ".ndjson"}:
            rows = read_jsonl(file, self.findings)
        elif suffix == ".csv":
            rows = read_csv(file, self._needed(), self.findings)
        else:
            self.findings.add(file, None, "", "is not a file of cases.", "Use .jsonl, .csv or .parquet.")
            return
        before, count = self.findings.of(file), 0
        for row in rows:
            count += 1
            if self.columns:
                self.seen.update(row.fields)
            case = self._case(file, row)
            if case is not None:
                yield case
        if count == 0 and self.findings.of(file) == before:
            self.findings.add(file, None, "", "holds no cases.", "Add at least one.")

    def _needed(self) -> list[str]:
        return list(dict.fromkeys((self.columns.get("expected", "expected"), *self.columns.values())))

    def _case(self, file: Path, row: Row) -> Case | None:
        line, fields = row.line, self._renamed(row.fields)
        before = self.findings.of(file)
        expected = self._expected(file, line, fields, row.fields)
        inputs = {
            name: self._input(file, line, name, value) for name, value in fields.items() if name not in KNOWN
        }
        if not inputs:
            self.findings.add(file, line, "", "has no input.", "Add a column with the text to classify.")
        name = self._id(file, line, fields.get("id"))
        split = self._word(file, line, "split", fields.get("split"))
        tags = self._tags(file, line, fields.get("tags"))
        if self.findings.of(file) > before:
            return None
        return Case(
            id=name, digest=case_digest(inputs), expected=expected, split=split, tags=tags, inputs=inputs
        )

    def _renamed(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        if not self.columns:
            return dict(fields)
        names = {column: name for name, column in self.columns.items()}
        hidden = set(self.columns) - set(
            self.columns.values()
        )  # a mapped name is not also a column of its own
        return {names.get(c, c): value for c, value in fields.items() if c in names or c not in hidden}

    def _expected(self, file: Path, line: int, fields: Mapping[str, Any], raw: Mapping[str, Any]) -> str:
        column = self.columns.get("expected", "expected")
        if fields.get("expected") is None:
            near = did_you_mean(column, raw) if column not in raw else ""
            self.findings.add(
                file, line, column, "is required but missing.", near or "Write the label expected."
            )
            return ""
        label = as_text(fields["expected"])
        if self.labels is not None and label not in self.labels:
            message = f"`{shown(label)}` is not one of the suite's labels."
            self.findings.add(file, line, column, message, did_you_mean(label, self.labels))
        return label

    def _input(self, file: Path, line: int, name: str, value: object) -> str:
        text = as_text(value)
        if len(text) > LONGEST_FIELD:
            message = f"is longer than {LONGEST_FIELD:,} characters."
            self.findings.add(file, line, shown(name), message, "Shorten it, or leave the case out.")
        elif "\0" in text:
            self.findings.add(file, line, shown(name), "holds a NUL character.", "Remove it.")
        elif not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
            self.findings.add(
                file, line, shown(name), "holds half of a surrogate pair.", "Save the text as UTF-8."
            )
        return text

    def _id(self, file: Path, line: int, value: object) -> str:
        name = self._word(file, line, "id", value) or f"{file.stem}-{line}"
        if name in self._ids:
            other, first = self._ids[name]
            where = f"line {first}" if other == file else f"{other.name} line {first}"
            message = f"the id `{shown(name)}` stands twice (first on {where})."
            self.findings.add(file, line, "id", message, "Give each case an id of its own.")
        else:
            self._ids[name] = (file, line)
        return name

    def _word(self, file: Path, line: int, what: str, value: object) -> str:
        text = as_text(value)
        if len(text) > LONGEST_NAME or not text.isprintable():
            message = f"must be short ({LONGEST_NAME} characters) and printable."
            self.findings.add(file, line, what, message)
            return ""
        return text.strip()

    def _tags(self, file: Path, line: int, value: object) -> tuple[str, ...]:
        if isinstance(value, (list, tuple)):
            parts: list[Any] = list(value)
        else:
            parts = as_text(value).replace(";", ",").split(",")
        words = (self._word(file, line, "tags", part) for part in parts)
        return tuple(dict.fromkeys(word for word in words if word))


def as_text(value: object) -> str:
    """Write a value of a case as text: numbers as written, true/false as in JSON, null as nothing."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, (bool, list, dict)):
        return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    return str(value)


def case_digest(inputs: Mapping[str, str]) -> str:
    """Digest the inputs of a case: not its id, label, split or tags."""
    return digest(dict(inputs))
