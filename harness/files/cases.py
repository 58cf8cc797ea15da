"""Cases: JSONL, CSV and, with the extra `tables`, Parquet and remote tables; streamed."""

from __future__ import annotations

from harness.record import CaseRow as Case

__all__ = ["Case"]
