"""Thresholds can come from a file of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import FilesError
from harness.files.bundle import read_policy as read_thresholds
from harness.files.suite import Suite

SUITE = Suite(name="x", labels=("spam", "ham"), cases=("c.jsonl",))


@pytest.mark.parametrize(
    "text",
    [
        "- recall[spam] >= 90%\n- leakage <= 0\n",
        "thresholds: [recall[spam] >= 90%, leakage <= 0]".replace("[recall[spam]", '["recall[spam]').replace(
            "%,", '%",'
        ),
        "name: other\nlabels: [a, b]\nthresholds:\n  - recall[spam] >= 90%\n  - leakage <= 0\n",
    ],
)
def test_thresholds_are_read_from_a_list_or_a_suite(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.yml"
    path.write_text(text)
    assert [t.text for t in read_thresholds(path, SUITE)] == ["recall[spam] >= 90%", "leakage <= 0"]


@pytest.mark.parametrize(
    ("text", "line", "field", "said"),
    [
        ("- accuracy >= 90%\n- acuracy >= 1\n", 2, "[1]", "column 1: unknown metric"),
        ("thresholds:\n  - {a: b}\n", 2, "thresholds[0]", "must be text"),
        ("thresholds: []\n", None, "thresholds", "holds no thresholds"),
        ("name: x\n", None, "thresholds", "holds no thresholds"),
        ("a: [", 1, "", "is not valid YAML"),
        ("", 1, "", "is empty"),
    ],
)
def test_a_mistake_in_thresholds_is_named(tmp_path: Path, text: str, line: int | None, field: str, said: str) -> None:
    path = tmp_path / "t.yml"
    path.write_text(text)
    with pytest.raises(FilesError) as caught:
        read_thresholds(path, SUITE)
    (problem,) = caught.value.problems
    assert (problem.line, problem.field) == (line, field)
    assert said in problem.message
