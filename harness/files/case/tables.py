"""Case tables that need the extra `tables`: Parquet, spreadsheets, and tables at s3:// or hf:// addresses.

Spreadsheets are read by python-calamine (MIT, no dependencies), Parquet and what lies elsewhere by Polars.
"""

import codecs
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, TypeAlias

from harness.files.written import Findings, did_you_mean, shown

_Rows: TypeAlias = Iterator[tuple[int, dict[str, Any]]]
LARGEST_SHEET = 1 << 30  # bytes of a spreadsheet once it is unpacked
_BATCH = 10_000


def read_table(file: Path, source: str, findings: Findings) -> _Rows:
    """Yield the rows of a Parquet file; `file` stands for it in messages and a row's line is its number."""
    return _batches(file, lambda polars: polars.scan_parquet(source, glob=False), findings)


def class_names(source: str) -> dict[str, tuple[str, ...]]:
    """Give the names of the classes of each column, where Parquet keeps the features of a data set with it."""
    import polars

    try:
        kept = polars.read_parquet_metadata(source).get("huggingface", "{}")
        features = json.loads(kept).get("info", {}).get("features", {})
        return {name: tuple(told["names"]) for name, told in features.items() if told.get("names")}
    except (polars.exceptions.PolarsError, OSError, ValueError, AttributeError, TypeError):
        return {}  # the ids stay ids


def read_remote(
    file: Path, url: str, kind: str, findings: Findings, *, separator: str, header: Sequence[str], encoding: str
) -> _Rows:
    """Yield the rows of a table at an address, read by batches: Parquet, CSV and its kin, JSONL."""
    wide = encoding and codecs.lookup(encoding).name not in {"utf-8", "utf-8-sig", "ascii"}
    if kind not in {"parquet", "csv", "tsv", "jsonl"} or wide:
        what = f"in the encoding {encoding}" if wide else f"of the format `{kind}`"
        message = f"a table {what} can't be read from an address."
        findings.add(file, None, "", message, "Download it, and name the file.")
        return iter(())
    scans: dict[str, Callable[[Any], Any]] = {
        "parquet": lambda polars: polars.scan_parquet(url),
        "jsonl": lambda polars: polars.scan_ndjson(url),
        "csv": lambda polars: polars.scan_csv(
            url, infer_schema=False, separator=separator, has_header=not header, new_columns=list(header) or None
        ),
    }
    return _batches(file, scans["csv" if kind == "tsv" else kind], findings)


def _batches(file: Path, scan: Callable[[Any], Any], findings: Findings) -> _Rows:
    try:
        import polars
    except ImportError:
        findings.lacks(file, "tables")
        return
    try:
        lazy = scan(polars)
        start = 0
        while True:
            rows = lazy.slice(start, _BATCH).collect().to_dicts()
            for i, fields in enumerate(rows):
                yield start + i + 1, fields
            if len(rows) < _BATCH:
                return
            start += _BATCH
    except (polars.exceptions.PolarsError, OSError, ValueError) as error:
        said = shown(str(error).splitlines()[0] if str(error) else type(error).__name__, 200)
        findings.add(file, None, "", f"cannot be read as a table: {said}.", "Check the address and the format.")


def read_sheet(file: Path, findings: Findings, sheet: str = "") -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a spreadsheet that are not empty, as texts; `sheet` is a name or a number from 1."""
    try:
        import python_calamine as calamine
    except ImportError:
        findings.lacks(file, "tables")
        return
    try:
        if _unpacked(file) > LARGEST_SHEET:
            findings.add(file, None, "", f"unpacks to more than {LARGEST_SHEET:,} bytes.", "Save it as CSV.")
            return
        book = calamine.CalamineWorkbook.from_path(str(file))
        names = list(book.sheet_names)
        chosen = sheet or names[0]
        if chosen not in names and chosen.isdecimal() and 1 <= int(chosen) <= len(names):
            chosen = names[int(chosen) - 1]
        if chosen not in names:
            message = f"has no sheet `{shown(chosen)}`."
            findings.add(file, None, "", message, did_you_mean(chosen, names))
            return
        rows = book.get_sheet_by_name(chosen).to_python(skip_empty_area=False)
    except (calamine.CalamineError, OSError, ValueError, IndexError, zipfile.BadZipFile) as error:
        said = shown(str(error).splitlines()[0] if str(error) else type(error).__name__, 200)
        findings.add(file, None, "", f"cannot be read as a spreadsheet: {said}.", "Save it again, or as CSV.")
        return
    for line, row in enumerate(rows, start=1):
        cells = [_written(cell) for cell in row]
        if any(cells):
            yield line, cells


def _unpacked(file: Path) -> int:
    """Say how large a spreadsheet is once it is unpacked; old formats are not packed."""
    if not zipfile.is_zipfile(file):
        return file.stat().st_size
    with zipfile.ZipFile(file) as packed:
        return sum(each.file_size for each in packed.infolist())


def _written(cell: object) -> str:
    """Write a cell as a person reads it: every number of a spreadsheet is a float, `1` and `2026` as well."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    return cell.isoformat() if isinstance(cell, (date, time)) else str(cell)
