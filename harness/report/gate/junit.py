"""The gate's JUnit file: the checks of every changed prompt as tests."""

from __future__ import annotations

from harness.judge.documents.gate import Gate, GateCheck, GatedPrompt
from harness.judge.wording import scale_of
from harness.report.gate.view import gate_row
from harness.report.junit_file import JunitSuite, JunitTest, junit_file
from harness.report.neutral import shorten

LONGEST = 4_000  # characters of one text


def render_gate_junit(gate: Gate) -> bytes:
    """Render every check of every changed prompt as a test case."""
    return junit_file(f"gate: {gate.suite}", (_suite(gate, prompt) for prompt in gate.prompts))


def _suite(gate: Gate, prompt: GatedPrompt) -> JunitSuite:
    name = f"{prompt.prompt}@{prompt.model}"
    same = JunitTest(name="sends the same requests as before", status="PASS")
    properties = {
        "file": prompt.path,
        "status": prompt.status,
        "headline": prompt.headline,
        "base": gate.base_commit,
        "head": gate.head_commit,
        "policy": gate.policy,
    }
    return JunitSuite(
        name=_short(name),
        classname=_short(f"{gate.suite}.{name}"),
        properties={key: _short(value) for key, value in properties.items()},
        tests=(
            *(_test(check) for check in prompt.checks),
            *((same,) if prompt.kind == "same" else ()),
        ),
    )


def _test(check: GateCheck) -> JunitTest:
    row = gate_row(check)
    change = f", {row.change}" if row.change else ""
    timed = check.of == "threshold" and scale_of(check.metric) == "seconds"
    return JunitTest(
        name=_short(check.name),
        status=check.status,
        seconds=(check.head.value or 0.0) if timed and check.head is not None else 0.0,
        kind=check.of,
        seen=_short(f"{row.name}: base {row.base or 'none'}, head {row.head}{change}"),
        why=_short(check.why),
    )


def _short(text: str) -> str:
    return shorten(text, LONGEST)
