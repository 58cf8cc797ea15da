"""Thresholds can come from a file of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import FilesError
from harness.files.bundle import read_policy
from harness.files.suite import Suite

SUITE = Suite(name="x", labels=("spam", "ham"), cases=("c.jsonl",))


@pytest.mark.parametrize(
    "text",
    [
        "- recall[spam] >= 90%\n- leakage <= 0\n",
        "thresholds: [recall[spam] >= 90%, leakage <= 0]".replace("[recall[spam]", '["recall[spam]').replace(
            "%,", '%",'
        ),
        "recall[spam] >= 90%\r\n# none may leak\r\n\r\n  leakage <= 0  # at all\r\n",
        "name: other\nlabels: [a, b]\nthresholds:\n  - recall[spam] >= 90%\n  - leakage <= 0\n",
    ],
)
def test_thresholds_are_read_from_a_list_or_a_suite(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.yml"
    path.write_text(text)
    assert [t.text for t in read_policy([str(path)], SUITE)[0]] == ["recall[spam] >= 90%", "leakage <= 0"]


@pytest.mark.parametrize(
    ("text", "line", "field", "said"),
    [
        ("- accuracy >= 90%\n- acuracy >= 1\n", 2, "thresholds[1]", "column 1: unknown metric"),
        ("thresholds:\n  - {a: b}\n", 2, "thresholds[0]", "must be text"),
        ("# two\naccuracy >= 90%\nacuracy >= 1\n", 3, "thresholds[1]", "column 1: unknown metric"),
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
        read_policy([str(path)], SUITE)
    (problem,) = caught.value.problems
    assert (problem.line, problem.field) == (line, field)
    assert said in problem.message


def test_thresholds_may_be_typed_beside_files_and_each_source_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.yml").write_text("- leakage <= 0\n- recall[ham] >= 1%\n")
    suite = SUITE.model_copy(update={"labels": ("a;b", "ham")})
    typed = 'accuracy >= 90%; recall["a;b"] >= 80%;leakage <= 0'
    found, sources = read_policy([typed, str(tmp_path / "t.yml")], suite)
    assert [t.text for t in found] == ["accuracy >= 90%", 'recall["a;b"] >= 80%', "leakage <= 0", "recall[ham] >= 1%"]
    assert sources == "the command line and t.yml"
    assert len(read_policy(["; ".join(f"accuracy >= {n}%" for n in range(60))], SUITE)[0]) == 60  # no name is as long


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["accuracy"], "--thresholds: `accuracy` is neither a threshold nor a file."),
        (["missing.yml"], "--thresholds: `missing.yml` is neither"),
        ([""], "--thresholds: `` is neither"),
        (["acuracy >= 90%"], "--thresholds: thresholds[0]: column 1: unknown metric"),
        (["accuracy >= 1%", "; ".join(f"accuracy >= 0.{n}%" for n in range(1, 202))], "more than 200"),
    ],
)
def test_a_mistake_in_what_was_typed_names_the_option(asked: list[str], said: str) -> None:
    with pytest.raises(FilesError) as caught:
        read_policy(asked, SUITE)
    assert said in str(caught.value)
