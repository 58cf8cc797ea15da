"""Recorded answers: which line serves a trial, and what is wrong with a file."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import FilesError
from harness.files.project import ModelEntry
from harness.files.prompts import Prompt, RenderedText
from harness.measure.endpoint.contract import Answer
from harness.measure.endpoint.open_endpoint import build_endpoint
from harness.measure.endpoint.recorded import load_replies
from harness.record import Failure, Reply, TokenLogprob, ToolCall, Trial, Usage


def write(path: Path, *lines: Any) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def ask(path: Path, case: str, *, prompt: str = "v1", model: str = "rec", **trial: Any) -> Answer:
    entry = ModelEntry(endpoint="replay", replies=Path(path.name))
    endpoint = build_endpoint(model, entry, Prompt(text="x", name=prompt), root=path.parent)

    async def main() -> Answer:
        await endpoint.open()
        prepared = endpoint.prepare(
            RenderedText("x"), Trial(key="k", case=case, candidate=f"{prompt}@{model}", **trial)
        )
        answer = await endpoint.attempt(prepared, timeout_s=1)
        await endpoint.close()
        return answer

    return asyncio.run(main())


def text(answer: Answer) -> str:
    assert isinstance(answer.outcome, Reply), answer.outcome
    return answer.outcome.text


def test_a_line_serves_every_prompt_model_variant_and_repeat_that_it_does_not_name(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", {"case": "17", "reply": "spam"})
    for trial in ({}, {"repeat": 4}, {"variant": "typos"}, {"prompt": "v2"}, {"model": "other"}):
        assert text(ask(path, "17", **trial)) == "spam"


def test_the_most_specific_line_answers(tmp_path: Path) -> None:
    path = write(
        tmp_path / "r.jsonl",
        {"case": "1", "reply": "any"},
        {"case": "1", "repeat": 1, "reply": "repeat"},
        {"case": "1", "variant": "typos", "reply": "variant"},
        {"case": "1", "model": "m2", "reply": "model"},
        {"case": "1", "prompt": "v2", "reply": "prompt"},
        {"case": "1", "prompt": "v2", "model": "m2", "variant": "typos", "repeat": 1, "reply": "all"},
    )
    assert text(ask(path, "1")) == "any"
    assert text(ask(path, "1", repeat=1)) == "repeat"
    assert text(ask(path, "1", repeat=1, variant="typos")) == "variant"
    assert text(ask(path, "1", repeat=1, variant="typos", model="m2")) == "model"
    assert text(ask(path, "1", model="m2", prompt="v2")) == "prompt"
    assert text(ask(path, "1", model="m2", prompt="v2", variant="typos", repeat=1)) == "all"


def test_everything_recorded_is_given_back_at_once_and_marked(tmp_path: Path) -> None:
    path = write(
        tmp_path / "r.jsonl",
        {
            "case": 3, "reply": "ham", "latency_s": 2.5, "ttft_s": 0.5, "finish_reason": "stop",
            "score": 0.25,
            "usage": {"input": 9, "output": 1, "cached": 4}, "logprobs": [["ham", -0.5, [["spam", -1.5]]]],
        },
    )  # fmt: skip
    answer = ask(path, "3")
    assert answer.recorded
    assert (answer.attempt.duration_ns, answer.attempt.first_token_ns) == (2_500_000_000, 500_000_000)
    assert answer.outcome == Reply(
        text="ham",
        finish_reason="stop",
        usage=Usage(input=9, output=1, cached=4),
        score=0.25,
        logprobs=(TokenLogprob("ham", -0.5, (("spam", -1.5),)),),
    )


def test_a_recorded_failure_is_a_failure_and_an_empty_reply_is_a_reply(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", {"case": "1", "failure": "timeout", "latency_s": 30}, {"case": "2", "reply": ""})
    failed = ask(path, "1")
    assert isinstance(failed.outcome, Failure)
    assert failed.outcome.kind == "timeout"
    assert failed.attempt.failure == failed.outcome
    assert failed.attempt.duration_ns == 30_000_000_000
    assert text(ask(path, "2")) == ""


def test_a_trial_without_a_line_is_a_named_failure(tmp_path: Path) -> None:
    answer = ask(write(tmp_path / "r.jsonl", {"case": "1", "reply": "a"}), "2")
    assert isinstance(answer.outcome, Failure)
    assert answer.outcome.kind == "no_recorded_reply"
    assert "r.jsonl has no line for this trial" in answer.outcome.message


def test_every_bad_line_is_reported_with_its_number_and_field(tmp_path: Path) -> None:
    path = write(
        tmp_path / "r.jsonl",
        {"case": "1", "reply": "a"},
        "{oops",
        {"case": "2"},
        {"case": "3", "reply": "a", "failure": "timeout"},
        "",
        {"case": "4", "reply": "a", "latency_s": -1},
        {"case": "5", "failure": "sunspots"},
        {"case": "6", "reply": "a", "latencys": 1},
        {"reply": "a"},
        {"case": "1", "reply": "b"},
    )
    with pytest.raises(FilesError) as caught:
        load_replies(path)
    found = {(problem.line, problem.field): problem.message for problem in caught.value.problems}
    assert set(found) == {
        (2, ""), (3, ""), (4, ""), (6, "latency_s"), (7, "failure"), (8, ""), (9, ""), (10, "")
    }  # fmt: skip
    assert "latencys" in found[8, ""]
    assert found[10, ""] == "answers the same trial as line 1"


def test_a_missing_file_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(FilesError, match=r"no such file\. Name the JSONL file"):
        load_replies(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").touch()
    assert len(load_replies(tmp_path / "empty.jsonl")) == 0


def test_a_byte_order_mark_crlf_and_a_missing_last_line_break_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"case":"1","reply":"a"}\r\n{"case":"2","reply":"\xc3\xa9"}')
    assert text(ask(path, "1")) == "a"
    assert text(ask(path, "2")) == "é"


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", {"case": "1", "reply": "a"})
    assert text(ask(path, "1")) == "a"
    write(path, {"case": "1", "reply": "changed"})
    assert text(ask(path, "1")) == "changed"


def test_a_line_may_hold_a_refusal_a_tool_call_or_thoughts(tmp_path: Path) -> None:
    path = write(
        tmp_path / "r.jsonl",
        {"case": "1", "refusal": "I can't."},
        {"case": "2", "tool": {"label": "spam"}},
        {"case": "3", "tool": '{"label": "ham"}', "finish_reason": "tool_use"},
        {"case": "4", "reply": "ham", "reasoning": "Hm", "usage": {"output": 9, "reasoning": 8}},
    )
    outcomes = [ask(path, case).outcome for case in "1234"]
    assert outcomes == [
        Reply(text="", refusal="I can't."),
        Reply(text="", tools=(ToolCall("", '{"label":"spam"}'),)),
        Reply(text="", tools=(ToolCall("", '{"label": "ham"}'),), finish_reason="tool_calls"),
        Reply(text="ham", reasoning="Hm", usage=Usage(output=9, reasoning=8)),
    ]


@pytest.mark.parametrize(
    ("word", "meaning"), [("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("odd one", "odd one")]
)
def test_recorded_finish_reasons_may_be_in_any_provider_s_words(word: str, meaning: str, tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", {"case": "1", "reply": "spam", "finish_reason": word})
    assert ask(path, "1").outcome == Reply(text="spam", finish_reason=meaning)


def test_a_recorded_error_is_a_failure_whatever_its_partial_text(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", {"case": "1", "reply": "spam", "finish_reason": "error"})
    outcome = ask(path, "1").outcome
    assert isinstance(outcome, Failure)
    assert outcome.kind == "error_in_body"
