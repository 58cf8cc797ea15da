"""A batch holds no clock: latency is that of the cases asked at once, and both ways of asking are held together."""

from __future__ import annotations

import pytest
from run_of import CALM, candidate, case_row, check_of, manifest_of, only, parsed_thresholds, record

from harness.judge.assess import assess
from harness.judge.compare import compare
from harness.judge.documents import Assessment
from harness.judge.table.read import tabulate
from harness.judge.view import RunView
from harness.record import Event, Failure, Reply, Usage
from harness.report.sections.latency import latency_section
from harness.report.sections.stability import stability_section

LABELS = ("spam", "ham")
ASKED = ("accuracy >= 50%", "latency.p95 <= 1 s", "latency.within(1 s) >= 50%")
SLOW = Failure(kind="timeout", message="too slow")


def batched(
    cases: int = 100, *, sample: int, differ: int = 0, repeats: int = 2, failed: int = 0, late: int = 0
) -> Assessment:
    """Judge a run whose first cases are asked at once in their first repeat.

    The second repeat of the first `differ` of these says something else; `failed` batch trials of the last cases
    failed; `late` calls that were asked at once took 5 seconds.
    """
    events: list[Event] = [CALM, *(case_row(f"c{n:03d}", "spam") for n in range(cases))]
    for n in range(cases):
        for repeat in range(repeats):
            at_once = repeat == 0 and n < sample
            said = "ham" if repeat and n < differ else "spam"
            usage = Usage(input=11, output=1, tier=None if at_once else "batch")
            events.append(
                record(
                    f"c{n:03d}",
                    SLOW if not at_once and n >= cases - failed else Reply(text=said, usage=usage),
                    repeat=repeat,
                    seconds=(5.0 if n < late else 0.5) if at_once else None,
                    via="sync" if at_once else "batch",
                )
            )
    entry = candidate()
    entry.model.update(via="batch", price={"input": 2.0, "output": 8.0, "batch": 0.5})
    manifest = manifest_of(LABELS, planned=cases * repeats, repeats=repeats, candidates=[entry])
    return assess(manifest, events, thresholds=parsed_thresholds(ASKED, LABELS))


def test_without_a_sample_no_latency_is_decided_and_all_else_is() -> None:
    judged = batched(sample=0)
    assert check_of(judged, ASKED[0]).status == "PASS"
    for asked in ASKED[1:]:
        made = check_of(judged, asked)
        assert (made.status, made.why) == ("INCONCLUSIVE", f"{asked} can't be decided: not measured in a batch.")
    assert latency_section(only(judged)).lead == "No call was timed: not measured in a batch."
    assert only(judged).latency.n == 0


def test_the_sample_alone_decides_latency() -> None:
    judged = batched(sample=60)
    made = check_of(judged, ASKED[1])
    assert (made.status, made.estimate.value, made.estimate.n) == ("PASS", 0.5, 60)  # 59 prove p95 at 95%
    assert only(judged).latency.n == 60
    assert (
        "60 of 200 replies were asked at once; the others: not measured in a batch."
        in latency_section(only(judged)).notes
    )
    few = check_of(batched(sample=40), ASKED[1])
    assert (few.status, few.estimate.n) == ("INCONCLUSIVE", 40)
    assert "40 of 40 calls ended within 1 s (asked at once for 40 of 200)" in few.why
    assert check_of(batched(sample=60, late=30), ASKED[1]).status == "FAIL"


def test_what_failed_in_a_batch_is_late_by_no_limit() -> None:
    made = check_of(batched(sample=60, failed=30), ASKED[1])
    assert (made.status, made.estimate.n) == ("PASS", 60)
    assert only(batched(sample=60, failed=30)).latency.censored == 0


def test_replies_of_the_sample_count_for_quality_and_cost_the_whole_price() -> None:
    made = only(batched(sample=60, differ=10))
    assert made.classification.accuracy.value == pytest.approx(190 / 200)
    # 30 millionths a call of 11 tokens in and 1 out; 140 of 200 at half
    assert made.cost.total == pytest.approx((60 * 30 + 140 * 15) / 1e6)


def test_a_batch_that_answers_otherwise_than_asking_at_once_is_found() -> None:
    made = only(batched(sample=20, differ=5)).stability
    assert made.by_way is not None
    assert (made.by_way.first.value, made.by_way.second.value) == (0.0, 0.25)
    assert (made.by_way.first.n, made.by_way.second.n) == (80, 20)
    assert made.by_way.explains
    notes = stability_section(made, cases=100, repeats=2).notes
    assert made.ways_note in notes
    assert made.ways_note.startswith(
        "The batch answers otherwise than asking at once does: an answer of each differ in 25.0% "
    )
    assert made.ways_note.endswith("Its figures are not production's.")


def test_a_batch_that_answers_alike_is_said_to_do_so() -> None:
    made = only(batched(sample=20)).stability
    assert made.by_way is not None
    assert not made.by_way.explains
    assert made.ways_note.startswith("Nothing shows that the batch answers otherwise than asking at once does: ")


def test_one_repeat_can_t_tell_whether_both_ways_answer_alike() -> None:
    made = only(batched(sample=20, repeats=1)).stability
    assert (made.by_way, made.ways_note) == (
        None,
        "Whether the batch answers as asking at once does was not measured: every case was asked once; "
        "`repeats: 2` asks the sample both ways.",
    )
    assert only(batched(sample=0, repeats=1)).stability.ways_note == ""


def test_a_run_that_asks_at_once_says_nothing_of_ways() -> None:
    events: list[Event] = [CALM]
    for n in range(20):
        events += [case_row(f"c{n}", "spam"), *(record(f"c{n}", "spam", repeat=repeat) for repeat in range(2))]
    made = only(assess(manifest_of(LABELS, planned=40, repeats=2), events))
    assert (made.stability.by_way, made.stability.ways_note, made.latency.waited) == (None, "", "")


def test_two_candidates_that_were_asked_in_two_ways_are_warned_of() -> None:
    names = ("v1@mini", "v2@mini")
    events: list[Event] = [CALM]
    for n in range(20):
        events.append(case_row(f"c{n}", "spam"))
        events.append(record(f"c{n}", "spam", candidate=names[0]))
        events.append(record(f"c{n}", "spam", candidate=names[1], seconds=None, via="batch"))
    manifest = manifest_of(LABELS, planned=40, candidates=[candidate(name) for name in names])
    base, head = RunView(manifest, tabulate(manifest, events)).views
    assert any(
        told.startswith("The baseline's answers were bought via sync, the candidate's via batch: ")
        for told in compare(base, head).notes
    )


def test_what_was_not_run_of_a_batch_is_not_late_either() -> None:
    events: list[Event] = [CALM, *(case_row(f"c{n:03d}", "spam") for n in range(100))]
    events += [record(f"c{n:03d}", "spam", seconds=0.5) for n in range(60)]
    events += [record(f"c{n:03d}", "spam", seconds=None, via="batch") for n in range(60, 80)]
    made = only(assess(manifest_of(LABELS, planned=100), events, thresholds=parsed_thresholds(ASKED, LABELS)))
    assert (made.latency.n, made.latency.censored, made.outcomes["failed"], made.not_run) == (60, 0, 0, 20)
