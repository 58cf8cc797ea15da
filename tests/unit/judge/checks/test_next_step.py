"""The one next step, and what is confused with what."""

from __future__ import annotations

import msgspec
import pytest
from run_of import candidate, events_of, judged, manifest_of, only, parsed_thresholds
from went_wrong import OVERLOADED, SITUATIONS, all_cut, one_of_three_not_measured, refused_alike, some_failed

from harness.judge.assess import assess
from harness.judge.documents import NextStep
from harness.record import Failure

LABELS = ("spam", "ham")


def step_of(answers: list[tuple[str, object, int]], *thresholds: str, **more: object) -> NextStep:
    made = judged(answers, LABELS, thresholds=thresholds, **more).next_step  # type: ignore[arg-type]
    assert made is not None
    return made


def test_a_ready_candidate_is_shipped() -> None:
    step = step_of([("spam", "spam", 300), ("ham", "ham", 300)], "accuracy >= 90%")
    assert (step.kind, step.sentence) == ("ship", "Ship v1@mini.")


def test_a_refused_candidate_leads_to_the_place_of_the_parameter() -> None:
    step = refused_alike().next_step
    assert step is not None
    assert step.kind == "endpoint"
    assert step.sentence.startswith("Write `max_completion_tokens` in place of `max_tokens` in prompts/v1.prompt.yml:4")


def test_calls_that_alone_keep_it_open_are_sent_again() -> None:
    step = some_failed().next_step
    assert step is not None
    assert step.sentence.endswith("`harness resume 20260101T000000Z-suite-aaaaaa --failed` sends just these again.")


def test_cut_replies_lead_to_the_limit_that_cuts_them() -> None:
    step = all_cut().next_step
    assert step is not None
    assert (step.kind, step.sentence) == ("prompt", "Raise `max_tokens` in prompts/v1.prompt.yml:4.")


def test_the_first_step_of_several_is_that_of_the_nearest() -> None:
    made = one_of_three_not_measured()
    assert made.leaderboard is not None
    near = next(c for c in made.candidates if c.name == made.leaderboard.recommended)
    assert made.next_step == near.next_step


def test_an_unfinished_run_is_finished_first() -> None:
    manifest = manifest_of(LABELS, planned=20, repeats=2, positive="spam")
    step = assess(manifest, events_of([("spam", "spam", 10)])).next_step
    assert step is not None
    assert (step.kind, step.sentence) == ("resume", "Finish the run: `harness resume run`.")


def test_a_missed_recall_names_what_its_label_is_read_as_not_the_largest_confusion() -> None:
    answers = [("spam", "ham", 20), ("spam", "spam", 30), ("ham", "spam", 60), ("ham", "ham", 300)]
    step = step_of(answers, "recall[spam] >= 90%")
    assert step.sentence == "Fix the prompt: spam is read as ham (20 of 50 trials)."
    assert step.confused is not None
    assert [one.reply for one in step.confused.samples] == ["ham", "ham"]
    assert step.confused.samples[0].case != step.confused.samples[1].case


def test_a_missed_precision_names_what_is_falsely_read_so() -> None:
    answers = [("spam", "ham", 60), ("spam", "spam", 30), ("ham", "spam", 20), ("ham", "ham", 300)]
    assert (
        step_of(answers, "precision[spam] >= 90%").sentence == "Fix the prompt: ham is read as spam (20 of 320 trials)."
    )


def test_a_label_that_is_missed_without_one_is_said_so() -> None:
    step = step_of([("spam", "who knows", 20), ("spam", "spam", 20), ("ham", "ham", 40)], "accuracy >= 90%")
    assert step.kind == "prompt"


def test_slow_calls_are_to_be_made_faster_and_wrong_answers_come_first() -> None:
    right = [("spam", "spam", 200), ("ham", "ham", 200)]
    assert step_of(right, "latency.p95 <= 100 ms").sentence.startswith("Make it faster")
    wrong = [("spam", "ham", 200), ("ham", "ham", 200)]
    assert step_of(wrong, "latency.p95 <= 100 ms", "accuracy >= 90%").sentence.startswith("Fix the prompt")


@pytest.mark.parametrize("demand", ["latency.p95 <= 1 s", "latency.within(1 s) >= 90%"])
def test_calls_that_timed_out_are_no_slow_prompt(demand: str) -> None:
    late = Failure(kind="timeout", message="no answer in 30 s")
    lost = step_of([("spam", "spam", 60), ("spam", late, 40), ("ham", "ham", 100)], demand)
    assert lost.kind == "endpoint"
    few = step_of([("spam", "spam", 98), ("spam", late, 2), ("ham", "ham", 100)], demand.replace("1 s", "100 ms"))
    assert few.sentence.startswith("Make it faster")


def test_open_checks_say_how_many_cases_settle_them() -> None:
    step = step_of([("spam", "spam", 10), ("ham", "ham", 10)], "accuracy >= 90%")
    assert (step.kind, step.sentence) == (
        "collect",
        "Collect about 29 new cases of this mix to settle accuracy >= 90%.",
    )


def test_a_label_that_lacks_cases_is_named() -> None:
    step = step_of([("spam", "spam", 10), ("ham", "ham", 200)], "recall[spam] >= 90%", "accuracy >= 90%")
    assert step.sentence == "Collect about 29 new spam cases to settle recall[spam] >= 90%."
    assert step.thresholds == ("recall[spam] >= 90%",)


def test_several_labels_that_lack_cases_are_named_together() -> None:
    labels = ("a", "b", "c")
    answers = [("a", "a", 10), ("b", "b", 12), ("c", "c", 200)]
    wanted = [f"recall[{label}] >= 90%" for label in labels]
    made = judged(answers, labels, thresholds=wanted).next_step
    assert made is not None
    told = "Collect about 29 new cases of each of ‘a’ and ‘b’ to settle recall[a] >= 90% and recall[b] >= 90%."
    assert made.sentence == told


def test_more_cases_that_would_show_a_fail_are_not_asked_for() -> None:
    step = step_of([("spam", "spam", 17), ("ham", "spam", 3)], "accuracy >= 90%")
    assert (step.kind, step.confused is not None) == ("prompt", True)


def test_confusions_come_most_frequent_first_and_count_trials_and_cases() -> None:
    answers = [("spam", "ham", 3), ("spam", "spam", 7), ("ham", "spam", 5), ("ham", "ham", 5), ("ham", "?", 1)]
    found = only(judged(answers, LABELS, repeats=2)).confused
    assert [(c.expected, c.read_as, c.trials, c.of, c.cases) for c in found] == [
        ("ham", "spam", 10, 22, 5),
        ("spam", "ham", 6, 20, 3),
        ("ham", "no label", 2, 22, 1),
    ]


def test_what_the_endpoint_failed_is_no_confusion() -> None:
    found = only(judged([("spam", OVERLOADED, 3), ("spam", "spam", 7), ("ham", "ham", 10)], LABELS)).confused
    assert found == ()


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_judged_candidate_has_a_next_step(situation: str) -> None:
    made = SITUATIONS[situation]()
    assert all(c.next_step is not None and c.next_step.sentence.endswith(".") for c in made.candidates)


HERE = {"suite": "in/s.suite.yml"}
OPEN = [("spam", "spam", 93), ("spam", "ham", 7)]


@pytest.mark.parametrize(
    ("notes", "told"),
    [
        (
            {"unasked": 5_000, "reload": HERE},
            " Of the suite's cases 5,000 were not asked: `harness run in/s.suite.yml --add 550 run` asks 550 of them.",
        ),
        (
            {"unasked": 30, "reload": HERE},
            " Of the suite's cases 30 were not asked: `harness run in/s.suite.yml --add 30 run` asks 30 of them.",
        ),
        ({"unasked": 0, "reload": HERE}, ""),
        ({"reload": HERE}, ""),
        ({"unasked": 30}, ""),
        ({"unasked": 30, "reload": {"suite": "s`; echo `.yml"}}, ""),  # a run may be from elsewhere
        ({"unasked": 30, "reload": HERE, "gate": {}}, ""),
        ({"unasked": 30, "reload": HERE, "added": {"to": "before", "cases": 50, "share": 0.5}}, ""),
    ],
)
def test_an_open_run_of_some_cases_names_the_command_that_asks_others(notes: dict[str, object], told: str) -> None:
    manifest = msgspec.structs.replace(manifest_of(LABELS, planned=100), notes=notes)
    made = assess(manifest, events_of(OPEN), thresholds=parsed_thresholds(["accuracy >= 90%"], LABELS)).next_step
    assert made is not None
    assert made.kind == "collect"
    assert made.sentence.partition(" to settle accuracy >= 90%.")[2] == told


def test_what_a_function_in_python_answers_no_command_asks() -> None:
    entry = msgspec.structs.replace(candidate(), model={"endpoint": "function"})
    manifest = manifest_of(LABELS, planned=100, candidates=[entry])
    manifest = msgspec.structs.replace(manifest, notes={"unasked": 30, "reload": HERE})
    made = assess(manifest, events_of(OPEN), thresholds=parsed_thresholds(["accuracy >= 90%"], LABELS)).next_step
    assert made is not None
    assert made.sentence.endswith("to settle accuracy >= 90%.")
