"""A journal as columns: what the viewer filters, sorts and pages through."""

from __future__ import annotations

from harness.web.index.columns import CaseRows, RunIndex, TrialRows
from harness.web.index.reading import IndexReader
from harness.web.index.selection import Basis, CaseFilter, Selection, basis_of, select

__all__ = [
    "Basis",
    "CaseFilter",
    "CaseRows",
    "IndexReader",
    "RunIndex",
    "Selection",
    "TrialRows",
    "basis_of",
    "select",
]
