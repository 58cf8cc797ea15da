"""Tables with what cells hold besides text, and texts as programs save them: read as they are, or refused by place."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
from commanded import in_process
from workbooks import workbook

LABELS = ["spam", "ham"] * 3


def judged(at: Path, name: str, *options: str) -> dict[str, Any]:
    done = in_process("judge", name, "--thresholds", "accuracy >= 10%", "--json", *options, at=at)
    assert done.returncode in {0, 3, 4}, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found["candidates"][0]


def accuracy(candidate: dict[str, Any]) -> float:
    value: float = candidate["classification"]["accuracy"]["value"]
    return value


def refused(at: Path, name: str, *options: str) -> str:
    done = in_process("judge", name, *options, at=at)
    assert done.returncode == 2, done.stderr
    assert not (at / "results").exists()
    return " ".join(done.stderr.split())


def parquet(at: Path, **columns: list[Any]) -> str:
    polars = pytest.importorskip("polars", reason="needs the extra `tables`")
    polars.DataFrame({"expected": LABELS, **columns}).write_parquet(at / "t.parquet")
    return "t.parquet"


def row(line: int, expected: str, reply: str) -> str:
    """Write a row of two texts, in columns A and B."""
    cells = zip("AB", (expected, reply), strict=True)
    written = (f'<c r="{place}{line}" t="inlineStr"><is><t>{text}</t></is></c>' for place, text in cells)
    return f'<row r="{line}">{"".join(written)}</row>'


SPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
NOTES = f'<worksheet xmlns="{SPACE}"><sheetData>{row(1, "expected", "reply")}</sheetData></worksheet>'


def sheet(at: Path, rows: str, *, after: str = "", notes: str = "Notes") -> str:
    """Write a spreadsheet whose second sheet has these rows; the first has none."""
    pytest.importorskip("python_calamine", reason="needs the extra `tables`")
    whole = NOTES.replace("</sheetData>", f"{rows}</sheetData>{after}")
    (at / "t.xlsx").write_bytes(workbook((notes, NOTES), ("Answers", whole)))
    return "t.xlsx"


def test_bytes_durations_and_nested_values_of_parquet_are_read(tmp_path: Path) -> None:
    replies = [{"label": label, "on": date(2026, 1, 2), "odds": None} for label in LABELS]
    took = [timedelta(milliseconds=250)] * 6
    found = judged(tmp_path, parquet(tmp_path, expected=[x.encode() for x in LABELS], reply=replies, latency=took))
    assert accuracy(found) == 1
    assert found["latency"]["caller"][0]["estimate"]["value"] == 0.25


def test_decimals_of_parquet_are_the_numbers_that_they_are(tmp_path: Path) -> None:
    name = parquet(tmp_path, expected=[Decimal("1.00"), Decimal("0.00")] * 3, reply=[1, 0] * 3)
    assert accuracy(judged(tmp_path, name)) == 1


def test_nan_in_parquet_is_an_empty_reply(tmp_path: Path) -> None:
    found = judged(tmp_path, parquet(tmp_path, expected=[1, 0] * 3, reply=[1.0, 0.0, 1.0, 0.0, 1.0, float("nan")]))
    assert (accuracy(found), found["outcomes"]["empty"]) == (pytest.approx(5 / 6), 1)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"reply": [b"\xff\xfe"] * 6}, "t.parquet:1: reply: holds bytes that are no UTF-8 text: byte 0xFF."),
        ({"reply": LABELS, "seen": [{"image": b"\x89PNG"}] * 6}, "t.parquet:1: seen: holds bytes that are no UTF-8"),
        ({"reply": LABELS, "expected": [[x] for x in LABELS]}, "t.parquet:1: expected: is a list, not a label."),
    ],
)
def test_what_is_no_text_in_parquet_is_refused_by_its_row(
    tmp_path: Path, columns: dict[str, list[Any]], said: str
) -> None:
    assert said in refused(tmp_path, parquet(tmp_path, **columns))


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ('<c r="B3" t="e"><f>VLOOKUP(1,A1,2)</f><v>#N/A</v></c>', "t.xlsx:3: B3: holds the error `#N/A`."),
        ('<c r="B3"><f>IF(1,"a&gt;b","c")</f></c>', "t.xlsx:3: B3: is a formula that was saved without a value."),
        ('<c r="B3"><f>IF(1,"a","c")</f><v></v></c>', "t.xlsx:3: B3: is a formula that was saved without a value."),
    ],
)
def test_a_cell_without_its_value_is_refused(tmp_path: Path, cell: str, said: str) -> None:
    kept = row(3, "ham", "ham").partition('<c r="B3"')[0]
    name = sheet(tmp_path, row(2, "spam", "spam") + f"{kept}{cell}</row>")
    assert said in refused(tmp_path, name, "--part", "Answers")


def test_a_formula_whose_value_is_the_empty_text_is_an_empty_cell(tmp_path: Path) -> None:
    kept = row(3, "ham", "ham").partition('<c r="B3"')[0]
    name = sheet(tmp_path, row(2, "spam", "spam") + f'{kept}<c r="B3" t="str"><f>IF(1,"","")</f><v></v></c></row>')
    assert judged(tmp_path, name, "--part", "2")["outcomes"]["empty"] == 1


def test_cells_that_are_merged_over_rows_are_refused(tmp_path: Path) -> None:
    merged = '<mergeCells count="2"><mergeCell ref="A2:A3"/><mergeCell ref="A5:B5"/></mergeCells>'
    said = refused(tmp_path, sheet(tmp_path, row(2, "spam", "spam"), after=merged), "--part", "Answers")
    assert "t.xlsx:2: cells are merged down to row 3: only the first holds their value. Unmerge them" in said
    assert said.count("merged") == 1


def test_a_sheet_is_chosen_by_name_and_a_hidden_one_is_not_the_first(tmp_path: Path) -> None:
    name = sheet(tmp_path, row(2, "spam", "spam") + row(3, "ham", "ham"))
    assert "holds no rows. Choose another sheet: --part NAME." in refused(tmp_path, name)
    assert "has no sheet `Answer`. Did you mean `Answers`?" in refused(tmp_path, name, "--part", "Answer")
    sheet(tmp_path, row(2, "spam", "spam") + row(3, "ham", "ham"), notes='Notes" state="hidden')
    assert accuracy(judged(tmp_path, name)) == 1


ROWS = [{"expected": label, "reply": label} for label in LABELS]
LINES = "expected;reply\r\nspam;spam\r\nham;ham\r\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("shell.jsonl", "\r\n".join(map(json.dumps, ROWS)).encode("utf-16")),
        ("shell.json", json.dumps(ROWS, indent=1).encode("utf-16")),
        ("unmarked.json", json.dumps(ROWS).encode("utf-16-le")),
        ("unmarked.csv", LINES.encode("utf-16-be")),
        ("hint.csv", f"sep=;\r\n{LINES}".encode("utf-8-sig")),
        ("gap.csv", f"\r\n\r\n{LINES}".encode()),
    ],
)
def test_a_text_file_is_read_as_its_program_saved_it(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert accuracy(judged(tmp_path, name)) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (LINES.replace("spam;spam", "sp\xe4m;spam").encode("cp1252") * 20, "t.csv:2: is not UTF-8: byte 0xE4"),
        (LINES.replace("ham;", '"ham;').encode() + b"ham;ham\r\n" * 3, "t.csv:3: is not valid CSV: unexpected end"),
        (b"1,ham,ham\n2,spam,spam\n", "t.csv:1: ham: the column `ham` stands twice. Rename one of them, or write"),
    ],
)
def test_a_mistake_of_a_whole_file_is_said_once_where_it_begins(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    told = refused(tmp_path, "t.csv")
    assert said in told
    assert told.count("t.csv") == 1


def items(**more: Any) -> list[dict[str, Any]]:
    """Give rows in the manner of evaluation services, the label and the reply deep inside; two replies are wrong."""
    said = ["spam", "ham", "ham", "spam", "spam", "ham"]
    return [
        {"item": {"text": f"t{n}", "label": label}, "sample": {"output": [{"role": "assistant", "content": text}]}}
        | more
        for n, (label, text) in enumerate(zip(LABELS, said, strict=True))
    ]


INSIDE = ("--expected", "item.label", "--reply", "sample.output.0.content")


@pytest.mark.parametrize("name", ["data", "rows", "test_results"])
def test_rows_may_stand_in_an_object_and_what_is_judged_deep_inside_of_them(tmp_path: Path, name: str) -> None:
    whole = {"object": "list", "note": None, name: items(), "more": {"data": False}}
    (tmp_path / "page.json").write_text(json.dumps(whole, indent=2))
    (tmp_path / "lines.jsonl").write_text("".join(json.dumps(each) + "\n" for each in items()))
    for file in ("page.json", "lines.jsonl"):
        assert accuracy(judged(tmp_path, file, *INSIDE)) == pytest.approx(4 / 6)
    plain = [{"expected": each["item"]["label"], "reply": "spam"} for each in items()]
    (tmp_path / "plain.json").write_text(json.dumps({name: plain, "scores": [0.5]}))
    assert accuracy(judged(tmp_path, "plain.json")) == 0.5


def test_a_mistake_of_rows_in_an_object_is_said_where_it_stands(tmp_path: Path) -> None:
    rows = [{"expected": "spam", "reply": "spam"}, {"expected": "", "reply": "ham"}]
    (tmp_path / "page.json").write_text(json.dumps({"rows": rows}, indent=1))
    assert "page.json:7: expected: is not there, or empty" in refused(tmp_path, "page.json")


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("--expected", "item.lable"),
        ("--reply", "sample.output.content"),
        ("--reply", "sample.output.1.content"),
        ("--case", "item.id"),
        ("--candidate", "sample.model"),
        ("--latency", "sample.took:ms"),
        ("--error", "sample.error"),
    ],
)
def test_a_place_that_no_row_has_is_refused_and_not_empty(tmp_path: Path, option: str, name: str) -> None:
    (tmp_path / "lines.jsonl").write_text("".join(json.dumps(each) + "\n" for each in items()))
    told = refused(tmp_path, "lines.jsonl", *INSIDE, option, name)
    assert f"lines.jsonl: has no column `{name.removesuffix(':ms')}` for {option}." in told


def test_where_calls_failed_a_place_is_empty_and_their_errors_count_as_failures(tmp_path: Path) -> None:
    rows = [
        *({**each, "error": None} for each in items() * 40),
        {**items()[0], "error": {"message": "429"}, "sample": None},
    ]
    (tmp_path / "lines.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    outcomes = judged(tmp_path, "lines.jsonl", *INSIDE, "--error", "error.message")["outcomes"]
    assert (outcomes["failed"], outcomes["empty"]) == (1, 0)
    (tmp_path / "fine.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows[:-1]))
    assert judged(tmp_path, "fine.jsonl", *INSIDE, "--error", "error.message")["outcomes"]["failed"] == 0


def test_a_row_without_a_place_for_its_reply_has_none_and_is_no_empty_reply(tmp_path: Path) -> None:
    """As a batch gives back what was refused by its status: the body has an error in place of choices."""
    rows: list[dict[str, Any]] = [
        {"custom_id": str(n), "label": label, "response": {"body": {"choices": [{"message": {"content": label}}]}}}
        for n, label in enumerate(LABELS)
    ]
    rows[0]["response"] = {"status_code": 429, "body": {"error": {"message": "slow down"}}}
    rows[1]["response"] = None
    rows[2]["response"]["body"]["choices"][0]["message"]["content"] = None
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    options = ("--expected", "label", "--reply", "response.body.choices.0.message.content", "--case", "custom_id")
    outcomes = judged(tmp_path, "b.jsonl", *options)["outcomes"]
    assert (outcomes["failed"], outcomes["empty"], outcomes["label"]) == (2, 1, 3)


def test_what_came_back_of_a_batch_alone_is_named_as_that(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text('{"id": "r", "custom_id": "1", "response": {"body": {}}, "error": null}\n' * 2)
    assert "is what came back of a batch, without what would be right." in refused(tmp_path, "out.jsonl")


@pytest.mark.parametrize(
    "whole",
    [
        {"columns": ["expected", "reply"], "data": [["spam", "spam"], ["ham", "ham"]]},
        {"expected": {"0": "spam", "1": "ham"}, "reply": {"0": "spam", "1": "ham"}},
        {"results": {"spam": {"acc,none": 0.5}}, "configs": {}},
    ],
)
def test_a_document_that_is_no_list_of_answers_says_how_to_write_one(tmp_path: Path, whole: dict[str, Any]) -> None:
    (tmp_path / "t.json").write_text(json.dumps(whole))
    assert "to_json(FILE, orient='records')" in refused(tmp_path, "t.json")


@pytest.mark.parametrize("options", [(), ("--expected", "spam", "--reply", "ham")])
def test_a_first_line_that_is_a_row_is_not_lost_as_names(tmp_path: Path, options: tuple[str, ...]) -> None:
    rows = [f"{label},{reply},{n}\n" for n, (label, reply) in enumerate(zip(LABELS, ["ham", *LABELS[1:]], strict=True))]
    (tmp_path / "t.csv").write_text("".join(rows))
    told = refused(tmp_path, "t.csv", *options)
    assert "its first line is a row, with" in told
    assert "Write one above it, such as `message,expected,reply`." in told
    (tmp_path / "t.csv").write_text("expected,reply,n\n" + "".join(rows))
    assert judged(tmp_path, "t.csv")["classification"]["accuracy"]["n"] == len(rows)


PROMPTFOO = "message,wanted,{head}\nhello,spam,{cell}\nbye,ham,{cell}\n"


@pytest.mark.parametrize(
    ("head", "cell"),
    [
        ("[openai:mini] Sort,Status,Score,Named Scores,Grader Reason,Comment", ",ERROR,0,,429 Too Many Requests,"),
        ("[openai:mini] Sort", '"[FAIL] (0.00)\n\nham\n\nFail Reason: Expected output ""ham"" to equal ""spam"""'),
    ],
)
def test_promptfoo_s_table_is_refused_as_it_keeps_no_errors(tmp_path: Path, head: str, cell: str) -> None:
    (tmp_path / "t.csv").write_text(PROMPTFOO.format(head=head, cell=cell))
    told = refused(tmp_path, "t.csv", "--expected", "wanted", "--reply", "[openai:mini] Sort")
    assert "promptfoo export eval ID -o FILE.json" in told


@pytest.mark.parametrize("name", ["o.yaml", "o.html", "o.xml"])
def test_a_form_that_no_results_are_read_in_is_said_so(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("results:\n  version: 3\n")
    assert f"{name}: is in no form that results are read in. Let the tool write JSON" in refused(tmp_path, name)


def test_a_name_for_all_rows_does_not_make_repeats_of_two_models(tmp_path: Path) -> None:
    rows = [
        {"id": str(n), "model": each, "expected": label, "reply": label}
        for each in "ab"
        for n, label in enumerate(LABELS)
    ]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    assert "has no column `modle`, and several names in `model`. Write --candidate model" in refused(
        tmp_path, "t.json", "--candidate", "modle"
    )
    (tmp_path / "one.json").write_text(json.dumps(rows[: len(LABELS)]))
    assert judged(tmp_path, "one.json", "--candidate", "mine")["model"] == "mine"


def test_labels_that_differ_by_case_alone_are_one_as_replies_are_read(tmp_path: Path) -> None:
    rows = [{"expected": label, "reply": "spam"} for label in ("spam", "Spam", "spam", "SPAM", "ham")]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    candidate = judged(tmp_path, "t.json")
    assert (list(candidate["classification"]["labels"]), accuracy(candidate)) == (["ham", "spam"], 0.8)
    done = in_process("judge", "t.json", at=tmp_path)
    assert "are one: Spam is spam" in done.stderr


def test_labels_whose_accents_are_written_apart_are_one(tmp_path: Path) -> None:
    apart = normalize("NFD", "café")
    rows = [{"expected": label, "reply": "café"} for label in (apart, "café", apart)] + [
        {"expected": "thé", "reply": "thé"}
    ]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    candidate = judged(tmp_path, "t.json")
    assert (list(candidate["classification"]["labels"]), accuracy(candidate)) == (["café", "thé"], 1)


def test_what_pandas_wrote_of_an_object_or_a_list_is_no_label(tmp_path: Path) -> None:
    rows = [f"\"{{'label': '{label}'}}\",\"['{label}', '\\d']\",{label}\n" for label in LABELS]
    (tmp_path / "t.csv").write_text("expected,reference,reply\n" + "".join(rows))
    assert "expected: is an object, not a label. Write --expected expected.NAME" in refused(tmp_path, "t.csv")
    told = refused(tmp_path, "t.csv", "--expected", "reference")
    assert (
        "reference: is a list, not a label. Write one label in each row; --expected reference.0 takes the first."
        in told
    )
    for name in ("expected.label", "reference.0"):
        assert accuracy(judged(tmp_path, "t.csv", "--expected", name)) == 1
