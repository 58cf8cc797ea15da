"""What a branch changes of its own bar, in sentences."""

from __future__ import annotations

from typing import Any

from harness.files.branch.edits import Policy, policy_changes
from harness.files.case import Case, case_digest
from harness.files.project import ModelEntry
from harness.files.suite import Suite


def case(id_: str, text: str, expected: str = "spam", **more: Any) -> Case:
    inputs = {"message": text}
    return Case(id=id_, digest=case_digest(inputs), expected=expected, inputs=inputs, **more)


def policy(*cases: Case, models: dict[str, ModelEntry] | None = None, **suite: Any) -> Policy:
    given = {"name": "s", "labels": ["spam", "ham"], "cases": ["c.jsonl"], **suite}
    return Policy(suite=Suite.model_validate(given), cases=cases, models=models or {})


def test_nothing_changed_is_nothing_to_say() -> None:
    assert policy_changes(policy(case("1", "x")), policy(case("1", "x"))) == ()


def test_a_bound_that_asks_for_less_is_loosened_whatever_its_direction() -> None:
    base = policy(thresholds=["recall[spam] >= 90%", "latency.p95 <= 1 s", "accuracy >= baseline - 1%"])
    head = policy(thresholds=["recall[spam] >= 80%", "latency.p95 <= 2 s", "accuracy >= baseline - 5%"])
    assert policy_changes(base, head) == (
        "threshold loosened: `recall[spam] >= 90%` -> `recall[spam] >= 80%`.",
        "threshold loosened: `latency.p95 <= 1 s` -> `latency.p95 <= 2 s`.",
        "threshold loosened: `accuracy >= baseline - 1%` -> `accuracy >= baseline - 5%`.",
    )
    assert [sentence.split(":")[0] for sentence in policy_changes(head, base)] == ["threshold tightened"] * 3


def test_a_threshold_about_something_else_is_one_removed_and_one_added() -> None:
    base, head = policy(thresholds=["recall[spam] >= 90%"]), policy(thresholds=["recall[ham] >= 90%"])
    assert policy_changes(base, head) == (
        "threshold removed: `recall[spam] >= 90%`.",
        "threshold added: `recall[ham] >= 90%`.",
    )


def test_cases_deleted_edited_relabelled_moved_and_added_are_counted_and_named() -> None:
    base = policy(*(case(str(n), f"text {n}") for n in range(9)))
    head = policy(
        case("0", "another text"), case("1", "text 1", "ham"), case("2", "text 2", split="dev"), case("9", "new")
    )
    assert policy_changes(base, head) == (
        "6 cases deleted: 3, 4, 5, 6, 7 and 1 more.",
        "1 case edited: 0.",
        "1 case relabelled: 1 (spam -> ham).",
        "1 case given another split or tags: 2.",
        "1 case added: 9.",
    )


def test_models_prices_labels_and_settings_are_named_with_both_values() -> None:
    old = {
        "m": ModelEntry(endpoint="replay", replies="r.jsonl", price={"input": 1.0}),
        "gone": ModelEntry(endpoint="local"),
    }
    new = {"m": ModelEntry(endpoint="replay", replies="s.jsonl", price={"input": 0.0})}  # what answers is no policy
    rule = {"as": "mention"}
    base = policy(models=old)
    head = policy(models=new, name="t", labels=["spam", "ham", "other"], confidence="80%", reply=rule)
    assert policy_changes(base, head) == (
        "label added: `other`.",
        "suite: confidence `0.95` -> `0.8`.",
        "suite: name `s` -> `t`.",
        "harness.yml: model `gone` removed.",
        "harness.yml: model `m`: price.input `1.0` -> `0.0`.",
    )
