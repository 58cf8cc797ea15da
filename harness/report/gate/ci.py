"""What a pull request and a build server read of a gate: a comment, annotations on lines, and the checks as tests.

The comment, gate.md, is at most as long as GitHub accepts, whatever a reply holds. It is rendered in full where that
fits, else without the folded parts, else with fewer prompts: a document is never cut inside of a fence or a table,
and says what is missing.
"""

import re
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from harness.judge import Gate, GateCheck, GatedPrompt, count, scale_of
from harness.report.gate.view import GateView, by_gravity, gate_row, gate_view, wrong_of
from harness.report.junit_file import JunitSuite, JunitTest, junit_file, trouble_tests
from harness.report.parts import MARKDOWN_LIMIT, annotation, cut_markdown, one_line, shorten
from harness.report.rendering import markdown_page

TEMPLATE = "gate.md.j2"
STICKY = "<!-- prompt-readiness gate -->"  # by which the comment is found again
_DIFF_LINES, _DIFF_WIDTH = 80, 200
_LONGEST_TEXT = 4_000  # characters of one text of a test
_MOST = 10  # annotations: GitHub shows so many of a kind for each step


def annotations_of(gate: Gate) -> tuple[str, ...]:
    """Give the commands, gravest first; none for prompts that passed."""
    shown = by_gravity(gate.prompts)
    return (
        *[_command("error", one) for one in shown if one.status in {"NOT MEASURED", "FAIL"}][:_MOST],
        *[_command("warning", one) for one in shown if one.status == "INCONCLUSIVE"][:_MOST],
        *_notices(gate),
    )


def _notices(gate: Gate) -> Iterator[str]:
    if gate.policy == "head":
        yield annotation("warning", {"title": "Gate"}, "Judged by this branch's own policy (--policy head).")
    for edit in gate.edits[:_MOST]:
        place = {"file": gate.suite} if gate.suite else {}
        yield annotation("notice", {**place, "title": "The policy is edited"}, edit)


def _command(kind: str, prompt: GatedPrompt) -> str:
    """Point at the line that has to change, where what went wrong names one; else at what the branch changed."""
    file, first, last = _to_mend(prompt) or (prompt.path, *(prompt.lines or (1, 1)))
    place = {"file": file, "line": str(first), "endLine": str(last)}
    place["title"] = f"{prompt.prompt} on {prompt.model}: {prompt.status}"
    return annotation(kind, place, prompt.headline)


def _to_mend(prompt: GatedPrompt) -> tuple[str, int, int] | None:
    where = next((row.where for row in prompt.went_wrong if row.decides), "")
    file, _, line = where.rpartition(":")
    if not file:
        return (where, 1, 1) if where else None
    return (file, int(line), int(line)) if line.isdecimal() else None


def quiet_commands(text: str) -> str:
    """Part what GitHub would take for a command of its own in text that is printed."""
    lines = [f"\u2060{line}" if line.lstrip().startswith("::") else line for line in text.split("\n")]
    return "\n".join(lines).replace("##[", "##\u2060[")


def render_gate_junit(gate: Gate) -> bytes:
    """Render every check of every changed prompt as a test case."""
    return junit_file(
        f"gate: {gate.suite or ', '.join(gate.suites)}", (_suite(gate, prompt) for prompt in gate.prompts)
    )


def _suite(gate: Gate, prompt: GatedPrompt) -> JunitSuite:
    name = f"{prompt.prompt}@{prompt.model}"
    same = JunitTest(name="sends the same requests as before", status="PASS")
    said = {"file": prompt.path, "status": prompt.status, "headline": prompt.headline}
    said |= {"base": gate.base_commit, "head": gate.head_commit, "policy": gate.policy}
    return JunitSuite(
        name=_short(name),
        classname=_short(f"{prompt.suite or gate.suite}.{name}"),
        properties={key: _short(value) for key, value in said.items()},
        tests=(
            *trouble_tests(wrong_of(prompt)),
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
        seen=_short(f"{row.name}: baseline {row.base or 'none'}, candidate {row.head}{change}"),
        why=_short(check.why),
    )


def _short(text: str) -> str:
    return shorten(text, _LONGEST_TEXT)


def render_gate(gate: Gate) -> str:
    """Render a gate for a comment, within GitHub's limit."""
    view = gate_view(gate)
    text = ""
    every = len(view.prompts)
    levels = [(every, 60, True), (every, 60, False), (every, 12, False), (20, 12, False), (5, 8, False)]
    for prompts, most_rows, detail in levels:  # from the fullest: prompts, rows of each, with the folded parts
        text = _rendered(view, prompts, most_rows, detail=detail)
        if len(text) <= MARKDOWN_LIMIT:
            break
    return cut_markdown(text)


def _rendered(view: GateView, prompts: int, most_rows: int, *, detail: bool) -> str:
    rendered = markdown_page(
        TEMPLATE,
        filters={"fenced": _fenced},
        gate=view,
        prompts=view.prompts[:prompts],
        hidden=max(0, len(view.prompts) - prompts),
        most_rows=most_rows,
        most_edits=20,
        detail=detail,
    )
    return f"{STICKY}\n{rendered}"


def _fenced(lines: Sequence[str]) -> Markup:
    """Show lines of a diff in a fence that nothing inside can close; GitHub links nothing in there."""
    kept = [shorten(one_line(line), _DIFF_WIDTH) for line in lines[:_DIFF_LINES]]
    if len(lines) > _DIFF_LINES:
        kept.append(f"  ... and {count(len(lines) - _DIFF_LINES, 'more line')}")
    longest = max((len(run) for line in kept for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup("\n".join([f"{fence}diff", *kept, fence]))  # noqa: S704  # one line each, in a longer fence
