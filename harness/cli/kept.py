"""What was judged stays beside its run, and is read while all that it came from, and the code, is the same.

A kept document stands under a digest of every file that it was made from, of what was asked, and of the code and
the libraries that computed it: whoever asks gets the same bytes as by judging anew, or judges anew.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from harness import __version__, rundir

if TYPE_CHECKING:
    from collections.abc import Iterable

_COMPUTING = ("numpy", "scipy")
_T = TypeVar("_T")


def read_kept(path: Path, digest: str, kind: type[_T]) -> _T | None:
    """Give the document that was kept under this digest; None where there is none that can be read."""
    import msgspec

    with suppress(OSError, ValueError, RecursionError, msgspec.MsgspecError):
        kept, document = msgspec.msgpack.decode(rundir.plain_content(path), type=tuple[str, msgspec.Raw])
        if kept == digest:
            return msgspec.msgpack.decode(document, type=kind)
    return None


def keep(path: Path, digest: str, document: object) -> None:
    """Keep a document as it is, each table in its order; where that fails the next reader judges anew."""
    import secrets

    import msgspec

    with suppress(OSError, UnicodeError):
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")  # no link in a foreign run is followed
        temporary.write_bytes(msgspec.msgpack.encode((digest, document)))
        temporary.replace(path)


def digest_of(files: Iterable[Path], *said: str) -> str:
    """Give one digest of files, of what was asked, and of the code that judges."""
    import hashlib

    told = "\n".join([*_code(), *said, *(f"{path.name} {_of_file(path)}" for path in files)])
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def _of_file(path: Path) -> str:
    import hashlib

    try:
        with rundir.open_plain(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "none"


@cache
def _code() -> tuple[str, ...]:
    """Name what judges: every file of ours, and the libraries that compute, by size and time of change."""
    from importlib.util import find_spec

    places = [
        Path(__file__).parents[1],
        *(Path(spec.origin).parent for spec in map(find_spec, _COMPUTING) if spec and spec.origin),
    ]
    ours, *theirs = places
    files = [*sorted(ours.rglob("*.py")), *(place / "version.py" for place in theirs)]
    known = ((path, path.stat()) for path in files)
    return (f"{sys.version} {__version__}", *(f"{path} {about.st_size} {about.st_mtime_ns}" for path, about in known))
