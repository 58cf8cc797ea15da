"""Which cases of two runs are the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from compared import Asked, asked, viewed

from harness.judge.compare import compare


def cases(*numbers: int, right: str = "1") -> list[Asked]:
    return [asked(number, right, inputs={"message": f"text {number}"}) for number in numbers]


def test_cases_are_paired_by_id_and_what_is_left_over_is_listed() -> None:
    comparison = compare(viewed(cases(1, 2, 3)), viewed(cases(2, 3, 4, 5)))
    assert comparison.paired_cases == 2
    assert comparison.unpaired_base == ("case-0001",)
    assert comparison.unpaired_head == ("case-0004", "case-0005")


def test_renumbered_cases_find_each_other_by_their_inputs() -> None:
    base = cases(1, 2, 3)
    head = [replace(one, case=f"new-{one.case}") for one in cases(1, 2, right="0")] + cases(3)
    comparison = compare(viewed(base), viewed(head))
    assert (comparison.paired_cases, comparison.paired_by_digest) == (3, 2)
    assert comparison.unpaired_base == comparison.unpaired_head == ()
    assert {(c.case, c.base_case) for c in comparison.broken} == {
        ("new-case-0001", "case-0001"),
        ("new-case-0002", "case-0002"),
    }


def test_swapped_ids_pair_by_text_not_by_name() -> None:
    one, two = cases(1, 2)
    swapped = [replace(one, case=two.case), replace(two, case=one.case)]
    comparison = compare(viewed([one, two]), viewed(swapped))
    assert (comparison.paired_cases, comparison.paired_by_digest, comparison.edited) == (2, 2, ())


def test_an_edited_case_is_another_question_and_is_listed_not_paired() -> None:
    edited = asked(1, "0", inputs={"message": "another text"})
    comparison = compare(viewed(cases(1, 2)), viewed([edited, *cases(2)]))
    assert (comparison.paired_cases, comparison.edited) == (1, ("case-0001",))
    assert comparison.unpaired_base == comparison.unpaired_head == comparison.broken == ()


def test_two_cases_with_one_text_are_paired_one_to_one() -> None:
    def twin(case: str) -> Asked:
        return Asked(case, "ham", ("ham",), fields={"inputs": {"message": "the same"}})

    comparison = compare(viewed([twin("a"), twin("b")]), viewed([twin("x"), twin("y"), twin("z")]))
    assert (comparison.paired_by_digest, len(comparison.unpaired_head)) == (2, 1)


def test_a_relabelled_case_is_judged_by_heads_label_on_both_sides() -> None:
    base = [Asked("case-0001", "ham", ("spam",), fields={"inputs": {"message": "text 1"}}), *cases(2)]
    head = [Asked("case-0001", "spam", ("spam",), fields={"inputs": {"message": "text 1"}}), *cases(2)]
    comparison = compare(viewed(base), viewed(head))
    assert comparison.relabelled == ("case-0001",)
    accuracy = comparison.metric("accuracy")
    assert accuracy is not None
    assert (accuracy.base.value, accuracy.head.value) == (1.0, 1.0)
    assert any("changed" in note and "label" in note for note in comparison.notes)


def test_labels_are_matched_by_name_whatever_their_order() -> None:
    base = viewed(cases(1, 2), labels=("ham", "spam"))
    head = viewed(cases(1, 2), labels=("spam", "ham", "unsure"))
    comparison = compare(base, head)
    assert comparison.labels == ("spam", "ham", "unsure")
    accuracy = comparison.metric("accuracy")
    assert accuracy is not None
    assert (accuracy.base.value, accuracy.head.value) == (1.0, 1.0)


def test_trials_that_were_never_run_are_left_out_and_said_to_be() -> None:
    base = cases(1, 2, 3, right="11")
    head = [*cases(1, 2, right="11"), replace(cases(3)[0], said=())]
    comparison = compare(viewed(base), viewed(head, planned_repeats=2))
    assert comparison.paired_cases == 2
    assert comparison.unpaired_base == ("case-0003",)
    assert comparison.outcomes[0].head == 4
    assert any("not finished" in note for note in comparison.notes)


def test_cases_that_a_run_has_but_never_came_to_are_not_called_foreign() -> None:
    head = [*cases(3), *(replace(each, said=()) for each in cases(1, 2))]
    comparison = compare(viewed(cases(1, 2)), viewed(head))
    assert "measured no case in common" in comparison.headline
    assert any("2 trials were not run" in note for note in comparison.notes)


def test_nothing_in_common_is_said_and_decides_nothing() -> None:
    comparison = compare(viewed(cases(1, 2)), viewed(cases(3, 4)))
    assert comparison.paired_cases == 0
    assert "no case in common" in comparison.headline
    assert {m.verdict for m in comparison.metrics} == {"can't tell"}
    assert comparison.non_inferior_status == "INCONCLUSIVE"


def test_changed_parameters_and_served_models_are_listed() -> None:
    base = viewed(cases(1), model={"params": {"temperature": 0, "seed": 1}})
    head = viewed(cases(1), "v1@mini", model={"params": {"temperature": 0.7, "seed": 1}, "model": "mini-2"})
    changes = {(c.what, c.base, c.head) for c in compare(base, head).changes}
    assert changes == {("model.params.temperature", "0", "0.7"), ("model.model", "mini", "mini-2")}


@pytest.mark.parametrize(("hours", "told"), [("00", False), ("05", True)])
def test_latencies_measured_hours_apart_are_doubted(hours: str, told: bool) -> None:
    later = viewed(cases(1, 2), run_id="later", created_utc=f"2026-01-01T{hours}:00:00Z")
    notes = compare(viewed(cases(1, 2)), later).notes
    assert any("apart" in note for note in notes) == told
