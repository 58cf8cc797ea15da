"""The ways in which figures mislead are named, and only when they occur."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from run_of import candidate, case_row, judged, manifest_of, only, parsed_thresholds, record

from harness.judge.assess import assess
from harness.judge.documents import Assessment
from harness.record import Failure

LABELS = ("spam", "ham")


def sentences(assessment: Assessment, kind: str) -> list[str]:
    return [trap.sentence for trap in only(assessment).traps if trap.kind == kind]


def run(answers: list[Any], *thresholds: str, labels: tuple[str, ...] = LABELS, **suite: Any) -> Assessment:
    return judged(answers, labels, thresholds=thresholds or ["accuracy >= 1%"], **suite)


def test_accuracy_that_hides_a_missed_label() -> None:
    assessment = run([("spam", "spam", 40), ("spam", "ham", 60), ("ham", "ham", 1900)])
    assert sentences(assessment, "accuracy_paradox") == [
        "Accuracy 97.0% hides that most spam cases are missed: always answering ham would score 95.0%. "
        "Balanced accuracy is 70.0%."
    ]


def test_accuracy_above_the_majority_by_chance() -> None:
    assessment = run([("spam", "spam", 3), ("spam", "ham", 37), ("ham", "ham", 60)])
    assert sentences(assessment, "accuracy_paradox") == [
        "Accuracy 63.0% is not shown to be better than a constant answer: always answering ham would score "
        "60.0%. Balanced accuracy is 53.8%."
    ]


def test_accuracy_below_the_majority_is_said_to_be_worse() -> None:
    assessment = run([("spam", "spam", 10), ("ham", "spam", 60), ("ham", "ham", 30)])
    assert sentences(assessment, "accuracy_paradox") == [
        "Accuracy 40.0% is worse than a constant answer: always answering ham would score 90.0%. "
        "Balanced accuracy is 66.7%."
    ]


def test_a_rare_label_that_is_found_at_the_cost_of_accuracy_is_not_called_useless() -> None:
    assessment = run([("spam", "spam", 17), ("spam", "ham", 1), ("ham", "spam", 18), ("ham", "ham", 264)])
    assert sentences(assessment, "accuracy_paradox") == [
        "Accuracy 93.7% says little here: always answering ham would score 94.0%. Balanced accuracy is 94.0%."
    ]


def test_a_good_classifier_has_no_paradox() -> None:
    assert sentences(run([("spam", "spam", 95), ("spam", "ham", 5), ("ham", "ham", 900)]), "accuracy_paradox") == []


def test_a_label_with_too_few_cases_to_prove_its_threshold() -> None:
    assessment = run([("spam", "spam", 18), ("ham", "ham", 282)], "recall[spam] >= 90%")
    assert sentences(assessment, "too_few_cases") == [
        "recall[spam] >= 90% can't pass here: 18 spam cases, all right, would prove only 84.7% at 95% "
        "confidence; it takes at least 29."
    ]


def test_a_second_look_has_too_few_cases_for_as_sure_as_it_has_to_be() -> None:
    rows = [case_row(f"c{n}", LABELS[n % 2]) for n in range(35)]
    manifest = manifest_of(LABELS, planned=len(rows))
    looked = msgspec.structs.replace(manifest, notes={"added": {"to": "first", "cases": 15, "share": 0.5}})
    events = [*rows, *(record(row.id, row.expected) for row in rows)]
    thresholds = parsed_thresholds(["accuracy >= 90%"], LABELS)
    once, twice = (assess(one, events, thresholds=thresholds) for one in (manifest, looked))
    assert (once.verdict, twice.verdict) == ("READY", "INCONCLUSIVE")
    assert sentences(twice, "too_few_cases") == [  # .9^42 < .0124, the error of the later of two equal stages
        "accuracy >= 90% can't pass here: 35 cases, all right, would prove only 88.2% at 98.76% confidence; "
        "it takes at least 42."
    ]


def test_enough_cases_of_a_label_are_no_trap() -> None:
    enough = run([("spam", "spam", 29), ("ham", "ham", 282)], "recall[spam] >= 90%")
    still_open = run([("spam", "spam", 28), ("spam", "ham", 2), ("ham", "ham", 282)], "recall[spam] >= 90%")
    assert sentences(enough, "too_few_cases") == sentences(still_open, "too_few_cases") == []


def test_too_few_cases_are_counted_in_what_the_figure_rests_on() -> None:
    answers = [("spam", "spam", 10), ("ham", "spam", 1), ("ham", "ham", 8)]
    told = {
        text: sentences(run(answers, text), "too_few_cases")
        for text in ("accuracy >= 90%", "precision[spam] >= 90%", "specificity[spam] >= 90%", "accuracy >= 100%")
    }
    assert {text: found[0].partition("here: ")[2] for text, found in told.items() if found} == {
        "accuracy >= 90%": "19 cases, all right, would prove only 85.4% at 95% confidence; it takes at least 29.",
        "precision[spam] >= 90%": "11 spam predictions, all right, would prove only 76.2% at 95% confidence; "
        "it takes at least 29.",
        "specificity[spam] >= 90%": "9 cases that are not spam, all right, would prove only 71.7% at 95% "
        "confidence; it takes at least 29.",
    }


def test_what_holds_of_many_labels_is_said_once() -> None:
    # 7 cases, all right, prove .05 ** (1 / 7)
    labels = tuple(f"{{topic}} {letter}" for letter in "abcde")
    answers = [(label, label, 3 + n) for n, label in enumerate(labels)]
    policy = [f"recall[{label}] >= 90%" for label in labels]
    assert sentences(run(answers, *policy, labels=labels), "too_few_cases") == [
        "recall >= 90% can't pass here for 5 labels (‘{topic} a’, ‘{topic} b’, ‘{topic} c’ and 2 more): 3 to 7 "
        "cases each, all right, would prove at most 65.2% at 95% confidence; it takes at least 29 each."
    ]
    three = sentences(run(answers, *policy[:3], labels=labels), "too_few_cases")
    assert [sentence.partition(" can't")[0] for sentence in three] == policy[:3]


def test_too_few_cases_of_a_slice_are_counted_in_the_slice() -> None:
    events = []
    for number in range(60):
        events.append(case_row(f"{number:02d}", "spam", tags=("short",) if number < 20 else ()))
        events.append(record(f"{number:02d}", "spam"))
    manifest = manifest_of(LABELS, planned=60)
    thresholds = parsed_thresholds(["recall[spam] where tag=short >= 90%", "recall[spam] >= 90%"], LABELS)
    assert sentences(assess(manifest, events, thresholds=thresholds), "too_few_cases") == [
        "recall[spam] where tag=short >= 90% can't pass here: 20 spam cases, all right, would prove only "
        "86.1% at 95% confidence; it takes at least 29."
    ]


def test_a_label_that_is_never_answered() -> None:
    assessment = run([("spam", "ham", 1), ("ham", "ham", 20)])
    assert sentences(assessment, "never_predicted") == ["No reply was ever spam, though 1 case expects it."]
    assert sentences(run([("spam", "spam", 1), ("ham", "ham", 20)]), "never_predicted") == []


def test_a_label_that_no_case_expects_is_not_missed() -> None:
    assessment = run([("spam", "spam", 5), ("ham", "ham", 5)], labels=("spam", "ham", "other"))
    assert sentences(assessment, "never_predicted") == []


def test_errors_that_all_go_one_way() -> None:
    assessment = run([("ham", "spam", 19), ("spam", "ham", 1), ("ham", "ham", 80)])
    assert sentences(assessment, "one_sided_errors") == ["Errors go one way: 19 of 20 wrong answers were spam."]
    both = run([("ham", "spam", 17), ("spam", "ham", 3), ("ham", "ham", 80)])
    assert sentences(both, "one_sided_errors") == []
    few = run([("ham", "spam", 9), ("ham", "ham", 80)])
    assert sentences(few, "one_sided_errors") == []


def test_precision_at_the_share_of_production() -> None:
    # TPR .9, FPR .05 at 1%: .9 * .01 / (.9 * .01 + .05 * .99) = .153846
    assessment = run(
        [("spam", "spam", 90), ("spam", "ham", 10), ("ham", "spam", 5), ("ham", "ham", 95)], prevalence={"spam": 0.01}
    )
    (sentence,) = sentences(assessment, "prevalence")
    assert sentence.startswith(
        "50.0% of these cases are spam, but 1% in production. There, precision[spam] would be 15.4% ("
    )
    assert sentence.endswith("instead of 94.7%.")
    near = [("spam", "spam", 9), ("ham", "ham", 9)]
    assert sentences(run(near, prevalence={"spam": 0.3}), "prevalence") == []


def test_no_trap_is_laid_by_what_was_not_run() -> None:
    rows = [case_row(f"c{n}", LABELS[n % 2]) for n in range(60)]
    asked = [*rows, *(record(row.id, row.expected) for row in rows[1:12:2])]  # 6 of ham, all right
    assessment = assess(
        manifest_of(LABELS, planned=60), asked, thresholds=parsed_thresholds(["accuracy >= 1%"], LABELS)
    )
    assert only(assessment).classification.accuracy.value == 1.0
    assert only(assessment).traps == ()


def test_a_constant_answer_is_held_against_what_was_answered() -> None:
    answers = [
        ("spam", "spam", 3),
        ("spam", "ham", 37),
        ("ham", "ham", 60),
        ("ham", Failure(kind="timeout", message="late"), 20),
    ]
    assert sentences(run(answers), "accuracy_paradox") == [
        "Of what was answered, accuracy 63.0% is not shown to be better than a constant answer: always answering ham "
        "would score 60.0%. Balanced accuracy is 53.8%."
    ]


def test_a_reply_without_a_label_is_no_false_alarm_in_production_either() -> None:
    answers = [("spam", "spam", 20), ("ham", "dunno", 30), ("ham", "spam", 5), ("ham", "ham", 45)]
    (as_here, rarer) = (
        only(run(answers, prevalence={"spam": share})).classification.at_prevalence["spam"].value
        for share in (0.2, 0.02)
    )
    assert as_here == pytest.approx(20 / 25)  # at the suite's own share it is the suite's precision
    assert rarer == pytest.approx(0.02 / (0.02 + 5 / 80 * 0.98))


def test_a_precision_that_stays_the_same_is_not_set_against_itself() -> None:
    assessment = run([("spam", "ham", 18), ("ham", "spam", 1), ("ham", "ham", 281)], prevalence={"spam": 0.004})
    (sentence,) = sentences(assessment, "prevalence")
    assert sentence.startswith(
        "6.0% of these cases are spam, but 0.4% in production. There, precision[spam] could be anything from 0.0% to "
    )


def test_a_label_never_answered_has_no_precision_in_production() -> None:
    assessment = run([("spam", "ham", 18), ("ham", "ham", 282)], prevalence={"spam": 0.004})
    assert sentences(assessment, "prevalence") == [
        "6.0% of these cases are spam, but 0.4% in production. No reply was spam, so nothing is known of "
        "precision[spam] there."
    ]


def test_a_threshold_that_repeats_alone_would_flip() -> None:
    events = []
    for number in range(20):
        events.append(case_row(f"{number:02d}", "spam"))
        for repeat in range(3):
            wrong = number < (1, 2, 3)[repeat]
            events.append(record(f"{number:02d}", "ham" if wrong else "spam", repeat=repeat))
    manifest = manifest_of(LABELS, planned=60, repeats=3)
    judged_run = assess(manifest, events, thresholds=parsed_thresholds(["accuracy >= 90%"], LABELS))
    assert sentences(judged_run, "noise") == [
        "Noise alone would flip accuracy >= 90%: 2 of 3 repeats met it, with figures from 85.0% to 95.0%."
    ]


def test_repeats_of_other_cases_say_nothing_of_noise() -> None:
    events = [case_row(f"{number:02d}", "spam") for number in range(20)]
    events += [record(f"{number:02d}", "spam" if number else "ham") for number in range(20)]
    events += [record(f"{number:02d}", "spam" if number else "ham", repeat=1) for number in range(4)]
    manifest = manifest_of(LABELS, planned=40, repeats=2)
    judged_run = assess(manifest, events, thresholds=parsed_thresholds(["accuracy >= 90%"], LABELS))
    assert not judged_run.complete
    assert sentences(judged_run, "noise") == []


def test_repeats_that_agree_flip_nothing() -> None:
    answers = [("spam", "spam", 18), ("spam", "ham", 2)]
    assert sentences(run(answers, "accuracy >= 90%", repeats=3), "noise") == []
    assert sentences(run(answers, "accuracy >= 90%"), "noise") == []


def test_a_suite_that_nobody_fails_tells_nothing() -> None:
    assert sentences(run([("spam", "spam", 9), ("ham", "ham", 9)]), "no_information") == [
        "The candidate is right in every trial: only harder cases could show a weakness."
    ]
    assert sentences(run([("spam", "spam", 9), ("ham", "spam", 1)]), "no_information") == []


def two_candidates(*said: str) -> Assessment:
    names = ("v1@m", "v2@m")
    events = []
    for number in range(10):
        events.append(case_row(str(number), "spam"))
        for name, first in zip(names, said, strict=True):
            events.append(record(str(number), "spam" if number else first, candidate=name))
    return assess(manifest_of(LABELS, planned=20, candidates=[candidate(name) for name in names]), events)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (("ham", "ham"), "Both candidates gave the same answers: this suite can't tell them apart."),
        (("spam", "spam"), "Both candidates are right in every trial: only harder cases could show a weakness."),
        (("ham", "spam"), None),
    ],
)
def test_candidates_that_a_suite_does_not_tell_apart_are_named(said: tuple[str, str], told: str | None) -> None:
    for one in two_candidates(*said).candidates:
        found = [trap.sentence for trap in one.traps if trap.kind == "no_information"]
        assert found == ([] if told is None else [told])
