"""Addresses of the viewer's pages, written and read in one place, with the part of a long list they ask for.

Any text that a case's id may hold comes back as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

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


class Addresses:
    """Where everything is that a page links to: on the server; pages that are saved as files have others."""

    served = True  # by a server, which answers what a reader asks

    def page(self, path: str, query: Query | None = None, **more: str | int | None) -> str:
        """Where a page is; empty where there is no such page."""
        return address(path, query, **more)

    def static(self, name: str) -> str:
        """Where a style sheet or a script is."""
        return f"/static/{name}"

    def run(self, run: str) -> str:
        """Where a run's report is."""
        return self.page(f"/runs/{run}")

    def cases(self, run: str, query: Query | None = None, **more: str | int | None) -> str:
        """Where a run's cases are."""
        return self.page(f"/runs/{run}/cases", query, **more)

    def case(self, run: str, case: str, query: Query | None = None, **more: str | int | None) -> str:
        """Where one case is; the query keeps the table that it was opened from."""
        return self.page(f"/runs/{run}/case", {**(query or {}), "id": case}, **more)


SERVED = Addresses()


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a list; `first` and `last` cut the list as a slice does."""

    page: int  # 1-based, never beyond the end
    pages: int
    total: int
    first: int
    last: int

    @classmethod
    def of(cls, total: int, page: int, size: int) -> Paging:
        """Find the page's place; a page beyond the end is the last one."""
        pages = max(1, -(-total // size))
        page = min(max(1, page), pages)
        return cls(page=page, pages=pages, total=total, first=(page - 1) * size, last=min(total, page * size))


def number_of(query: Query, name: str, default: int) -> int:
    """Read a number of an address. Raises UsageError."""
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(f"{name}={text!r} is not a number")
    return int(text)
