"""Every endpoint over a real loopback server: an attempt ends in a reply or a named failure, sent once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from commanded import HANGS_S
from scripted import Answer, ScriptedServer, chat_reply

from harness.files.project import ModelEntry
from harness.files.prompts import Prompt, RenderedChat, RenderedText
from harness.measure.endpoint.contract import Answer as Answered
from harness.measure.endpoint.open_endpoint import build_endpoint
from harness.record import Failure, Reply, Trial, Usage

TRIAL = Trial(key="k", case="1", candidate="p@m")
KEY = "sk-test-0123456789"

COMPLETION = {"choices": [{"text": "spam", "finish_reason": "stop"}]}
RESPONSE = {
    "status": "completed",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "spam"}]}],
}
MESSAGE = {"content": [{"type": "text", "text": "spam"}], "stop_reason": "end_turn"}
REPLIES: dict[str, tuple[str, Any]] = {
    "chat": ("/v1/chat/completions", chat_reply("spam")),
    "completions": ("/v1/completions", COMPLETION),
    "responses": ("/v1/responses", RESPONSE),
    "anthropic": ("/v1/messages", MESSAGE),
    "http": ("/classify", {"label": "spam"}),
}


def data(*payloads: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(payload).encode() + b"\n\n" for payload in payloads)


def delta(text: str | None, finish: str | None = None) -> dict[str, Any]:
    return {"id": "c", "model": "m", "choices": [{"delta": {"content": text}, "finish_reason": finish}]}


def named(name: str, **payload: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **payload})}\n\n".encode()


DONE = b"data: [DONE]\n\n"
STREAMS: dict[str, list[bytes | float]] = {
    "chat": [
        data(delta("")),
        0.1,
        data(delta("sp")),
        0.1,
        data(delta("am"), delta(None, "stop"), {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}),
        DONE,
    ],
    "completions": [
        data({"choices": [{"text": "", "finish_reason": None}]}),
        0.1,
        data({"choices": [{"text": "sp", "finish_reason": None}]}),
        0.1,
        data({"choices": [{"text": "am", "finish_reason": "stop"}]}),
        data({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}),
        DONE,
    ],
    "responses": [
        named("response.created", response={"status": "in_progress", "error": None}),
        0.1,
        named("response.output_text.delta", delta="sp"),
        0.1,
        named("response.output_text.delta", delta="am"),
        named("response.completed", response={**RESPONSE, "usage": {"input_tokens": 5, "output_tokens": 2}}),
    ],
    "anthropic": [
        named("message_start", message={"id": "m", "usage": {"input_tokens": 5, "output_tokens": 1}}),
        named("ping"),
        0.1,
        named("content_block_delta", delta={"type": "text_delta", "text": "sp"}),
        0.1,
        named("content_block_delta", delta={"type": "text_delta", "text": "am"}),
        named("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2}),
        named("message_stop"),
    ],
}


def attempt(kind: str, answer: Answer, *, timeout_s: float = HANGS_S, **fields: Any) -> tuple[Answered, ScriptedServer]:
    async def main() -> tuple[Answered, ScriptedServer]:
        async with ScriptedServer(lambda _: answer) as server:
            where = {"base_url": f"{server.url}/v1"}
            if kind == "http":
                where = {"url": f"{server.url}/classify", "reply": "/label"}
            entry = ModelEntry(endpoint=kind, model="m-1", api_key_env="KEY_OF_TEST", **where, **fields)
            text = kind == "completions"
            prompt = Prompt(text="x") if text else Prompt(messages=[{"role": "user", "content": "x"}])
            endpoint = build_endpoint("m", entry, prompt, root=Path())
            await endpoint.open()
            try:
                rendered = RenderedText("Is it?") if text else RenderedChat((("user", "Is it?"),))
                prepared = endpoint.prepare(rendered, TRIAL)
                assert prepared.failure is None
                assert prepared.estimated_tokens > 0
                return await endpoint.attempt(prepared, timeout_s=timeout_s), server
            finally:
                await endpoint.close()
                await endpoint.close()

    return asyncio.run(main())


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_TEST", KEY)


@pytest.mark.parametrize("transport", ["wire", "httpx", "openai"])
@pytest.mark.parametrize("kind", REPLIES)
def test_a_reply_comes_back_with_its_clock_over_every_transport(kind: str, transport: str) -> None:
    path, payload = REPLIES[kind]
    headers = {"x-ratelimit-remaining-requests": "7", "x-request-id": "req-1"}
    answer, server = attempt(kind, Answer.of_json(payload, delay_s=0.1, headers=headers), transport=transport)
    assert isinstance(answer.outcome, Reply)
    assert (answer.outcome.text, answer.outcome.request_id) == ("spam", "req-1")
    assert answer.attempt.failure is None
    assert answer.attempt.status == 200
    assert answer.attempt.duration_ns >= 0.1e9
    assert answer.hints.remaining_requests == 7
    assert not answer.recorded
    request = server.requests[0]
    assert (len(server.requests), request.path, request.method) == (1, path, "POST")
    sent = request.headers.get("x-api-key") if kind == "anthropic" else request.headers["authorization"]
    assert sent == (KEY if kind == "anthropic" else f"Bearer {KEY}")


@pytest.mark.parametrize("kind", REPLIES)
@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (Answer.of_json({"error": {"message": "slow"}}, status=429, headers={"retry-after": "3"}), "rate_limited"),
        (Answer(status=503, body=b"<html>busy</html>"), "server_error"),
        (Answer.of_json({"error": {"message": f"bad key {KEY}"}}, status=401), "unauthorized"),
        (Answer(status=307, headers={"location": f"http://elsewhere.invalid/?k={KEY}"}), "redirect"),
        (Answer(body=b"<html>hello</html>", headers={"content-type": "text/html"}), "invalid_reply"),
        (Answer.of_json({"error": {"message": "upstream", "code": 1302}}), "error_in_body"),
        (Answer.of_json({"error": {"message": "upstream", "code": 502}}), "server_error"),
        (Answer(raw=b""), "network"),
        (Answer(delay_s=600), "timeout"),
    ],
    ids=["429", "503", "401", "307", "html", "error-in-200", "502-in-200", "closed", "slow"],
)
def test_a_bad_exchange_is_a_named_failure_sent_once_without_the_key(kind: str, answer: Answer, failure: str) -> None:
    slow = failure == "timeout"
    answered, server = attempt(kind, answer, timeout_s=0.4 if slow else HANGS_S)
    assert isinstance(answered.outcome, Failure)
    assert answered.outcome.kind == failure
    assert answered.attempt.failure == answered.outcome
    assert KEY not in answered.outcome.message
    assert len(server.requests) == 1 or (slow and not server.requests)
    assert answered.attempt.retry_after_ns == (3_000_000_000 if failure == "rate_limited" else None)


@pytest.mark.parametrize("transport", ["wire", "httpx", "openai"])
@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_is_timed_token_by_token(kind: str, transport: str) -> None:
    answer, server = attempt(kind, Answer.of_events(*STREAMS[kind]), stream=True, transport=transport)
    assert isinstance(answer.outcome, Reply), answer.outcome
    assert (answer.outcome.text, answer.outcome.finish_reason) == ("spam", "stop")
    assert answer.outcome.usage == Usage(input=5, output=2)
    assert server.requests[0].json()["stream"] is True
    clock = answer.attempt
    assert clock.first_byte_ns is not None
    assert clock.first_token_ns is not None
    assert len(clock.tokens_ns) == 2
    assert clock.first_byte_ns < clock.first_token_ns == clock.tokens_ns[0]
    assert clock.first_token_ns >= 0.09e9
    assert clock.tokens_ns[1] > clock.tokens_ns[0]  # a pause between them that a busy machine may eat up
    assert clock.tokens_ns[1] <= clock.duration_ns


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_that_ends_cleanly_without_its_finish_was_cut(kind: str) -> None:
    # Everything up to the second token, then the proper end of the chunked body.
    pieces = [p for p in STREAMS[kind][:4] if isinstance(p, bytes)]
    answer, _ = attempt(kind, Answer.of_events(*pieces), stream=True)
    assert isinstance(answer.outcome, Failure)
    assert answer.outcome.kind == "stream_cut"


def test_done_without_a_finish_reason_is_taken_like_the_unstreamed_reply_that_says_none() -> None:
    answer, _ = attempt("chat", Answer.of_events(data(delta("spam")), DONE), stream=True)
    assert isinstance(answer.outcome, Reply)
    assert (answer.outcome.text, answer.outcome.finish_reason) == ("spam", None)


def test_done_without_anything_before_it_is_cut() -> None:
    answer, _ = attempt("chat", Answer.of_events(DONE), stream=True)
    assert isinstance(answer.outcome, Failure)
    assert answer.outcome.kind == "stream_cut"
    assert "done" in answer.outcome.message


def test_a_connection_that_breaks_in_a_stream_was_cut_and_keeps_the_clock() -> None:
    answer, _ = attempt("chat", Answer.of_events(data(delta("sp")), 0.1, cut=True), stream=True)
    assert isinstance(answer.outcome, Failure)
    assert answer.outcome.kind == "stream_cut"
    assert len(answer.attempt.tokens_ns) == 1


@pytest.mark.parametrize(
    ("piece", "kind"),
    [
        (b"data: {oops\n\n", "invalid_reply"),
        (b"data: []\n\n", "invalid_reply"),
        (b'data: {"choices": 5}\n\n', "invalid_reply"),
        (b'data: {"choices": [{"delta": {"content": 5}}]}\n\n', "invalid_reply"),
        (b'data: {"error": {"message": "overloaded"}}\n\n', "error_in_body"),
        (b'event: error\ndata: {"type": "error", "message": "overloaded"}\n\n', "error_in_body"),
        (b'data: {"type": "response.failed", "response": {"error": {"message": "x"}}}\n\n', "error_in_body"),
    ],
)
def test_a_bad_chunk_fails_the_whole_stream_though_a_good_end_follows(piece: bytes, kind: str) -> None:
    pieces = [data(delta("sp")), piece, data(delta("am", "stop")), DONE]
    answer, _ = attempt("chat", Answer.of_events(*pieces), stream=True)
    assert isinstance(answer.outcome, Failure)
    assert answer.outcome.kind == kind


def test_a_server_that_ignores_stream_gives_an_ordinary_reply() -> None:
    answer, _ = attempt("chat", Answer.of_json(chat_reply("spam")), stream=True)
    assert isinstance(answer.outcome, Reply)
    assert answer.outcome.text == "spam"
    assert answer.attempt.first_token_ns is None


def test_an_error_status_in_answer_to_a_stream_is_that_failure() -> None:
    answer, _ = attempt("chat", Answer.of_json({"error": {"message": "slow"}}, status=429), stream=True)
    assert isinstance(answer.outcome, Failure)
    assert answer.outcome.kind == "rate_limited"


def test_a_prompt_that_can_t_be_encoded_is_a_failure_that_is_never_sent() -> None:
    async def main() -> Answered:
        async with ScriptedServer(lambda _: Answer.of_json(chat_reply("spam"))) as server:
            entry = ModelEntry(endpoint="chat", base_url=server.url)
            endpoint = build_endpoint("m", entry, Prompt(messages=[{"role": "user", "content": "x"}]), root=Path())
            await endpoint.open()
            prepared = endpoint.prepare(RenderedChat((("user", "\ud800"),)), TRIAL)
            answer = await endpoint.attempt(prepared, timeout_s=1)
            await endpoint.close()
            assert server.requests == []
            return answer

    answer = asyncio.run(main())
    assert isinstance(answer.outcome, Failure)
    assert answer.outcome.kind == "render"
    assert "surrogate" in answer.outcome.message


def test_one_prepared_request_may_be_sent_many_times_with_the_same_bytes() -> None:
    async def main() -> list[bytes]:
        async with ScriptedServer(lambda _: Answer.of_json(chat_reply("spam"))) as server:
            entry = ModelEntry(endpoint="chat", base_url=server.url, params={"seed": 1})
            endpoint = build_endpoint("m", entry, Prompt(messages=[{"role": "user", "content": "x"}]), root=Path())
            await endpoint.open()
            prepared = endpoint.prepare(RenderedChat((("user", "x"),)), TRIAL)
            for _ in range(3):
                await endpoint.attempt(prepared, timeout_s=HANGS_S)
            await endpoint.close()
            return [request.body for request in server.requests]

    bodies = asyncio.run(main())
    assert len(bodies) == 3
    assert len(set(bodies)) == 1
