"""Every dialect, exchange by exchange, through the real endpoint: what was said is what it is taken for."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from commanded import HANGS_S
from dialects_read import Said, exchanges
from scripted import Answer, ScriptedServer

from harness.files.project import ModelEntry
from harness.files.prompts import Prompt, RenderedChat
from harness.files.suite import ReplyRule
from harness.judge.labels import LabelReader, why_told
from harness.measure.endpoint.open_endpoint import build_endpoint
from harness.record import Failure, Reply, Trial

ALL = exchanges()
LABELS = ("spam", "ham", "refund", "refund request")
ELSEWHERE = ("litellm", "in_a_200")  # dialects that are heard over every transport
TRIAL = Trial(key="k", case="1", candidate="p@m")
DIALECTS = (
    *("anthropic", "azure", "gemini", "litellm", "llamacpp", "mistral"),
    *("ollama", "openai_chat", "openai_responses", "openrouter", "vllm"),
)


def taken_for(said: Said, *, transport: str = "wire") -> Reply | Failure:
    """Send a request to a server that answers with this exchange."""
    answer = Answer(status=said.status, headers={"content-type": said.content_type}, body=said.body)
    return over_loopback(said, answer, transport)


def over_loopback(said: Said, answer: Answer, transport: str) -> Reply | Failure:
    """Send a request to a server that gives this answer."""

    async def main() -> Reply | Failure:
        async with ScriptedServer(lambda _: answer) as server:
            entry = ModelEntry(
                endpoint=said.protocol,
                model="m",
                base_url=f"{server.url}/v1",
                stream=said.streamed,
                transport=transport,
            )
            prompt = Prompt(messages=[{"role": "user", "content": "x"}])
            endpoint = build_endpoint("m", entry, prompt, root=Path())
            await endpoint.open()
            try:
                prepared = endpoint.prepare(RenderedChat((("user", "Is it?"),)), TRIAL)
                return (await endpoint.attempt(prepared, timeout_s=HANGS_S)).outcome
            finally:
                await endpoint.close()

    return asyncio.run(main())


def as_expected(said: Said, outcome: Reply | Failure) -> dict[str, object]:
    """Give what the exchange's expectation names, as it turned out."""
    if isinstance(outcome, Failure):
        return {"failure": outcome.kind}
    usage = outcome.usage
    thought = said.expected.get("thought", "")
    return {
        "text": outcome.text,
        "finish": outcome.finish_reason,
        "refusal": outcome.refusal,
        "input": usage.input,
        "output": usage.output,
        "cached": usage.cached,
        "reasoning": usage.reasoning,
        "thought": thought if thought in (outcome.reasoning or "") else outcome.reasoning,
        "tool": outcome.tools[0].arguments if outcome.tools else None,
        "odd": list(outcome.odd),
    }


def wanted(said: Said) -> dict[str, object]:
    return {key: value for key, value in said.expected.items() if not key.startswith("read")}


def test_every_dialect_has_each_kind_of_exchange() -> None:
    kinds = ("good", "cut", "refused", "tool", "reasoning", "error", "stream", "stream cut")
    found = Counter((said.dialect, kind) for said in ALL for kind in kinds if said.name.startswith(kind))
    missing = [(dialect, kind) for dialect in DIALECTS for kind in kinds if not found[dialect, kind]]
    assert missing == []


@pytest.mark.parametrize("said", ALL, ids=lambda said: said.id)
def test_an_exchange_is_taken_for_what_it_is(said: Said) -> None:
    got = as_expected(said, taken_for(said))
    assert {key: got.get(key) for key in wanted(said)} == wanted(said)
    if "odd" not in said.expected:
        assert got.get("odd", []) == []


@pytest.mark.parametrize("said", [one for one in ALL if "read" in one.expected], ids=lambda said: said.id)
def test_what_was_said_is_read_as_a_label_or_as_what_it_is(said: Said) -> None:
    reader = LabelReader(ReplyRule.model_validate({"as": "mention"}), LABELS)
    read = reader.read(taken_for(said))
    assert (read.label or read.outcome) == said.expected["read"]


@pytest.mark.parametrize("said", [one for one in ALL if "tool" in one.expected], ids=lambda said: said.id)
def test_the_arguments_of_a_tool_call_are_read_where_the_suite_says_so(said: Said) -> None:
    outcome = taken_for(said)
    from_tool = ReplyRule.model_validate({"as": "json", "from": "tool"})
    assert LabelReader(from_tool, LABELS).read(outcome).label == said.expected["read_from_tool"]
    read = LabelReader(ReplyRule.model_validate({"as": "exact"}), LABELS).read(outcome)
    assert (read.label, read.outcome) == (None, "unparseable")
    if not said.expected["text"]:
        assert read.why is not None
        assert "from: tool" in why_told(read.why)


@pytest.mark.parametrize("said", [one for one in ALL if one.streamed], ids=lambda said: said.id)
def test_a_stream_means_the_same_with_other_line_ends_a_mark_before_it_and_another_content_type(said: Said) -> None:
    windows = replace(said, body=b"\xef\xbb\xbf" + said.body.replace(b"\n", b"\r\n"))
    assert taken_for(windows) == taken_for(said)
    assert taken_for(replace(said, content_type="application/json")) == taken_for(said)
    assert taken_for(replace(said, content_type="application/octet-stream")) == taken_for(said)


@pytest.mark.parametrize("transport", ["httpx", "openai"])
@pytest.mark.parametrize("said", [one for one in ALL if one.dialect in ELSEWHERE], ids=lambda said: said.id)
def test_the_other_transports_take_them_for_the_same(said: Said, transport: str) -> None:
    assert taken_for(said, transport=transport) == taken_for(said)


@pytest.mark.parametrize("transport", ["wire", "httpx", "openai"])
def test_a_header_beyond_ascii_costs_no_reply(transport: str) -> None:
    (said,) = [one for one in ALL if one.id == "openai_chat: good"]
    raw = (
        b"HTTP/1.1 200 OK\r\nx-request-id: r\xe9\r\nX-Ratelimit-Remaining-Requests: \xb2\r\n"
        b"retry-after: \xff\r\nx-note: \xc3\xa9\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n" % len(said.body)
    ) + said.body

    outcome = over_loopback(said, Answer(raw=raw), transport)
    assert isinstance(outcome, Reply)
    assert outcome.text == "spam"
