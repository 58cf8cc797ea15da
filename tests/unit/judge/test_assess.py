"""Whole runs judged from their events: the numbers, the verdict, and what must never happen."""

from __future__ import annotations

from importlib.metadata import version

import msgspec
import pytest
from run_of import CALM, candidate, case_row, check_of, events_of, judged, manifest_of, only, parsed_thresholds, record
from scipy import stats

from harness.journal import JournalWriter
from harness.judge.assess import assess, assess_run
from harness.judge.documents import NO_LABEL, OUTCOMES
from harness.measure.manifest import versions
from harness.record import Failure, Interference, Pace, Session

LABELS = ("spam", "ham")
SEED = [("spam", "spam", 90), ("spam", "ham", 10), ("ham", "spam", 5), ("ham", "ham", 95)]
FRAUD = [("fraud", "fraud", 12), ("fraud", "legit", 88), ("legit", "legit", 4888), ("legit", "fraud", 12)]
TIMEOUT = Failure(kind="timeout", message="no answer in 30 s")


def test_the_seed_example_gives_its_numbers() -> None:
    scores = only(judged(SEED, LABELS, positive="spam")).classification
    assert scores.accuracy.value == pytest.approx(0.925)
    assert scores.labels["spam"].precision.value == pytest.approx(90 / 95)
    assert scores.labels["spam"].recall.value == pytest.approx(0.90)
    assert scores.confusion.counts == ((90, 10, 0), (5, 95, 0))
    assert scores.confusion.columns == ("spam", "ham", NO_LABEL)


def test_high_accuracy_that_misses_the_fraud_is_not_ready() -> None:
    assessment = judged(FRAUD, ("fraud", "legit"), positive="fraud", priority="recall")
    fraud = only(assessment)
    assert fraud.classification.accuracy.value == pytest.approx(0.98)
    assert (assessment.verdict, fraud.verdict) == ("NOT READY", "NOT READY")
    assert fraud.headline == (
        "NOT READY: 2 of 9 checks failed: recall[fraud] >= 95% (12.0% seen) and precision[fraud] >= 80% (50.0% seen)."
    )
    assert check_of(assessment, "recall[fraud] >= 95%").why == (
        "recall[fraud] 12.0% (7.0 to 19.8): far below 95%. 88 of 100 fraud cases went unnoticed. "
        "More cases can't change this."
    )
    assert fraud.traps[0].sentence == (
        "Accuracy 98.0% is no better than a constant answer: always answering legit would score 98.0%. "
        "Balanced accuracy is 55.9%."
    )


def test_a_good_candidate_on_enough_cases_is_ready() -> None:
    assessment = judged(
        [("spam", "spam", 200), ("spam", "ham", 4), ("ham", "ham", 396)],
        LABELS,
        positive="spam",
        thresholds=["accuracy >= 95%", "recall[spam] >= 90%", "latency.p95 <= 1 s", "failures <= 1%"],
    )
    assert (assessment.verdict, assessment.headline) == ("READY", "READY: all 4 checks passed.")


def test_too_few_cases_are_inconclusive_and_say_how_many_would_do() -> None:
    assessment = judged([("spam", "spam", 10), ("ham", "ham", 10)], LABELS, thresholds=["accuracy >= 90%"])
    assert assessment.verdict == "INCONCLUSIVE"
    check = check_of(assessment, "accuracy >= 90%")
    assert check.needed_n == 29  # the smallest all-right n whose exact bound reaches .90
    assert check.why.endswith("20 cases can't prove it; it takes at least 29 without a miss at 95% confidence.")


def test_trials_without_a_label_stay_in_every_denominator() -> None:
    fraud = only(
        judged(
            [("spam", "spam", 6), ("spam", "hm", 1), ("spam", "", 1), ("spam", TIMEOUT, 2), ("ham", "ham", 10)], LABELS
        )
    )
    assert fraud.outcomes == dict(zip(OUTCOMES, (16, 1, 0, 0, 1, 2), strict=True))
    scores = fraud.classification
    assert scores.confusion.counts == ((6, 0, 4), (0, 10, 0))
    assert scores.accuracy.value == pytest.approx(16 / 20)
    assert scores.labels["spam"].recall.value == pytest.approx(6 / 10)
    assert scores.coverage.value == pytest.approx(16 / 20)
    assert (scores.accuracy_worst, scores.accuracy_best) == (pytest.approx(16 / 20), pytest.approx(18 / 20))
    assert fraud.latency.censored == 2


def test_failed_calls_are_over_any_limit() -> None:
    assessment = judged([("spam", "spam", 90), ("ham", TIMEOUT, 10)], LABELS, thresholds=["latency.p95 <= 60 s"])
    check = check_of(assessment, "latency.p95 <= 60 s")
    assert check.status == "FAIL"
    assert check.why == (
        "latency.p95 falls on a failed call, at most 60 s allowed: not met; 90 of 100 calls ended within "
        "60 s (10 failed calls count as over it). More calls are unlikely to change this."
    )


def test_a_metric_without_a_value_never_passes() -> None:
    assessment = judged([("ham", "ham", 500)], LABELS, thresholds=["precision[spam] >= 1%"])
    check = check_of(assessment, "precision[spam] >= 1%")
    assert (check.status, check.estimate.value, check.bound) == ("INCONCLUSIVE", None, None)
    assert check.why == (
        "precision[spam] >= 1% can't be decided: no reply was read as ‘spam’, so nothing is known of its correctness."
    )


def test_a_saturated_client_decides_no_latency() -> None:
    busy = Interference(lag_p50_ns=1_000_000, lag_p99_ns=80_000_000, lag_max_ns=90_000_000, cpu_share=0.5, samples=900)
    for limit in ("latency.p95 <= 1 s", "latency.p95 <= 1 ms", "latency.within(1 s) >= 90%"):
        assessment = judged([("spam", "spam", 300)], LABELS, thresholds=[limit], extra=[busy])
        check = only(assessment).checks[0]
        assert check.status == "INCONCLUSIVE"
        assert "not decided, because the client was saturated" in check.why
        assert "its own loop lagged by 80 ms (99th percentile)" in only(assessment).timing_quality.sentence
    assert not only(assessment).timing_quality.good


@pytest.mark.parametrize(
    ("endpoint", "others", "status"),
    [("local", 0.6, "INCONCLUSIVE"), ("local", 0.1, "PASS"), ("local", None, "PASS"), ("chat", 0.6, "PASS")],
)
def test_a_busy_machine_decides_no_latency_of_a_model_that_shares_its_cores(
    endpoint: str, others: float | None, status: str
) -> None:
    load = msgspec.structs.replace(CALM, others_share=others)
    entry = msgspec.structs.replace(candidate(), model={"endpoint": endpoint, "model": "mini"})
    answers, wanted = [("spam", "spam", 300)], ["latency.p95 <= 1 s"]
    done = only(judged(answers, LABELS, thresholds=wanted, extra=[load], candidates=[entry]))
    assert (done.checks[0].status, done.timing_quality.good) == (status, status == "PASS")
    assert done.timing_quality.others_share == others
    if status == "INCONCLUSIVE":
        told = "not decided, because this machine was busy: other programs took 60% of its cores"
        assert told in done.checks[0].why
        assert done.checks[0].told.startswith(told)  # beside its figure the page says no more
    if endpoint == "local":
        assert "the endpoint's own" not in done.timing_quality.sentence


def test_the_worst_node_of_a_cluster_decides_whether_latencies_count() -> None:
    calm, busy = (
        Interference(
            lag_p50_ns=0, lag_p99_ns=lag, lag_max_ns=lag, cpu_share=0.2, samples=900, node=name, clock_ns=clock
        )
        for lag, name, clock in ((1_000_000, "a", 5_000_000), (80_000_000, "b", -2_000_000_000))
    )
    assessment = judged([("spam", "spam", 300)], LABELS, thresholds=["latency.p95 <= 1 s"], extra=[busy, calm])
    quality = only(assessment).timing_quality
    assert not quality.good
    assert [(each.node, each.lag_p99_s, each.clock_s) for each in quality.nodes] == [
        ("a", 0.001, 0.005),
        ("b", 0.08, -2.0),
    ]
    assert only(assessment).checks[0].status == "INCONCLUSIVE"


def test_recorded_replies_without_latencies_are_not_taken_for_failures() -> None:
    events = [case_row("a", "spam"), record("a", "spam", seconds=None, recorded=True)]
    fraud = only(assess(manifest_of(LABELS, planned=1, thresholds=["latency.p95 <= 1 s"]), events))
    assert (fraud.latency.n, fraud.latency.censored, fraud.latency.recorded) == (0, 0, True)
    assert fraud.checks[0].why == ("latency.p95 <= 1 s can't be decided: no latency recorded (0 of 1).")


def test_an_unfinished_run_is_never_ready_and_never_blamed() -> None:
    events = events_of([("spam", "spam", 100), ("ham", "ham", 100)])[:-60]
    cases = [case_row(f"case-{number:04d}", "spam" if number < 100 else "ham") for number in range(200)]
    records = [event for event in events if getattr(event, "candidate", None)]
    manifest = manifest_of(LABELS, planned=200)
    thresholds = ["accuracy >= 90%", "recall[spam] >= 90%", "accuracy >= 84%"]
    manifest = msgspec.structs.replace(manifest, suite={**manifest.suite, "thresholds": thresholds})
    assessment = assess(manifest, [*cases, *records])
    assert not assessment.complete
    assert (assessment.planned_trials, assessment.journalled_trials) == (200, 170)
    assert assessment.verdict == "INCONCLUSIVE"
    accuracy, recall, near = only(assessment).checks
    assert (accuracy.status, recall.status, near.status) == ("INCONCLUSIVE",) * 3
    assert (near.needed_n, near.lack) == (None, None)  # more cases are not what it lacks
    assert near.told == "what was not run may still decide it either way."
    assert only(assessment).traps == ()
    assert accuracy.why == (
        "accuracy 100.0% (97.8 to 100.0) so far, 90% required: what was not run may still decide it either way."
    )
    assert (only(assessment).outcomes["failed"], only(assessment).not_run) == (0, 30)
    assert only(assessment).headline == (
        "INCONCLUSIVE: the run is not finished, 30 trials were not run; "
        "3 of 3 checks are not decided yet: accuracy >= 90% (100.0% seen), recall[spam] >= 90% (100.0% seen) and "
        "accuracy >= 84% (100.0% seen)."
    )


def test_the_same_events_in_any_order_give_the_same_bytes() -> None:
    events = events_of(SEED, repeats=2)
    manifest = manifest_of(LABELS, planned=400, repeats=2, positive="spam")
    first = msgspec.json.encode(assess(manifest, events))
    assert msgspec.json.encode(assess(manifest, list(reversed(events)))) == first


@pytest.mark.parametrize("threshold", ["latency.p95 <= 1 s", "latency.within(1 s) >= 95%"])
def test_recorded_replies_without_latencies_decide_no_latency_though_some_trials_have_no_reply(threshold: str) -> None:
    unrecorded = Failure(kind="no_recorded_reply", message="no recorded reply")
    events = events_of([])
    for n in range(200):
        said = unrecorded if n < 10 else "spam"
        events += [case_row(f"c{n}", "spam"), record(f"c{n}", said, seconds=None, recorded=True)]
    made = assess(manifest_of(LABELS, planned=200), events, thresholds=parsed_thresholds([threshold], LABELS))
    check = check_of(made, threshold)
    assert (check.status, made.verdict) == ("INCONCLUSIVE", "INCONCLUSIVE")
    assert check.why == f"{threshold} can't be decided: no latency recorded (0 of 190)."
    assert only(made).timing_quality.sentence == "These replies were recorded without latencies."


def test_a_report_names_the_harness_that_measured() -> None:
    manifest = msgspec.structs.replace(manifest_of(LABELS, planned=200), versions=versions())
    assert assess(manifest, events_of(SEED)).harness_version == version("prompt-readiness")


def test_other_thresholds_judge_the_same_run_again(tmp_path) -> None:
    manifest = manifest_of(LABELS, planned=200, thresholds=["accuracy >= 99%"])
    (tmp_path / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    writer = JournalWriter.create(tmp_path / "journal.jsonl", manifest.run_id)
    for event in events_of(SEED):
        writer.append(event)
    writer.close()
    assessment = assess_run(tmp_path)
    assert (assessment.verdict, assessment.policy) == ("NOT READY", ("accuracy >= 99%",))
    (easier,) = [check_of(judged(SEED, LABELS, thresholds=["accuracy >= 80%"]), "accuracy >= 80%")]
    assert easier.status == "PASS"


def test_a_baseline_gives_relative_thresholds_their_figure() -> None:
    before = judged(SEED, LABELS, thresholds=["accuracy >= 80%"])
    better = [("spam", "spam", 300), ("ham", "ham", 300)]
    after = judged(better, LABELS, thresholds=["accuracy >= baseline - 2%"], baseline=before)
    check = only(after).checks[0]
    assert (check.status, check.required) == ("PASS", pytest.approx(0.905))
    assert "90.5% required (the baseline's 92.5% minus 2 points): met" in check.why
    without = only(judged(better, LABELS, thresholds=["accuracy >= baseline - 2%"])).checks[0]
    assert (without.status, without.why) == (
        "INCONCLUSIVE",
        "accuracy >= baseline - 2% can't be decided: no baseline is set (`harness baseline set RUN` sets one).",
    )


def test_a_drop_since_the_last_run_fails_only_when_it_is_real() -> None:
    before = judged([("spam", "spam", 480), ("spam", "ham", 20)], LABELS, thresholds=["accuracy >= 80%"])
    for right, status in ((482, "PASS"), (420, "FAIL")):
        run = [("spam", "spam", right), ("spam", "ham", 500 - right)]
        check = only(judged(run, LABELS, thresholds=["drift.drop <= 5%"], baseline=before)).checks[0]
        assert check.status == status
    assert check.why.startswith("drift.drop 12.0 points (")
    assert "accuracy went from 96.0% to 84.0%, a real drop" in check.why


def test_the_best_candidate_gives_the_runs_verdict() -> None:
    good, bad = candidate("v2@mini"), candidate("v1@mini")
    events = []
    for number in range(100):
        events.append(case_row(f"{number:03d}", "spam" if number % 2 else "ham"))
        events.append(record(f"{number:03d}", "spam" if number % 2 else "ham", candidate="v2@mini"))
        events.append(record(f"{number:03d}", "spam", candidate="v1@mini"))
    manifest = manifest_of(LABELS, planned=200, candidates=[bad, good], thresholds=["accuracy >= 90%"])
    assessment = assess(manifest, events)
    assert [one.verdict for one in assessment.candidates] == ["NOT READY", "READY"]
    assert assessment.verdict == "READY"
    assert assessment.headline == "READY: v2@mini passed its only check, the only one of 2 candidates."


def test_calls_in_flight_at_a_kill_are_counted_as_perhaps_paid_twice() -> None:
    killed = [
        Session(at_utc="2026-01-01T00:00:00Z", event="started"),
        Session(at_utc="2026-01-01T00:10:00Z", event="resumed"),
        Session(at_utc="2026-01-01T00:20:00Z", event="finished"),
    ]
    events = [*killed, CALM, case_row("a", "spam"), record("a", "spam")]
    assessment = assess(manifest_of(LABELS, planned=1), events)
    assert (assessment.sessions, assessment.paid_twice_at_most) == (2, 1)


def test_calls_in_flight_at_a_kill_are_those_of_all_endpoints_and_nodes() -> None:
    started = Session(at_utc="2026-01-01T00:00:00Z", event="started")
    paces = [
        Pace(at_ns=n, endpoint=endpoint, limit=2, in_flight=0, why="started", most=most)
        for n, (endpoint, most) in enumerate([("m #1", 3), ("m #2", 2), ("m #1", 2), ("other", 4)])
    ]
    killed = [started, *paces, CALM, case_row("a", "spam"), record("a", "spam")]
    resumed = Session(at_utc="2026-01-01T00:10:00Z", event="resumed", cut_off=9)
    for journal, planned, told in (
        (killed, 100, (0, 3 + 2 + 4)),
        (killed, 3, (0, 2)),  # no more than are left
        ([*killed, resumed, Session(at_utc="2026-01-01T00:20:00Z", event="finished")], 1, (9, 0)),
    ):
        made = assess(manifest_of(LABELS, planned=planned), journal)
        assert (made.paid_twice_at_most, made.in_flight_at_end) == told


def test_calls_that_were_cut_off_or_lost_with_a_node_count_once_they_were_sent_again() -> None:
    cut_off = [
        Session(at_utc="2026-01-01T00:00:00Z", event="started"),
        Session(at_utc="2026-01-01T00:05:00Z", event="stopped", cut_off=3),
        Session(at_utc="2026-01-01T00:10:00Z", event="resumed", done_before=5, cut_off=3),
        Session(at_utc="2026-01-01T00:20:00Z", event="finished", cut_off=4),
    ]
    events = [*cut_off[:2], CALM, case_row("a", "spam"), record("a", "spam")]
    assert assess(manifest_of(LABELS, planned=1), events).paid_twice_at_most == 0
    assert assess(manifest_of(LABELS, planned=1), [*events, *cut_off[2:]]).paid_twice_at_most == 3 + 4


def test_a_run_with_nothing_in_it_can_be_judged() -> None:
    assessment = assess(manifest_of(LABELS, planned=0), [])
    assert assessment.verdict == "INCONCLUSIVE"
    assert b"NaN" not in msgspec.json.encode(assessment)


def test_a_faultless_run_of_a_hundred_cases_meets_the_default_demands_on_failures() -> None:
    assessment = judged([("spam", "spam", 50), ("ham", "ham", 50)], LABELS, positive="spam")
    assert {check.threshold: check.status for check in only(assessment).checks if check.status != "PASS"} == {}
    assert (assessment.verdict, check_of(assessment, "failures <= 3%").status) == ("READY", "PASS")


@pytest.mark.parametrize(("right", "once", "twice"), [(371, "READY", "INCONCLUSIVE"), (375, "READY", "READY")])
def test_a_second_look_at_a_run_has_to_be_surer_than_the_first(right: int, once: str, twice: str) -> None:
    # Exact lower bounds of 371 and 375 of 400: 90.3% and 91.4% at 95%; 89.7% and 90.8% at 98.76%, which a second look
    # has where half of the cases were looked at before.
    assert stats.beta.ppf(0.05, 371, 30) > 0.9 > stats.beta.ppf(0.01242, 371, 30)
    assert stats.beta.ppf(0.01242, 375, 26) > 0.9
    events = events_of([("spam", "spam", right), ("spam", "ham", 400 - right)])
    thresholds = parsed_thresholds(["accuracy >= 90%"], LABELS)
    first = manifest_of(LABELS, planned=400)
    second = msgspec.structs.replace(first, notes={"added": {"to": "before", "cases": 200, "share": 0.5}})
    assert assess(first, events, thresholds=thresholds).verdict == once
    looked_again = assess(second, events, thresholds=thresholds)
    assert looked_again.verdict == twice
    assert [trap.sentence for trap in only(looked_again).traps if trap.kind == "second_look"] == [
        "200 of these 400 cases were looked at before, in before: checks are made at 98.76% confidence, so that both "
        "looks together pass what is not so in at most 5.5% of runs."
    ]
