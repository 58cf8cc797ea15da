"""A spreadsheet written by hand: the least that the format asks for."""

from __future__ import annotations

import io
import zipfile

SHEET = """<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row r="1"><c r="A1" t="inlineStr"><is><t>{0}</t></is></c><c r="B1" t="inlineStr"><is><t>text</t></is></c></row>
<row r="3"><c r="A3"><v>1</v></c><c r="B3" t="inlineStr"><is><t>win é</t></is></c></row>
<row r="4"><c r="A4"><v>2</v></c><c r="B4" t="b"><v>1</v></c></row>
<row r="5"><c r="A5"><v>2</v></c><c r="B5"><v>2.5</v></c></row></sheetData></worksheet>"""


def workbook(*sheets: tuple[str, str]) -> bytes:
    """Write a spreadsheet of named sheets."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml."
    n = range(1, len(sheets) + 1)
    types = "".join(f'<Override PartName="/xl/w{i}.xml" ContentType="{kind}worksheet+xml"/>' for i in n)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType='
        f'"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
        f'ContentType="{kind}sheet.main+xml"/>{types}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        + "".join(f'<sheet name="{sheets[i - 1][0]}" sheetId="{i}" r:id="r{i}"/>' for i in n)
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        + "".join(f'<Relationship Id="r{i}" Type="{office}/worksheet" Target="w{i}.xml"/>' for i in n)
        + "</Relationships>",
        **{f"xl/w{i}.xml": sheets[i - 1][1] for i in n},
    }
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as packed:
        for name, text in parts.items():
            packed.writestr(name, text)
    return raw.getvalue()
