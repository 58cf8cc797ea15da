"""Which label a reply with thoughts or tool calls has, by each rule."""

from __future__ import annotations

from typing import Any

import pytest

from harness.files.suite import ReplyRule
from harness.judge.labels import LabelRead, LabelReader, said, why_told
from harness.judge.table.reply_score import ScoreReader
from harness.record import Reply, TokenLogprob, ToolCall

LABELS = ("spam", "ham")


def reader(**rule: Any) -> LabelReader:
    return LabelReader(ReplyRule.model_validate(rule), LABELS)


def read(text: str, finish: str | None = "stop", *, tools: tuple[ToolCall, ...] = (), **rule: Any) -> LabelRead:
    return reader(**rule).read(Reply(text=text, finish_reason=finish, tools=tools))


def why(found: LabelRead) -> str:
    assert found.why is not None
    return why_told(found.why)


RULES = pytest.mark.parametrize(
    "rule", [{"as": "mention"}, {"as": "exact"}, {"as": "regex", "pattern": "(?P<label>spam|ham)"}], ids=str
)


@RULES
def test_the_answer_after_a_thought_is_read_by_every_rule(rule: dict[str, Any]) -> None:
    assert read("<think>is it ham?</think>\nspam", **rule).label == "spam"
    assert read("It says ham.\n</think>\nspam", **rule).label == "spam"


@RULES
@pytest.mark.parametrize(("finish", "outcome"), [("length", "truncated"), ("stop", "unparseable")])
def test_a_thought_is_not_an_answer(rule: dict[str, Any], finish: str, outcome: str) -> None:
    found = read("<think>\nOkay, is this message spam? Let me look", finish, **rule)
    assert (found.label, found.outcome, why(found)) == (None, outcome, "it ends inside a thought")


def test_json_after_a_thought_is_read_and_marks_inside_a_document_are_its_own() -> None:
    assert read('<think>{"label": "ham"}</think>{"label": "spam"}', **{"as": "json"}).label == "spam"
    assert read('{"why": "it has <think> in it", "label": "spam"}', **{"as": "json"}).label == "spam"


def test_a_reply_cut_after_its_thought_may_hide_a_longer_name() -> None:
    longer = LabelReader(ReplyRule(), ("refund", "refund request"))
    cut = longer.read(Reply(text="<think>hm</think>refund", finish_reason="MAX_TOKENS"))
    assert cut.outcome == "truncated"


def test_nothing_after_a_thought_is_an_empty_reply() -> None:
    assert read("<think>spam</think>\n").outcome == "empty"


@pytest.mark.parametrize(
    ("finish", "outcome"),
    [("SAFETY", "refused"), ("refusal", "refused"), ("model_length", "label"), ("whatever", "label")],
)
def test_recorded_finish_reasons_are_read_in_every_provider_s_words(finish: str, outcome: str) -> None:
    assert read("spam", finish).outcome == outcome


def test_the_partial_text_of_a_reply_that_ended_by_an_error_is_not_read() -> None:
    found = read("spam", "error")
    assert (found.label, found.outcome) == (None, "unparseable")
    assert "error" in why(found)


CALL = ToolCall("classify", '{"label": "spam"}')


def test_a_tool_call_is_read_where_the_suite_says_so_and_else_named_in_the_reason() -> None:
    assert read("", "tool_calls", tools=(CALL,), **{"as": "json", "from": "tool"}).label == "spam"
    found = read("", "tool_calls", tools=(CALL,), **{"as": "json"})
    assert (found.label, found.outcome) == (None, "unparseable")
    assert why(found) == "it is a tool call, which `reply: {as: json, from: tool}` in the suite would read"
    assert said(Reply(text="", tools=(CALL,))) == '[tool call] classify({"label": "spam"})'


def test_a_text_where_a_tool_call_was_asked_for_has_no_label() -> None:
    found = read('{"label": "spam"}', **{"as": "json", "from": "tool"})
    assert (found.outcome, why(found)) == ("unparseable", "it calls no tool, and the suite reads tool calls")


def test_two_calls_that_agree_are_one_and_two_that_differ_are_none() -> None:
    rule = {"as": "json", "from": "tool"}
    assert read("", tools=(CALL, CALL), **rule).label == "spam"
    assert read("", tools=(CALL, ToolCall("classify", '{"label": "ham"}')), **rule).label is None


def test_a_tool_call_that_was_cut_is_truncated() -> None:
    found = read("", "length", tools=(ToolCall("classify", '{"lab'),), **{"as": "json", "from": "tool"})
    assert (found.label, found.outcome) == (None, "truncated")


def test_a_score_is_read_where_the_answer_stands_and_not_in_the_thought() -> None:
    tokens = tuple(
        TokenLogprob(token, logprob, ((other, -9.0),))
        for token, logprob, other in [
            ("<think>", 0.0, "x"),
            ("spam", -5.0, "ham"),
            ("</think>", 0.0, "x"),
            ("spam", -0.01, "ham"),
        ]
    )
    scores = ScoreReader(ReplyRule(), LABELS)
    reply = Reply(text="<think>spam</think>spam", finish_reason="stop", logprobs=tokens)
    assert scores.score(reply, "spam", "spam") == pytest.approx(0.99988, abs=1e-4)
