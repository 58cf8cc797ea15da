"""Cases of every kind of file become the same rows."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars
import pytest

from harness.files.case import Case, CaseReader, case_digest
from harness.files.written import Findings

LABELS = ("spam", "ham")


def read(path: Path, columns: Mapping[str, str] | None = None) -> tuple[list[Case], Findings]:
    findings = Findings()
    cases = list(CaseReader(LABELS, columns or {}, findings).read(path))
    return cases, findings


def test_jsonl_rows_become_cases_with_text_inputs(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(
        '{"id": 7, "message": "hi", "amount": 1.50, "big": 1e400, "ok": true, "none": null,'
        ' "list": [1, "a"], "expected": "ham", "split": "dev", "tags": ["a", "b", "a"]}\n\n'
        '{"message": "x", "expected": "spam", "tags": "a; b ,"}\r\n'
    )
    cases, findings = read(path)
    assert findings.problems == []
    inputs = {"message": "hi", "amount": "1.50", "big": "1e400", "ok": "true", "none": "", "list": '[1, "a"]'}
    assert cases[0] == Case(
        id="7", digest=case_digest(inputs), expected="ham", split="dev", tags=("a", "b"), inputs=inputs
    )
    assert (cases[1].id, cases[1].tags, cases[1].split) == ("c-3", ("a", "b"), "")


def test_csv_rows_become_cases_and_quoted_newlines_count_as_lines(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text('message,expected,tags\n"two\nlines, with ""quotes""",ham,"a,b"\n010,spam,\n')
    cases, findings = read(path)
    assert findings.problems == []
    assert [(c.id, c.inputs["message"], c.expected, c.tags) for c in cases] == [
        ("c-2", 'two\nlines, with "quotes"', "ham", ("a", "b")),
        ("c-4", "010", "spam", ()),
    ]


def test_columns_are_renamed_and_a_mapped_name_is_not_also_an_input(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("text,label,expected\nhello,ham,ignored\n")
    cases, findings = read(path, {"expected": "label", "message": "text"})
    assert findings.problems == []
    assert (cases[0].expected, cases[0].inputs) == ("ham", {"message": "hello"})


def test_parquet_rows_become_cases(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    polars.DataFrame({"message": ["a", "b"], "expected": ["ham", "spam"], "n": [1, None]}).write_parquet(path)
    cases, findings = read(path)
    assert findings.problems == []
    assert [(c.id, c.inputs) for c in cases] == [
        ("c-1", {"message": "a", "n": "1"}),
        ("c-2", {"message": "b", "n": ""}),
    ]


def test_a_broken_table_is_one_problem(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    path.write_bytes(b"not parquet at all")
    _, findings = read(path)
    (problem,) = findings.problems
    assert "cannot be read as a table" in problem.message


def test_without_the_extra_its_name_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def no_polars(name: str, *rest: Any) -> Any:
        if name == "polars":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_polars)
    path = tmp_path / "c.parquet"
    path.touch()
    _, findings = read(path)
    (problem,) = findings.problems
    assert "extra `tables`" in problem.message
    assert problem.fix.startswith("Run: pip install '")
    assert "'polars>=1.30'" in problem.fix
    assert "prompt-readiness" not in problem.fix, "no index has it: who registered the name would be run"


def test_ids_are_unique_over_all_files(tmp_path: Path) -> None:
    findings = Findings()
    reader = CaseReader(LABELS, {}, findings)
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text('{"id": "1", "message": "x", "expected": "ham"}\n')
        list(reader.read(tmp_path / name))
    (problem,) = findings.problems
    assert problem.file.name == "b.jsonl"
    assert "first on a.jsonl line 1" in problem.message
