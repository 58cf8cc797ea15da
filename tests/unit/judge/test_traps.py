"""The ways in which figures mislead are named, and only when they occur."""

from __future__ import annotations

from typing import Any

from run_of import candidate, case_row, judged, manifest_of, only, parsed_thresholds, record

from harness.judge.assess import assess
from harness.judge.assessment import Assessment

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


def test_a_good_classifier_has_no_paradox() -> None:
    assert (
        sentences(run([("spam", "spam", 95), ("spam", "ham", 5), ("ham", "ham", 900)]), "accuracy_paradox")
        == []
    )


def test_a_label_with_too_few_cases_to_prove_its_threshold() -> None:
    assessment = run([("spam", "spam", 18), ("ham", "ham", 282)], "recall[spam] >= 90%")
    assert sentences(assessment, "too_few_cases") == [
        "recall[spam] >= 90% can't pass here: 18 spam cases, all right, would prove only 84.7% at 95% "
        "confidence; it takes at least 29."
    ]


def test_a_label_that_is_never_answered() -> None:
    assessment = run([("spam", "ham", 1), ("ham", "ham", 20)])
    assert sentences(assessment, "never_predicted") == ["No reply was ever spam, though 1 case expects it."]


def test_errors_that_all_go_one_way() -> None:
    assessment = run([("ham", "spam", 19), ("spam", "ham", 1), ("ham", "ham", 80)])
    assert sentences(assessment, "one_sided_errors") == [
        "Errors go one way: 19 of 20 wrong answers were spam."
    ]
    few = run([("ham", "spam", 9), ("ham", "ham", 80)])
    assert sentences(few, "one_sided_errors") == []


def test_precision_at_the_share_of_production() -> None:
    # TPR .9, FPR .05 at 1%: .9 * .01 / (.9 * .01 + .05 * .99) = .153846
    assessment = run(
        [("spam", "spam", 90), ("spam", "ham", 10), ("ham", "spam", 5), ("ham", "ham", 95)],
        prevalence={"spam": 0.01},
    )
    (sentence,) = sentences(assessment, "prevalence")
    assert sentence.startswith(
        "50.0% of the trials are spam, but 1% in production. There, precision[spam] would be 15.4% ("
    )
    assert sentence.endswith("instead of 94.7%.")
    assert sentences(run([("spam", "spam", 9)], prevalence={"spam": 0.8}), "prevalence") == []


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
        "Noise alone would flip accuracy >= 90%: 2 of 3 repeats met it, from 85.0% to 95.0%."
    ]


def test_a_suite_that_nobody_fails_tells_nothing() -> None:
    assert sentences(run([("spam", "spam", 9), ("ham", "ham", 9)]), "no_information") == [
        "The candidate is right in every trial: only harder cases could show a weakness."
    ]


def test_candidates_that_answer_alike_are_not_told_apart() -> None:
    names = ("v1@m", "v2@m")
    events = []
    for number in range(10):
        events.append(case_row(str(number), "spam"))
        said = "spam" if number else "ham"
        events += [record(str(number), said, candidate=name) for name in names]
    manifest = manifest_of(LABELS, planned=20, candidates=[candidate(name) for name in names])
    assessment = assess(manifest, events)
    for one in assessment.candidates:
        assert "All 2 candidates gave the same answers: this suite can't tell them apart." in [
            trap.sentence for trap in one.traps
        ]
