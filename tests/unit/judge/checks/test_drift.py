"""`drift.drop` against earlier runs: the worse of "previous" and "all before" decides."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from run_of import events_of, manifest_of, only, parsed_thresholds

from harness.judge.assess import assess
from harness.judge.documents import Assessment, Check, PastRun
from harness.judge.history.section import described

LABELS = ("spam", "ham")


def judged(right: int, number: int, past: tuple[PastRun, ...], *thresholds: str, **suite: Any) -> Assessment:
    """Judge run `number` of 1,000 cases after earlier ones."""
    answers = [("spam", "spam", right), ("spam", "ham", 1000 - right)]
    manifest = msgspec.structs.replace(
        manifest_of(LABELS, planned=1000, **suite),
        run_id=f"run-{number}",
        created_utc=f"2026-01-{number:02d}T00:00:00Z",
    )
    parsed = parsed_thresholds(thresholds, LABELS) if thresholds else None
    return assess(manifest, events_of(answers), thresholds=parsed, past=past)


def past_of(assessment: Assessment) -> PastRun:
    made = only(assessment)
    manifest = manifest_of(LABELS, planned=1000)
    run = described(manifest, manifest.candidates[0])
    return msgspec.structs.replace(
        run,
        run_id=assessment.run_id,
        created_utc=assessment.created_utc,
        complete=True,
        cases=1000,
        figures={"accuracy": made.classification.accuracy},
    )


def check_after(before: list[int], now: int, threshold: str = "drift.drop <= 5%") -> Check:
    past: tuple[PastRun, ...] = ()
    for number, right in enumerate(before, start=1):
        past += (past_of(judged(right, number, past)),)
    return only(judged(now, len(before) + 1, past, threshold)).checks[0]


def test_a_sudden_drop_fails_though_the_older_history_was_as_bad() -> None:
    check = check_after([840, 840, 840, 920], 840)
    assert check.status == "FAIL"  # 8 points since the last run; only 2 below all before
    assert "from 92.0% in run-4 to 84.0%" in check.why


def test_a_slow_slide_fails_though_no_step_is_large() -> None:
    check = check_after([960, 950, 935, 920, 905], 890)
    assert check.status == "FAIL"
    assert "in 4 earlier runs, pooled" in check.why  # found in the fifth already, which is no reference any more
    assert check.estimate.value == pytest.approx((0.96 + 0.95 + 0.935 + 0.92) / 4 - 0.89, abs=0.002)


def test_a_small_certain_drop_within_the_margin_passes() -> None:
    assert check_after([900], 899).status == "PASS"
    assert check_after([900, 900, 900], 880, "drift.drop <= 10%").status == "PASS"


def test_a_baseline_takes_the_place_of_the_history() -> None:
    baseline = judged(840, 1, ())
    past = (past_of(judged(950, 2, ())),)
    answers = [("spam", "spam", 840), ("spam", "ham", 160)]
    made = assess(
        manifest_of(LABELS, planned=1000),
        events_of(answers),
        thresholds=parsed_thresholds(["drift.drop <= 5%"], LABELS),
        baseline=baseline,
        past=past,
    )
    assert only(made).checks[0].status == "PASS"


def test_a_part_of_the_cases_is_not_compared_with_the_whole() -> None:
    check = check_after([900], 400, "drift.drop where split=dev <= 5%")
    assert check.status == "INCONCLUSIVE"
    assert "earlier runs are known on all their cases only" in check.why


def test_the_past_enters_as_data_and_is_written_into_the_assessment() -> None:
    first = past_of(judged(900, 1, ()))
    later = msgspec.structs.replace(past_of(judged(100, 9, ())), created_utc="2027-01-01T00:00:00Z")
    made = judged(900, 2, (first, later), "drift.drop <= 5%")
    assert made == judged(900, 2, (later, first), "drift.drop <= 5%")
    history = only(made).history
    assert history is not None
    assert history.changes[0].runs == ("run-1",)


def test_a_drop_stays_found_until_it_recovers_and_the_past_does_not_swallow_it() -> None:
    before = [920, 921, 919, 920]
    for later in range(6):
        check = check_after([*before, *[770] * later], 770)
        assert check.status == "FAIL"
    assert "from 92.0% in 4 earlier runs, pooled, to 77.0%" in check.why
    assert "It was found in run-5, and no run since has recovered." in check.why
    recovered = check_after([*before, 770, 770, 919], 918)
    assert recovered.status == "PASS"


def test_ten_runs_share_their_error_so_that_one_look_alone_fails_nothing() -> None:
    # 1000 x .92 against 1000 x .895: z = 1.93 over .0131; a look of its own wants z >= 2.81 (.0025, one-sided).
    assert check_after([920], 893, "drift.drop <= 1%").status == "INCONCLUSIVE"
    assert check_after([920], 878, "drift.drop <= 1%").status == "FAIL"
