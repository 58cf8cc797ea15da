"""Each protocol: the bytes that a prompt becomes, and what a body of that protocol means."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from pydantic import ValidationError

from harness.files.project import ModelEntry, model_digest
from harness.files.prompts import Prompt, RenderedChat, RenderedText
from harness.measure.endpoint.codecs.anthropic import AnthropicCodec
from harness.measure.endpoint.codecs.books import at_tier
from harness.measure.endpoint.codecs.codec import Codec, decode
from harness.measure.endpoint.codecs.completions import ChatCodec, CompletionsCodec
from harness.measure.endpoint.codecs.generic import GenericCodec
from harness.measure.endpoint.codecs.message import kept
from harness.measure.endpoint.codecs.params import CannotEncode
from harness.measure.endpoint.codecs.responses import ResponsesCodec
from harness.measure.endpoint.secrets import register
from harness.record import Failure, Reply, TokenLogprob, Usage

CHAT = RenderedChat((("system", "Be brief."), ("user", "Café?")))
SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}}}


def entry(**fields: Any) -> ModelEntry:
    return ModelEntry(**{"endpoint": "chat", "model": "m-1", **fields})


def prompt(**fields: Any) -> Prompt:
    return Prompt(messages=[{"role": "user", "content": "x"}], **fields)


def text_prompt(**fields: Any) -> Prompt:
    return Prompt(text="x", **fields)


def body_of(codec: Codec, rendered: Any = CHAT) -> Any:
    return json.loads(codec.encode(rendered))


def read(codec: Codec, payload: Any, headers: dict[str, str] | None = None) -> Reply | Failure:
    return decode(codec, 200, headers or {}, json.dumps(payload).encode())


def good(codec: Codec, payload: Any, headers: dict[str, str] | None = None) -> Reply:
    reply = read(codec, payload, headers)
    assert isinstance(reply, Reply), reply
    return reply


# --- requests


def test_a_chat_body_holds_messages_model_and_sorted_parameters() -> None:
    codec = ChatCodec(entry(params={"temperature": 0, "max_tokens": 8}), prompt())
    assert codec.encode(CHAT) == (
        b'{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Caf\xc3\xa9?"}],'
        b'"model":"m-1","max_tokens":8,"temperature":0}'
    )
    assert codec.most_output == 8


def test_the_prompt_s_parameters_win_and_github_s_names_are_understood() -> None:
    codec = ChatCodec(
        entry(params={"temperature": 1, "seed": 3}),
        prompt(modelParameters={"temperature": 0.5, "maxTokens": 4, "topP": 0.9}),
    )
    body = body_of(codec)
    assert (body["temperature"], body["seed"], body["max_tokens"], body["top_p"]) == (0.5, 3, 4, 0.9)
    assert "maxTokens" not in body


def test_without_parameters_nothing_is_sent_for_them() -> None:
    assert set(body_of(ChatCodec(entry(), prompt()))) == {"messages", "model"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"responseFormat": "text"}, None),
        ({"responseFormat": "json_object"}, {"type": "json_object"}),
        (
            {"responseFormat": "json_schema", "jsonSchema": json.dumps({"name": "n", "schema": SCHEMA})},
            {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
        ),
        (
            {"jsonSchema": SCHEMA},
            {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": SCHEMA}},
        ),
        ({"responseFormat": {"type": "regex", "pattern": "a"}}, {"type": "regex", "pattern": "a"}),
    ],
)
def test_chat_states_the_response_format(fields: dict[str, Any], expected: Any) -> None:
    assert body_of(ChatCodec(entry(), prompt(**fields))).get("response_format") == expected


def test_a_schema_that_is_no_json_is_a_usage_error_that_says_where() -> None:
    from harness.errors import UsageError

    with pytest.raises(UsageError, match="jsonSchema is not JSON"):
        ChatCodec(entry(), prompt(jsonSchema="{oops"))


def test_the_wish_for_logprobs_is_said_in_each_protocol_s_words() -> None:
    both = {"logprobs": True, "top_logprobs": 3}
    chat = body_of(ChatCodec(entry(params={"logprobs": 3}), prompt()))
    assert (chat["logprobs"], chat["top_logprobs"]) == (True, 3)
    text = body_of(CompletionsCodec(entry(endpoint="completions", params=both), text_prompt()), RenderedText("x"))
    assert text["logprobs"] == 3
    assert "top_logprobs" not in text
    responses = body_of(ResponsesCodec(entry(endpoint="responses", params=both), prompt()))
    assert responses["include"] == ["message.output_text.logprobs"]
    assert (responses["top_logprobs"], "logprobs" in responses) == (3, False)
    assert "logprobs" not in body_of(AnthropicCodec(entry(endpoint="anthropic", params=both), prompt()))


def test_grammar_and_stream_options_are_passed_on() -> None:
    body = body_of(ChatCodec(entry(stream=True), prompt(grammar='root ::= "a"')))
    assert body["grammar"] == 'root ::= "a"'
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


def test_a_text_prompt_is_a_user_message_in_chat_and_a_prompt_in_completions() -> None:
    assert body_of(ChatCodec(entry(), text_prompt()), RenderedText("go"))["messages"] == [
        {"role": "user", "content": "go"}
    ]
    completions = CompletionsCodec(
        entry(endpoint="completions", params={"max_completion_tokens": 3}), text_prompt(jsonSchema=SCHEMA)
    )
    assert body_of(completions, RenderedText("go")) == {
        "prompt": "go",
        "model": "m-1",
        "max_tokens": 3,
        "json_schema": SCHEMA,
    }


def test_a_chat_prompt_can_t_be_a_text_completion() -> None:
    with pytest.raises(CannotEncode, match="messages"):
        CompletionsCodec(entry(endpoint="completions"), prompt()).encode(CHAT)


def test_responses_keeps_nothing_at_the_provider_and_renames_the_limit() -> None:
    body = body_of(ResponsesCodec(entry(endpoint="responses", params={"max_tokens": 20}), prompt(jsonSchema=SCHEMA)))
    assert body["store"] is False
    assert body["max_output_tokens"] == 20
    assert body["input"][1] == {"role": "user", "content": "Café?"}
    assert body["text"] == {"format": {"type": "json_schema", "name": "reply", "strict": True, "schema": SCHEMA}}


def test_anthropic_puts_system_text_apart_and_always_limits_the_output() -> None:
    body = body_of(
        AnthropicCodec(entry(endpoint="anthropic", params={"stop": "\n", "seed": 1}), prompt(jsonSchema=SCHEMA))
    )
    assert body == {
        "messages": [{"role": "user", "content": "Café?"}],
        "system": "Be brief.",
        "model": "m-1",
        "max_tokens": 256,
        "stop_sequences": ["\n"],
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
    }


def test_anthropic_needs_a_turn() -> None:
    with pytest.raises(CannotEncode, match="no user message"):
        AnthropicCodec(entry(endpoint="anthropic"), prompt()).encode(RenderedChat((("system", "a"),)))


NEW = {"override": {"max_completion_tokens": 200, "reasoning_effort": "none"}, "drop": ["temperature", "max_tokens"]}
LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "n_predict", "maxTokens", "maxCompletionTokens")
KNOWN = {  # codec, and what its protocol calls an output limit
    "chat": (ChatCodec, {"max_tokens", "max_completion_tokens"}),
    "responses": (ResponsesCodec, {"max_output_tokens"}),
    "anthropic": (AnthropicCodec, {"max_tokens"}),
    "completions": (CompletionsCodec, {"max_tokens"}),
}


def sent_by(spoken: str, model: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """Give what a model sends beside the question, when a prompt asks for some parameters."""
    made = text_prompt if spoken == "completions" else prompt
    codec = KNOWN[spoken][0](entry(endpoint=spoken, **model), made(modelParameters=asked))
    body = body_of(codec, RenderedText("x"))
    return {name: value for name, value in body.items() if name not in ("messages", "input", "prompt", "model")}


@pytest.mark.parametrize("spoken", KNOWN)
def test_one_output_limit_is_sent_whatever_names_prompt_and_model_use(spoken: str) -> None:
    for of_model, of_prompt in product(LIMITS, LIMITS):
        model = {"params": {of_model: 2000}}
        for more, value in ({}, 8), ({"adapt": {"override": {of_model: 77}}}, 77):
            sent = sent_by(spoken, {**model, **more}, {of_prompt: 8})
            limits = {name: sent[name] for name in LIMITS if name in sent}
            assert list(limits.values()) == [value], (of_model, of_prompt)
            assert set(limits) <= KNOWN[spoken][1]


def test_the_model_spells_the_limit_whose_value_is_the_prompt_s() -> None:
    spelt = {"params": {"max_completion_tokens": 2000}}
    assert sent_by("chat", spelt, {"maxTokens": 8}) == {"max_completion_tokens": 8}


def test_what_a_model_adapts_wins_over_the_prompt_and_what_it_drops_is_not_sent() -> None:
    asked = {"temperature": 0, "maxTokens": 8, "seed": 1}
    sent = sent_by("chat", {"params": {"temperature": 1, "max_tokens": 9}, "adapt": NEW}, asked)
    assert sent == {"max_completion_tokens": 200, "reasoning_effort": "none", "seed": 1}


@pytest.mark.parametrize(
    ("spoken", "drop", "sent"),
    [
        ("chat", ["max_tokens"], {"max_completion_tokens": 8, "stream_options": {"include_usage": True}}),
        ("chat", ["max_tokens", "max_completion_tokens", "stream_options"], {}),
        ("responses", ["max_output_tokens"], {"store": False}),
        ("responses", ["store"], {"max_output_tokens": 8}),
    ],
)
def test_a_name_of_the_wire_can_be_dropped_too(spoken: str, drop: list[str], sent: dict[str, Any]) -> None:
    assert sent_by(spoken, {"stream": True, "adapt": {"drop": drop}}, {"max_tokens": 8}) == {"stream": True, **sent}


@pytest.mark.parametrize(
    "adapt",
    [{"drop": ["model"]}, {"override": {"messages": []}}, {"override": {"seed": 1}, "drop": ["seed"]}, {"dorp": []}],
)
def test_adapt_says_nothing_of_the_question_and_nothing_twice(adapt: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        entry(adapt=adapt)


def test_adapt_is_part_of_what_a_model_is_and_its_order_is_not() -> None:
    plain, new = entry(), entry(adapt=NEW)
    assert model_digest(new) != model_digest(plain) == model_digest(entry(adapt={}))
    assert model_digest(entry(adapt={**NEW, "drop": NEW["drop"][::-1]})) == model_digest(new)


# --- replies


def chat_body(**changes: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": "spam"}, "finish_reason": "stop"}
    return {"id": "c-1", "model": "m-1-2026", "system_fingerprint": "fp", "choices": [{**choice, **changes}]}


CODEC = ChatCodec(entry(), prompt())


@pytest.mark.parametrize("kind", [{}, {"object": "chat.completion"}], ids=["unusual", "usual"])
@pytest.mark.parametrize("name", ["cache_write_tokens", "cache_creation_input_tokens"])
def test_tokens_that_a_cache_took_in_are_counted_by_either_name(name: str, kind: dict[str, str]) -> None:
    usage = {"prompt_tokens": 2400, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 0, name: 1889}}
    reply = good(CODEC, {**chat_body(), **kind, "usage": usage})
    assert reply.usage == Usage(input=2400, output=1, cached=0, cache_write=1889)
    usage = {"input_tokens": 2400, "output_tokens": 1, "input_tokens_details": {name: 1889}}
    assert good(RESPONSES, responses_body(usage=usage)).usage == Usage(input=2400, output=1, cache_write=1889)


def test_a_chat_reply_keeps_everything_the_endpoint_said() -> None:
    usage = {"prompt_tokens": 57, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 32}}
    reply = good(CODEC, {**chat_body(), "usage": usage}, {"x-request-id": "req-9", "openai-processing-ms": "212"})
    assert reply == Reply(
        text="spam",
        finish_reason="stop",
        usage=Usage(input=57, output=1, cached=32),
        served_model="m-1-2026",
        fingerprint="fp",
        request_id="req-9",
        server_ns=212_000_000,
    )


@pytest.mark.parametrize("said", ["flex", "FLEX", "default"])
def test_the_tier_that_served_is_kept_wherever_a_protocol_names_it(said: str) -> None:
    usage = {"input_tokens": 5, "output_tokens": 2, "service_tier": said}
    message = {"content": [{"type": "text", "text": "spam"}], "stop_reason": "end_turn", "usage": usage}
    replies = (
        good(CODEC, {**chat_body(), "service_tier": said}),
        good(CODEC, chat_body(), {"x-gemini-service-tier": said}),
        good(RESPONSES, responses_body(service_tier=said)),
        good(ANTHROPIC, message),
    )
    assert {reply.usage.tier for reply in replies} == {said.lower()}
    assert good(CODEC, {**chat_body(), "service_tier": None}).usage.tier is None


def test_a_tier_that_is_no_text_is_odd_and_a_long_one_is_cut() -> None:
    reply = good(CODEC, {**chat_body(), "service_tier": 7})
    assert (reply.usage.tier, reply.odd) == (None, ("service_tier",))
    assert good(CODEC, {**chat_body(), "service_tier": "x" * 5000}).usage.tier == "x" * 40


def test_a_usual_reply_may_be_in_any_script_and_a_broken_text_anywhere_in_it_is_no_reply() -> None:
    usual = (
        '{"object":"chat.completion","unknown":"é","choices":[{"message":{"content":"да"},"finish_reason":"stop"}],'
        '"usage":{"prompt_tokens":1,"completion_tokens":1}}'
    ).encode()
    for body in (usual, b"\xef\xbb\xbf" + usual):
        reply = decode(ChatCodec(entry(), prompt()), 200, {}, body)
        assert isinstance(reply, Reply)
        assert reply.text == "да"
    for broken in (b"\xff", b"\\ud800"):
        failure = decode(ChatCodec(entry(), prompt()), 200, {}, usual.replace("é".encode(), broken))
        assert isinstance(failure, Failure)
        assert failure.kind == "invalid_reply"


def test_length_content_filter_and_refusal_are_replies() -> None:
    assert good(CODEC, chat_body(finish_reason="length")).finish_reason == "length"
    filtered = good(CODEC, chat_body(finish_reason="content_filter", message={"content": None}))
    assert (filtered.text, filtered.finish_reason) == ("", "content_filter")
    refused = good(CODEC, chat_body(message={"content": None, "refusal": "I can't."}))
    assert (refused.text, refused.refusal) == ("", "I can't.")


def test_azure_s_filter_of_a_prompt_is_an_outcome_not_a_failure() -> None:
    body = json.dumps({"error": {"code": "content_filter", "message": "filtered"}}).encode()
    filtered = Reply(text="", finish_reason="content_filter", refusal="filtered")
    assert decode(CODEC, 400, {}, body) == filtered


def test_content_in_parts_is_joined() -> None:
    parts = [{"type": "text", "text": "sp"}, {"type": "image_url"}, {"type": "text", "text": "am"}]
    assert good(CODEC, chat_body(message={"content": parts})).text == "spam"


def test_llama_cpp_s_timings_and_logprobs() -> None:
    # Taken from a real answer of llama.cpp's server.
    logprobs = {
        "content": [
            {
                "id": 26804,
                "token": " spam",
                "bytes": [32],
                "logprob": -0.8747,
                "top_logprobs": [{"token": " spam", "logprob": -0.8747}, {"token": " sp", "logprob": -3.75}],
            }
        ]
    }
    timings = {"cache_n": 0, "prompt_n": 25, "prompt_ms": 87.5, "predicted_ms": 12.25}
    reply = good(CODEC, {**chat_body(logprobs=logprobs), "timings": timings})
    assert reply.server_ns == 99_750_000
    assert reply.logprobs == (TokenLogprob(" spam", -0.8747, ((" spam", -0.8747), (" sp", -3.75))),)
    text_body = {"choices": [{"text": " spam", "logprobs": logprobs, "finish_reason": "length"}]}
    assert good(CompletionsCodec(entry(endpoint="completions"), text_prompt()), text_body).logprobs == reply.logprobs


def test_the_old_form_of_completions_logprobs() -> None:
    logprobs = {
        "tokens": [" spam", "\n"],
        "token_logprobs": [-0.1, None],
        "top_logprobs": [{" spam": -0.1, " ham": -2.5}, None],
        "text_offset": [0, 5],
    }
    body = {"choices": [{"text": " spam\n", "logprobs": logprobs, "finish_reason": "stop"}]}
    assert good(CompletionsCodec(entry(endpoint="completions"), text_prompt()), body).logprobs == (
        TokenLogprob(" spam", -0.1, ((" spam", -0.1), (" ham", -2.5))),
        TokenLogprob("\n", -9999.0, ()),
    )


def test_an_envoy_timing_counts_as_the_server_s_and_a_nonsensical_one_as_none() -> None:
    assert good(CODEC, chat_body(), {"x-envoy-upstream-service-time": "35"}).server_ns == 35_000_000
    assert good(CODEC, chat_body(), {"openai-processing-ms": "-4"}).server_ns is None
    assert good(CODEC, chat_body(), {"openai-processing-ms": "soon"}).server_ns is None
    assert good(CODEC, {**chat_body(), "timings": {"prompt_ms": "x"}}).server_ns is None


RESPONSES = ResponsesCodec(entry(endpoint="responses"), prompt())


def responses_body(**changes: Any) -> dict[str, Any]:
    output = [
        {"type": "reasoning", "summary": []},
        {"type": "message", "content": [{"type": "output_text", "text": "ham", "logprobs": []}]},
    ]
    usage = {"input_tokens": 9, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 4}}
    return {
        "id": "resp-1", "model": "m", "status": "completed", "error": None, "output": output, "usage": usage,
        **changes,
    }  # fmt: skip


def test_a_responses_reply_reads_messages_and_leaves_reasoning_out() -> None:
    reply = good(RESPONSES, responses_body())
    assert (reply.text, reply.finish_reason, reply.usage) == ("ham", "stop", Usage(input=9, output=2, cached=4))


def test_an_incomplete_response_says_why() -> None:
    cut = responses_body(status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    assert good(RESPONSES, cut).finish_reason == "length"
    filtered = responses_body(status="incomplete", incomplete_details={"reason": "content_filter"}, output=[])
    assert good(RESPONSES, filtered).finish_reason == "content_filter"


def test_a_response_that_failed_or_is_still_running_is_no_reply() -> None:
    failed = read(RESPONSES, responses_body(status="failed", error={"code": "server_error", "message": "boom"}))
    assert isinstance(failed, Failure)
    assert (failed.kind, failed.message) == ("server_error", "boom")
    running = read(RESPONSES, responses_body(status="in_progress"))
    assert isinstance(running, Failure)
    assert running.kind == "invalid_reply"


def test_a_refusal_of_responses() -> None:
    output = [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]
    assert good(RESPONSES, responses_body(output=output)).refusal == "No."


ANTHROPIC = AnthropicCodec(entry(endpoint="anthropic"), prompt())


@pytest.mark.parametrize(
    ("stop", "finish", "refusal"),
    [
        ("end_turn", "stop", None),
        ("stop_sequence", "stop", None),
        ("max_tokens", "length", None),
        ("refusal", "content_filter", "spam"),
        ("tool_use", "tool_calls", None),
    ],
)
def test_an_anthropic_reply_in_the_common_vocabulary(stop: str, finish: str, refusal: str | None) -> None:
    usage = {"input_tokens": 5, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 1, "output_tokens": 2}
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "spam"}]
    reply = good(ANTHROPIC, {"id": "msg", "model": "c", "content": content, "stop_reason": stop, "usage": usage})
    assert (reply.text, reply.finish_reason, reply.refusal) == ("spam", finish, refusal)
    assert reply.usage == Usage(input=26, output=2, cached=20, cache_write=1)


# --- any JSON service


def generic(**fields: Any) -> GenericCodec:
    fields = {"reply": "/label", **fields}
    return GenericCodec("in-house", ModelEntry(endpoint="http", url="http://127.0.0.1/x", **fields))


def test_a_generic_body_is_filled_from_the_inputs_which_are_never_parsed() -> None:
    codec = generic(body={"text": "{{ message }}", "n": 3, "deep": [{"p": "{{ prompt }}"}], "plain": "{not}"})
    rendered = RenderedChat((("user", "Is it?"),), {"message": "{{ 7 * 7 }}"})
    assert body_of(codec, rendered) == {"text": "{{ 7 * 7 }}", "n": 3, "deep": [{"p": "Is it?"}], "plain": "{not}"}


def test_an_input_that_a_generic_body_names_and_no_case_has_can_t_be_encoded() -> None:
    with pytest.raises(CannotEncode, match="'message' is undefined"):
        generic(body={"text": "{{ message }}"}).encode(CHAT)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ 1 + message }}", "TypeError: unsupported operand"),
        ("{{ 1 / (message|length - 1) }}", "ZeroDivisionError"),
        ("{% for i in range(9999999) %}{% endfor %}", "OverflowError: Range too big"),
    ],
)
def test_a_generic_body_that_one_case_breaks_is_the_failure_of_that_case(template: str, said: str) -> None:
    codec = generic(body={"text": template})
    with pytest.raises(CannotEncode, match=said):
        codec.encode(RenderedChat((("user", "Is it?"),), {"message": "a"}))


def test_pointers_find_reply_score_and_usage() -> None:
    codec = generic(reply="/a~1b/0/label", score="/s", usage={"input": "/u/in", "cached": "/absent"})
    reply = good(codec, {"a/b": [{"label": "spam"}], "s": 0.75, "u": {"in": 12}})
    assert (reply.text, reply.score, reply.usage) == ("spam", 0.75, Usage(input=12))


@pytest.mark.parametrize(("whole", "text"), [("spam", "spam"), (1, "1"), (False, "false"), ({"x": 1}, '{"x":1}')])
def test_the_pointer_to_the_whole_document_takes_a_label_alone(whole: Any, text: str) -> None:
    assert good(generic(reply=""), whole).text == text


@pytest.mark.parametrize(("value", "text"), [(1, "1"), (True, "true"), ({"x": 1}, '{"x":1}'), ("", "")])
def test_a_label_that_is_no_string_becomes_its_json(value: Any, text: str) -> None:
    assert good(generic(), {"label": value}).text == text


@pytest.mark.parametrize("payload", [{}, {"label": None}, {"other": 1}, [], [{"label": "spam"}], "spam"])
def test_a_missing_reply_is_no_empty_reply(payload: Any) -> None:
    failure = read(generic(), payload)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.message) == ("invalid_reply", "the reply has nothing at /label")


@pytest.mark.parametrize(
    ("pointer", "payload"),
    [
        ("/0/0/label", [[{"label": "spam", "score": 0.9}]]),  # Hugging Face, TEI
        ("/0", ["spam"]),
    ],
)
def test_a_reply_in_a_list_is_read(pointer: str, payload: Any) -> None:
    assert good(generic(reply=pointer), payload).text == "spam"
    for other in ([], [None], [[]], [{"error": "loading"}]):
        assert isinstance(read(generic(reply=pointer + "/x"), other), Failure)


@pytest.mark.parametrize(
    "payload",
    [
        {"detail": "Model is warming up"},
        {"code": 1, "msg": "Model is warming up"},
        {"success": False, "errors": [{"message": "Model is warming up"}]},
    ],
)
def test_what_came_in_place_of_a_reply_is_told_in_its_own_words(payload: Any) -> None:
    failure = read(CODEC, payload)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.message) == ("invalid_reply", "`choices` is missing: Model is warming up")


GEMINI = "/candidates/0/content/parts/0/text"


@pytest.mark.parametrize(
    ("reply", "payload", "text", "finish"),
    [
        (GEMINI, {"promptFeedback": {"blockReason": "OTHER"}, "usageMetadata": {}}, "", "content_filter"),
        (GEMINI, {"candidates": [{"finishReason": "SAFETY"}]}, "", "content_filter"),
        (
            GEMINI,
            {"candidates": [{"content": {"parts": [{"text": "sp"}]}, "finishReason": "MAX_TOKENS"}]},
            "sp",
            "length",
        ),
        (
            "/output/message/content/0/text",
            {"output": {"message": {"content": [{"text": "No."}]}}, "stopReason": "guardrail_intervened"},
            "No.",
            "content_filter",
        ),
        (
            "/message/content/0/text",
            {"message": {"content": [{"type": "text", "text": "spam"}]}, "finish_reason": "COMPLETE"},
            "spam",
            "stop",
        ),
        (
            "/results/0/generated_text",
            {"results": [{"generated_text": "sp", "stop_reason": "time_limit"}]},
            "sp",
            "length",
        ),
    ],
)
def test_why_a_json_service_ended_is_found_where_the_known_ones_say_it(
    reply: str, payload: Any, text: str, finish: str
) -> None:
    said = good(generic(reply=reply), payload)
    assert (said.text, said.finish_reason) == (text, finish)


def test_the_written_place_of_a_finish_wins_over_the_usual_ones() -> None:
    said = good(generic(finish="/why"), {"label": "spam", "why": "stop", "finish_reason": "length"})
    assert said.finish_reason == "stop"


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ({"message": {"content": []}, "finish_reason": "ERROR"}, "error_in_body"),
        ({"error_code": 18, "error_msg": "Open api qps request limit reached"}, "rate_limited"),
        (
            {"success": False, "result": None, "errors": [{"code": 10000, "message": "Authentication error"}]},
            "unauthorized",
        ),
        ({"__type": "ThrottlingException", "message": "Too many tokens"}, "rate_limited"),
        ({"error": {"code": 503, "status": "UNAVAILABLE", "message": "overloaded"}}, "server_error"),
    ],
)
def test_an_error_that_a_json_service_puts_in_a_200_keeps_its_kind(payload: Any, kind: str) -> None:
    failure = read(generic(), payload)
    assert isinstance(failure, Failure)
    assert failure.kind == kind


# --- hostile bodies

CODECS: dict[str, Codec] = {
    "chat": CODEC,
    "completions": CompletionsCodec(entry(endpoint="completions"), text_prompt()),
    "responses": RESPONSES,
    "anthropic": ANTHROPIC,
    "http": generic(),
}
BODIES: dict[str, bytes] = {
    "empty": b"",
    "blank": b"  \n",
    "html": b"<!doctype html><html>Gateway</html>",
    "not json": b"OK",
    "cut": b'{"choices": [{"message": {"content": "sp',
    "null": b"null",
    "list": b"[]",
    "string": b'"spam"',
    "number": b"5",
    "empty object": b"{}",
    "invalid utf-8": b'{"choices":[{"message":{"content":"\xff\xfe"},"text":"\xff"}]}',
    "lone surrogate": b'{"choices":[{"message":{"content":"\\ud800"},"text":"\\ud800"}],"label":"\\ud800"}',
    "deep": b'{"a":' * 200_000,
    "deep list": b"[" * 200_000,
    "huge number": b'{"choices":[{"message":{"content":"a"},"text":"a"}],"usage":{"prompt_tokens":1e999}}',
    "nan": b'{"choices":[{"message":{"content":"a"},"text":"a"}],"usage":{"prompt_tokens":NaN}}',
    "digits": b'{"label":' + b"9" * 100_000 + b"}",
    "bom": b'\xef\xbb\xbf{"choices":[]}',
    "nul": b"\x00" * 100,
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("protocol", CODECS)
def test_a_200_with_a_hostile_body_is_an_invalid_reply(protocol: str, name: str) -> None:
    outcome = decode(CODECS[protocol], 200, {}, BODIES[name])
    assert isinstance(outcome, Failure)
    assert outcome.kind == "invalid_reply"
    assert 0 < len(outcome.message) <= 300
    outcome.message.encode()


@pytest.mark.parametrize("value", [None, [], {}, "x", 5, [None], [5], [[]], [{}], [{"message": None}], [{"text": 5}]])
@pytest.mark.parametrize("protocol", ["chat", "completions"])
def test_choices_of_any_wrong_shape_are_an_invalid_reply(protocol: str, value: Any) -> None:
    outcome = read(CODECS[protocol], {"choices": value})
    assert isinstance(outcome, Failure)
    assert outcome.kind == "invalid_reply"


@pytest.mark.parametrize("tokens", [-1, 1.5, "7", True, 10**12, [], {}])
def test_an_absurd_count_is_not_known_and_the_answer_stays(tokens: Any) -> None:
    reply = good(CODEC, {**chat_body(), "usage": {"prompt_tokens": tokens, "completion_tokens": 3}})
    assert reply.text == good(CODEC, chat_body()).text
    assert (reply.usage, reply.odd) == (Usage(output=3), ("prompt_tokens",))


def test_a_null_usage_says_nothing_and_a_whole_float_counts() -> None:
    assert good(CODEC, {**chat_body(), "usage": None}).usage == Usage()
    assert good(CODEC, {**chat_body(), "usage": {"prompt_tokens": 7.0}}).usage == Usage(input=7)


@pytest.mark.parametrize(
    "logprobs",
    [
        {"content": [{"token": "a", "logprob": 0.5}]},
        {"content": [{"token": 5, "logprob": -1}]},
        {"content": ["a"]},
        {"content": [{"logprob": -1}]},
        {"tokens": ["a"], "token_logprobs": []},
        "yes",
    ],
)
def test_absurd_logprobs_are_not_known_and_the_answer_stays(logprobs: Any) -> None:
    reply = good(CODEC, chat_body(logprobs=logprobs))
    assert reply.text == good(CODEC, chat_body()).text
    assert (reply.logprobs, reply.odd) == ((), ("logprobs",))


@pytest.mark.parametrize("error", [{"message": "m", "code": 1302}, "m", {"x": {}}, ["m"]])
@pytest.mark.parametrize("protocol", CODECS)
def test_an_error_object_in_a_200_is_never_a_reply(protocol: str, error: Any) -> None:
    outcome = read(CODECS[protocol], {**chat_body(), "label": "x", "error": error})
    assert isinstance(outcome, Failure)
    assert outcome.kind == "error_in_body"


@pytest.mark.parametrize("protocol", CODECS)
@pytest.mark.parametrize("noise", ["choices", "content", "output", "usage", "model", "id", "label", "status"])
@pytest.mark.parametrize("value", [None, 5, "x", [], {}, [[]], [{"a": 1}], {"a": []}, True, 1e300])
def test_no_value_in_any_field_makes_a_codec_raise(protocol: str, noise: str, value: Any) -> None:
    whole = {**chat_body(), **responses_body(), "content": [{"type": "text", "text": "t"}], "label": "l"}
    outcome = read(CODECS[protocol], {**whole, noise: value})
    assert isinstance(outcome, (Reply, Failure))


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_json_documents_one_a_line_are_named_with_what_to_ask_for(codec: Codec) -> None:
    said = '{"model":"m","message":{"role":"assistant","content":"sp"},"done":false}\n{"message":{},"done":true}\n'
    outcome = decode(codec, 200, {"content-type": "application/x-ndjson"}, said.encode())
    assert isinstance(outcome, Failure)
    assert outcome.kind == "invalid_reply"
    assert "one a line (NDJSON)" in outcome.message
    assert '`"stream": false`' in outcome.message
    assert "ends in /v1" in outcome.message


def test_no_part_of_a_key_survives_the_cut_of_long_thoughts() -> None:
    register("sk-Thought-0123456789")
    for before in range(9_970, 10_000, 5):
        assert "sk-" not in (kept("." * before + "sk-Thought-0123456789") or "")


def test_a_tier_that_echoes_a_key_shows_no_part_of_it() -> None:
    register(f"sk-Tier-{'0123456789' * 5}")
    assert at_tier(Usage(), f"sk-Tier-{'0123456789' * 5}", {}).tier == "[redacted]"
