"""Which cases are asked, and what is said of them though nothing forbids it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import FilesError, UsageError
from harness.files.bundle import load_bundle
from harness.files.bundle.bundle import sample
from harness.files.project import ModelEntry, find_project, variables_of
from harness.record import CaseRow

Write = Callable[..., Path]


def cases(**labels: int) -> list[CaseRow]:
    return [
        CaseRow(id=f"{label}-{i}", digest="", expected=label, inputs={"text": "x"})
        for label, n in labels.items()
        for i in range(n)
    ]


@pytest.mark.parametrize(
    ("sizes", "size", "drawn"),
    [
        ({"a": 80, "b": 20}, 10, {"a": 8, "b": 2}),
        ({"a": 66, "b": 34}, 10, {"a": 7, "b": 3}),
        ({"a": 997, "b": 2, "c": 1}, 10, {"a": 8, "b": 1, "c": 1}),
        ({"a": 5, "b": 5, "c": 5}, 2, {"a": 1, "b": 1}),
        ({"a": 3, "b": 1}, 3, {"a": 2, "b": 1}),
        ({"a": 3, "b": 1}, 9, {"a": 3, "b": 1}),
    ],
)
def test_a_sample_gives_each_label_its_share(sizes: dict[str, int], size: int, drawn: dict[str, int]) -> None:
    found = sample(cases(**sizes), size, seed=0)
    assert Counter(case.expected for case in found) == drawn


def test_a_sample_is_the_same_each_time_another_by_seed_and_in_the_file_s_order() -> None:
    every = cases(a=50, b=50)
    one = [case.id for case in sample(every, 20, seed=1)]
    assert one == [case.id for case in sample(list(every), 20, seed=1)]
    assert one != [case.id for case in sample(every, 20, seed=2)]
    assert one == [case.id for case in every if case.id in one]
    assert set(one) < {case.id for case in sample(every, 40, seed=1)}


def test_a_limit_of_a_file_sorted_by_label_has_every_label(project: Write) -> None:
    lines = [f'{{"message": "m{i}", "expected": "{"spam" if i < 50 else "ham"}"}}' for i in range(100)]
    suite = project({"suites/cases.jsonl": "\n".join(lines)})
    assert Counter(c.expected for c in load_bundle(suite, limit=10).cases) == {"spam": 5, "ham": 5}
    assert [c.id for c in load_bundle(suite, first=3).cases] == ["cases-1", "cases-2", "cases-3"]


def test_what_is_seldom_meant_is_noted(project: Write) -> None:
    rows = [
        '{"message": " ", "expected": "Spam", "Split": "dev", "tag": "a", "author": "x"}',
        '{"message": "NaN", "expected": "ham", "Split": "dev", "tag": "a", "author": "x"}',
        '{"message": "ok", "expected": "ham", "Split": "dev", "tag": "a", "author": "x"}',
    ]
    assert load_bundle(project({"suites/cases.jsonl": "\n".join(rows)})).notes == (
        '`Spam` is read as the label `spam`, in 1 case; to write it down: `values: {expected: {"Spam": spam}}`.',
        "the column `Split` is an input; if it is `split`, write `columns: {split: Split}`.",
        "the column `tag` is an input; if it is `tags`, write `columns: {tags: tag}`.",
        "`message` is empty in 1 case, first in `cases-1`.",
        "`message` is the text `NaN` in 1 case, first in `cases-2`: it is sent as any other.",
        "`author` is a column that no prompt uses.",
    )
    assert load_bundle(project()).notes == ()


TEXT = "text: 'Spam? {{ message }}'\n"


def test_prompts_of_a_pattern_that_a_model_can_not_take_are_left_out(project: Write) -> None:
    suite = project({"prompts/v2.prompt.yml": TEXT})
    suite.write_text(suite.read_text().replace("v1.prompt.yml", "*.prompt.yml"))
    bundle = load_bundle(suite, models=["mini", "recorded"])
    assert [c.name for c in bundle.candidates] == ["v1@mini", "v1@recorded", "v2@recorded"]
    assert bundle.left_out == ("not measured on `mini`: `v2`, which is plain text.",)
    with pytest.raises(FilesError, match="is plain text, but the model `mini`"):
        load_bundle(suite, models=["mini"], prompts=["v2"])


def test_a_model_that_is_left_with_no_prompt_is_a_mistake(project: Write) -> None:
    suite = project({"prompts/v1.prompt.yml": TEXT})
    suite.write_text(suite.read_text().replace("v1.prompt.yml", "*.prompt.yml"))
    with pytest.raises(FilesError, match="all are plain text, but the model `mini`"):
        load_bundle(suite, models=["mini"])


@pytest.mark.parametrize("name", ["harness.yaml", ".harness.yml", "harness.yml.txt"])
def test_a_project_file_of_nearly_the_right_name_is_not_ignored(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("models: {}\n")
    (tmp_path / "suites").mkdir()
    with pytest.raises(UsageError, match="is not read") as caught:
        find_project(tmp_path / "suites")
    assert caught.value.fix == "Rename it to harness.yml."
    (tmp_path / "harness.yml").write_text("models: {}\n")
    assert find_project(tmp_path / "suites") == (tmp_path / "harness.yml").resolve()


def test_the_variables_of_a_model_are_its_key_and_those_of_its_headers() -> None:
    entry = ModelEntry(
        endpoint="chat",
        base_url="https://a.example/v1",
        model="m",
        api_key_env="KEY",
        headers={"x-api-key": "${OTHER}", "x-org": "a-${ORG}-${KEY}"},
    )
    assert variables_of(entry) == ("KEY", "OTHER", "ORG")
