"""Files that people name: their paths, kept inside the project with symlinks resolved, and their text."""

from __future__ import annotations

import codecs
from itertools import islice
from pathlib import Path

from harness.files.written.findings import Findings, nearest, shown

MOST_MATCHES = 1000
_WILD = frozenset("*?[")


class Outside(Exception):
    """A reference leaves the project."""


def resolve(written: str, base: Path, root: Path) -> Path:
    """Give the file that `written` names, relative to `base`. Raises Outside."""
    if "\0" in written:
        raise Outside
    target = (base / written).resolve()
    if not target.is_relative_to(root.resolve()):
        raise Outside
    return target


def expand(written: str, base: Path, root: Path) -> list[Path]:
    """Give the files that a pattern matches, in the order of their names. Raises Outside."""
    if not _WILD.intersection(written):
        return [resolve(written, base, root)]
    parts = Path(written).parts
    fixed = next(i for i, part in enumerate(parts) if _WILD.intersection(part))
    folder = resolve(str(Path(*parts[:fixed])) if fixed else ".", base, root)
    if ".." in parts[fixed:]:
        raise Outside
    found = sorted(folder.glob(str(Path(*parts[fixed:]))))[:MOST_MATCHES]
    return [resolve(str(path), base, root) for path in found if path.is_file()]


def shortest(path: Path) -> Path:
    """Write a path relative to the working directory when it lies inside, for messages."""
    try:
        return path.relative_to(Path.cwd())
    except (ValueError, OSError):
        return path


def near_file(path: Path) -> str:
    """Ask for the file of the same folder that was probably meant; empty where none is near."""
    try:
        names = [entry.name for entry in islice(path.parent.iterdir(), MOST_MATCHES)]
    except OSError:
        return ""
    near = nearest(path.name, names)
    return f"Did you mean `{shown(near)}`?" if near else ""


LARGEST_WRITTEN = 1 << 20  # bytes of a YAML file: more is not something that a person wrote

_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_SAVE = "Save it as UTF-8 without a byte order mark."


def read_written(path: Path, findings: Findings) -> str | None:
    """Read a small text file whole; None when there was a problem, which is then in `findings`."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_WRITTEN + 1)
    except OSError as error:
        unreadable(path, error, findings)
        return None
    if len(raw) > LARGEST_WRITTEN:
        findings.add(
            path, None, "", f"is larger than {LARGEST_WRITTEN:,} bytes.", "Keep cases in a JSONL or CSV file."
        )
        return None
    problem = first_bytes_problem(raw)
    if problem:
        findings.add(path, 1, "", problem, _SAVE)
        return None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        findings.add(path, line, "", not_utf8(raw, error.start), _SAVE)
        return None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        findings.add(path, line, "", "holds a NUL byte.", "Remove it; text files have none.")
        return None
    return text


def first_bytes_problem(raw: bytes) -> str:
    """Name the byte order mark that a file starts with; empty when it starts with none."""
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return f"is encoded as {name}, not as UTF-8."
    if raw.startswith(codecs.BOM_UTF8):
        return "starts with a byte order mark (BOM)."
    return ""


def not_utf8(raw: bytes, at: int) -> str:
    """Say which byte is not UTF-8, and whether the text mixes two encodings."""
    byte = raw[at]
    guess = bytes([byte]).decode("cp1252", errors="ignore")
    meaning = f" (`{guess}` in Windows-1252)" if guess.isprintable() and guess else ""
    rest = raw[:at] + raw[at + 1 :]
    mixed = any(b >= 0x80 for b in raw[:at]) or _has_utf8(rest[at:])
    kind = "mixes UTF-8 with another encoding" if mixed else "is not UTF-8"
    return f"{kind}: byte 0x{byte:02X}{meaning} at offset {at:,}."


def _has_utf8(raw: bytes) -> bool:
    return any(len(c.encode()) > 1 for c in raw.decode("utf-8", errors="ignore"))


def unreadable(path: Path, error: OSError, findings: Findings) -> None:
    """Note that a file can't be read, and which one beside it was probably meant."""
    near = near_file(path) if isinstance(error, FileNotFoundError) else ""
    fix = near or "Check the path and its permissions."
    findings.add(path, None, "", f"cannot be read: {reason(error)}.", fix)


def reason(error: OSError) -> str:
    """Say in plain words why a file can't be read, without the path that the problem names anyway."""
    return (error.strerror or type(error).__name__).lower()
