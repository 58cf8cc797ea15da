"""Case files are read as people have them; what can't be told is asked for with the line to write."""

# ruff: noqa: E501 - a table of files is read a file a line

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from workbooks import SHEET, workbook

from harness.files.case import Case, CaseReader
from harness.files.suite import CaseFile
from harness.files.written import Findings

SPAM = ("spam", "ham")
NEWS = ("World", "Sports", "Business", "Sci/Tech")
WANTED = [("spam", "win é"), ("ham", "hello")]


def read(
    tmp_path: Path,
    name: str,
    content: str | bytes,
    labels: tuple[str, ...] = SPAM,
    columns: dict[str, str] | None = None,
    **form: Any,
) -> tuple[list[Case], list[str]]:
    """Read one file; give its cases, and its problems as `line field: message fix`."""
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    findings = Findings()
    reader = CaseReader(labels, columns or {}, findings)
    cases = list(reader.read(path, CaseFile(file=name, **form)))
    return cases, [f"{p.line} {p.field}: {p.message} {p.fix}" for p in findings.problems]


def pairs(cases: list[Case]) -> list[tuple[str, str]]:
    return [(case.expected, case.inputs["text"]) for case in cases]


COMMA = "expected,text\nspam,win é\nham,hello\n"
SEMICOLON = "expected;text\r\nspam;win é\r\nham;hello\r\n"
TAB = "expected\ttext\nspam\twin é\nham\thello\n"
READ_AS_THEY_ARE = [
    ("excel_utf8.csv", b"\xef\xbb\xbf" + COMMA.encode(), {}),
    ("german_excel.csv", b"\xef\xbb\xbf" + SEMICOLON.encode(), {}),
    ("excel_with_hint.csv", "sep=;\r\n" + SEMICOLON, {}),
    ("tabs_named_csv.csv", TAB, {}),
    ("pipes.csv", COMMA.replace(",", "|"), {}),
    ("a.tsv", TAB, {}),
    ("a.tab", TAB, {}),
    ("unicode_text.csv", TAB.encode("utf-16"), {}),
    ("old_windows.csv", SEMICOLON.encode("cp1252"), {"encoding": "cp1252"}),
    ("old_latin.csv", COMMA.encode("latin-1"), {"encoding": "latin-1"}),
    ("mac.csv", COMMA.encode("mac_roman"), {"encoding": "mac-roman"}),
    ("unmarked.csv", COMMA.encode("utf-16-le"), {"encoding": "utf-16-le"}),
    ("odd.csv", COMMA.replace(",", "~"), {"separator": "~"}),
    ("spaces_in_header.csv", COMMA.replace("expected,text", "expected, text"), {}),
    ("wide_once.csv", "expected,text,,,\nspam,win é,,,\nham,hello,,,\n", {}),
    ("wide_once_short_rows.csv", "expected,text,,,\nspam,win é\nham,hello,\n", {}),
    ("pandas_index.csv", ",expected,text\n0,spam,win é\n1,ham,hello\n", {}),
    ("emptied_rows.csv", "expected,text\r\n\r\nspam,win é\r\n,\r\nham,hello\r\n,\r\n\" \",\r\n", {}),
    ("emptied_rows_wide.csv", "expected;text;;\nspam;win é;;\nham;hello;;\n;;;\n", {}),
    ("SMSSpamCollection", "spam\twin é\nham\thello\n", {"format": "tsv", "header": ("expected", "text")}),
    ("no_header.csv", "spam,win é\nham,hello\n", {"header": ("expected", "text")}),
    ("no_header_semicolon.csv", "spam;win é\nham;hello\n", {"header": ("expected", "text")}),
    ("list.json", '[{"expected": "spam", "text": "win é"},\n {"text": "hello", "expected": "ham"}]', {}),
    ("list_on_one_line.json", '\ufeff[{"expected":"spam","text":"win é"},{"text":"hello","expected":"ham"}]\n', {}),
    ("list.txt", '[{"expected":"spam","text":"win é"},{"text":"hello","expected":"ham"}]', {"format": "json"}),
    ("marked.jsonl", b"\xef\xbb\xbf" + '{"expected":"spam","text":"win é"}\n{"expected":"ham","text":"hello"}'.encode(), {}),
    ("v1.prompt.yml", "testData:\n  - expected: spam\n    text: win é\n  - {text: hello, expected: ham}\n", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "form"), READ_AS_THEY_ARE, ids=lambda v: str(v)[:30])
def test_a_file_is_read_as_it_is(tmp_path: Path, name: str, content: str | bytes, form: dict[str, Any]) -> None:
    cases, problems = read(tmp_path, name, content, **form)
    assert problems == []
    assert pairs(cases) == WANTED


def test_a_quote_in_a_tab_separated_file_is_text_where_every_line_is_a_record(tmp_path: Path) -> None:
    lines = 'spam\t"Gimme a few\nham\tthat 6" pipe"\nham\t"a ""whole"" cell"\n'
    cases, problems = read(tmp_path, "sms.tsv", lines, header=("expected", "text"))
    assert problems == []
    assert [text for _, text in pairs(cases)] == ['"Gimme a few', 'that 6" pipe"', 'a "whole" cell']


def test_a_quoted_cell_of_a_tab_separated_file_may_hold_a_tab_or_a_new_line(tmp_path: Path) -> None:
    cases, problems = read(tmp_path, "excel.tsv", 'expected\ttext\nspam\t"a\tb\nc"\nham\td\n')
    assert problems == []
    assert pairs(cases) == [("spam", "a\tb\nc"), ("ham", "d")]


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    for name, content in (
        ("a.csv", 'sep=,\nexpected,text\nspam,"a\nb"\neggs,c\n'),
        ("a.json", '[\n\n{"expected": "spam", "text": "a"},\n\n{"expected": "eggs", "text": "a"}]'),
        ("a.tsv", "\n\n\nexpected\ttext\neggs\tc\n"[3:] + "ham\td\n" * 2 + "eggs\tx\n"),
        ("v.prompt.yml", "name: x\ntestData:\n- expected: spam\n  text: a\n- text: b\n  expected: eggs\n"),
    ):
        _, problems = read(tmp_path, name, content)
        assert problems[-1].startswith("5 expected: `eggs`"), name


def test_text_in_columns_without_a_name_is_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "spam.csv"
    path.write_text("expected,text,,,\nspam,win,and more,,\nham,hello,,,\n")
    reader = CaseReader(SPAM, {}, Findings())
    cases = list(reader.read(path))
    assert [case.inputs for case in cases] == [{"text": "win"}, {"text": "hello"}]
    assert reader.nameless == {path: 1}


def test_ids_are_given_their_labels(tmp_path: Path) -> None:
    names = {"expected": {"1": "World", "2": "Sports", "3": "Business", "4": "Sci/Tech"}}
    cases, problems = read(
        tmp_path,
        "ag_news.csv",
        '"3","Wall St.","Short"\n"1","Talks","in ""Geneva"""\n',
        NEWS,
        header=("expected", "title", "text"),
        values=names,
    )
    assert problems == []
    assert [case.expected for case in cases] == ["Business", "World"]
    assert cases[1].inputs == {"title": "Talks", "text": 'in "Geneva"'}


def test_values_may_name_the_column_as_the_file_does(tmp_path: Path) -> None:
    content = '{"label": 0, "text": "win é"}\n{"label": 1, "text": "hello"}\n'
    values = {"label": {"0": "spam", "1": "ham"}}
    cases, problems = read(tmp_path, "a.jsonl", content, columns={"expected": "label"}, values=values)
    assert problems == []
    assert pairs(cases) == WANTED


def test_a_label_in_another_case_or_form_is_the_suite_s(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"expected":"Spam ","text":"a"}\n{"expected":"CAFE\u0301","text":"b"}\n', "utf-8")
    findings = Findings()
    reader = CaseReader(("spam", "caf\u00e9"), {}, findings)
    assert [case.expected for case in reader.read(path)] == ["spam", "caf\u00e9"]
    assert findings.problems == []
    assert reader.expected.respelt == {("Spam ", "spam"): 1, ("CAFE\u0301", "caf\u00e9"): 1}
    strict = CaseReader(("spam", "ham"), {}, findings, case_sensitive=True)
    assert list(strict.read(path)) == []
    assert findings.total == 2


ASKED = [
    ("a.csv", "label,text\nspam,a\n", "1 expected: the column `expected` is missing. Write `columns: {expected: label}` in the suite."),
    ("a.csv", "v1,v2\nham,a\n", "Write `columns: {expected: v1}` in the suite."),
    ("a.csv", "category,text\nx,a\n", "Write `columns: {expected: category}` in the suite."),
    ("a.jsonl", '{"label": "spam", "text": "a"}\n', "Write `columns: {expected: label}` in the suite."),
    ("a.json", '[{"Target": "spam", "text": "a"}]', "Write `columns: {expected: Target}` in the suite."),
    ("sms.tsv", "ham\tGo until\nspam\twin\n", "If the file has no header, write `cases: {file: sms.tsv, header: [expected, text]}`."),
    ("x.csv", "1,ham,Go until\n2,spam,win\n", "If the file has no header, write `cases: {file: x.csv, header: [text, expected, text_2]}`."),
    ("x.csv", "offer,Go until\nspam,win\n", "in the suite. If the file has no header, write `cases: {file: x.csv, header: [expected, text]}`."),
    ("a.csv", b"expected,text\nspam,caf\xe9\n", "cases: {file: a.csv, encoding: cp1252}"),
    ("a.csv", "expected,text\n1,a\n", 'write `cases: {file: a.csv, values: {expected: {"1": ...}}}`; the labels are `spam`, `ham`.'),
    ("a.json", '{"expected": "spam", "text": "a"}\n{"expected": "ham", "text": "a"}\n', "cases: {file: a.json, format: jsonl}"),
    ("a.json", "[{]", "is not valid JSON"),
    ("a.json", '[{"text": "a", "expected": "spam"}', "is not valid JSON"),
    ("a.json", '[{"text": "a", "expected": "spam"}] x', "is not valid JSON"),
    ("a.json", '[{"text": "a", "text": "b"}]', "the key `text` stands twice"),
    ("a.json", "[1]", "1 : must be a JSON object"),
    ("a.json", "[" * 100_000, "is not valid JSON"),
    ("a.txt", "x", "cases: {file: a.txt, format: ...}"),
    ("a.prompt.yml", "name: x\n", "this prompt brings no cases"),
    ("a.csv", "expected,text\rspam,a\rham,b\r", "lines that end with a carriage return alone. Save it as `CSV UTF-8`."),
    ("a.csv", b"PK\x03\x04\x14\x00 and so on", "is no text but a spreadsheet, or packed. Write `format: xlsx`."),
    ("a.csv", b"\x1f\x8b\x08\x00\x00", "is packed with gzip. Unpack it: gunzip."),
    ("a.jsonl", b"PK\x03\x04\x14\x00 and so on", "is no text but a spreadsheet, or packed. Write `format: xlsx`."),
    ("a.csv", "expected,text\nspam,a,b\n", "has 3 fields where the header has 2"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "said"), ASKED, ids=lambda v: str(v)[:40])
def test_a_message_offers_the_line_to_write(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    _, problems = read(tmp_path, name, content)
    assert any(said in problem for problem in problems), problems


def test_a_spreadsheet_is_read_with_numbers_as_people_see_them(tmp_path: Path) -> None:
    pytest.importorskip("python_calamine", reason="needs the extra `tables`")
    book = workbook(("Notes", SHEET.format("x")), ("Cases", SHEET.format("expected")))
    values = {"expected": {"1": "spam", "2": "ham"}}
    cases, problems = read(tmp_path, "a.xlsx", book, sheet="Cases", values=values)
    assert problems == []
    assert pairs(cases) == [("spam", "win é"), ("ham", "true"), ("ham", "2.5")]
    assert [case.id for case in cases] == ["a-3", "a-4", "a-5"]
    assert pairs(read(tmp_path, "a.xlsx", book, sheet="2", values=values)[0]) == pairs(cases)


def test_what_is_wrong_with_a_spreadsheet_is_said(tmp_path: Path) -> None:
    pytest.importorskip("python_calamine", reason="needs the extra `tables`")
    book = workbook(("Cases", SHEET.format("expected")))
    for content, sheet, said in (
        (book, "Csaes", "has no sheet `Csaes`. Did you mean `Cases`?"),
        (book, "9", "has no sheet `9`"),
        (book[:400], None, "cannot be read as a spreadsheet"),
        (b"PK\x03\x04", None, "cannot be read as a spreadsheet"),
        (b"not one", None, "cannot be read as a spreadsheet"),
    ):
        cases, problems = read(tmp_path, "a.xlsx", content, sheet=sheet)
        assert cases == []
        assert said in problems[0]


def test_a_spreadsheet_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("python_calamine", reason="needs the extra `tables`")
    monkeypatch.setattr("harness.files.case.sheets.LARGEST_SHEET", 500)
    cases, problems = read(tmp_path, "a.xlsx", workbook(("Cases", SHEET.format("expected"))))
    assert cases == []
    assert "unpacks to more than 500 bytes" in problems[0]


@pytest.mark.parametrize("name", ["rot13", "hex", "base64", "utf-7", "no-such", "zlib", "idna", "punycode", "ü"])
def test_an_encoding_that_is_none_of_text_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must be an encoding of text"):
        CaseFile(file="a.csv", encoding=name)


def test_an_entry_is_written_down_as_short_as_it_was() -> None:
    assert CaseFile.model_validate("a.csv").model_dump(mode="json") == "a.csv"
    long = CaseFile(file="a.csv", header=("expected", "text"))
    assert CaseFile.model_validate(long.model_dump(mode="json")) == long
