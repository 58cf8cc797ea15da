"""The sections of an assessment: slices, leaks, robustness, stability, cost, scores, doubtful cases."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import msgspec
import pytest
from run_of import CALM, CANDIDATE, candidate, case_row, check_of, judged, manifest_of, only, parsed_thresholds, record

from harness.judge.assess import assess
from harness.judge.documents import CandidateAssessment
from harness.record import Attempt, Event, Failure, Pace, Record, Reply, Usage
from harness.report.sections import measurement_section

LABELS = ("spam", "ham")


def assessed(events: list[Event], *thresholds: str, repeats: int = 1, **manifest: Any) -> CandidateAssessment:
    made = manifest_of(LABELS, planned=len(events), repeats=repeats, **manifest)
    return only(assess(made, events, thresholds=parsed_thresholds(thresholds or ["accuracy >= 1%"], LABELS)))


def cases(number: int, wrong: int, name: str, **fields: Any) -> list[Event]:
    events: list[Event] = []
    for place in range(number):
        events.append(case_row(f"{name}{place:03d}", "spam", **fields))
        events.append(record(f"{name}{place:03d}", "ham" if place < wrong else "spam"))
    return events


# Slices and splits


def test_the_worst_tag_is_named_when_it_differs_by_more_than_noise() -> None:
    events = [*cases(100, 2, "a", tags=("long",)), *cases(40, 20, "b", tags=("short",))]
    slices = {part.name: part for part in assessed(events).slices}
    assert slices["short"].accuracy.value == pytest.approx(0.5)
    assert (slices["short"].worst, slices["long"].worst) == (True, False)
    assert slices["short"].p_value is not None
    assert slices["short"].p_value < 0.001


def test_a_tag_within_the_noise_is_not_named() -> None:
    events = [*cases(100, 5, "a", tags=("long",)), *cases(20, 2, "b", tags=("short",))]
    assert not any(part.worst for part in assessed(events).slices)


def test_a_threshold_on_a_slice_counts_its_cases_only() -> None:
    events = [*cases(100, 0, "a", tags=("long",)), *cases(40, 20, "b", tags=("short",))]
    judged_run = assessed(events, "recall[spam] where tag=long >= 95%", "recall[spam] where tag=short >= 95%")
    assert [check.status for check in judged_run.checks] == ["PASS", "FAIL"]
    assert judged_run.checks[1].estimate.n == 40


def test_a_gap_between_dev_and_holdout_is_newcombes_difference() -> None:
    # Newcombe (1998), example (a): 56/70 - 48/80 = .2 (.05243, .33387)
    events = [*cases(70, 14, "a", split="dev"), *cases(80, 32, "b", split="holdout")]
    judged_run = assessed(events, "generalization.gap <= 5%")
    assert judged_run.generalization is not None
    gap = judged_run.generalization.gap
    assert gap.value == pytest.approx(0.2)
    assert (gap.low, gap.high) == (pytest.approx(0.05243, abs=1e-5), pytest.approx(0.33387, abs=1e-5))
    assert judged_run.checks[0].status == "FAIL"


def test_dev_is_told_apart_from_every_other_split() -> None:
    events = [*cases(20, 2, "a", split="dev"), *cases(1, 0, "b", split="holdout"), *cases(7, 1, "c", split="later")]
    generalization = assessed(events).generalization
    assert generalization is not None
    assert generalization.note == "20 dev cases against 1 holdout case and 7 later cases."


def test_without_a_dev_split_there_is_no_gap() -> None:
    assert assessed(cases(10, 1, "a", split="holdout")).generalization is None


# Leakage


def leaking(*texts: tuple[str, str, str], **prompt: Any) -> CandidateAssessment:
    events: list[Event] = []
    for place, (text, expected, split) in enumerate(texts):
        events.append(case_row(f"c{place}", expected, split=split, inputs={"message": text}))
        events.append(record(f"c{place}", expected))
    return assessed(events, "leakage <= 0", candidates=[candidate(CANDIDATE, **prompt)])


WON = "You have won a free cruise for two, call now to claim your prize"
LUNCH = "Are we still having lunch on Thursday at the usual place?"


def test_an_example_of_the_prompt_among_the_cases_is_a_leak() -> None:
    judged_run = leaking((WON, "spam", ""), (LUNCH, "ham", ""), examples=[{"message": WON.upper(), "label": "spam"}])
    assert judged_run.leakage is not None
    (finding,) = judged_run.leakage.findings
    assert (finding.kind, finding.case, finding.other, finding.similarity) == (
        "example_in_cases",
        "c0",
        "example 1",
        1.0,
    )
    assert judged_run.checks[0].why == (
        "leakage 1, at most 0 allowed: not met. The answer is given away for case c0 (an example of the prompt)."
    )
    assert judged_run.leakage.accuracy_without is not None
    assert judged_run.leakage.accuracy_without.n == 1


def test_a_case_that_is_quoted_in_the_prompt_is_a_leak() -> None:
    text = f"Classify.\nMessage: {LUNCH}\nLabel: ham\n\nMessage: {{{{ message }}}}\nLabel:"
    judged_run = leaking((WON, "spam", ""), (LUNCH, "ham", ""), text=text)
    assert judged_run.leakage is not None
    assert [(finding.kind, finding.case) for finding in judged_run.leakage.findings] == [("quoted_in_prompt", "c1")]


def test_a_dev_case_in_holdout_leaks_and_a_duplicate_does_not() -> None:
    judged_run = leaking(
        (WON, "spam", "dev"), (WON + "!", "spam", "holdout"), (LUNCH, "ham", "dev"), (LUNCH, "ham", "dev")
    )
    assert judged_run.leakage is not None
    kinds = {finding.case: finding.kind for finding in judged_run.leakage.findings}
    assert kinds == {"c1": "dev_in_holdout", "c3": "duplicate"}
    assert judged_run.leakage.leaked_cases == 1


def test_equal_texts_with_different_labels_are_listed() -> None:
    judged_run = leaking((WON, "spam", ""), (WON, "ham", ""))
    assert judged_run.leakage is not None
    assert [finding.kind for finding in judged_run.leakage.findings] == ["conflicting_labels"]


def test_an_input_that_states_its_label_leaks_and_one_that_uses_the_word_does_not() -> None:
    judged_run = leaking((f"{WON} [label: spam]", "spam", ""), ("no spam please, I eat ham", "ham", ""))
    assert judged_run.leakage is not None
    assert [(finding.kind, finding.case) for finding in judged_run.leakage.findings] == [("label_in_input", "c0")]


# Robustness


def perturbed(moved: int, *, repeats: int = 2, cases: int = 40) -> list[Event]:
    events: list[Event] = [CALM]
    for place in range(cases):
        case = f"c{place:02d}"
        events.append(case_row(case, "spam", inputs={"message": "win money now and call me please"}))
        for repeat in range(repeats):
            events.append(record(case, "spam", repeat=repeat))
            said = "ham" if place < moved else "spam"
            events.append(record(case, said, repeat=repeat, variant="typos"))
    return events


def test_answers_that_a_perturbation_moves_are_counted_by_case() -> None:
    judged_run = assessed(perturbed(10), "robustness.drop <= 5%", repeats=2, variants=("original", "typos"))
    assert judged_run.robustness is not None
    (typos,) = judged_run.robustness.perturbations
    assert (typos.cases, typos.flips.value) == (40, pytest.approx(0.25))
    assert typos.accuracy_drop.value == pytest.approx(0.25)
    assert typos.flips_above_noise.value == pytest.approx(0.25)
    assert typos.p_value is not None
    assert typos.p_value < 0.01
    assert len(typos.worst) == 10
    assert typos.worst[0].text_after not in {"", typos.worst[0].text_before}
    assert judged_run.checks[0].status == "FAIL"


def test_headline_figures_rest_on_the_originals() -> None:
    judged_run = assessed(perturbed(10), repeats=2, variants=("original", "typos"))
    assert judged_run.trials == 80
    assert judged_run.classification.accuracy.value == 1.0


def test_flips_of_plain_repeats_are_not_blamed_on_a_perturbation() -> None:
    events: list[Event] = [CALM]
    for place in range(40):
        events.append(case_row(f"c{place:02d}", "spam"))
        for variant in ("original", "typos"):
            events.append(record(f"c{place:02d}", "spam", repeat=0, variant=variant))
            events.append(record(f"c{place:02d}", "ham", repeat=1, variant=variant))
    judged_run = assessed(events, repeats=2, variants=("original", "typos"))
    assert judged_run.robustness is not None
    (typos,) = judged_run.robustness.perturbations
    # One of each: two answers to the original always differ, original and variant in half of the pairs.
    assert typos.flips.value == pytest.approx(0.5)
    assert typos.flips_above_noise.value == pytest.approx(-0.5)
    assert typos.p_value == 1.0


def test_with_one_repeat_the_noise_is_not_known() -> None:
    judged_run = assessed(perturbed(4, repeats=1), variants=("original", "typos"))
    assert judged_run.robustness is not None
    above = judged_run.robustness.perturbations[0].flips_above_noise
    assert above.value is None
    assert above.why_undefined == ("each case was asked once, so the flips of plain repeats, the noise, are not known")
    assert "Each case was asked once" in judged_run.robustness.note


# Stability, latency, cost


def test_a_case_that_moves_is_shown_with_its_answers() -> None:
    events: list[Event] = []
    for place in range(10):
        events.append(case_row(f"c{place}", "spam"))
        events += [record(f"c{place}", "ham" if place + repeat == 0 else "Spam", repeat=repeat) for repeat in range(3)]
    stability = assessed(events, repeats=3).stability
    assert stability.agreement.value == pytest.approx((9 + 1 / 3) / 10)
    assert stability.tar_label.value == pytest.approx(0.9)
    assert stability.unstable_cases == 1
    assert stability.unstable[0].labels == {"spam": 2, "ham": 1}
    assert stability.unstable[0].replies == ("ham", "Spam", "Spam")
    assert stability.spread[0].values == (pytest.approx(0.9), 1.0, 1.0)


def test_the_parts_of_the_time_add_up() -> None:
    lost = Failure(kind="server_error", message="500", status=500)
    made = Record(
        key="k",
        case="a",
        candidate=CANDIDATE,
        outcome=Reply(text="spam"),
        attempts=(
            Attempt(duration_ns=200_000_000, failure=lost),
            Attempt(duration_ns=500_000_000, backoff_ns=100_000_000, rate_limit_ns=50_000_000),
        ),
        queue_ns=30_000_000,
        own_ns=1_000_000,
    )
    latency = assessed([case_row("a", "spam"), made]).latency
    means = {part.name: part.mean_s for part in latency.parts}
    assert means == {
        "queue": pytest.approx(0.03),
        "rate limit": pytest.approx(0.05),
        "service": pytest.approx(0.5),
        "retries": pytest.approx(0.2),
        "backoff": pytest.approx(0.1),
        "own": pytest.approx(0.001),
    }
    assert sum(means.values()) == pytest.approx(made.total_ns / 1e9)
    assert latency.caller[0].estimate.value == pytest.approx(0.8)
    assert (latency.retried_trials, latency.attempts) == (1, 2)


def test_attempts_that_were_made_again_are_counted_by_what_they_met() -> None:
    limited = Failure(kind="rate_limited", message="slow down", status=429)
    cut = Failure(kind="stream_cut", message="it ended early", status=200)
    late = Failure(kind="timeout", message="no answer")
    failed = [Attempt(duration_ns=1, status=one.status, failure=one) for one in (limited, limited, late, cut)]
    answered = Attempt(duration_ns=1, status=200)
    events = [
        case_row("a", "spam"),
        msgspec.structs.replace(record("a", "spam"), attempts=(*failed[:3], answered)),
        msgspec.structs.replace(record("a", "spam", repeat=1), attempts=(failed[3], answered)),
        msgspec.structs.replace(record("a", late, repeat=2), attempts=(failed[2],)),
    ]
    one = assessed(events, repeats=3)
    assert one.latency.retries == {"429": 2, "stream_cut": 1, "timeout": 1}
    figures = measurement_section(one, None).figures
    assert ("Retried trials", "2", "after 429 (2), Broken stream (1), Timed out (1)") in [
        (each.name, each.text, each.hint) for each in figures
    ]


def test_limits_that_moved_are_kept_with_their_reason() -> None:
    pace = Pace(at_ns=2_000_000_000, endpoint="e", limit=32, in_flight=40, why="429")
    quality = assessed([case_row("a", "spam"), record("a", "spam"), CALM, pace]).timing_quality
    assert quality.limit_history == ((2.0, 32, "429"),)
    assert quality.good


def test_money_is_counted_from_tokens_and_prices() -> None:
    usage = Usage(input=1000, output=10, cached=400)
    events = [case_row("a", "spam"), case_row("b", "ham")]
    events += [record(case, Reply(text="spam", usage=usage)) for case in "ab"]
    events.append(record("a", Reply(text="spam", usage=usage), warmup=True))
    entry = candidate()
    entry.model["price"] = {"input": 1.0, "cached": 0.5, "output": 4.0}
    cost = assessed(events, candidates=[entry], volume="1M per month").cost
    one = (600 * 1.0 + 400 * 0.5 + 10 * 4.0) / 1e6
    assert cost.per_1000.value == pytest.approx(1000 * one)
    assert cost.per_correct.value == pytest.approx(2 * one)
    assert cost.total == pytest.approx(3 * one)
    assert cost.per_month == pytest.approx(1e6 * one)


# Scores


def test_scores_give_curves_and_points_that_are_chosen_on_dev_and_judged_on_holdout() -> None:
    events: list[Event] = []
    for place in range(60):
        split = "dev" if place % 2 else "holdout"
        expected = "spam" if place % 3 == 0 else "ham"
        score = (0.9 if expected == "spam" else 0.2) + (place % 7) / 100
        events.append(case_row(f"c{place:02d}", expected, split=split))
        events.append(record(f"c{place:02d}", Reply(text=expected, score=score)))
    tradeoff = assessed(events, positive="spam", costs={"missed": 10, "false_alarm": 1}).tradeoff
    assert tradeoff is not None
    assert tradeoff.average_precision is not None
    assert tradeoff.average_precision.value == 1.0
    assert {(point.chosen_on, point.judged_on) for point in tradeoff.points} == {("dev", "holdout")}
    assert [point.precision.value for point in tradeoff.points] == [1.0, 1.0, 1.0]
    assert tradeoff.ece is not None
    assert math.isfinite(tradeoff.ece)


def test_a_dev_split_without_the_label_is_said_to_choose_no_point() -> None:
    events: list[Event] = []
    for place in range(40):
        case, expected = f"c{place:02d}", "spam" if place > 30 else "ham"
        events.append(case_row(case, expected, split="dev" if place < 25 else "holdout"))
        events.append(record(case, Reply(text=expected, score=place / 40)))
    tradeoff = assessed(events, positive="spam").tradeoff
    assert tradeoff is not None
    assert tradeoff.points == ()
    assert tradeoff.note == (
        "No score to act from can be chosen: dev needs scored cases that expect spam and others, holdout needs any."
    )


def test_replies_without_scores_have_no_tradeoff() -> None:
    assert assessed(cases(5, 1, "a"), positive="spam").tradeoff is None


# Doubtful cases


def doubtful(repeats: int, *names: str, moves: bool = False) -> list[str]:
    events: list[Event] = []
    for place in range(20):
        expected = "spam" if place % 2 else "ham"
        events.append(case_row(f"c{place:02d}", expected))
        said = "ham" if place == 7 else expected
        for repeat, name in product(range(repeats), names):
            answer = "ham" if moves and place == 1 and repeat == 0 else said
            events.append(record(f"c{place:02d}", answer, repeat=repeat, candidate=name))
    made = manifest_of(
        LABELS, planned=20 * repeats * len(names), repeats=repeats, candidates=[candidate(name) for name in names]
    )
    return [case.case for case in assess(made, events).maybe_mislabelled]


def test_a_case_that_all_witnesses_answer_otherwise_may_be_mislabelled() -> None:
    assert doubtful(1, "v1@m", "v1@n") == ["c07"]
    assert doubtful(3, "v1@m", moves=True) == ["c07"]


def test_one_answer_of_one_candidate_accuses_no_label() -> None:
    assert doubtful(1, "v1@m") == []


def test_a_model_that_never_moves_is_one_witness_whatever_its_repeats_and_prompts() -> None:
    assert doubtful(3, "v1@m") == []
    assert doubtful(3, "v1@m", "v2@m") == []


def test_cases_to_look_at_say_why() -> None:
    judged_run = only(judged([("spam", "spam", 5), ("spam", "ham", 1), ("spam", "eh?", 1)], LABELS))
    assert [(case.why, case.got, case.reply) for case in judged_run.notable[:2]] == [
        ("wrong", "ham", "ham"),
        ("unparseable", "unparseable", "eh?"),
    ]


def test_expected_cost_of_errors_is_per_thousand_cases() -> None:
    assessment = judged(
        [("spam", "spam", 90), ("spam", "ham", 10), ("ham", "spam", 5), ("ham", "ham", 95)],
        LABELS,
        positive="spam",
        costs={"missed": 50.0, "false_alarm": 0.5},
        thresholds=["accuracy >= 50%"],
    )
    cost = only(assessment).classification.error_cost_per_1000
    assert cost is not None
    assert cost.value == pytest.approx((10 * 50 + 5 * 0.5) / 200 * 1000)
    assert check_of(assessment, "accuracy >= 50%").status == "PASS"


def test_cases_to_look_at_are_counted_beyond_those_that_are_listed() -> None:
    candidate = only(judged([("spam", "ham", 15), ("spam", "who knows", 2), ("ham", "ham", 9)], LABELS))
    assert candidate.notable_counts == {"wrong": 15, "unparseable": 2}
    assert sum(case.why == "wrong" for case in candidate.notable) == 10


def test_a_case_that_was_slow_in_every_repeat_is_the_slowest_once() -> None:
    events: list[Event] = [CALM]
    for place, case in enumerate(("a", "b", "c", "d")):
        events.append(case_row(case, "spam"))
        events += [record(case, "spam", repeat=r, seconds=1.0 - 0.2 * place + 0.01 * r) for r in range(2)]
    made = only(assess(manifest_of(LABELS, planned=8, repeats=2), events))
    slowest = [(case.case, case.latency_s) for case in made.notable if case.why == "slowest"]
    assert slowest == [("a", pytest.approx(1.01)), ("b", pytest.approx(0.81)), ("c", pytest.approx(0.61))]


def test_cases_that_others_equal_are_not_the_slowest() -> None:
    def slowest(*seconds: float) -> list[str]:
        events: list[Event] = []
        for n, each in enumerate(seconds):
            events += [case_row(f"c{n}", "spam"), record(f"c{n}", "spam", seconds=each)]
        made = only(assess(manifest_of(LABELS, planned=len(seconds)), events))
        return [case.case for case in made.notable if case.why == "slowest"]

    assert slowest(0.2, 0.2, 0.2, 0.2, 0.2) == slowest(0.2, 0.2, 0.2) == slowest(0.2) == []
    assert slowest(0.2, 0.3, 0.2, 0.2, 0.2) == ["c1"]
    assert slowest(0.2, 0.3, 0.3, 0.3, 0.3, 0.4) == ["c5"]  # of four that are equal none stands out
    assert slowest(0.2, 0.3) == ["c1", "c0"]
