"""Writes trials as CSV, JSON lines or Parquet, row by row.

A text in a CSV file that a spreadsheet would run as a formula gets an apostrophe before it, as OWASP advises
(CSV injection); the other formats keep every text as it is.
"""

import csv
import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from harness.errors import UsageError, how_to_install
from harness.report.export.rows import COLUMNS, Row

_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # some programs take the wide forms, too


def write_csv(rows: Iterable[Row], out: IO[str]) -> int:
    """Write a header and a line a row; gives the number of rows."""
    count = -1  # the header is no row
    for line in csv_lines(COLUMNS, map(_flat, rows)):
        out.write(line)
        count += 1
    return count


def csv_lines(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Yield a header and a line a row, as RFC 4180 has them, with no text that a spreadsheet would run."""
    writer = csv.writer(_Line, lineterminator="\r\n")  # a text that holds either is quoted
    yield writer.writerow(columns)
    for row in rows:
        yield writer.writerow([_csv_cell(value) for value in row])


class _Line:
    """What a csv writer writes to, so that it gives each line back."""

    @staticmethod
    def write(line: str) -> str:
        return line


def write_jsonl(rows: Iterable[Row], out: IO[str]) -> int:
    """Write an object a row, every column in it; gives the number of rows."""
    count = 0
    for row in rows:
        whole = {name: row.get(name) for name in COLUMNS}
        out.write(json.dumps(whole, allow_nan=False) + "\n")
        count += 1
    return count


def write_parquet(rows: Iterable[Row], path: Path) -> int:
    """Write a Parquet file by way of a temporary one; gives the number of rows."""
    try:
        import polars
    except ImportError:
        fix = f"{how_to_install('tables')} Or choose --to csv or --to jsonl."
        raise UsageError("writing Parquet needs the extra `tables`, which is not installed", fix=fix) from None
    types = {str: polars.String, int: polars.Int64, float: polars.Float64, bool: polars.Boolean}
    schema = {name: types[kind] for name, kind in COLUMNS.items()}
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "rows.jsonl"
        with lines.open("w", encoding="ascii") as out:
            count = 0
            for row in rows:
                out.write(json.dumps(dict(zip(COLUMNS, _flat(row), strict=True)), allow_nan=False) + "\n")
                count += 1
        if count:
            polars.scan_ndjson(lines, schema=schema).sink_parquet(path)
        else:
            polars.DataFrame(schema=schema).write_parquet(path)
    return count


def _flat(row: Row) -> list[Any]:
    """Give the values in the order of the columns, the inputs as JSON text."""
    inputs = json.dumps(row["inputs"], ensure_ascii=False)
    cells = (inputs if name == "inputs" else row.get(name) for name in COLUMNS)
    # No file can hold a lone surrogate
    return [each.encode("utf-8", "replace").decode() if isinstance(each, str) else each for each in cells]


def _csv_cell(value: object) -> object:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.9g}"
        case str() if value.startswith(_FORMULA):
            return f"'{value}"
        case _:
            return value
