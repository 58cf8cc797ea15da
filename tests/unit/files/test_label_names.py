"""Names of labels are read from the files that data sets bring, and ids are given them as the data count."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.files.label_names import Names, by_id, read_names
from harness.files.written import Findings

CARD = """---
language: [en]
dataset_info:
- config_name: default
  features:
  - {name: text, dtype: string}
  - name: label
    dtype:
      class_label:
        names:
          '0': World
          '1': Sports
---
# News
"""
WANTED = ("World", "Sports")
READ = [
    ("classes.txt", "World\nSports\n", ()),
    ("classes", "\ufeffWorld\r\n\r\nSports", ()),
    ("mapping.txt", "0\tWorld\n1\tSports\n", ("0", "1")),
    ("mapping.txt", "1: World\n2: Sports\n", ("1", "2")),
    ("a.json", '["World", "Sports"]', ()),
    ("a.json", '{"0": "World", "1": "Sports"}', ("0", "1")),
    ("label2id.json", '{"World": 0, "Sports": 1}', ("0", "1")),
    ("config.json", '{"model_type": "bert", "id2label": {"0": "World", "1": "Sports"}}', ("0", "1")),
    ("a.json", '[{"id": 7, "name": "World"}, {"id": 9, "name": "Sports"}]', ("7", "9")),
    ("data.yaml", "names:\n  0: World\n  1: Sports\n", ("0", "1")),
    ("a.yml", "- World\n- Sports\n", ()),
    ("a.csv", "id,label\n0,World\n1,Sports\n", ("0", "1")),
    ("a.csv", "World\nSports\n", ()),
    ("a.csv", "name\nWorld\nSports\n", ()),
    ("a.tsv", "0\tWorld\n1\tSports\n", ("0", "1")),
    ("README.md", CARD, ("0", "1")),
]


@pytest.mark.parametrize(("name", "content", "ids"), READ)
def test_names_are_read_as_the_file_has_them(tmp_path: Path, name: str, content: str, ids: tuple[str, ...]) -> None:
    (tmp_path / name).write_bytes(content.encode())
    findings = Findings()
    assert read_names(tmp_path / name, findings) == Names(WANTED, ids)
    assert findings.problems == []


def test_names_that_look_like_numbered_lines_and_are_none_stay_whole(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("7 eleven\n9 lives\n")
    assert read_names(tmp_path / "a.txt", Findings()) == Names(("7 eleven", "9 lives"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", "[", "is not valid JSON"),
        ("a.json", "[" * 100_000, "is not valid JSON"),
        ("a.json", '{"0": "World", "0": "Sports", "1": "x"}', "the key `0` stands twice. Keep one"),
        ("a.json", "{}", "does not give the names"),
        ("a.json", '{"World": {"x": 1}}', "does not give the names"),
        ("a.json", '["World", null]', "does not give the names"),
        ("a.txt", "", "does not give the names"),
        ("a.csv", "a,b\nc\n", "does not give the names"),
        ("README.md", "# News", "names no classes in its front matter"),
        ("README.md", "---\ndataset_info: 3\n---\n", "names no classes in its front matter"),
        ("README.md", "---\n[\n---\n", "is not valid YAML"),
        ("README.md", CARD.replace("'1': Sports", "'1': Sports\n  - name: coarse\n    dtype: {class_label: "
                                   "{names: {'0': A}}}").replace("label\n", "fine\n"), "It does of `fine`, `coarse`"),
        ("gone.txt", None, "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_names_is_told(tmp_path: Path, name: str, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    findings = Findings()
    assert read_names(tmp_path / name, findings) is None
    assert any(said in f"{problem.message} {problem.fix}" for problem in findings.problems), findings.problems


def test_the_column_tells_whether_ids_count_from_zero_or_one() -> None:
    names = Names(("a", "b", "c"))
    zero = {"0": "a", "1": "b", "2": "c"}
    assert zero.items() <= dict(by_id(names, {"0", "1"}, None)).items()
    assert {"1": "a", "3": "c"}.items() <= dict(by_id(names, {"1", "3"}, None)).items()
    assert {"1.0": "a", "3": "c"}.items() <= dict(by_id(names, {"1.0", "3.0"}, None)).items()
    assert "does not tell whether" in by_id(names, {"1", "2"}, None)[0]
    assert {"1": "a"}.items() <= dict(by_id(names, {"1", "2"}, 1)).items()
    assert "holds the ids 0 to 3" in by_id(names, {"0", "3"}, None)[0]
    assert "holds the id 4" in by_id(names, {"1", "4"}, None)[0]
    assert dict(by_id(Names(("a",), ("x",)), set(), None)) == {"x": "a"}


def test_json_of_the_stored_kind_round_trips(tmp_path: Path) -> None:
    many = [f"intent {i}" for i in range(77)]
    (tmp_path / "c.json").write_text(json.dumps(many))
    assert read_names(tmp_path / "c.json", Findings()) == Names(tuple(many))
