"""Spreadsheets as tables of cases, read by python-calamine (MIT, no dependencies; the extra `tables`)."""

import re
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TypeAlias

from harness.files.written import Findings, did_you_mean, in_seconds, shown

LARGEST_SHEET = 1 << 30  # bytes of a spreadsheet once it is unpacked
_Lost: TypeAlias = Iterator[tuple[int, str, str, str]]  # line, cell, what is wrong with it, what to do
_EMPTY = re.compile(  # a cell that holds an error, or a formula without a value; an empty text is one (t="str")
    rb'<(?:\w+:)?c r="([A-Z]+(\d+))"(?:[^>]*? t="e"[^>]*>.*?<(?:\w+:)?v>([^<]*)<'
    rb'|(?![^>]* t="str")[^>]*(?<!/)><(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)'
    rb"(?:<(?:\w+:)?v ?/>|<(?:\w+:)?v></(?:\w+:)?v>)?</)",
    re.DOTALL,
)
_SHEETS = re.compile(rb'<(?:\w+:)?sheet\b[^>]*?\w+:id="([^"]+)"')


def read_sheet(file: Path, findings: Findings, sheet: str = "") -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a spreadsheet that are not empty, as texts; `sheet` is a name or a number from 1.

    Without one it is the first that is not hidden. Cells whose value is not there are findings: merged ones below the
    first, errors (`#N/A`), and formulas that were never calculated.
    """
    try:
        import python_calamine as calamine
    except ImportError:
        findings.lacks(file, "tables")
        return
    try:
        if _unpacked(file) > LARGEST_SHEET:
            findings.add(file, None, "", f"unpacks to more than {LARGEST_SHEET:,} bytes.", "Save it as CSV.")
            return
        book = calamine.CalamineWorkbook.from_path(str(file))
        names = list(book.sheet_names)
        seen = (each.name for each in book.sheets_metadata if each.visible == calamine.SheetVisibleEnum.Visible)
        chosen = sheet or next(seen, names[0])
        if chosen not in names and chosen.isdecimal() and 1 <= int(chosen) <= len(names):
            chosen = names[int(chosen) - 1]
        if chosen not in names:
            message = f"has no sheet `{shown(chosen)}`."
            findings.add(file, None, "", message, did_you_mean(chosen, names))
            return
        found = book.get_sheet_by_name(chosen)
        rows = found.to_python(skip_empty_area=False)
        lost = [*_merged(found.merged_cell_ranges or ()), *_unsaved(file, names.index(chosen))]
    except (calamine.CalamineError, OSError, ValueError, LookupError, zipfile.BadZipFile) as error:
        said = shown(str(error).splitlines()[0] if str(error) else type(error).__name__, 200)
        findings.add(file, None, "", f"cannot be read as a spreadsheet: {said}.", "Save it again, or as CSV.")
        return
    for line, place, message, fix in lost:
        findings.add(file, line, place, message, fix)
    for line, row in enumerate(rows, start=1):
        cells = [_written(cell) for cell in row]
        if any(cells):
            yield line, cells


def _merged(ranges: Iterable[tuple[tuple[int, int], tuple[int, int]]]) -> _Lost:
    for (first, _), (last, _) in ranges:
        if last > first:
            said = f"cells are merged down to row {last + 1}: only the first holds their value."
            yield first + 1, "", said, "Unmerge them, and fill each."


def _unsaved(file: Path, index: int) -> _Lost:
    """Find the cells of an .xlsx that come empty though they are not; `index` is that of the sheet."""
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as packed:
        if "xl/workbook.xml" not in packed.NameToInfo:
            return
        ident = re.escape(_SHEETS.findall(packed.read("xl/workbook.xml"))[index])
        relations = re.findall(rb"<[^>]*Relationship\b[^>]*>", packed.read("xl/_rels/workbook.xml.rels"))
        own = next(each for each in relations if re.search(rb'Id="' + ident + rb'"', each))
        target = re.search(rb'Target="/?(?:xl/)?([^"]+)"', own)
        content = packed.read(f"xl/{target[1].decode()}") if target else b""
    for cell, row, error in _EMPTY.findall(content):
        said = (
            f"holds the error `{shown(error.decode())}`." if error else "is a formula that was saved without a value."
        )
        fix = "Correct it." if error else "Open the file in a spreadsheet program, and save it there."
        yield int(row), cell.decode(), said, fix


def _unpacked(file: Path) -> int:
    """Say how large a spreadsheet is once it is unpacked; old formats are not packed."""
    if not zipfile.is_zipfile(file):
        return file.stat().st_size
    with zipfile.ZipFile(file) as packed:
        return sum(each.file_size for each in packed.infolist())


def _written(cell: object) -> str:
    """Write a cell as a person reads it: every number of a spreadsheet is a float, `1` and `2026` as well."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    if isinstance(cell, timedelta):
        return in_seconds(cell)
    return cell.isoformat() if isinstance(cell, (date, time)) else str(cell)
