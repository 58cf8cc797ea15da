"""Whatever arrives from outside, reading it gives a value or a named failure, in bounded time."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.errors import FilesError
from harness.files.project import ModelEntry
from harness.files.prompts import Message, Prompt
from harness.files.suite import ReplyRule
from harness.judge.labels import LabelReader
from harness.measure.endpoint.codecs.anthropic import AnthropicCodec
from harness.measure.endpoint.codecs.codec import StreamingCodec, decode
from harness.measure.endpoint.codecs.completions import ChatCodec, CompletionsCodec
from harness.measure.endpoint.codecs.generic import GenericCodec
from harness.measure.endpoint.codecs.responses import ResponsesCodec
from harness.measure.endpoint.codecs.stream import StreamReader
from harness.measure.endpoint.recorded import ReplyFile, load_replies
from harness.record import Failure, Reply, Trial

SLOW_S = 2.0  # of CPU, so that a busy machine fails nothing; far above what any of these takes
PROMPT = Prompt(name="p", messages=(Message(role="user", content="x"),))
ENTRY = ModelEntry(endpoint="chat", base_url="http://127.0.0.1:9/v1", model="m")
TEXT = Prompt(name="t", text="x")
CODECS = [
    ChatCodec(ENTRY, PROMPT),
    CompletionsCodec(ENTRY, TEXT),
    ResponsesCodec(ENTRY, PROMPT),
    AnthropicCodec(ENTRY, PROMPT),
    GenericCodec("g", ModelEntry(endpoint="http", url="http://127.0.0.1:9/", reply="/a/0/b", score="/s")),
]
KEYS = ["choices", "message", "content", "text", "delta", "finish_reason", "usage", "prompt_tokens", "error", "type"]
KEYS += ["output", "model", "logprobs", "tokens", "top_logprobs", "status", "a", "b", "s", "refusal", "stop_reason"]
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(KEYS)
documents = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)


def jsonl(lines: list[object]) -> bytes:
    return "\n".join(map(json.dumps, lines)).encode()


bodies = st.binary(max_size=200) | documents.map(lambda value: json.dumps(value).encode())


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CODECS), st.sampled_from([200, 201, 204, 302, 400, 429, 500, 599]), bodies)
@example(CODECS[0], 200, b"[" * 100_000)
@example(CODECS[3], 200, b'{"content":' * 50_000)
def test_any_body_is_a_reply_or_a_named_failure(codec: object, status: int, body: bytes) -> None:
    began = process_time()
    outcome = decode(codec, status, {"content-type": "application/json"}, body)  # type: ignore[arg-type]
    assert isinstance(outcome, (Reply, Failure))
    if status not in {200, 201, 204}:
        assert isinstance(outcome, Failure)
    assert process_time() - began < SLOW_S


FIELDS = {
    "": "id model object system_fingerprint service_tier timings finish_reason done_reason x_groq unknown",
    "choice": "finish_reason native_finish_reason finishReason done_reason stop_type error index",
    "message": "content refusal tool_calls function_call reasoning_content reasoning thinking role",
    "usage": "prompt_tokens completion_tokens total_tokens prompt_tokens_details completion_tokens_details "
    "prompt_cache_hit_tokens reasoning_tokens",
}
PLACES = [(holder, field) for holder, named in FIELDS.items() for field in named.split()]
ODD = [None, "", "stop", "error", 0, 7, 2.0, True, -1, [], {}, {"cached_tokens": 3}, {"reasoning_tokens": 9}]
ODD += [{"prompt_ms": 2}, {"cached_tokens": None, "reasoning_tokens": "x"}, 10**9, 10**9 + 1]


@pytest.mark.parametrize(
    "headers", [{"x-request-id": "r", "openai-processing-ms": "12"}, {"x-gemini-service-tier": "F"}]
)
@pytest.mark.parametrize(("holder", "field"), PLACES)
def test_a_usual_reply_taken_as_a_whole_says_what_its_single_fields_say(
    holder: str, field: str, headers: dict[str, str]
) -> None:
    for value, other in product(ODD, ODD):
        usage = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 30, "completion_tokens_details": other}
        message = {"role": "assistant", "content": "spam"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        payload = {"id": "x", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}
        {"": payload, "choice": choice, "message": message, "usage": usage}[holder][field] = value
        whole = decode(CODECS[0], 200, headers, json.dumps(payload).encode())  # type: ignore[arg-type]
        choice["logprobs"] = {}  # says nothing, and no usual reply has it: every field is read by itself
        assert whole == decode(CODECS[0], 200, headers, json.dumps(payload).encode())  # type: ignore[arg-type]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CODECS[:4]), st.lists(st.tuples(bodies, st.booleans()), max_size=5), st.booleans())
def test_any_stream_is_a_reply_or_a_named_failure(codec: object, events: list[tuple[bytes, bool]], done: bool) -> None:
    assert isinstance(codec, StreamingCodec)
    reader = StreamReader(codec)
    for number, (body, whole) in enumerate(events):
        reader(b"data: " + body + (b"\n\n" if whole else b"\n"), number)
    if done:
        reader(b"data: [DONE]\n\n", len(events))
    assert isinstance(reader.outcome(200, {}), (Reply, Failure))


USAGE = {"prompt_tokens": 20, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 2}}
ALTERNATIVES = [{"token": "spam", "logprob": -0.1, "top_logprobs": [{"token": "ham", "logprob": -2.0}]}]
TOOLS = [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
CHUNK = {"content": "spam", "reasoning_content": "hm", "tool_calls": TOOLS, "refusal": None}
WORDS = {"tokens": ["spam"], "token_logprobs": [-0.1], "top_logprobs": [{"spam": -0.1}], "text_offset": [0]}
RESPONSE = {
    "status": "completed",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "spam", "logprobs": ALTERNATIVES}]}],
    "usage": {"input_tokens": 3, "output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 1}},
}
BLOCK = {"type": "content_block_start", "content_block": {"type": "text", "text": ""}}
STREAMS: list[tuple[int, list[dict[str, object]]]] = [
    (
        0,
        [
            {"choices": [{"index": 0, "delta": CHUNK, "logprobs": {"content": ALTERNATIVES}, "finish_reason": None}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE},
        ],
    ),
    (1, [{"choices": [{"text": "spam", "index": 0, "logprobs": WORDS, "finish_reason": "stop"}], "usage": USAGE}]),
    (
        2,
        [{"type": "response.output_text.delta", "delta": "spam"}, {"type": "response.completed", "response": RESPONSE}],
    ),
    (
        3,
        [
            {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 3}}},
            BLOCK,
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "spam"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        ],
    ),
]


def places(node: object) -> list[tuple[object, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [(), *((key, *rest) for key, value in inner for rest in places(value))]


def with_odd(node: object, place: tuple[object, ...], value: object) -> object:
    if not place:
        return value
    made = dict(node) if isinstance(node, dict) else list(node)  # type: ignore[call-overload]
    made[place[0]] = with_odd(made[place[0]], place[1:], value)
    return made


@pytest.mark.parametrize(("codec", "events"), STREAMS)
def test_a_stream_with_any_part_of_another_kind_is_a_reply_or_a_named_failure(
    codec: int, events: list[dict[str, object]]
) -> None:
    for place, value in product(places(events), [None, 7, "x", True, [], [None], [[]], {}, [{"type": []}]]):
        reader = StreamReader(CODECS[codec])  # type: ignore[arg-type]
        changed = with_odd(events, place, value)
        for event in changed if isinstance(changed, list) else [changed]:
            reader(b"data: " + json.dumps(event).encode() + b"\n\n", 1)
        assert isinstance(reader.outcome(200, {}), (Reply, Failure))


rules = st.builds(
    lambda as_, aliases, strict: ReplyRule(
        **{"as": as_},
        aliases={"spam": aliases},
        case_sensitive=strict,
        **({"pattern": r"(\w+)$"} if as_ == "regex" else {}),
    ),
    st.sampled_from(["exact", "mention", "json", "regex"]),
    st.lists(st.text(min_size=1, max_size=6).filter(str.strip), max_size=2),
    st.booleans(),
)


@settings(max_examples=100, deadline=None)
@given(rules, st.text(st.characters(exclude_categories=()), max_size=60), st.sampled_from([None, "stop", "length"]))
@example(ReplyRule(), "spam " * 20_000, "stop")
@example(ReplyRule(**{"as": "json"}), "[" * 50_000, "stop")
@example(ReplyRule(**{"as": "json"}), '{"a":' * 20_000, None)
def test_any_reply_is_a_label_or_an_outcome(rule: ReplyRule, text: str, finish: str | None) -> None:
    began = process_time()
    label, outcome, _ = LabelReader(rule, ("spam", "ham")).read(Reply(text=text, finish_reason=finish))
    assert (label in {"spam", "ham"}) == (outcome == "label")
    assert process_time() - began < SLOW_S


NAMED = st.sampled_from(["a", "b", ""])
replies = st.fixed_dictionaries(
    {"case": st.integers(0, 3) | NAMED},
    optional={
        "reply": st.text(max_size=4),
        "failure": st.sampled_from(["timeout", "nothing that is known"]),
        "prompt": NAMED,
        "model": NAMED,
        "variant": NAMED,
        "repeat": st.integers(-1, 2),
        "latency_s": st.floats(-1, 5),
    },
)
sound = st.fixed_dictionaries({"case": st.integers(0, 9), "reply": st.text()}, optional={"prompt": NAMED})
NOBODY = "no line names this"


def loaded(path: Path) -> ReplyFile | FilesError:
    """Give what reading ends with."""
    try:
        return load_replies(path)
    except FilesError as error:
        return error


@settings(max_examples=150)
@given(
    st.binary(max_size=120)
    | st.lists(documents | replies | st.just(""), max_size=4).map(jsonl)
    | st.lists(sound, max_size=6).map(jsonl)
)
@example(b"")
@example(b"\xef\xbb\xbf" + jsonl([{"case": 1, "reply": "x"}]))
@example(jsonl([{"case": 1, "reply": "x"}, {"case": "1", "reply": "y"}]))
def test_any_file_of_replies_answers_by_every_line_or_is_refused_by_place(content: bytes) -> None:
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    with TemporaryDirectory() as name:
        path = Path(name) / "replies.jsonl"
        path.write_bytes(content)
        read = loaded(path)
        if isinstance(read, FilesError):
            assert read.problems
            for problem in read.problems:
                assert problem.file == path
                assert problem.line is not None
                assert lines[problem.line - 1].strip(), "it names a line on which something stands"
                assert problem.message
            return
        said = [json.loads(line) for line in lines if line.strip()]
        assert len(read) == len(said)
        for line in said:
            case, variant, repeat = str(line["case"]), line.get("variant", NOBODY), line.get("repeat", 99_999)
            trial = Trial(key="", case=case, candidate="", variant=variant, repeat=repeat)
            found = read.find(line.get("prompt", NOBODY), line.get("model", NOBODY), trial)
            assert found is not None
            assert (found.reply, found.failure) == (line.get("reply"), line.get("failure"))
