"""Bytes -> text: UTF-8 without a byte order mark, or a problem that names what is there instead."""

from __future__ import annotations

import codecs
from pathlib import Path

from harness.files.written.findings import Findings
from harness.files.written.references import near_file

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
