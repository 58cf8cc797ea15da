"""junit.xml as CI systems read it."""

from __future__ import annotations

from pathlib import Path

import msgspec
from judged import assessment, three
from junitparser import Error, Failure, JUnitXml, Skipped
from went_wrong import SITUATIONS, UNSUPPORTED

from harness.report.run import render_junit, run_view


def test_checks_are_test_cases_and_inconclusive_is_skipped_with_its_reason(tmp_path: Path) -> None:
    judged = assessment()
    (tmp_path / "junit.xml").write_bytes(render_junit(judged, run_view(judged)))
    (suite,) = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert (suite.tests, suite.failures, suite.skipped, suite.errors) == (7, 1, 3, 0)
    results = {case.name: case.result for case in suite}
    assert results["recall[spam] >= 80%"] == []
    (failure,) = results["precision[spam] >= 95%"]
    assert isinstance(failure, Failure)
    assert "71.1%" in failure.message
    (skipped,) = results["accuracy >= 90%"]
    assert isinstance(skipped, Skipped)
    assert "INCONCLUSIVE" in skipped.message


def test_the_time_of_a_latency_check_is_the_latency_seen(tmp_path: Path) -> None:
    judged = assessment()
    (tmp_path / "junit.xml").write_bytes(render_junit(judged, run_view(judged)))
    (suite,) = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    times = {case.name: case.time for case in suite}
    assert times["latency.p95 <= 1 s"] == 0.279
    assert times["accuracy >= 90%"] == 0


def test_each_candidate_is_a_suite_and_totals_add_up() -> None:
    judged = three()
    report = JUnitXml.fromstring(render_junit(judged, run_view(judged)))
    assert [suite.tests for suite in report] == [4, 7, 7]
    assert (report.tests, report.failures, report.skipped) == (18, 2, 6)


def _suites(situation: str) -> list[tuple[int, int, int, int]]:
    judged = SITUATIONS[situation]()
    report = JUnitXml.fromstring(render_junit(judged, run_view(judged)))
    return [(suite.tests, suite.failures, suite.errors, suite.skipped) for suite in report]


def test_what_was_not_measured_is_one_error_and_no_failure() -> None:
    judged = SITUATIONS["refused_alike"]()
    (suite,) = JUnitXml.fromstring(render_junit(judged, run_view(judged)))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (4, 0, 1, 3)
    (error,) = [result for case in suite for result in case.result if isinstance(result, Error)]
    assert UNSUPPORTED in error.message
    assert "prompts/v1.prompt.yml:4" in error.text
    skipped = [result for case in suite for result in case.result if isinstance(result, Skipped)]
    assert all(result.message.startswith("NOT MEASURED") for result in skipped)


def test_cut_replies_are_a_failure_and_a_failing_endpoint_an_error() -> None:
    assert _suites("all_cut") == [(4, 3, 0, 1)]
    assert _suites("some_failed") == [(4, 1, 1, 2)]
    assert _suites("one_of_three") == [(4, 0, 1, 3), (3, 0, 0, 1), (3, 2, 0, 1)]


def test_trials_that_were_not_run_are_told() -> None:
    judged = assessment()
    (one,) = judged.candidates
    missing = msgspec.structs.replace(judged, candidates=(msgspec.structs.replace(one, not_run=180),))
    (whole,), (part,) = (JUnitXml.fromstring(render_junit(each, run_view(each))) for each in (judged, missing))
    assert "not_run" not in {each.name for each in whole.properties()}
    assert {each.name: each.value for each in part.properties()}["not_run"] == "180"
