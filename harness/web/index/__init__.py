"""A journal as columns: what the viewer filters, sorts and pages through."""

from __future__ import annotations

from harness.web.index.columns import CaseRows, RunIndex, TrialRows
from harness.web.index.reading import IndexReader
from harness.web.index.selection import Basis, Selection, Wanted, basis_of, select

__all__ = [
    "Basis",
    "CaseRows",
    "IndexReader",
    "RunIndex",
    "Selection",
    "TrialRows",
    "Wanted",
    "basis_of",
    "select",
]
