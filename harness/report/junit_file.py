"""A JUnit file: suites of tests with their counts, for CI systems that know only tests.

PASS is a passed test and FAIL a failure. INCONCLUSIVE is skipped, with the reason as its message: it is
neither, and CI must not show it as passed; the exit code of the command tells it from READY. What the
endpoint failed is an error, never a failure: it says nothing about the prompt; the checks of what was not
measured are skipped. `time` holds seconds, and never another metric: a check itself takes no time.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from harness.judge import Status
from harness.report.parts import TroubleView, one_line, xml

_SKIPPED = ("INCONCLUSIVE", "NOT MEASURED")


@dataclass(frozen=True, slots=True, kw_only=True)
class JunitTest:
    """One check; `seen` and `why` tell its story."""

    name: str
    status: Status | Literal["ERROR", "NOT MEASURED"]
    seconds: float = 0.0  # the latency that was seen, for a check on latency
    kind: str = ""  # what a failure is of
    seen: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JunitSuite:
    """The checks of one candidate, with what is known of it."""

    name: str
    classname: str
    properties: dict[str, str]
    tests: tuple[JunitTest, ...]
    timestamp: str = ""


def trouble_tests(rows: Iterable[TroubleView]) -> tuple[JunitTest, ...]:
    """Give a test for each kind that the verdict hangs on: what the endpoint failed is an error."""
    tests = []
    for row in (row for row in rows if row.decides):
        said = [f"{one.case}: {one.reply} ({one.reason})" for one in row.samples]
        said = said or [row.words, *([f"first on case {row.case}"] if row.case else [])]
        blamed: Literal["ERROR", "FAIL"] = "ERROR" if row.whose == "endpoint" else "FAIL"
        tests.append(
            JunitTest(
                name=f"went wrong: {row.title} ({row.kind})",
                status="INCONCLUSIVE" if row.tone == "inconclusive" else blamed,
                kind=row.kind,
                seen=f"{row.many}: {row.words}",
                why="\n".join([*said, *([row.next] if row.next else [])]),
            )
        )
    return tuple(tests)


def junit_file(name: str, suites: Iterable[JunitSuite]) -> bytes:
    """Write the file; every text in it is made harmless, names and messages stay on one line."""
    root = ET.Element("testsuites", name=_line(name))
    every: list[JunitTest] = []
    for suite in suites:
        _add(root, suite)
        every += suite.tests
    _count(root, every)
    ET.indent(root)
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def _add(root: ET.Element, suite: JunitSuite) -> None:
    element = ET.SubElement(root, "testsuite", name=_line(suite.name))
    if suite.timestamp:
        element.set("timestamp", _line(suite.timestamp))
    properties = ET.SubElement(element, "properties")
    for name, value in suite.properties.items():
        ET.SubElement(properties, "property", name=name, value=_line(value))
    for test in suite.tests:
        _case(element, suite.classname, test)
    _count(element, suite.tests)


def _case(suite: ET.Element, classname: str, test: JunitTest) -> None:
    case = ET.SubElement(suite, "testcase", classname=_line(classname), name=_line(test.name))
    case.set("time", f"{test.seconds:.3f}")
    if test.status == "FAIL":
        failure = ET.SubElement(case, "failure", type=test.kind, message=_line(test.seen))
        failure.text = xml(test.why)
    elif test.status == "ERROR":
        ET.SubElement(case, "error", type=test.kind, message=_line(test.seen)).text = xml(test.why)
    elif test.status in _SKIPPED:
        ET.SubElement(case, "skipped", message=_line(f"{test.status}: {test.seen}. {test.why}"))
    if test.seen:
        ET.SubElement(case, "system-out").text = xml(f"{test.seen}\n{test.why}")


def _count(element: ET.Element, tests: Iterable[JunitTest]) -> None:
    every = tuple(tests)
    statuses = [test.status for test in every]
    element.set("tests", str(len(every)))
    element.set("failures", str(statuses.count("FAIL")))
    element.set("errors", str(statuses.count("ERROR")))
    element.set("skipped", str(sum(status in _SKIPPED for status in statuses)))
    element.set("time", f"{sum(test.seconds for test in every):.3f}")


def _line(text: str) -> str:
    return xml(one_line(text))
