"""A journal as columns: what the viewer filters, sorts and pages through."""

from harness.web.index.reading import CaseRows, IndexReader, RunIndex, TrialRows
from harness.web.index.selection import ORDERS, RIGHT, Basis, CaseFilter, Selection, basis_of, select
