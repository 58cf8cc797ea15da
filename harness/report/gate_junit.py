"""The gate's JUnit file: one test a check of a changed prompt, for CI systems that know only tests.

INCONCLUSIVE is skipped with its reason, as in junit.xml of a run. `time` holds seconds (the latency that was
seen, for a check on latency) and never another metric; figures stand in the text.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from harness.judge.gate import Gate, GateCheck, GatedPrompt
from harness.report.figures import unit_of
from harness.report.gate_view import GateRow, gate_row
from harness.report.neutral import one_line, shorten, xml

LONGEST = 4_000  # characters of one text


def render_gate_junit(gate: Gate) -> bytes:
    """Render every check of every changed prompt as a test case."""
    suites = ET.Element("testsuites", name=_line(f"gate: {gate.suite}"))
    totals = [0, 0, 0, 0.0]
    for prompt in gate.prompts:
        totals = [a + b for a, b in zip(totals, _suite(suites, gate, prompt), strict=True)]
    _counts(suites, totals)
    ET.indent(suites)
    body: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def _suite(parent: ET.Element, gate: Gate, prompt: GatedPrompt) -> list[float]:
    name = f"{prompt.prompt}@{prompt.model}"
    suite = ET.SubElement(parent, "testsuite", name=_line(name))
    properties = ET.SubElement(suite, "properties")
    for key, value in (
        ("file", prompt.path),
        ("status", prompt.status),
        ("headline", prompt.headline),
        ("base", gate.base_commit),
        ("head", gate.head_commit),
        ("policy", gate.policy),
    ):
        ET.SubElement(properties, "property", name=key, value=_line(value))
    for check in prompt.checks:
        _case(suite, f"{gate.suite}.{name}", check, gate_row(check, gate.currency))
    if prompt.kind == "same":
        case = ET.SubElement(suite, "testcase", classname=_line(f"{gate.suite}.{name}"), time="0.000")
        case.set("name", "sends the same requests as before")
    statuses = [check.status for check in prompt.checks]
    counted = [
        len(suite.findall("testcase")),
        statuses.count("FAIL"),
        statuses.count("INCONCLUSIVE"),
        sum(_seconds(check) for check in prompt.checks),
    ]
    _counts(suite, counted)
    return counted


def _counts(element: ET.Element, counted: list[float]) -> None:
    tests, failures, skipped, seconds = counted
    element.set("tests", f"{tests:.0f}")
    element.set("failures", f"{failures:.0f}")
    element.set("errors", "0")
    element.set("skipped", f"{skipped:.0f}")
    element.set("time", f"{seconds:.3f}")


def _case(suite: ET.Element, classname: str, check: GateCheck, row: GateRow) -> None:
    case = ET.SubElement(suite, "testcase", classname=_line(classname), name=_line(check.name))
    case.set("time", f"{_seconds(check):.3f}")
    seen = f"{row.name}: base {row.base or 'none'}, head {row.head}" + (
        f", {row.change}" if row.change else ""
    )
    if check.status == "FAIL":
        failure = ET.SubElement(case, "failure", type=check.of, message=_line(seen))
        failure.text = _text(check.why)
    elif check.status == "INCONCLUSIVE":
        ET.SubElement(case, "skipped", message=_line(f"INCONCLUSIVE: {seen}. {check.why}"))
    ET.SubElement(case, "system-out").text = _text(f"{seen}\n{check.why}")


def _seconds(check: GateCheck) -> float:
    timed = check.of == "threshold" and unit_of(check.metric) == "seconds" and check.head is not None
    return (check.head.value or 0.0) if timed and check.head is not None else 0.0


def _line(text: str) -> str:
    return xml(one_line(shorten(text, LONGEST)))


def _text(text: str) -> str:
    return xml(shorten(text, LONGEST))
