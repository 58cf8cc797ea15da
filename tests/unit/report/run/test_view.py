"""The view says what the assessment holds: counts, shares, the worst error, the order of candidates."""

from __future__ import annotations

import msgspec
import pytest
from judged import assessment, candidate, manifest, scored, three
from judged_extremes import empty
from judged_sections import SPAM, near, share

from harness.judge.documents import Confusion, NotableCase, undefined
from harness.report.parts import TimelinePlot
from harness.report.run import run_view
from harness.report.sections.checks import check_rows
from harness.report.sections.labels import confusion_view
from harness.report.sections.latency import latency_section
from harness.report.sections.stability import MAX_ROWS, stability_section


def test_the_best_candidate_comes_first() -> None:
    view = run_view(three())
    assert [row.name for row in view.leaderboard] == [
        "v3-plain-text@smollm2",
        "v2-few-shot@smollm2",
        "v1-zero-shot@smollm2",
    ]
    assert [c.verdict for c in view.candidates] == ["READY", "NOT READY", "NOT READY"]


def test_the_leaderboard_leaves_why_a_figure_is_undefined_to_the_candidate() -> None:
    slow = candidate()
    lost = [msgspec.structs.replace(q, estimate=undefined("8 of 9 calls (89%) failed")) for q in slow.latency.caller]
    slow = msgspec.structs.replace(slow, latency=msgspec.structs.replace(slow.latency, caller=tuple(lost)))
    rows = {row.name: row for row in run_view(assessment(slow, scored())).leaderboard}
    assert str(rows[slow.name].p95) == "undefined"


@pytest.mark.parametrize(
    ("retried", "slower", "told"),
    [(24, 10, ", retries of 24 trials included (p95 of the last attempts: "), (24, 1, ""), (0, 10, ""), (2, 10, "")],
)
def test_a_quantile_that_retries_make_slow_stands_beside_the_one_of_the_last_attempts(
    retried: int, slower: float, told: str
) -> None:
    one = candidate()
    fields = {name: getattr(one.latency, name) for name in one.latency.__struct_fields__}
    last = [
        msgspec.structs.replace(q, estimate=near(float(q.estimate.value or 0) / slower, 0.001))
        for q in one.latency.caller
    ]
    latency = type(one.latency)(**fields | {"service": tuple(last), "n": 240, "retried_trials": retried})
    lead = latency_section(msgspec.structs.replace(one, latency=latency)).lead
    assert (told in lead, "retries" in lead) == (True, bool(told)), lead


def test_one_candidate_needs_no_leaderboard() -> None:
    assert run_view(assessment()).leaderboard == ()


def test_the_matrix_has_row_and_column_shares_and_names_its_worst_cell() -> None:
    view = confusion_view(SPAM)
    assert view is not None
    ham_as_spam = view.rows[1].cells[0]
    assert (ham_as_spam.count, ham_as_spam.row_share, ham_as_spam.column_share) == ("33", "9.2%", "28.9%")
    assert ham_as_spam.worst
    assert view.worst == "Most frequent error: 33 of 360 trials expected to be ham were read as spam (9.2%)."
    assert view.precisions == ("71.1%", "98.2%")
    assert [row.recall for row in view.rows] == ["90.0%", "90.6%"]
    assert view.totals == ("114", "332", "4")
    assert view.grand_total == "450"


def test_trials_without_a_label_can_be_the_worst_cell() -> None:
    view = confusion_view(Confusion(rows=("a",), columns=("a", "no label"), counts=((1, 3),)))
    assert view is not None
    assert view.worst == "Most frequent error: 3 of 4 trials expected to be a got no label (75.0%)."


def test_a_perfect_matrix_says_so() -> None:
    view = confusion_view(Confusion(rows=("a",), columns=("a", "no label"), counts=((4, 0),)))
    assert view is not None
    assert view.worst.startswith("No errors")


def test_no_trial_gives_no_matrix() -> None:
    assert run_view(empty()).candidates[0].confusion is None


def test_a_check_is_pictured_between_its_interval_and_its_threshold() -> None:
    row = check_rows(candidate())[2]
    assert (row.status, row.tone) == ("FAIL", "fail")
    assert row.seen == "71.1% (62.1 to 78.6)"
    assert row.picture is not None
    assert row.picture.wanted == "above"
    low, high = row.picture.axis
    assert low < row.picture.low < row.picture.high < 0.95 < high <= 1


def test_an_undefined_check_has_no_picture() -> None:
    row = check_rows(candidate())[-1]
    assert row.seen == "undefined: no trial was read as junk"
    assert row.picture is None


def test_what_would_settle_a_check_is_said_once() -> None:
    told, untold = check_rows(candidate())[0], check_rows(candidate())[4]
    assert "340" in told.why
    assert told.needed == ""
    assert untold.needed == "900 cases would settle it"


def test_an_unfinished_run_and_calls_paid_twice_are_said_first() -> None:
    first, second = run_view(empty()).warnings
    assert "450 of 450 trials were not run and are in no figure" in first
    assert "at most 4 calls" in second


def test_uncommitted_changes_are_said() -> None:
    judged = assessment()
    dirty = msgspec.structs.replace(manifest(judged), git_dirty=True)
    assert "uncommitted" in run_view(judged, dirty).warnings[0]


def test_cases_to_look_at_are_grouped_and_cut_with_their_number() -> None:
    many = tuple(
        NotableCase(why="slowest", case=str(i), expected="a", got="a", text="t" * 700, reply="r") for i in range(20)
    )
    (group,) = run_view(assessment(candidate(notable=many))).candidates[0].notable
    assert group.title == "Slowest (15 of 20)"
    assert len(group.rows) == 15
    assert group.rows[0].text.endswith("… (700 characters)")


def test_a_failure_range_is_given_only_where_failures_matter() -> None:
    c = candidate()
    same = msgspec.structs.replace(c.classification, accuracy_best=0.9, accuracy_worst=0.9)
    hints = [run_view(assessment(x)).candidates[0].quality.figures[0].hint for x in (c, candidate(classification=same))]
    assert hints == ["90.4% if every failed trial counts as wrong (as here), 91.1% if all had been right", ""]


def test_slices_name_only_what_differs_by_more_than_chance() -> None:
    c = candidate()
    view = run_view(assessment(c)).candidates[0]
    assert view.slices is not None
    assert view.slices.lead.endswith("tag lookalike with 71.9% (63.1 to 79.4).")
    calm = tuple(msgspec.structs.replace(s, worst=False, accuracy=share(9, 10)) for s in c.slices)
    quiet = run_view(assessment(candidate(slices=calm))).candidates[0].slices
    assert quiet is not None
    assert "No tag or split differs" in quiet.lead


def test_slices_that_were_not_tested_have_no_column_for_it() -> None:
    tables = []
    for p_value in (0.4, None):
        slices = tuple(msgspec.structs.replace(s, worst=False, p_value=p_value) for s in candidate().slices)
        section = run_view(assessment(candidate(slices=slices))).candidates[0].slices
        assert section is not None
        tables += section.tables
    assert [(table.head[-1] == "p", len(table.head) == len(table.rows[0])) for table in tables] == [
        (True, True),
        (False, True),
    ]


def test_what_fails_has_a_column_before_what_is_open() -> None:
    one = candidate()
    (check,) = (each for each in one.checks if each.threshold == "accuracy >= 90%")
    names = [*(f"open[{n}]" for n in range(12)), "failed"]
    checks = tuple(
        msgspec.structs.replace(
            check, threshold=f"{name} >= 90%", name=name, status="FAIL" if name == "failed" else "INCONCLUSIVE"
        )
        for name in names
    )
    several = assessment(msgspec.structs.replace(one, checks=checks), scored())
    grid = run_view(msgspec.structs.replace(several, policy=tuple(each.threshold for each in checks))).grid
    assert grid is not None
    assert [name for name, _ in grid.columns] == [*names[:8], "failed"]


def test_a_headline_does_not_repeat_the_verdict_above_it() -> None:
    said = {"headline": "NOT READY: too slow.", "reason": "too slow."}
    view = run_view(assessment(candidate(**said), **said))
    assert view.headline == view.candidates[0].headline == "Too slow."


def test_quantiles_among_failed_calls_are_said_once_with_their_reason() -> None:
    c = candidate()
    lost = undefined("2 of 3 calls failed")
    caller = tuple(msgspec.structs.replace(q, estimate=lost) if q.q in (0.95, 0.99) else q for q in c.latency.caller)
    latency = msgspec.structs.replace(c.latency, caller=caller)
    lead = run_view(assessment(candidate(latency=latency))).candidates[0].latency.lead
    assert lead == (
        "p50 168 ms (163 to 171), p95 and p99 undefined (2 of 3 calls failed) over 450 calls; "
        "2 calls failed or timed out."
    )


def test_what_is_given_away_is_told_apart_from_what_is_merely_alike() -> None:
    def lead(**changes: int) -> str:
        leakage = msgspec.structs.replace(candidate().leakage, **changes)
        section = run_view(assessment(candidate(leakage=leakage))).candidates[0].leakage
        assert section is not None
        return section.lead

    assert lead() == "1 case is given away: it tests memory, not judgement."
    assert lead(leaked_cases=0, duplicates=1, conflicts=3) == (
        "No case is given away. 1 case nearly repeats another of the same split. "
        "3 cases nearly repeat another that has a different label."
    )


def test_cases_to_look_at_are_counted_also_where_not_all_are_listed() -> None:
    view = run_view(assessment(candidate(notable_counts={"wrong in every repeat": 122, "unparseable": 1})))
    titles = [group.title for group in view.candidates[0].notable]
    assert titles == ["Wrong in every repeat (2 of 122)", "Unparseable (1)", "Slowest (1)"]


@pytest.mark.parametrize(
    ("p", "said"), [(0.0004, "accuracy is better: p < 0.001"), (0.654, "not shown to be better: p = 0.654")]
)
def test_accuracy_is_called_better_than_the_majority_only_where_it_is(p: float, said: str) -> None:
    scores = candidate().classification
    majority = msgspec.structs.replace(scores.majority_baseline, p_value=p)
    changed = candidate(classification=msgspec.structs.replace(scores, majority_baseline=majority))
    (figure,) = [f for f in run_view(assessment(changed)).candidates[0].quality.figures if f.name[:3] == "Maj"]
    assert figure.hint.endswith(said)


def test_the_pause_of_a_resumed_run_is_cut_out_of_its_timeline() -> None:
    points = ((0.0, 0.2), (5.0, 0.3), (2405.0, 0.2), (2410.0, 0.4))
    judged = candidate(latency=msgspec.structs.replace(candidate().latency, over_time=points))
    chart = next(c for c in latency_section(judged).charts if c.key == "latency-over-time")
    assert chart.title == "During the run; 40 min of pause left out"
    assert isinstance(chart.plot, TimelinePlot)
    assert [x for x, _ in chart.plot.points] == [0.0, 5.0, 5.0, 10.0]


def test_of_very_many_fingerprints_the_commonest_are_shown_and_the_rest_counted() -> None:
    fingerprints = {f"fp-{n:05d}": 1 + (n == 7_000) for n in range(9_000)}
    made = msgspec.structs.replace(candidate().stability, fingerprints=fingerprints)
    section = stability_section(made, cases=10, repeats=2)
    (table,) = (one for one in section.tables if one.title == "System fingerprints")
    assert (len(table.rows), table.rows[0][0].text) == (MAX_ROWS, "fp-07000")
    assert table.note == "8,980 more."
