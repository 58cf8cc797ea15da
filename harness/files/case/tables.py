"""Case tables that Polars reads (the extra `tables`): Parquet, and what lies at s3:// or hf:// addresses."""

import codecs
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

from harness.files.case.separated import SEPARATORS
from harness.files.written import Findings, in_seconds, shown

_Rows: TypeAlias = Iterator[tuple[int, dict[str, Any]]]
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
            url,
            infer_schema=False,
            separator=separator or _cut_by(polars, url),
            has_header=not header,
            new_columns=list(header) or None,
        ),
    }
    return _batches(file, scans["csv" if kind == "tsv" else kind], findings)


def _cut_by(polars: Any, url: str) -> str:  # noqa: ANN401 - a library that may not be there
    """Tell by its first line what separates the cells of a table at an address."""
    whole = {"has_header": False, "infer_schema": False, "separator": "\x1f", "quote_char": None, "n_rows": 1}
    return max(SEPARATORS, key=str(polars.scan_csv(url, **whole).collect().item()).count)


def _batches(file: Path, scan: Callable[[Any], Any], findings: Findings) -> _Rows:
    try:
        import polars
    except ImportError:
        findings.lacks(file, "tables")
        return
    others = {polars.Binary, polars.Duration}
    try:
        lazy = scan(polars)
        start = 0
        while True:
            batch = lazy.slice(start, _BATCH).collect()
            odd = [
                name
                for name, kind in batch.schema.items()
                if kind.is_nested() or kind.is_float() or kind.base_type() in others
            ]
            rows = batch.to_dicts()
            for line, fields in enumerate(rows, start=start + 1):
                for name in odd:
                    try:
                        fields[name] = as_json(fields[name])
                    except UnicodeDecodeError as error:
                        message = f"holds bytes that are no UTF-8 text: byte 0x{error.object[error.start]:02X}."
                        findings.add(file, line, shown(name), message, "Write the column as text, or leave it out.")
                yield line, fields
            if len(rows) < _BATCH:
                return
            start += _BATCH
    except (polars.exceptions.PolarsError, OSError, ValueError) as error:
        said = shown(str(error).splitlines()[0] if str(error) else type(error).__name__, 200)
        findings.add(file, None, "", f"cannot be read as a table: {said}.", "Check the address and the format.")


def as_json(value: Any) -> Any:  # noqa: ANN401 - what a table can hold
    """Give a value as JSON has it: bytes are text, a duration has its unit, NaN is nothing.

    Raises UnicodeDecodeError for bytes that are no text.
    """
    if isinstance(value, list):
        return [as_json(each) for each in value]
    if isinstance(value, dict):
        return {key: as_json(each) for key, each in value.items()}
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, timedelta):
        return in_seconds(value)
    if isinstance(value, (date, time, Decimal)):
        return str(value)
    return None if value != value else value  # noqa: PLR0124 (only a NaN differs from itself)
