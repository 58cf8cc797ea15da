"""Thoughts in a reply: never an answer, whatever marks them; what follows them is read."""

from __future__ import annotations

import pytest

from harness.judge.labels.thoughts import BareAnswer, answer_of

MARKS = {
    "think": ("<think>", "</think>"),
    "thinking": ("<thinking>", "</thinking>"),
    "thought": ("<thought>", "</thought>"),
    "thoughts": ("<thoughts>", "</thoughts>"),
    "reasoning": ("<reasoning>", "</reasoning>"),
    "reason": ("<reason>", "</reason>"),
    "reflection": ("<reflection>", "</reflection>"),
    "scratchpad": ("<scratchpad>", "</scratchpad>"),
    "Seed": ("<seed:think>", "</seed:think>"),
    "with an attribute": ('<think effort="low">', "</think>"),
    "with blanks": ("< think >", "</ think >"),
    "escaped": ("&lt;think&gt;", "&lt;/think&gt;"),
    "Sky-T1": ("<|begin_of_thought|>", "<|end_of_thought|>"),
    "Cohere": ("<|START_THINKING|>", "<|END_THINKING|>"),
    "Kimi": ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
    "Magistral": ("[THINK]", "[/THINK]"),
    "gpt-oss": ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    "gpt-oss without its tokens": ("analysisWell, ", "assistantfinal"),
    "Granite": ("Here is my thought process:", "Here is my response:"),
    "Apriel": ("Here are my reasoning steps:\n", "[BEGIN FINAL RESPONSE]\n"),
}
PAIRS = pytest.mark.parametrize("pair", MARKS.values(), ids=MARKS)
TAGS = pytest.mark.parametrize("pair", [pair for pair in MARKS.values() if pair[0][0] in "<\u25c1[&"][:13])


@PAIRS
def test_what_follows_a_thought_is_the_answer(pair: tuple[str, str]) -> None:
    opens, closes = pair
    found = answer_of(f"{opens}\nOkay, is this ham? Or spam?\n{closes}\n\nspam")
    assert (found.text.strip(), found.thought, found.hidden) == ("spam", True, False)


@PAIRS
def test_a_thought_that_never_ends_hides_every_label(pair: tuple[str, str]) -> None:
    opens, _ = pair
    assert answer_of(f"{opens}\nOkay, is this message spam? Let me look") == BareAnswer("", True, True)


@TAGS
def test_a_closing_mark_alone_makes_all_before_it_a_thought(pair: tuple[str, str]) -> None:
    _, closes = pair
    if closes.startswith("<|end|>"):
        pytest.skip("gpt-oss names the channel of the answer")
    assert answer_of(f"Is it ham? It says so.\n{closes}\nspam").text.strip() == "spam"


@TAGS
def test_the_marks_are_known_in_any_case(pair: tuple[str, str]) -> None:
    opens, closes = pair
    assert answer_of(f"{opens.upper()}ham?{closes.upper()}spam").text == "spam"
    assert answer_of(f"{opens.lower()}ham?{closes.lower()}spam").text == "spam"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>a <think>b</think> ham </think> spam", " spam"),
        ("<think>\n<think>\nham?\n</think>\nspam", "\nspam"),  # the template wrote the first
        ("<think>ham?</think>\n</think>\nspam", "\nspam"),
        ("<think>I should use <reasoning> tags: ham</think>spam", "spam"),
        ("<think></think>spam", "spam"),
        ("spam<think>Sure?</think>", "spam"),
        ("<think>a</think>spam<think>b</think>", "spam"),
        ("Let me think: spam", "Let me think: spam"),
        ("analysis: spam", "analysis: spam"),
        ("I <3 this, spam", "I <3 this, spam"),
        ("<|channel|>final<|message|>spam<|return|>", "spam"),
        (
            "<|channel|>commentary to=functions.x <|constrain|>json<|message|>{}<|call|>"
            "<|start|>assistant<|channel|>final<|message|>spam",
            "spam",
        ),
        ("<|begin_of_thought|>ham<|end_of_thought|><|begin_of_solution|>spam<|end_of_solution|>", "spam"),
    ],
)
def test_blocks_that_are_nested_doubled_repeated_or_none(text: str, answer: str) -> None:
    assert answer_of(text).text == answer
    assert not answer_of(text).hidden


@pytest.mark.parametrize(
    "text",
    [
        "<think>a<think>b</think> is it spam",
        "<think>ham</think>spam<think>or is it",
        "<think>the prompt says to end with </reasoning> maybe spam",
        "<|channel|>analysis<|message|>It is spam.<|end|>",
        "<|channel|>analysis",
    ],
)
def test_a_reply_that_ends_inside_a_thought_has_no_answer(text: str) -> None:
    assert answer_of(text).hidden


@pytest.mark.parametrize(
    "piece", ["<think>", "</think>", "<think ", "&lt;think", "<|channel|>", "assistantfinal", "[THINK", "<  "]
)
def test_a_long_reply_of_marks_ends(piece: str) -> None:
    assert isinstance(answer_of(piece * 100_000 + " " * 100_000), BareAnswer)
