"""Suites as tests: opt-in, one test a check, its sentence as the failure message."""

from __future__ import annotations

import pytest
from commanded import write_lines, write_replayed, write_yaml

import harness.judge.assess
import harness.measure.engine.local
import harness.measure.run
import harness.report.run.files  # noqa: F401

ANSWERS = {("spam", "spam"): 30, ("spam", "ham"): 10, ("ham", "ham"): 60}
THRESHOLDS = ("recall[spam] >= 95%", "recall[ham] >= 90%", "accuracy >= 90%")


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    write_replayed(pytester.path, ANSWERS, thresholds=THRESHOLDS)
    return pytester


def test_suites_are_no_tests_unless_asked_for(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess()
    result.assert_outcomes()
    assert not (project.path / "results").exists()


def test_each_check_is_a_test_with_its_sentence(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("-v", "-rs", "--harness")
    result.assert_outcomes(failed=1, passed=1, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "seed.suite.yml::v1@recorded::recall?spam? >= 95% FAILED*",
            "seed.suite.yml::v1@recorded::recall?ham? >= 90% PASSED*",
            "seed.suite.yml::v1@recorded::accuracy >= 90% SKIPPED*",
            "*v1@recorded: recall?spam? 75.0% *10 of 40 spam cases went unnoticed*",
            "harness: *report.html",
            "SKIPPED*INCONCLUSIVE: accuracy 90.0%*",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert len([path for path in (project.path / "results").iterdir() if path.is_dir()]) == 1


def test_a_setting_asks_for_it_too_and_for_open_checks_to_fail(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nharness_suites = true\nharness_inconclusive = fail\n")
    project.runpytest_inprocess("-k", "recall or accuracy").assert_outcomes(failed=2, passed=1)


def test_a_setting_that_means_nothing_is_refused_instead_of_skipping(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nharness_inconclusive = error\n")
    result = project.runpytest_inprocess("--harness")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*harness_inconclusive is skip or fail, not 'error'*"])


def test_a_mistake_in_a_suite_is_told_with_its_place_and_no_traceback(project: pytest.Pytester) -> None:
    suite = project.path / "seed.suite.yml"
    suite.write_text(suite.read_text().replace("recall[ham] >= 90%", "recal[ham] >= 90%"))
    result = project.runpytest_inprocess("--harness")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*seed.suite.yml:*thresholds*"])
    assert "harness/files" not in result.stdout.str()


def test_a_suite_that_cannot_be_measured_fails_every_check_with_what_to_do(project: pytest.Pytester) -> None:
    paid = {"endpoint": "chat", "base_url": "http://127.0.0.1:9/v1", "model": "m", "api_key_env": "NO_API_KEY"}
    write_yaml(project.path / "harness.yml", {"models": {"recorded": paid}})
    result = project.runpytest_inprocess("--harness")
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["*NO_API_KEY is not set*"])


def test_a_failed_check_says_what_went_wrong(project: pytest.Pytester) -> None:
    cut = [{"case": f"c{n}", "reply": "spa", "finish_reason": "length", "latency_s": 0.2} for n in range(100)]
    write_lines(project.path / "replies.jsonl", cut)
    result = project.runpytest_inprocess("--harness", "-k", "accuracy")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["v1@recorded: accuracy 0.0%*", "What went wrong: every reply was cut by its token limit: allow longer*"]
    )


def test_what_was_not_measured_fails_with_the_endpoints_words_and_has_reports(project: pytest.Pytester) -> None:
    write_lines(project.path / "replies.jsonl", [{"case": "other", "reply": "spam"}])
    result = project.runpytest_inprocess("--harness")
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["*v1@recorded: no recorded reply*", "harness: *report.html"])


def test_a_candidate_without_a_reply_fails_beside_one_that_answers(project: pytest.Pytester) -> None:
    silent = {"endpoint": "replay", "replies": "silent.jsonl"}
    spoken = {"endpoint": "replay", "replies": "replies.jsonl"}
    write_yaml(project.path / "harness.yml", {"models": {"recorded": spoken, "silent": silent}})
    write_lines(project.path / "silent.jsonl", [{"case": "other", "reply": "spam"}])
    suite = project.path / "seed.suite.yml"
    suite.write_text(suite.read_text().replace("- recorded", "- recorded\n- silent"))
    result = project.runpytest_inprocess("--harness", "-k", "recall and ham")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["v1@silent: NOT MEASURED: *no recorded reply*"])
