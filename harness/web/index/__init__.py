"""A journal as columns: what the viewer filters, sorts and pages through."""

from __future__ import annotations

from harness.web.index.columns import CaseRows, RunIndex, TrialRows
from harness.web.index.reading import IndexReader
from harness.web.index.selection import Selection, Wanted, select

__all__ = ["CaseRows", "IndexReader", "RunIndex", "Selection", "TrialRows", "Wanted", "select"]
