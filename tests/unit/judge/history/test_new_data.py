"""A later sample against the suite's own cases, and which earlier run it is held against."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from run_of import case_row, manifest_of, only, parsed_thresholds, record

from harness.judge.assess import assess
from harness.judge.documents import CandidateAssessment, Estimate, PastRun
from harness.judge.history.section import described
from harness.judge.scores.binomial import wilson
from harness.record import Event

LABELS = ("spam", "ham")
GAPS = ("generalization.gap <= 5%", "generalization.gap where tag=short <= 5%")


def lab(right: int, n: int, day: int = 1, **fields: Any) -> PastRun:
    low, high = wilson(right / n, n)
    manifest = manifest_of(LABELS, planned=n)
    run = described(manifest, manifest.candidates[0])
    accuracy = Estimate(value=right / n, n=n, low=low, high=high, method="Wilson")
    known = {"complete": True, "cases": n, "figures": {"accuracy": accuracy}}
    when = {"run_id": f"lab-{day}", "created_utc": f"2025-12-{day:02d}T00:00:00Z"}
    return msgspec.structs.replace(run, **{**known, **when, **fields})


def new(right: int, n: int, *past: PastRun) -> CandidateAssessment:
    """Judge n new cases, every other one tagged short."""
    events: list[Event] = []
    for case in range(n):
        name = f"{case:04d}"
        events.append(case_row(name, "spam", tags=("short",) if case % 2 else ()))
        events.append(record(name, "spam" if case < right else "ham"))
    manifest = msgspec.structs.replace(
        manifest_of(LABELS, planned=n), notes={"reload": {"cases": "march.jsonl"}}, suite_digest="new"
    )
    return only(assess(manifest, events, thresholds=parsed_thresholds(GAPS, LABELS), past=past))


def test_the_gap_is_the_suites_accuracy_minus_that_on_the_new_data() -> None:
    # Newcombe (1998), example (a): 56/70 - 48/80 = .2 (.05243 to .33387)
    made = new(48, 80, lab(56, 70))
    assert made.generalization is not None
    gap = made.generalization.gap
    assert gap.value == pytest.approx(0.2)
    assert (gap.low, gap.high) == (pytest.approx(0.05243, abs=5e-6), pytest.approx(0.33387, abs=5e-6))
    assert made.generalization.new_data is not None
    assert made.generalization.new_data.worse
    assert made.generalization.note == ""


def test_a_part_of_the_new_data_is_not_held_against_the_whole_suite() -> None:
    whole, part = new(48, 80, lab(56, 70)).checks
    assert whole.status == "FAIL"
    assert part.status == "INCONCLUSIVE"
    assert "the cases have no dev split and another one" in part.why


def test_it_is_held_against_the_largest_and_then_latest_run_of_this_very_candidate() -> None:
    runs = [
        lab(56, 70, 1),
        lab(57, 70, 2),
        lab(9, 10, 3),  # a quick look with --limit
        lab(300, 300, 4, complete=False),
        lab(300, 300, 5, prompt_digest="another"),
        lab(300, 300, 6, new_data="february.jsonl"),
        lab(300, 300, 7, labels=("a", "b")),
    ]
    made = new(48, 80, *runs)
    assert made.generalization is not None
    assert made.generalization.new_data is not None
    assert made.generalization.new_data.run_id == "lab-2"


def test_equal_accuracy_is_no_certain_difference_and_better_is_said() -> None:
    told = [new(right, 80, lab(56, 70)).generalization for right in (64, 80)]
    sentences = [part.new_data.sentence for part in told if part and part.new_data]
    assert sentences[0].startswith("No certain difference between the lab and new data: accuracy 80.0%")
    assert sentences[1].startswith("Better on new data than in the lab: accuracy 80.0%")
