"""Files that people name: their paths, kept inside the project with symlinks resolved, and their text."""

import codecs
import io
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

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


def is_pattern(written: str) -> bool:
    """Whether a reference may name several files."""
    return bool(_WILD.intersection(written))


def expand(written: str, base: Path, root: Path) -> list[Path]:
    """Give the files that a pattern matches, in the order of their names. Raises Outside."""
    if not is_pattern(written):
        return [resolve(written, base, root)]
    parts = Path(written).parts
    fixed = next(i for i, part in enumerate(parts) if _WILD.intersection(part))
    folder = resolve(str(Path(*parts[:fixed])) if fixed else ".", base, root)
    if ".." in parts[fixed:]:
        raise Outside
    found = sorted(folder.glob(str(Path(*parts[fixed:]))))[:MOST_MATCHES]
    return [resolve(str(path), base, root) for path in found if path.is_file()]


REMOTE = ("s3://", "hf://")  # where tables may lie besides
INSIDE = "Keep it inside the project: the folder of harness.yml."


def named_files(written: str, base: Path, root: Path, tell: Callable[[str, str], None]) -> list[Path]:
    """Give the files that an entry names, relative to `base`; `tell` hears what is wrong, and the fix."""
    if "://" in written:
        fix = f"Use a file, {' or '.join(f'`{each}`' for each in REMOTE)}."
        tell(f"`{shown(written)}` can't be read from there.", fix)
        return []
    try:
        paths = expand(written, base, root)
    except Outside:
        tell(f"`{shown(written)}` leads out of the project.", INSIDE)
        return []
    except (OSError, ValueError):
        tell(f"`{shown(written)}` is not a path.", "")
        return []
    missing = [path for path in paths if not path.is_file()]
    if missing or not paths:
        said = "no such file" if missing else "no file matches"
        fix = near_file(missing[0]) if missing else ""
        tell(f"{said}: `{shown(written)}`.", fix or "Paths are relative to the suite's folder.")
    return [shortest(path) for path in paths if path.is_file()]


def shortest(path: Path) -> Path:
    """Write a path relative to the working directory when it lies inside, for messages."""
    try:
        return path.relative_to(Path.cwd())
    except (ValueError, OSError):
        return path


def near_file(path: Path) -> str:
    """Ask for the file of the same folder that was probably meant; empty where none is near."""
    try:
        names = [entry.name for entry in islice(path.parent.iterdir(), MOST_MATCHES) if entry.name != path.name]
    except OSError:
        return ""
    near = nearest(path.name, names)
    return f"Did you mean `{shown(near)}`?" if near else ""


_LONGEST_LINE = 4 << 20  # bytes of one line
LARGEST_WRITTEN = 1 << 20  # bytes of a YAML file: more is not something that a person wrote

_MARKS = (  # UTF-32's first: its mark starts as that of UTF-16 does
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)
SAVE = "Save it as UTF-8."
_PACKED = {  # by its first bytes -> what it is, and what to do
    b"PK\x03\x04": ("is no text but a spreadsheet, or packed.", f"Write `format: xlsx`. Or: {SAVE}"),
    b"\x1f\x8b\x08": ("is packed with gzip.", "Unpack it: gunzip."),
}


def encoding_of(raw: bytes) -> str:
    """Name the encoding that a byte order mark tells, or every other byte of the first four; else UTF-8."""
    told = next((name for mark, name in _MARKS if raw.startswith(mark)), "")
    wide = {"0101": "utf-16-le", "1010": "utf-16-be"}
    return told or wide.get("".join(str(int(byte == 0)) for byte in raw[:4]), "utf-8")


def first_sign(head: bytes) -> str:
    """Give the first character of a text that is no blank, whatever its encoding; `head` are its first bytes."""
    return head.decode(encoding_of(head), "ignore").lstrip("\ufeff \t\r\n")[:1]


def read_written(path: Path, findings: Findings) -> str | None:
    """Read a small text file whole; None when there was a problem, which is then in `findings`."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_WRITTEN + 1)
    except OSError as error:
        unreadable(path, error, findings)
        return None
    if len(raw) > LARGEST_WRITTEN:
        findings.add(path, None, "", f"is larger than {LARGEST_WRITTEN:,} bytes.", "Keep cases in a JSONL or CSV file.")
        return None
    return decoded(path, raw, findings)


def decoded(path: Path, raw: bytes, findings: Findings, encoding: str = "") -> str | None:
    """Decode a whole file, without its byte order mark; None when there was a problem."""
    codec = encoding or encoding_of(raw)
    try:
        text = raw.decode(codec).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        if codec.startswith("utf-8"):
            findings.add(path, line, "", not_utf8(raw, error.start), SAVE)
        else:
            findings.add(path, line, "", f"is not {codec}: byte 0x{raw[error.start]:02X}.", SAVE)
        return None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        findings.add(path, line, "", "holds a NUL byte.", "Remove it; text files have none.")
        return None
    return text


class TwiceError(Exception):
    """A key that stands twice in an object of JSON; its text is the key."""


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Give an object of JSON from its pairs (`object_pairs_hook`). Raises TwiceError."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise TwiceError(key)
            seen.add(key)
    return found


def read_lines(path: Path, findings: Findings, encoding: str = "", fix: str = "") -> Iterator[tuple[int, str]]:
    """Yield numbered lines as text, each with its end; one that can't be decoded is a finding and left out.

    `encoding` is that of the file, where it is written down; else a byte order mark tells it, else it is
    UTF-8. `fix` says how to write down another one.
    """
    try:
        with path.open("rb") as source:
            begun = source.peek(4)
            codec = encoding or encoding_of(begun[:4])
            if packed := next((said for mark, said in _PACKED.items() if begun.startswith(mark)), None):
                findings.add(path, None, "", *packed)
            elif codecs.lookup(codec).name.startswith(("utf-16", "utf-32")):
                yield from _wide_lines(path, source, codec, findings)
            else:
                yield from _lines(path, source, codec, findings, fix or SAVE)
    except OSError as error:
        unreadable(path, error, findings)


def _wide_lines(path: Path, source: BinaryIO, codec: str, findings: Findings) -> Iterator[tuple[int, str]]:
    """Read an encoding in which the end of a line is not one byte."""
    number = 0
    with io.TextIOWrapper(source, encoding=codec, newline="\n") as lines:
        try:
            while line := lines.readline(_LONGEST_LINE + 1):
                number += 1
                if len(line) > _LONGEST_LINE or "\0" in line:
                    wrong = "is too long" if len(line) > _LONGEST_LINE else "holds a NUL character"
                    findings.add(path, number, "", f"{wrong}.", "Check the encoding.")
                    return
                yield number, line.removeprefix("\ufeff") if number == 1 else line
        except UnicodeError:
            findings.add(path, number + 1, "", f"is not {codec}.", SAVE)


def _lines(path: Path, source: BinaryIO, codec: str, findings: Findings, fix: str) -> Iterator[tuple[int, str]]:
    number = 0
    while raw := source.readline(_LONGEST_LINE + 1):
        number += 1
        if len(raw) > _LONGEST_LINE:
            findings.add(path, number, "", f"is longer than {_LONGEST_LINE:,} bytes.", "Shorten it.")
            return
        if b"\0" in raw:
            findings.add(path, number, "", "holds a NUL byte.", "Remove it; text files have none.")
        else:
            try:
                line = raw.decode(codec)
                yield number, line.removeprefix("\ufeff") if number == 1 else line
            except UnicodeDecodeError as error:
                message = not_utf8(raw, error.start)
                if not codec.startswith("utf-8"):
                    message = f"is not {codec}: byte 0x{raw[error.start]:02X}."
                findings.add(path, number, "", message, fix)


def not_utf8(raw: bytes, at: int) -> str:
    """Say which byte is not UTF-8, and whether the text mixes two encodings."""
    byte = raw[at]
    guess = bytes([byte]).decode("cp1252", errors="ignore")
    meaning = f" (`{guess}` in Windows-1252)" if guess.isprintable() and guess else ""
    rest = raw[:at] + raw[at + 1 :]
    mixed = not raw[:at].isascii() or not rest[at:].decode("utf-8", errors="ignore").isascii()
    kind = "mixes UTF-8 with another encoding" if mixed else "is not UTF-8"
    return f"{kind}: byte 0x{byte:02X}{meaning}."


def unreadable(path: Path, error: OSError, findings: Findings) -> None:
    """Note that a file can't be read, and which one beside it was probably meant."""
    near = near_file(path) if isinstance(error, FileNotFoundError) else ""
    fix = near or "Check the path and its permissions."
    findings.add(path, None, "", f"cannot be read: {reason(error)}.", fix)


def reason(error: OSError) -> str:
    """Say in plain words why a file can't be read, without the path that the problem names anyway."""
    return (error.strerror or type(error).__name__).lower()
