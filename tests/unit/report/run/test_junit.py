"""junit.xml as CI systems read it."""

from __future__ import annotations

from pathlib import Path

from judged import assessment, three
from junitparser import Failure, JUnitXml, Skipped

from harness.report.run import render_junit, view_of


def test_checks_are_test_cases_and_inconclusive_is_skipped_with_its_reason(tmp_path: Path) -> None:
    judged = assessment()
    (tmp_path / "junit.xml").write_bytes(render_junit(judged, view_of(judged)))
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
    (tmp_path / "junit.xml").write_bytes(render_junit(judged, view_of(judged)))
    (suite,) = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    times = {case.name: case.time for case in suite}
    assert times["latency.p95 <= 1 s"] == 0.279
    assert times["accuracy >= 90%"] == 0


def test_each_candidate_is_a_suite_and_totals_add_up() -> None:
    judged = three()
    report = JUnitXml.fromstring(render_junit(judged, view_of(judged)))
    assert [suite.tests for suite in report] == [4, 7, 7]
    assert (report.tests, report.failures, report.skipped) == (18, 2, 6)
