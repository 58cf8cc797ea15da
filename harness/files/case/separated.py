"""Records of text files as people have them: CSV and its kin, and texts a line with their values beside.

The separator is told by the header; columns without a name and without content (`v1,v2,,,`) are none.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from harness.files.written import Findings, read_lines, shown

NAMELESS = ""  # stands among the fields of a row that has text in a column without a name
SEPARATORS = (",", ";", "\t", "|")


def read_separated(
    file: Path,
    findings: Findings,
    *,
    needed: Sequence[str],
    separator: str = "",
    header: Sequence[str] = (),
    encoding: str = "",
    fix: str = "",
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the records of a CSV file or of one of its kin.

    Without a `separator` it is the one that makes the columns `needed` of the first line, else the one that stands
    there most often. `header` names the columns of a file that has no header; `fix` says how to write another encoding
    down.
    """
    csv.field_size_limit(1 << 22)
    lines = (line for _, line in read_lines(file, findings, encoding, fix))
    first, skipped = next(lines, ""), 0
    while first and not first.strip():
        first, skipped = next(lines, ""), skipped + 1
    if first.lower().startswith("sep=") and len(first.strip()) == len("sep=,"):  # Excel's own hint
        separator, first, skipped = separator or first[4], next(lines, ""), skipped + 1
    separator = separator or _separator(first, needed, len(header))
    every = chain([first], lines)
    records: Iterator[tuple[int, list[str]]]
    if separator == "\t" and _one_a_line(file, encoding, findings):
        records = ((skipped + i, _cells(line)) for i, line in enumerate(every, start=1))
    else:
        records = _records(file, csv.reader(every, delimiter=separator, strict=True), skipped, findings)
    yield from named_cells(file, records, header, findings)


def _separator(first: str, needed: Sequence[str], columns: int) -> str:
    for each in SEPARATORS if columns or needed else ():
        cells = [cell.strip() for cell in first.rstrip("\r\n").replace('"', "").split(each)]
        if len(cells) == columns if columns else set(needed) <= set(cells):
            return each
    return max(SEPARATORS, key=first.count)


def _one_a_line(file: Path, encoding: str, findings: Findings) -> bool:
    """Whether all lines have as many tabs: then a record is a line, and a quote is text as any other."""
    if findings.of(file):
        return False
    counts = {line.count("\t") for _, line in read_lines(file, Findings(), encoding) if line.strip()}
    return len(counts) == 1


def _cells(line: str) -> list[str]:
    """Split at tabs; quotes around a whole cell are taken off."""
    cells = line.rstrip("\r\n").split("\t") if line.strip() else []
    return [
        cell[1:-1].replace('""', '"')
        if len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in cell[1:-1].replace('""', "")
        else cell
        for cell in cells
    ]


def _records(file: Path, reader: Any, skipped: int, findings: Findings) -> Iterator[tuple[int, list[str]]]:  # noqa: ANN401 - csv's own type has no name
    """Yield each record with the line on which it starts."""
    line = 1
    try:
        for cells in reader:
            yield skipped + line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        unclosed = "unexpected end" in str(error)  # then the quote was opened in this record
        at = skipped + (line if unclosed else reader.line_num or 1)
        said, fix = f"is not valid CSV: {error}.", "Close every quote; double a quote inside a field."
        if "new-line character" in str(error):
            said, fix = "has lines that end with a carriage return alone.", "Save it as `CSV UTF-8`."
        findings.add(file, at, "", said, fix)


def named_cells(
    file: Path, records: Iterator[tuple[int, list[str]]], header: Sequence[str], findings: Findings
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Put the columns' names to the cells; text that no column names is left out, and `NAMELESS` told."""
    if not header:
        _, cells = next(records, (1, []))
        header = [cell.strip() for cell in cells]
        twice = sorted({column for column in header if column and header.count(column) > 1})
        for column in twice:
            fix = "Rename one of them, or write a first line that names the columns, if there is none."
            findings.add(file, 1, shown(column), f"the column `{shown(column)}` stands twice.", fix)
        if twice:
            return
    least = max((i for i, name in enumerate(header, start=1) if name), default=0)
    for line, cells in records:
        if not any(cell.strip() for cell in cells):
            continue  # a blank line, or a row of separators alone, as spreadsheets leave where rows were emptied
        if not least <= len(cells) <= len(header):
            message = f"has {len(cells)} fields where the header has {len(header)}."
            findings.add(file, line, "", message, "Put quotes around a field that holds a separator.")
            continue
        fields = {name: cell for name, cell in zip(header, cells, strict=False) if name}
        if any(cell.strip() and not name for name, cell in zip(header, cells, strict=False)):
            fields[NAMELESS] = ""
        yield line, fields


def read_beside(
    file: Path, column: str, beside: Mapping[str, Path], findings: Findings, encoding: str = ""
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each line of a file as a text; line by line, other files hold the values of other columns."""
    columns = {column: file, **beside}
    lines = [(line.rstrip("\r\n") for _, line in read_lines(path, findings, encoding)) for path in columns.values()]
    for number, cells in enumerate(zip_longest(*lines), start=1):
        if None in cells:
            paths = list(columns.values())
            ended = paths[cells.index(None)]
            longer = next(path for path, cell in zip(paths, cells, strict=True) if cell is not None)
            message = f"ends after line {number - 1:,}, before {shown(longer.name)} does."
            findings.add(ended, number - 1, "", message, "Each needs a line for each case.")
            return
        yield number, dict(zip(columns, cells, strict=True))
