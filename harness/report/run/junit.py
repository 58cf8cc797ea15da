"""junit.xml: the checks of every candidate as tests."""

from __future__ import annotations

from harness.judge.documents.assessment import Assessment, CandidateAssessment, Check
from harness.judge.wording import scale_of
from harness.report.junit_file import JunitSuite, JunitTest, junit_file
from harness.report.parts import CandidateView, CheckRow, ReportView


def render_junit(assessment: Assessment, view: ReportView) -> bytes:
    """Render every check of every candidate as a test case."""
    by_name = {candidate.name: candidate for candidate in assessment.candidates}
    return junit_file(
        assessment.suite, (_suite(assessment, by_name[shown.name], shown) for shown in view.candidates)
    )


def _suite(assessment: Assessment, candidate: CandidateAssessment, shown: CandidateView) -> JunitSuite:
    return JunitSuite(
        name=f"{assessment.suite}: {candidate.name}",
        classname=f"{assessment.suite}.{candidate.name}",
        timestamp=assessment.created_utc,
        properties={
            "run_id": assessment.run_id,
            "prompt": candidate.prompt,
            "model": candidate.model,
            "verdict": candidate.verdict,
            "headline": candidate.headline,
            "complete": str(assessment.complete).lower(),
        },
        tests=tuple(_test(check, row) for check, row in zip(candidate.checks, shown.checks, strict=True)),
    )


def _test(check: Check, row: CheckRow) -> JunitTest:
    return JunitTest(
        name=check.threshold,
        status=check.status,
        seconds=(check.estimate.value or 0.0) if scale_of(check.metric) == "seconds" else 0.0,
        kind="threshold",
        seen=f"{row.threshold}: {row.seen}",
        why=check.why,
    )
