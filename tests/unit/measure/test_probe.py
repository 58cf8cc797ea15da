"""What `models test` says of a feature: shown, refused, or not to be told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from commanded import HANGS_S
from scripted import Answer, Request, ScriptedServer, chat_reply

from harness.cli.models import probe_text
from harness.errors import UsageError
from harness.files.project import ModelEntry
from harness.measure.probe import Probe, probe

FEATURES = ("streaming", "logprobs", "seed", "json schema")
AT_ONCE = {"retry-after-ms": "1"}


def feature_of(request: Request) -> str:
    """Say what a request tries, by what it asks for."""
    asked = request.json()
    if asked.get("stream"):
        return "streaming"
    names = {"logprobs": "logprobs", "seed": "seed", "response_format": "json schema"}
    return next((feature for name, feature in names.items() if name in asked), "plain")


def good(request: Request) -> Answer:
    if feature_of(request) == "streaming":
        chunk = b'data: {"choices":[{"index":0,"delta":{"content":"yes"},"finish_reason":"stop"}]}\n\n'
        return Answer.of_events(chunk, b"data: [DONE]\n\n")
    reply = chat_reply('{"label": "yes"}')
    token = {"token": "yes", "logprob": -0.1, "top_logprobs": []}
    if feature_of(request) == "logprobs":
        reply["choices"][0]["logprobs"] = {"content": [token]}
    return Answer.of_json(reply)


def probed(script: Callable[[Request], Answer], **fields: object) -> tuple[Probe, Counter[str]]:
    """Try a model of a scripted server; gives what was told, and how often each thing was asked for."""

    async def main() -> tuple[Probe, Counter[str]]:
        async with ScriptedServer(script) as server:
            entry = ModelEntry.model_validate(
                {"endpoint": "chat", "base_url": server.url, "model": "m-1", "timeout": HANGS_S, **fields}
            )
            told = await probe("m", entry, root=Path())
            return told, Counter(feature_of(request) for request in server.requests)

    return asyncio.run(main())


def fails(feature: str, answer: Answer, *, times: float) -> Callable[[Request], Answer]:
    left = {"times": times}

    def script(request: Request) -> Answer:
        if feature_of(request) == feature and left["times"] > 0:
            left["times"] -= 1
            return answer
        return good(request)

    return script


def test_calls_of_which_one_was_not_counted_have_no_cost() -> None:
    told, _ = probed(good, price={"input": 1, "output": 1})  # its stream counts no tokens
    assert told.reply is not None
    assert (told.reply.usage.input is None, told.calls, told.cost) == (False, 5, None)


def test_a_body_that_is_no_template_is_told_with_its_fix() -> None:
    entry = ModelEntry(endpoint="http", url="http://127.0.0.1:9/x", reply="/label", body={"x": "{{ message|nothing }}"})
    with pytest.raises(UsageError, match="No filter named 'nothing'"):
        asyncio.run(probe("m", entry, root=Path()))


@pytest.mark.parametrize("feature", [*FEATURES, "plain"])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_one_passing_failure_of_any_call_is_asked_again(feature: str, status: int) -> None:
    answer = Answer.of_json({"error": {"message": "not now"}}, status=status, headers=AT_ONCE)
    told, asked = probed(fails(feature, answer, times=1))
    assert told.ok
    assert {s.feature: s.supported for s in told.supports} == dict.fromkeys(FEATURES, True)
    assert asked == {**dict.fromkeys(FEATURES, 1), "plain": 1, feature: 2}
    assert told.calls == 6


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_stays_says_nothing_of_the_feature(feature: str, status: int) -> None:
    answer = Answer.of_json({"error": {"message": "not now"}}, status=status, headers=AT_ONCE)
    told, asked = probed(fails(feature, answer, times=9))
    assert {s.feature: s.supported for s in told.supports} == {**dict.fromkeys(FEATURES, True), feature: None}
    assert asked[feature] == 3
    assert f"{feature:<12} can't tell: HTTP {status}: not now" in probe_text(told)


def test_a_timeout_that_stays_says_nothing_of_the_feature() -> None:
    told, _ = probed(fails("seed", Answer.of_json({}, delay_s=HANGS_S), times=9), timeout="0.3 s")
    assert {s.feature: s.supported for s in told.supports}["seed"] is None
    assert "seed         can't tell: 0.3 s passed" in probe_text(told)


def test_a_longer_wait_than_somebody_waits_for_is_not_waited_for() -> None:
    answer = Answer.of_json({"error": "later"}, status=429, headers={"retry-after": "3600"})
    told, asked = probed(fails("seed", answer, times=9))
    assert {s.feature: s.supported for s in told.supports}["seed"] is None
    assert asked["seed"] == 1


@pytest.mark.parametrize("status", [400, 403, 422, 501])
@pytest.mark.parametrize("feature", FEATURES)
def test_a_refusal_is_a_no_in_the_endpoint_s_words(feature: str, status: int) -> None:
    answer = Answer.of_json({"error": {"message": "unknown parameter"}}, status=status, headers=AT_ONCE)
    told, asked = probed(fails(feature, answer, times=9))
    assert {s.feature: s.supported for s in told.supports} == {**dict.fromkeys(FEATURES, True), feature: False}
    assert asked[feature] == (3 if status == 501 else 1)
    assert "unknown parameter" in probe_text(told)


def limit_of(request: Request) -> int | None:
    asked = request.json()
    return asked.get("max_tokens", asked.get("max_completion_tokens"))


def refuses_a_limit(request: Request) -> Answer:
    if limit_of(request) is None:
        return good(request)
    words = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    return Answer.of_json({"error": {"message": words}}, status=400)


def thinks_at_length(request: Request) -> Answer:
    if (limit_of(request) or 100) >= 100:
        return good(request)
    choice = {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "length"}
    return Answer.of_json({"choices": [choice]})


@pytest.mark.parametrize("script", [refuses_a_limit, thinks_at_length])
def test_a_limit_that_the_entry_does_not_ask_for_fails_no_model(script: Callable[[Request], Answer]) -> None:
    told, _ = probed(script)
    assert told.ok
    assert {s.feature: s.supported for s in told.supports} == dict.fromkeys(FEATURES, True)
    assert "max_tokens" not in told.request
    assert told.calls == 6


def test_a_schema_is_tried_with_no_smaller_limit_than_the_entry_s() -> None:
    told, _ = probed(thinks_at_length, params={"max_completion_tokens": 100})
    assert {s.feature: s.supported for s in told.supports} == dict.fromkeys(FEATURES, True)


def test_what_a_server_calls_itself_moves_no_cursor() -> None:
    told, _ = probed(lambda _: Answer.of_json({**chat_reply("yes"), "model": "m\x1b[2J"}))
    assert "\x1b" not in probe_text(told)
