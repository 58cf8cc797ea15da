"""Each provider's own words for what it refuses lead to what it takes, one parameter at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import Answer, Request, ScriptedServer, chat_reply

from harness.errors import UsageError
from harness.files.project import ModelEntry
from harness.measure.adapting import Found, find_adapt

Refusal = dict[str, Any] | list[Any]


def openai(message: str, param: str | None = None, code: str | None = None) -> Refusal:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def anthropic(message: str) -> Refusal:
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message}, "request_id": "req_1"}


def extra(name: str) -> dict[str, Any]:
    return {"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted", "input": 1}


SAID: dict[str, tuple[str, dict[str, Any], Refusal, dict[str, Any]]] = {
    "OpenAI, Azure: the name": (
        "chat",
        {"max_tokens": 8},
        openai("Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."),
        {"drop": ("max_tokens",)},
    ),
    "OpenAI: named by `param` alone": (
        "chat",
        {"temperature": 0},
        openai("Unsupported parameter.", "temperature", "unsupported_parameter"),
        {"drop": ("temperature",)},
    ),
    "OpenAI: allowed values": (
        "chat",
        {"reasoning_effort": "none"},
        openai(
            "Unsupported value: 'reasoning_effort' does not support 'none' with this model. Supported values are: "
            "'low', 'medium', and 'high'.",
            "reasoning_effort",
            "unsupported_value",
        ),
        {"override": {"reasoning_effort": "low"}},
    ),
    "vLLM: allowed values": (
        "chat",
        {"reasoning_effort": "max"},
        {"object": "error", "message": "reasoning_effort: Input should be 'low', 'medium' or 'high'", "code": 400},
        {"override": {"reasoning_effort": "high"}},
    ),
    "OpenAI: a limit too small": (
        "responses",
        {"max_tokens": 8},
        openai(
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 8 instead.",
            "max_output_tokens",
            "integer_below_min_value",
        ),
        {"override": {"max_output_tokens": 16}},
    ),
    "OpenAI: a limit too large": (
        "chat",
        {"max_tokens": 100_000},
        openai("max_tokens is too large: 100000. This model supports at most 16384 completion tokens.", "max_tokens"),
        {"override": {"max_tokens": 16384}},
    ),
    "OpenAI: a limit that thoughts used up": (
        "chat",
        {"max_completion_tokens": 8},
        openai("Could not finish the message because max_tokens was reached. Please try again with higher max_tokens."),
        {"override": {"max_completion_tokens": 64}},
    ),
    "OpenAI: moved": (
        "responses",
        {"reasoning_effort": "low"},
        openai(
            "Unsupported parameter: 'reasoning_effort'. In the Responses API, this parameter has moved to "
            "'reasoning.effort'. Try again with the new parameter."
        ),
        {"override": {"reasoning": {"effort": "low"}}, "drop": ("reasoning_effort",)},
    ),
    "Mistral: what we send ourselves": ("responses", {}, {"detail": [extra("store")]}, {"drop": ("store",)}),
    "Mistral: a newer name": (
        "chat",
        {"max_completion_tokens": 8},
        {"object": "error", "message": {"detail": [extra("max_completion_tokens")]}, "type": "invalid_request_error"},
        {"drop": ("max_completion_tokens",)},
    ),
    "Gemini": (
        "chat",
        {"seed": 1},
        [{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": 'Unknown name "seed": Cannot find field.'}}],
        {"drop": ("seed",)},
    ),
    "OpenRouter": (
        "chat",
        {"logprobs": True, "stop": "x"},
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {"raw": '{"error": {"message": "logprobs are not supported with this model."}}'},
            }
        },
        {"drop": ("logprobs",)},
    ),
    "Anthropic: deprecated": (
        "anthropic",
        {"temperature": 0},
        anthropic("`temperature` is deprecated for this model."),
        {"drop": ("temperature",)},
    ),
    "Anthropic: unknown": (
        "anthropic",
        {"temperature": 0, "reasoning_effort": "low"},
        anthropic("reasoning_effort: Extra inputs are not permitted"),
        {"drop": ("reasoning_effort",)},
    ),
    "Anthropic: a limit too large": (
        "anthropic",
        {"max_tokens": 100_000},
        anthropic("max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens for m"),
        {"override": {"max_tokens": 64000}},
    ),
    "xAI: a name with humps": (
        "chat",
        {"temperature": 0, "presence_penalty": 0},
        {"code": "Client specified an invalid argument", "error": "grok-4 does not support parameter presencePenalty."},
        {"drop": ("presence_penalty",)},
    ),
    "DeepSeek, Alibaba: a range": (
        "chat",
        {"max_tokens": 100_000},
        openai("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"),
        {"override": {"max_tokens": 8192}},
    ),
    "Alibaba: what was not sent": (
        "chat",
        {},
        openai("parameter.enable_thinking must be set to false for non-streaming calls"),
        {"override": {"enable_thinking": False}},
    ),
    "Alibaba, in Chinese": (
        "chat",
        {"enable_thinking": True},
        openai("parameter.enable_thinking必须设置为false才能进行非流式调用"),
        {"override": {"enable_thinking": False}},
    ),
    "Alibaba: a number": (
        "chat",
        {"thinking_budget": 99_999},
        openai("The thinking_budget parameter must be a positive integer and not greater than 38912"),
        {"override": {"thinking_budget": 38912}},
    ),
    "Moonshot": (
        "chat",
        {"temperature": 0},
        openai("invalid temperature: only 1 is allowed for this model"),
        {"drop": ("temperature",)},
    ),
    "Ark: two that don't go together": (
        "chat",
        {"reasoning_effort": "high", "thinking": {"type": "disabled"}},
        openai("Invalid combination of reasoning_effort and thinking type: high + disabled"),
        {"drop": ("reasoning_effort",)},
    ),
    "Anthropic: a member too small": (
        "anthropic",
        {"thinking": {"type": "enabled", "budget_tokens": 100}},
        anthropic("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"),
        {"override": {"thinking": {"type": "enabled", "budget_tokens": 1024}}},
    ),
    "OpenAI: a member's values": (
        "responses",
        {"reasoning": {"effort": "none"}},
        openai("Unsupported value: 'reasoning.effort' does not support 'none'. Supported values are: 'low', 'high'."),
        {"override": {"reasoning": {"effort": "low"}}},
    ),
    "vLLM: one member of several": (
        "chat",
        {"chat_template_kwargs": {"enable_thinking": False, "add_vision_id": True}},
        openai("Kwargs ['add_vision_id'] are not supported by `MistralCommonTokenizer.apply_chat_template`."),
        {"override": {"chat_template_kwargs": {"enable_thinking": False}}},
    ),
    "OpenAI: a server's own": (
        "chat",
        {"chat_template_kwargs": {"enable_thinking": False}},
        openai("Unrecognized request argument supplied: chat_template_kwargs"),
        {"drop": ("chat_template_kwargs",)},
    ),
    "Groq: a value without a rank": (
        "chat",
        {"reasoning_effort": "low"},
        openai("`reasoning_effort` must be one of `none` or `default`"),
        {"override": {"reasoning_effort": "default"}},
    ),
    "a validator that names values alone": (
        "chat",
        {"stop": "x", "reasoning_effort": "none"},
        openai('Invalid option: expected one of "low"|"medium"|"high"|"xhigh"|"max"'),
        {"override": {"reasoning_effort": "low"}},
    ),
    "Ollama: no name at all": (
        "chat",
        {"temperature": 0, "think": True},
        openai('"gemma3" does not support thinking'),
        {"drop": ("think",)},
    ),
    "a model that is called as a parameter is": (
        "chat",
        {"seed": 1, "reasoning_effort": "low"},
        openai("The model doubao-seed-1-6 does not support reasoning_effort"),
        {"drop": ("reasoning_effort",)},
    ),
    "vLLM: the limit alone would fit, but not with what is asked": (
        "chat",
        {"max_tokens": 4096},
        openai("'max_tokens' is too large: 4096. Your request has 20 input tokens (4096 > 4096 - 20)."),
        {"override": {"max_tokens": 2048}},
    ),
}


def replied(spoken: str) -> Answer:
    if spoken == "anthropic":
        return Answer.of_json({"content": [{"type": "text", "text": "yes"}], "stop_reason": "end_turn"})
    if spoken == "responses":
        part = {"type": "message", "content": [{"type": "output_text", "text": "yes"}]}
        return Answer.of_json({"status": "completed", "output": [part]})
    return Answer.of_json(chat_reply("yes"))


def asked(script: Callable[[Request], Answer], wanted: dict[str, Any], **fields: Any) -> Found:
    async def main() -> Found:
        async with ScriptedServer(script) as server:
            known = {"endpoint": "chat", "base_url": f"{server.url}/v1", "model": "m", **fields}
            return await find_adapt("m", ModelEntry.model_validate(known), wanted, root=Path())

    return asyncio.run(main())


@pytest.mark.parametrize("who", SAID)
def test_a_refusal_is_followed_by_what_it_asks_for(who: str) -> None:
    spoken, wanted, refusal, adapt = SAID[who]
    bodies: list[dict[str, Any]] = []

    def script(request: Request) -> Answer:
        bodies.append(request.json())
        return replied(spoken) if request.number else Answer.of_json(refusal, status=400)

    found = asked(script, wanted, endpoint=spoken)
    assert found.answered, found
    assert found.adapt.model_dump() == {"override": {}, "drop": (), **adapt}
    first, second = bodies
    changed = {name for name in {*first, *second} if first.get(name) != second.get(name)}
    assert changed >= {*found.adapt.override, *found.adapt.drop}


def test_what_was_adapted_before_is_kept_and_what_it_overrides_can_be_refused_too() -> None:
    def script(request: Request) -> Answer:
        names = [name for name in ("max_tokens", "reasoning_effort") if name in request.json()]
        return Answer.of_json(openai(f"Unknown parameter: '{names[0]}'."), status=400) if names else replied("chat")

    before = {"override": {"max_tokens": 90, "reasoning_effort": "low"}, "drop": ["seed"]}
    found = asked(script, {"seed": 1}, adapt=before)
    assert found.adapt.override == {"max_completion_tokens": 90}
    assert found.adapt.drop == ("seed", "max_tokens", "reasoning_effort")


@pytest.mark.parametrize(
    ("text", "tokens", "thought", "ended", "raised"),
    [
        ("", 100, 100, "length", 400),  # thoughts ate it all
        ("<think>Well, the sky", 100, 0, "length", 400),  # so did thoughts in the text
        ("yes", 80, 70, "stop", 400),  # it answered, and cases need more
        ("yes", 20, 10, "stop", None),  # room enough
        ("Yes, the sky is", 100, 0, "length", None),  # a talkative model: the prompt's own matter
        ("", 0, 0, "stop", None),  # empty for another reason
    ],
)
def test_a_limit_that_thoughts_use_up_is_raised(
    text: str, tokens: int, thought: int, ended: str, raised: int | None
) -> None:
    def script(request: Request) -> Answer:
        if request.number:
            return replied("chat")
        reply = chat_reply(text)
        reply["choices"][0]["finish_reason"] = ended
        reply["usage"] |= {"completion_tokens": tokens, "completion_tokens_details": {"reasoning_tokens": thought}}
        reply["usage"]["total_tokens"] = 11 + tokens
        return Answer.of_json(reply)

    found = asked(script, {"max_tokens": 100})
    assert found.adapt.override == ({} if raised is None else {"max_tokens": raised})
    assert found.answered is bool(text or raised)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "store must be set to true"),
        (400, "messages: at least one message is required"),
        (401, "max_tokens key"),
        (404, "The model does not exist"),
    ],
)
def test_what_is_not_about_a_parameter_ends_the_search_at_once(status: int, said: str) -> None:
    found = asked(lambda _: Answer.of_json(openai(said), status=status), {"max_tokens": 8})
    assert (found.calls, found.steps, found.answered) == (1, (), False)
    assert found.failure is not None
    assert said in found.failure.message


def test_an_endpoint_without_parameters_has_nothing_to_adapt() -> None:
    entry = ModelEntry(endpoint="http", url="http://127.0.0.1:9/", reply="/label")
    with pytest.raises(UsageError, match="sends no parameters"):
        asyncio.run(find_adapt("m", entry, {}, root=Path()))
