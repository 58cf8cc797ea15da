"""Data sets are checked and measured in the layouts in which they are published."""

# ruff: noqa: E501 - layouts are read a line each

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commanded import in_process as harness
from commanded import write_lines
from workbooks import SHEET, workbook

NEWS = ["World", "Sports", "Business", "Sci/Tech"]
CARD = "---\ndataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n        names:\n" + "".join(
    f"          '{i}': {name}\n" for i, name in enumerate(NEWS)
)
LAYOUTS = {
    "uci": (
        "labels: [spam, ham]\ncases: {file: SMSSpamCollection, format: tsv, header: [expected, text]}\n",
        {"SMSSpamCollection": "spam\twin \"now\nham\tsee you\n"},
        {"SMSSpamCollection-1": "spam", "SMSSpamCollection-2": "ham"},
    ),
    "kaggle": (
        "labels: [spam, ham]\ncases: {file: spam.csv, encoding: latin-1}\ncolumns: {expected: v1, text: v2}\n",
        {"spam.csv": "v1,v2,,,\r\nspam,win \xa3,,,\r\nham,\"a, b\",,,\r\n".encode("latin-1")},
        {"spam-2": "spam", "spam-3": "ham"},
    ),
    "ag news": (
        "labels: {file: classes.txt}\n"
        "cases: {file: t.csv, header: [expected, title, text], values: {expected: {file: classes.txt}}}\n",
        {"t.csv": '"4","A","B"\n"1","C","D"\n', "classes.txt": "\n".join(NEWS)},
        {"t-1": "Sci/Tech", "t-2": "World"},
    ),
    "tweet_eval": (
        "labels: {file: mapping.txt}\n"
        "cases: {file: text.txt, format: lines, beside: {expected: labels.txt}, values: {expected: {file: mapping.txt}}}\n",
        {"text.txt": "ugh\nyay\n", "labels.txt": "0\n1\n", "mapping.txt": "0\tnegative\n1\tpositive\n"},
        {"text-1": "negative", "text-2": "positive"},
    ),
    "banking77": (
        "labels: {file: categories.json}\ncases: test.csv\ncolumns: {expected: category}\n",
        {"test.csv": "text,category\na,i0\nb,i1\n", "categories.json": json.dumps([f"i{i}" for i in range(77)])},
        {"test-2": "i0", "test-3": "i1"},
    ),
    "excel in german": (
        "labels: [spam, ham]\ncases: fälle.csv\ncolumns: {expected: Klasse, text: Nachricht}\n",
        {"fälle.csv": "\ufeffKlasse;Nachricht\r\nSpam;win\r\nham;\"a; b\"\r\n".encode()},
        {"fälle-2": "spam", "fälle-3": "ham"},
    ),
    "excel's unicode text": (
        "labels: [spam, ham]\ncases: {file: a.txt, format: tsv}\n",
        {"a.txt": "expected\ttext\r\nspam\twin é\r\nham\thello\r\n".encode("utf-16")},
        {"a-2": "spam", "a-3": "ham"},
    ),
    "an old export with codes": (
        "labels: [spam, ham]\ncases: {file: a.csv, encoding: cp1252, separator: '|', header: [expected, text], "
        "values: {expected: {1: spam, 0: ham}}}\n",
        {"a.csv": "1|win €\n0|hello\n".encode("cp1252")},
        {"a-1": "spam", "a-2": "ham"},
    ),
    "one json list": (
        "labels: [spam, ham]\ncases: a.json\n",
        {"a.json": '[{"id": "x", "expected": "spam", "text": "win"},\n {"id": "y", "text": "hello", "expected": "ham"}]'},
        {"x": "spam", "y": "ham"},
    ),
}  # fmt: skip


def laid_out(root: Path, suite: str, files: dict[str, str | bytes], right: dict[str, str]) -> Path:
    """Write a project with one recorded model that is always right."""
    (root / "harness.yml").write_text("models:\n  recorded: {endpoint: replay, replies: replies.jsonl}\n")
    (root / "v1.prompt.yml").write_text("messages:\n  - {role: user, content: '{{text}}'}\n")
    (root / "a.suite.yml").write_text(f"name: a\n{suite}prompts: [v1.prompt.yml]\nmodels: [recorded]\nrepeats: 1\n")
    for name, content in files.items():
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    write_lines(root / "replies.jsonl", [{"case": case, "reply": label} for case, label in right.items()])
    return root


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_published_layout_is_checked_and_measured(tmp_path: Path, name: str) -> None:
    suite, files, right = LAYOUTS[name]
    laid_out(tmp_path, suite, files, right)
    assert harness("check", "a.suite.yml", at=tmp_path).returncode == 0
    done = harness("run", "a.suite.yml", "--json", at=tmp_path)
    (candidate,) = json.loads(done.stdout)["candidates"]
    assert candidate["classification"]["accuracy"]["value"] == 1.0
    supports = {label: each["support"] for label, each in candidate["classification"]["labels"].items()}
    assert {label: n for label, n in supports.items() if n} == dict.fromkeys(right.values(), 1)
    manifest = json.loads(next((tmp_path / "results").glob("*/manifest.json")).read_text())
    assert set(files) <= {each["path"] for each in manifest["files"]}


def test_parquet_takes_its_names_from_the_card(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars", reason="needs the extra `tables`")
    suite = (
        "labels: {file: README.md}\ncolumns: {expected: label}\n"
        "cases: {file: data-*.parquet, values: {label: {file: README.md}}}\n"
    )
    laid_out(tmp_path, suite, {"README.md": CARD + "---\n# News\n"}, {"data-0-1": "Business", "data-0-2": "World"})
    polars.DataFrame({"text": ["a", "b"], "label": [2, 0]}).write_parquet(tmp_path / "data-0.parquet")
    done = harness("run", "a.suite.yml", "--json", at=tmp_path)
    assert json.loads(done.stdout)["candidates"][0]["classification"]["accuracy"]["value"] == 1.0


@pytest.mark.parametrize("named", ["sheet: Cases", "sheet: 2"])
def test_a_spreadsheet_with_ids_for_labels_is_checked_and_measured(tmp_path: Path, named: str) -> None:
    pytest.importorskip("python_calamine", reason="needs the extra `tables`")
    suite = f"labels: [spam, ham]\ncases: {{file: a.xlsx, {named}, values: {{expected: {{1: spam, 2: ham}}}}}}\n"
    laid_out(tmp_path, suite, {}, {"a-3": "spam", "a-4": "ham", "a-5": "spam"})
    (tmp_path / "a.xlsx").write_bytes(workbook(("Notes", SHEET.format("x")), ("Cases", SHEET.format("expected"))))
    assert harness("check", "a.suite.yml", at=tmp_path).returncode == 0
    (candidate,) = json.loads(harness("run", "a.suite.yml", "--json", at=tmp_path).stdout)["candidates"]
    assert candidate["classification"]["confusion"]["counts"] == [[1, 0, 0], [1, 1, 0]]
    shown = harness("show", "latest", "--case", "a-5", at=tmp_path)
    assert "2.5" in shown.stdout, "the number as people see it"
    (tmp_path / "a.suite.yml").write_text((tmp_path / "a.suite.yml").read_text().replace("{1: spam, ", "{"))
    refused = harness("check", "a.suite.yml", at=tmp_path)
    assert refused.returncode == 2
    assert "a.xlsx:3" in refused.stderr.replace("\n", "")


def test_a_check_of_77_labels_stays_under_60_lines(tmp_path: Path) -> None:
    names = [f"intent_{i}" for i in range(77)]
    rows = "".join(f"query {i} of {name},{name}\n" for name in names for i in range(20))
    suite = "labels: {file: c.json}\ncases: test.csv\ncolumns: {expected: category}\n"
    laid_out(tmp_path, suite, {"test.csv": "text,category\n" + rows, "c.json": json.dumps(names)}, {"x": "y"})
    (tmp_path / "v1.prompt.yml").write_text(
        "messages:\n  - role: user\n    content: |\n      {% for label in labels %}- {{ label }}\n      {% endfor %}{{ text }}\n"
    )
    for more in ([], ["--limit", "100"]):
        done = harness("check", "a.suite.yml", *more, at=tmp_path)
        assert done.returncode == 0
        assert len(done.stdout.splitlines()) < 60
        assert "recall[each label] >= 80%" in done.stdout
    assert "77 can't pass" in done.stdout


FAULTS = [
    ("labels: {file: clases.txt}\ncases: t.csv\n", "labels.file: no such file: `clases.txt`. Did you mean `classes.txt`?"),
    ("labels: {file: ../../etc/passwd}\ncases: t.csv\n", "leads out of the project"),
    ("labels: {file: s3://a/b}\ncases: t.csv\n", "can't be read from there"),
    ("labels: {path: classes.txt}\ncases: t.csv\n", "must be a list of labels, or name one file of them"),
    ("labels: [a, b]\ncases: {file: t.csv, values: {lable: {a: b}}}\n", "has a column `lable`"),
    ("labels: [a, b]\ncases: {file: t.csv, values: {expected: {file: gone.txt}}}\n", "no such file: `gone.txt`"),
    ("labels: [a, b]\ncases: {file: t.csv, values: {expected: {file: classes.txt, from: one}}}\n", "must be the first id"),
    ("labels: [a, b]\ncases: {file: t.csv, sheet: A}\n", "`sheet` says nothing of a file of the format `csv`"),
    ("labels: [a, b]\ncases: {file: classes.txt, format: lines, beside: {expected: one.txt}}\n", "one.txt:1: ends after line 1, before classes.txt does"),
    ("labels: [a, b]\ncases: {file: '*.txt', format: lines, beside: {expected: one.txt}}\n", "goes with one file, not with a pattern"),
    ("labels: [a, b]\ncases: {file: 'hf://x/y.xlsx'}\n", "of the format `xlsx` can't be read from an address"),
    ("labels: [a, b]\ncases: {file: 's3://x/y.csv', encoding: latin-1}\n", "in the encoding latin-1 can't be read from an address"),
]  # fmt: skip


@pytest.mark.parametrize(("suite", "said"), FAULTS)
def test_a_mistake_about_a_file_of_names_is_told_at_its_line(tmp_path: Path, suite: str, said: str) -> None:
    files: dict[str, str | bytes] = {"t.csv": "expected,text\na,1\nb,2\n", "classes.txt": "a\nb\n", "one.txt": "a\n"}
    laid_out(tmp_path, suite, files, {"t-2": "a"})
    done = harness("check", "a.suite.yml", at=tmp_path)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
