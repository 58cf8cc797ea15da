"""What is blamed on a perturbation, and what stays out of every other figure."""

from __future__ import annotations

from itertools import permutations

import msgspec
import numpy as np
import pytest
from run_of import CALM, candidate, case_row, manifest_of, only, parsed_thresholds, record

from harness.judge.assess import assess
from harness.judge.documents import CandidateAssessment
from harness.judge.scores import Normal
from harness.judge.scores.invariance import excess, p_value
from harness.judge.sections.robustness import Worst
from harness.record import Event, Failure, Reply, Usage

LABELS = ("spam", "ham")


def judged_run(*variants: tuple[str, int], repeats: int = 3, cases: int = 60) -> CandidateAssessment:
    """Judge a steady model that a variant breaks on its first so many cases."""
    events: list[Event] = [CALM]
    for i in range(cases):
        events.append(case_row(f"c{i:02d}", "spam", inputs={"message": f"win money now, call {i}"}))
        for name, broken in (("original", 0), *variants):
            said = "ham" if i < broken else "spam"
            events += [record(f"c{i:02d}", said, repeat=r, variant=name) for r in range(repeats)]
    names = ("original", *(name for name, _ in variants))
    manifest = manifest_of(LABELS, planned=len(events), repeats=repeats, variants=names)
    thresholds = parsed_thresholds(["robustness.flips <= 5%", "accuracy >= 50%"], LABELS)
    return only(assess(manifest, events, thresholds=thresholds))


def test_the_p_value_is_the_share_of_splits_that_move_as_much() -> None:
    # Two cases asked twice each way. The first answered aa | bb, the second aa | ab. All 4!^2 orders of the
    # answers are as likely; the excess is what it would have been in that order.
    cases = [["a", "a", "b", "b"], ["a", "a", "a", "b"]]

    def moved(answers: tuple[str, ...]) -> float:
        flips = np.mean([x != y for x in answers[:2] for y in answers[2:]])
        return float(flips - (answers[0] != answers[1]))

    seen = sum(moved(tuple(case)) for case in cases)
    sums = [moved(one) + moved(two) for one in permutations(cases[0]) for two in permutations(cases[1])]
    exact = np.mean(np.array(sums) >= seen - 1e-9)
    original, variant = np.array([[2, 0], [2, 0]]), np.array([[0, 2], [1, 1]])
    assert p_value(original, variant) == pytest.approx(min(1, 2 * exact), abs=0.03)


def test_over_200_runs_of_a_noisy_model_idle_changes_are_rarely_blamed_and_real_ones_found() -> None:
    rng = np.random.default_rng(20)

    def p(broken: int) -> float:
        chance = np.full((2, 150, 1), 0.05)  # each answer flips with 5%
        chance[1, :broken] = 0.95
        wrong = (rng.random((2, 150, 3)) < chance).sum(axis=2)
        original, variant = np.stack([3 - wrong, wrong], axis=-1)
        return p_value(original, variant, draws=999)

    assert np.mean([p(broken=0) <= 0.05 for _ in range(200)]) <= 0.055
    assert np.mean([p(broken=15) <= 0.05 for _ in range(50)]) == 1.0  # 10% of the cases


def test_an_idle_change_on_a_steady_model_has_a_limit_though_nothing_moved() -> None:
    same = np.tile([[3, 0]], (60, 1))
    found = excess(same, same, why_empty="")
    assert found.value == 0
    # Nothing moved in 60 cases: 1 - .05^(1/60) = 4.87%.
    assert found.upper() == pytest.approx(0.0487, abs=1e-4)


def test_the_check_on_flips_is_above_noise() -> None:
    noisy = np.array([[1, 1]] * 50)
    assert excess(noisy, noisy, why_empty="").value == pytest.approx(-0.5)
    flips, _ = judged_run(("typos", 0), cases=80).checks
    assert (flips.status, flips.estimate.value) == ("PASS", 0)
    flips, _ = judged_run(("typos", 20)).checks
    assert flips.status == "FAIL"


def test_only_what_is_beyond_the_noise_is_blamed_and_a_worst_format_named() -> None:
    robustness = judged_run(("typos", 12), ("case", 0), ("quotes", 1)).robustness
    assert robustness is not None
    assert {p.name: p.above_noise for p in robustness.perturbations} == {"typos": True, "case": False, "quotes": False}
    formats = robustness.formats
    assert formats is not None
    assert (formats.worst, formats.cases) == ("typos", 60)
    assert formats.accuracy == {
        "original": 1.0,
        "typos": pytest.approx(0.8),
        "case": 1.0,
        "quotes": pytest.approx(59 / 60),
    }


def test_no_worst_format_is_named_when_the_formats_differ_by_chance() -> None:
    robustness = judged_run(("typos", 1), ("case", 1)).robustness
    assert robustness is not None
    assert robustness.formats is not None
    assert robustness.formats.p_value is not None
    assert robustness.formats.p_value > 0.05
    assert robustness.formats.worst is None


def test_an_order_of_labels_is_told_in_words() -> None:
    prompt = candidate(messages=[{"role": "user", "content": "{{ labels }} {{ message }}"}])
    events: list[Event] = [CALM]
    for i in range(40):
        events.append(case_row(f"c{i:02d}", "spam"))
        for name in ("original", "label_order"):
            said = "ham" if name != "original" and i < 20 else "spam"
            events += [record(f"c{i:02d}", said, repeat=r, variant=name) for r in range(2)]
    made = manifest_of(
        LABELS, planned=160, repeats=2, candidates=[prompt], variants=("original", "label_order", "unicode")
    )
    robustness = only(assess(made, events)).robustness
    assert robustness is not None
    assert robustness.perturbations[0].worst[0].change == "labels in the order ham, spam"
    assert robustness.note == "Nothing to change for unicode."


def test_an_order_that_only_one_prompt_has_makes_no_trials_for_another() -> None:
    prompts = {"v1@m": "{{ labels }} {{ message }}", "v2@m": "{{ message }}"}
    entries = [candidate(name, messages=[{"role": "user", "content": text}]) for name, text in prompts.items()]
    events: list[Event] = [CALM, *(case_row(f"c{i}", "spam") for i in range(10))]
    for i in range(10):
        events += [record(f"c{i}", "spam", candidate=name) for name in prompts]
        events.append(record(f"c{i}", "spam", candidate="v1@m", variant="label_order"))
    made = manifest_of(LABELS, planned=30, candidates=entries, variants=("original", "label_order"))
    assessment = assess(made, events)
    robustness = {c.name: c.robustness for c in assessment.candidates}
    assert robustness["v2@m"] is None
    assert robustness["v1@m"] is not None
    assert robustness["v1@m"].drop.value == 0


def test_what_could_not_change_is_told_apart_by_its_reason() -> None:
    events: list[Event] = [CALM, *(case_row(f"c{i}", "spam") for i in range(10))]
    for i in range(10):
        for name in ("original", "typos"):
            events += [record(f"c{i}", "spam", repeat=r, variant=name) for r in range(2)]
    variants = ("original", "typos", "unicode", "label_order", "case")
    robustness = only(assess(manifest_of(LABELS, planned=40, repeats=2, variants=variants), events)).robustness
    assert robustness is not None
    assert robustness.note == (
        "Nothing to change for unicode and case. Nothing to change for label_order: the order of labels or "
        "examples changes only where the prompt lists them."
    )


def test_perturbed_trials_move_no_figure_but_those_of_robustness_and_the_bill() -> None:
    events: list[Event] = [CALM]
    for i in range(30):
        events.append(case_row(f"c{i:02d}", LABELS[i % 2], split="dev" if i % 3 else "holdout"))
        events += [record(f"c{i:02d}", LABELS[(i % 7 == 0) ^ (i % 2)], repeat=r) for r in range(2)]
    bad: list[Event] = []
    for i in range(30):
        outcomes = (
            Reply(text="ham", usage=Usage(input=90_000, output=900, cached=5), served_model="other"),
            Failure(kind="timeout", message="slow"),
        )
        bad += [
            record(f"c{i:02d}", outcome, repeat=r, variant="typos", seconds=60.0) for r, outcome in enumerate(outcomes)
        ]
    entry = candidate()
    entry.model["price"] = {"input": 1.0, "output": 1.0}
    plain, perturbed = (
        only(
            assess(
                manifest_of(
                    LABELS,
                    planned=60 + len(more),
                    repeats=2,
                    candidates=[entry],
                    variants=("original", "typos"),
                    positive="spam",
                ),
                [*events, *more],
            )
        )
        for more in ([], bad)
    )
    assert perturbed.robustness is not None
    assert perturbed.cost.total > 10 * plain.cost.total
    same = msgspec.structs.replace(
        perturbed,
        robustness=plain.robustness,
        cost=msgspec.structs.replace(perturbed.cost, total=plain.cost.total),
        timing_quality=plain.timing_quality,
        went_wrong=(),  # it lists the failed calls of variants, too
    )
    assert same == plain


def test_the_lower_bound_of_the_largest_of_several_leaves_each_its_part_of_the_error() -> None:
    # z at 1 - .05/9 = 2.5392: .05 - 2.5392 * .02 < 0, where alone 1.6449 would leave .0171.
    nine = Worst((Normal(0.05, 100, 0.02, "test"), *[Normal(0.0, 100, 0.02, "test")] * 8))
    assert nine.lower(0.95) == pytest.approx(0.05 - 2.5392 * 0.02, abs=1e-5)
    assert Worst(nine.figures[:1]).lower(0.95) == pytest.approx(0.05 - 1.6449 * 0.02, abs=1e-5)
