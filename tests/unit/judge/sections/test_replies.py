"""What came back beside labels: counted, named, and shown where it was measured."""

from __future__ import annotations

import pytest
from run_of import CALM, candidate, case_row, manifest_of, record

from harness.judge.assess import assess
from harness.judge.documents import CandidateAssessment, Replies
from harness.record import Event, Reply, ToolCall, Usage
from harness.report.sections.measurement import measurement_section

PRICE = {"input": 0.0, "output": 10.0}


def measured(*replies: Reply, places: dict[str, str] | None = None) -> CandidateAssessment:
    events: list[Event] = [CALM, *(case_row(f"c{i}", "spam") for i in range(len(replies)))]
    events += [record(f"c{i}", reply) for i, reply in enumerate(replies)]
    entry = candidate()
    entry.model["price"] = PRICE
    entry.places.update(places or {})
    manifest = manifest_of(("spam", "ham"), planned=len(replies), candidates=[entry])
    (made,) = assess(manifest, events).candidates
    return made


CUT = Reply(text="", finish_reason="length", usage=Usage(input=40, output=8, reasoning=8))


def traps(made: CandidateAssessment) -> list[str]:
    return [trap.sentence for trap in made.traps if trap.kind == "cut_while_thinking"]


def test_replies_that_were_cut_while_thinking_are_a_trap_that_says_what_to_raise() -> None:
    made = measured(CUT, CUT, CUT, CUT)
    assert traps(made) == ["Every reply was cut at 8 tokens after 8 reasoning tokens: raise `max_completion_tokens`."]
    (trouble,) = [one for one in made.went_wrong if one.kind == "truncated"]
    assert trouble.message == "cut after 8 tokens, 8 of them reasoning"


def test_the_trap_names_the_limit_that_the_files_set() -> None:
    made = measured(CUT, Reply(text="spam"), places={"params.max_tokens": "harness.yml:7"})
    assert traps(made) == ["1 of 2 replies was cut at 8 tokens after 8 reasoning tokens: raise `max_tokens`."]


def test_a_thought_that_was_cut_in_the_text_is_the_same_trap() -> None:
    made = measured(Reply(text="<think>spam?", finish_reason="MAX_TOKENS", usage=Usage(output=5)))
    assert traps(made) == ["Every reply was cut at 5 tokens inside its thoughts: raise `max_completion_tokens`."]
    assert made.outcomes["truncated"] == 1


def test_replies_that_are_cut_without_a_thought_are_no_such_trap() -> None:
    assert traps(measured(Reply(text="I think", finish_reason="length", usage=Usage(output=8)))) == []


def test_thoughts_tool_calls_odd_fields_and_unknown_endings_are_counted_and_shown() -> None:
    made = measured(
        Reply(text="<think>ham?</think>spam", finish_reason="stop"),
        Reply(text="spam", reasoning="hm", usage=Usage(output=9, reasoning=7)),
        Reply(text="spam", finish_reason="because", odd=("prompt_tokens", "id")),
        Reply(text="", tools=(ToolCall("f", '{"label": "spam"}'),), odd=("id",)),
    )
    assert made.outcomes["label"] == 3
    assert made.replies == Replies(
        reasoned=2, reasoning_tokens=7, tool_calls=1, unknown_endings={"because": 1}, odd={"id": 2, "prompt_tokens": 1}
    )
    shown = {figure.name: (figure.text, figure.hint) for figure in measurement_section(made, None).figures}
    assert shown["Replies with reasoning"] == ("2", "7 tokens of reasoning, paid as output")
    assert shown["Tool calls without a label"][0] == "1"
    assert shown["Unknown finish reasons"] == ("1", "read as a stop: because (1)")
    assert shown["Odd fields of replies"] == ("3", "not known: id (2), prompt_tokens (1)")


def test_a_report_of_plain_replies_says_nothing_of_it() -> None:
    made = measured(Reply(text="spam", finish_reason="stop", usage=Usage(input=1, output=1)))
    names = {figure.name for figure in measurement_section(made, None).figures}
    assert names.isdisjoint({"Replies with reasoning", "Unknown finish reasons", "Odd fields of replies"})


def test_reasoning_tokens_are_priced_once_as_part_of_the_output() -> None:
    made = measured(Reply(text="spam", usage=Usage(input=0, output=100, reasoning=90)))
    assert made.cost.total == pytest.approx(100 * 10 / 1e6)
