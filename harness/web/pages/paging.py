"""Which part of a long list a page shows."""

from __future__ import annotations

import msgspec

from harness.errors import UsageError
from harness.web.links import Query


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
