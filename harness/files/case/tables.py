"""Case tables that need the extra `tables`: Parquet files, and tables at s3:// or hf:// addresses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.files.case.rows import Row
from harness.files.written import Findings, shown

REMOTE = ("s3://", "hf://")
_BATCH = 10_000


def read_table(file: Path, source: str, findings: Findings) -> Iterator[Row]:
    """Yield the rows of a table; `file` stands for it in messages and a row's line is its number."""
    try:
        import polars
    except ImportError:
        message = "reading this needs the extra `tables`, which is not installed."
        findings.add(file, None, "", message, "Install it: pip install 'prompt-readiness[tables]'.")
        return
    try:
        lazy = _scan(polars, source)
        start = 0
        while True:
            rows = lazy.slice(start, _BATCH).collect().to_dicts()
            for i, fields in enumerate(rows):
                yield Row(start + i + 1, fields)
            if len(rows) < _BATCH:
                return
            start += _BATCH
    except (polars.exceptions.PolarsError, OSError, ValueError) as error:
        said = shown(str(error).splitlines()[0] if str(error) else type(error).__name__, 200)
        findings.add(
            file, None, "", f"cannot be read as a table: {said}.", "Check the address and the format."
        )


def _scan(polars: Any, source: str) -> Any:  # noqa: ANN401 - polars has no stubs when it is absent
    lowered = source.lower()
    if lowered.endswith(".csv"):
        return polars.scan_csv(source, infer_schema=False)
    if lowered.endswith((".jsonl", ".ndjson")):
        return polars.scan_ndjson(source)
    return polars.scan_parquet(source, glob=False) if source.startswith("/") else polars.scan_parquet(source)
