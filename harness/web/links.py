"""Addresses of the viewer's pages: written and read in one place, any text a case's id may hold included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import parse_qsl, quote, urlencode

from harness.errors import UsageError

Query: TypeAlias = Mapping[str, str]
ANY = "surrogatepass"  # a lone surrogate in an id comes back as it was


def query_of(raw: bytes) -> dict[str, str]:
    """Read a query string; of a name that is given twice, the last. Raises UsageError."""
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors=ANY, max_num_fields=50)
    except ValueError:
        raise UsageError("this address is not one that the viewer writes") from None
    return dict(pairs)


def address(path: str, query: Query | None = None, **more: str | int | None) -> str:
    """Write an address; empty values are left out."""
    values = {**(query or {}), **{name: "" if value is None else str(value) for name, value in more.items()}}
    kept = {name: value for name, value in values.items() if value}
    return quote(path) + (f"?{urlencode(kept, errors=ANY)}" if kept else "")


def run_address(run: str) -> str:
    """Where a run's report is."""
    return address(f"/runs/{run}")


def cases_address(run: str, query: Query | None = None, **more: str | int | None) -> str:
    """Where a run's cases are."""
    return address(f"/runs/{run}/cases", query, **more)


def case_address(run: str, case: str, query: Query | None = None, **more: str | int | None) -> str:
    """Where one case is; the query keeps the table that it was opened from."""
    return address(f"/runs/{run}/case", query, id=case, **more)
