"""A gate's comment, test report, annotations and terminal summary, above all of hostile content."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from html import unescape
from pathlib import Path

import msgspec
import pytest
from decided import POINTS, asked, broken, comparison, gate, held, judged, metric
from judged_extremes import HOSTILE
from junitparser import Failure, JUnitXml, Skipped
from markdown_it import MarkdownIt
from rich.cells import cell_len
from rich.console import Console
from went_wrong import SITUATIONS, UNSUPPORTED

from harness.judge.documents import Gate, WordChange
from harness.report.gate import STICKY, annotations_of, quiet_commands, render_gate, render_gate_junit, terminal_gate

ATTACK = " ".join(HOSTILE)
FLOOD = "@octocat " + "<b>" * 20_000 + "`" * 10_000  # 70,009 characters


def failed() -> Gate:
    worse = comparison(asked("accuracy", "FAIL", 0.001), asked("recall", "INCONCLUSIVE", 0.2, label="spam"))
    slow = held("latency.p95 <= 1 s", "PASS", name="latency.p95")
    return gate(judged(head=(held("accuracy >= 80%", "PASS"), slow), comparison=worse))


def hostile(*, flood: bool = False, prompts: int = 1) -> Gate:
    attacks = [*HOSTILE, FLOOD] if flood else list(HOSTILE)
    worse = comparison(
        asked("accuracy", "FAIL", 0.0001),
        broken=tuple(broken(each[:200], text=each, reply=each) for each in attacks),
        prompt_diff=tuple(
            WordChange(kind=kind, text=f"{kind} {ATTACK}\n```\n~~~\n{kind} " + "`" * 9) for kind in ("removed", "added")
        ),
        notes=(ATTACK,),
    )
    one = judged(
        path="prompts/</details>\n@octocat.prompt.yml",
        prompt=ATTACK,
        head=(held(f"recall[{ATTACK}] >= 80%", "FAIL", why=FLOOD if flood else ATTACK),),
        comparison=worse,
    )
    return gate(*[one] * prompts, edits=(ATTACK, FLOOD) if flood else (ATTACK,), deleted=(ATTACK,))


def test_the_comment_says_verdict_checks_regressions_diff_cost_and_how_to_reproduce() -> None:
    text = render_gate(failed())
    assert text.startswith(STICKY)
    assert "## ❌ Gate failed: suites/s.suite.yml" in text
    assert "| ✅ `accuracy >= 80%` | 84.0% → 84.0% (79.4 to 87.7) | ▼ −6.0 points (−9.0 to −3.0), worse |" in text
    assert "| ❌ `accuracy at most 2 points below baseline` |" in text
    assert "<details><summary><b>2 broken, 0 fixed</b>" in text
    assert "```diff\n@@ -1,2 +1,2 @@\n user:\n-Sort this message.\n+Sort that message.\n```" in text
    assert "**Cost of this gate:** 600 calls, &#36;0.12." in text
    assert "`harness gate suites/s.suite.yml --base bbbbbbbbbbbb`" in text


def test_an_edited_policy_and_a_policy_of_the_branch_itself_stand_above_the_table() -> None:
    text = render_gate(gate(judged(), edits=("threshold loosened.",), deleted=("prompts/v0.prompt.yml",)))
    assert text.index("threshold loosened") < text.index("| Check |")
    assert "take effect after the merge" in text
    loud = render_gate(gate(judged(), policy="head", edits=("threshold loosened.",)))
    assert "**Warning:** Judged by the policy of this very branch" in loud
    assert "count already" in loud


@pytest.mark.parametrize("flood", [False, True])
def test_a_hostile_comment_links_notifies_and_formats_nothing(flood: bool) -> None:
    source = render_gate(hostile(flood=flood))
    tokens = MarkdownIt("commonmark").enable("table").parse(source.removeprefix(STICKY))
    flat = [t for token in tokens for t in (token, *(token.children or ()))]
    assert not {t.type for t in flat} & {"link_open", "image", "html_inline", "code_block"}
    assert [t.info for t in flat if t.type == "fence"] == ["diff"]
    blocks = "".join(t.content for t in flat if t.type == "html_block")
    assert set(re.findall(r"</?(\w+)", blocks)) == {"details", "summary", "b"}
    read = unescape(blocks) + "".join(t.content for t in flat if t.type == "text")
    assert "octocat" in read
    assert not re.search(r"@\w|#\d|[a-z]://", read)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", source)


@pytest.mark.parametrize("prompts", [1, 30, 300])
def test_a_comment_stays_within_githubs_limit_with_all_that_is_open_closed(prompts: int) -> None:
    source = render_gate(hostile(flood=True, prompts=prompts))
    assert len(source) <= 65_536
    assert source.count("\n<details>") == source.count("\n</details>")
    tokens = MarkdownIt("commonmark").enable("table").parse(source)
    assert tokens[-1].type == "html_block", "no fence swallows the end"
    if prompts == 300:
        assert re.search(r"\*\*2\d\d more changed prompts\*\* did not fit into this comment; they are", source)
        assert "did not fit into this comment" in source


def test_the_test_report_has_one_test_a_check_and_times_are_only_times(tmp_path: Path) -> None:
    (suite,) = JUnitXml.fromstring(render_gate_junit(failed()))
    assert (suite.tests, suite.failures, suite.skipped, suite.errors) == (4, 1, 1, 0)
    results = {case.name: case.result for case in suite}
    (failure,) = results["accuracy at most 2 points below baseline"]
    assert isinstance(failure, Failure)
    assert failure.message.startswith("accuracy at most 2 points below baseline: baseline 90.0%, candidate 84.0%")
    (skipped,) = results["recall[spam] at most 2 points below baseline"]
    assert isinstance(skipped, Skipped)
    times = {case.name: case.time for case in suite}
    assert times.pop("latency.p95 <= 1 s") == pytest.approx(0.84)
    assert set(times.values()) == {0}


def test_a_prompt_that_sends_the_same_is_one_passed_test() -> None:
    (suite,) = JUnitXml.fromstring(render_gate_junit(gate(judged(same=True))))
    assert [case.name for case in suite] == ["sends the same requests as before"]


def test_a_hostile_test_report_is_read_back_whole(tmp_path: Path) -> None:
    body = render_gate_junit(hostile(flood=True, prompts=3))
    report = JUnitXml.fromstring(body)
    assert (len(list(report)), report.failures) == (3, 6)
    assert "<script>alert(1)</script>" in "".join(ET.fromstring(body).itertext())
    assert len(body) < 200_000
    lint = shutil.which("xmllint")
    if lint:  # apt: libxml2-utils
        path = tmp_path / "gate-junit.xml"
        path.write_bytes(body)
        subprocess.run([lint, "--noout", str(path)], check=True)


def test_an_annotation_stands_on_the_lines_of_the_prompt() -> None:
    (error,) = annotations_of(failed())
    assert error.startswith("::error file=prompts/v1.prompt.yml,line=4,endLine=6,title=v1 on m%3A FAIL::1 check of 4")
    warnings = annotations_of(gate(judged(head=(held("accuracy >= 90%", "INCONCLUSIVE"),), lines=None)))
    assert warnings[0].startswith("::warning file=prompts/v1.prompt.yml,line=1,endLine=1,")
    assert annotations_of(gate(judged())) == ()


def test_hostile_annotations_stay_one_command_with_its_own_properties() -> None:
    for line in annotations_of(hostile(flood=True)):
        assert "\n" not in line
        assert "\r" not in line
        properties = re.fullmatch(r"::(?:error|notice) ([^:]*)::.*", line)
        assert properties, line
        names = [each.split("=")[0] for each in properties[1].split(",")]
        assert names in (["file", "line", "endLine", "title"], ["file", "title"])
        assert len(line) < 4_000


def test_printed_text_is_never_taken_for_a_workflow_command() -> None:
    text = quiet_commands("fine\n::add-mask::x\n  ::error::y\nsee ##[error]z and a::b")
    assert not [line for line in text.split("\n") if line.lstrip().startswith("::")]
    assert "##[" not in text
    assert "a::b" in text


def test_the_terminal_gets_no_control_character_and_names_what_broke() -> None:
    text = terminal_gate(hostile(flood=True))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert max(map(len, text.splitlines())) < 2_500
    plain = on(120, failed())
    assert plain.startswith(
        " FAIL   suites/s.suite.yml\n"
        "  v1 on m: 1 check of 4 failed: accuracy at most 2 points below baseline. 2 cases broken: c1 and c2.\n"
        "  ✗ accuracy at most 2 points below baseline: ▼ −6.0 points (−9.0 to −3.0), worse; 90.0% -> 84.0% (79.4 to"
    )
    assert plain.rstrip().splitlines()[-1] == " FAIL   suites/s.suite.yml"
    assert "c1 (expected spam): spam -> ham" in plain


def on(width: int, made: Gate, *, colour: bool = False) -> str:
    """Give the terminal summary on a terminal."""
    system = "standard" if colour else None
    console = Console(file=io.StringIO(), width=width, force_terminal=colour, color_system=system)  # type: ignore[arg-type]
    return terminal_gate(made, console=console)


@pytest.mark.parametrize("width", [40, 80, 140])
def test_the_summary_fits_the_terminal_and_its_colours_are_ours(width: int) -> None:
    for made in (failed(), silent(), hostile(flood=True)):
        assert max(map(cell_len, on(width, made).splitlines())) <= width
        assert all(re.fullmatch("\x1b\\[[0-9;]*m", s) for s in re.findall("\x1b[^m]*m", on(width, made, colour=True)))
    assert "\x1b[1;31m✗" in on(width, failed(), colour=True).replace("  ✗", "✗").replace("\x1b[1;31m  ", "\x1b[1;31m")


def silent() -> Gate:
    """Give a gate whose changed prompt the endpoint refused."""
    (one,) = SITUATIONS["refused_alike"]().candidates
    return gate(
        judged(head=one.checks, comparison=None, not_measured=one.reason, went_wrong=one.went_wrong),
        judged(path="prompts/v2.prompt.yml", prompt="v2"),
    )


def test_what_was_not_measured_is_said_first_in_the_endpoints_words_with_the_line_to_change() -> None:
    for text in (render_gate(silent()), on(1_000, silent())):
        first = text.replace(STICKY, "").strip()[:600].replace("\\", "")
        assert "v1 on m was NOT MEASURED" in first
        assert UNSUPPORTED in first
        assert "prompts/v1.prompt.yml:4" in first
    assert "Gate not measured" in render_gate(silent())
    assert on(80, silent()).startswith(" NOT MEASURED   suites/s.suite.yml\n")
    assert on(80, silent()).index("v1 on m (") < on(80, silent()).index("v2 on m (")


def test_what_was_not_measured_is_an_error_in_junit_and_in_annotations() -> None:
    first, second = JUnitXml.fromstring(render_gate_junit(silent()))
    assert (first.tests, first.failures, first.errors) == (1, 0, 1)
    assert (second.failures, second.errors) == (0, 0)
    (command,) = annotations_of(silent())
    assert command.startswith("::error file=prompts/v1.prompt.yml,")
    assert "NOT MEASURED" in command
    assert "max_completion_tokens" in command


def test_cut_replies_that_fail_a_branch_stand_before_its_checks_with_two_samples() -> None:
    (one,) = SITUATIONS["all_cut"]().candidates
    made = gate(judged(head=one.checks, went_wrong=one.went_wrong))
    told = "36 of 40 replies were cut after 8 tokens: raise `max_tokens` in prompts/v1.prompt.yml:4."
    assert made.prompts[0].headline.startswith(told)
    shown = on(140, made)
    assert shown.index("went wrong: Cut off") < shown.index("accuracy >= 90%", shown.index("went wrong"))
    assert shown.count("Let me think about who may have sent this") == 2
    assert render_gate(made).count("Let me think about who may have sent this") == 2
    (suite,) = JUnitXml.fromstring(render_gate_junit(made))
    assert "went wrong: Cut off (truncated)" in [case.name for case in suite]


def test_hostile_words_of_an_endpoint_start_no_command_and_close_nothing() -> None:
    (one,) = SITUATIONS["refused_alike"]().candidates
    row = msgspec.structs.replace(
        one.went_wrong[0], message=ATTACK + "\n::error::x" + FLOOD, case=ATTACK, where=ATTACK, fix=ATTACK
    )
    made = gate(judged(head=(), comparison=None, not_measured=ATTACK, went_wrong=(row,)))
    shown = quiet_commands(terminal_gate(made))
    assert not re.search(r"^\s*::", shown, re.MULTILINE)
    text = render_gate(made)
    assert len(text) <= 65_536
    assert not re.search("[\u202a-\u202e\x1b]", text + shown)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    flat = [t for token in tokens for t in (token, *(token.children or ()))]
    assert not {t.type for t in flat} & {"link_open", "image", "html_inline"}


def _told(gate: Gate) -> str:
    return next(line for line in on(300, gate).splitlines() if line.strip().startswith("→"))


def test_a_gate_says_what_to_do_next() -> None:
    lost = comparison(asked("accuracy", "FAIL", 0.001), broken=(broken("c1"), broken("c2"), broken("c3", reply="?")))
    told = _told(gate(judged(comparison=lost)))
    assert "Mend prompts/v1.prompt.yml: spam became ham in 3 of 3 broken cases, such as c1." in told
    slow = comparison(asked("accuracy", "PASS"), broken=())
    missed = judged(comparison=slow, head=(held("latency.p95 <= 1 s", "FAIL", name="latency.p95"),))
    assert "Mend prompts/v1.prompt.yml: latency.p95 <= 1 s does not hold." in _told(gate(missed))
    unsure = msgspec.structs.replace(asked("accuracy", "INCONCLUSIVE"), needed_n=1400)
    assert "Add cases, to about 1,400 cases in all, or accept" in _told(gate(judged(comparison=comparison(unsure))))
    assert "Merge it" in _told(gate(judged()))


def test_a_difference_that_may_be_chance_is_called_neither_better_nor_worse() -> None:
    around = msgspec.structs.replace(POINTS, low=-0.09, high=0.01)
    moved = msgspec.structs.replace(metric("accuracy"), difference=around)
    text = on(200, gate(judged(comparison=comparison(asked("accuracy", "PASS"), metrics=(moved,)))))
    assert "−6.0 points (−9.0 to +1.0), may be chance" in text
