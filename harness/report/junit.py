"""junit.xml: one test case a check, for CI systems that know only tests.

PASS is a passed test and FAIL a failure. INCONCLUSIVE is skipped, with the reason as its message: it is
neither, and CI must not show it as passed; the exit code of the command tells it from READY. `time` is the
latency that was seen for a check on latency, and zero for others: a check itself takes no time.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from harness.judge.assessment import Assessment, CandidateAssessment, Check
from harness.report.figures import unit_of
from harness.report.neutral import one_line, xml
from harness.report.parts import CandidateView, CheckRow, ReportView


def render_junit(assessment: Assessment, view: ReportView) -> bytes:
    """Render every check of every candidate as a test case."""
    suites = ET.Element("testsuites", name=_line(assessment.suite))
    by_name = {candidate.name: candidate for candidate in assessment.candidates}
    totals = [0, 0, 0, 0.0]
    for shown in view.candidates:
        counted = _suite(suites, assessment, by_name[shown.name], shown)
        totals = [a + b for a, b in zip(totals, counted, strict=True)]
    _counts(suites, totals)
    ET.indent(suites)
    body: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def _suite(
    parent: ET.Element, assessment: Assessment, candidate: CandidateAssessment, shown: CandidateView
) -> list[float]:
    suite = ET.SubElement(parent, "testsuite", name=_line(f"{assessment.suite}: {candidate.name}"))
    suite.set("timestamp", _line(assessment.created_utc))
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("run_id", assessment.run_id),
        ("prompt", candidate.prompt),
        ("model", candidate.model),
        ("verdict", candidate.verdict),
        ("headline", candidate.headline),
        ("complete", str(assessment.complete).lower()),
    ):
        ET.SubElement(properties, "property", name=name, value=_line(value))
    for check, row in zip(candidate.checks, shown.checks, strict=True):
        _case(suite, f"{assessment.suite}.{candidate.name}", check, row)
    statuses = [check.status for check in candidate.checks]
    seconds = sum(_seconds(check) for check in candidate.checks)
    counted = [len(statuses), statuses.count("FAIL"), statuses.count("INCONCLUSIVE"), seconds]
    _counts(suite, counted)
    return counted


def _counts(element: ET.Element, counted: list[float]) -> None:
    tests, failures, skipped, seconds = counted
    element.set("tests", f"{tests:.0f}")
    element.set("failures", f"{failures:.0f}")
    element.set("errors", "0")
    element.set("skipped", f"{skipped:.0f}")
    element.set("time", f"{seconds:.3f}")


def _case(suite: ET.Element, classname: str, check: Check, row: CheckRow) -> None:
    case = ET.SubElement(suite, "testcase", classname=_line(classname), name=_line(check.threshold))
    case.set("time", f"{_seconds(check):.3f}")
    seen = f"{row.threshold}: {row.seen}"
    if check.status == "FAIL":
        failure = ET.SubElement(case, "failure", type="threshold", message=_line(seen))
        failure.text = xml(check.why)
    elif check.status == "INCONCLUSIVE":
        ET.SubElement(case, "skipped", message=_line(f"INCONCLUSIVE: {seen}. {check.why}"))
    ET.SubElement(case, "system-out").text = xml(f"{seen}\n{check.why}")


def _seconds(check: Check) -> float:
    return (check.estimate.value or 0.0) if unit_of(check.metric) == "seconds" else 0.0


def _line(text: str) -> str:
    return xml(one_line(text))
