"""Every mistake that a person can make in a file gives one message with file, line and field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import Exit, FilesError, Problem
from harness.files.bundle import load_bundle
from harness.files.schema import schemas
from harness.files.written.validation import PATTERNS

SUITE = "suites/a.suite.yml"
CASES = "suites/cases.jsonl"
PROMPT = "prompts/v1.prompt.yml"
HARNESS = "harness.yml"

Write = Callable[..., Path]


def problems_of(suite: Path) -> tuple[Problem, ...]:
    with pytest.raises(FilesError) as caught:
        load_bundle(suite)
    assert caught.value.exit_code == Exit.USAGE
    return caught.value.problems


def spoilt(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


# (file, old text, new text, line, field, a part of the message and its fix)
SUITE_FAULTS = [
    ("repeats: 2", "repeets: 2", 8, "repeets", "unknown key `repeets`. Did you mean `repeats`?"),
    ("repeats: 2", "path: x", 8, "path", "unknown key `path`."),
    ("as: mention", "az: mention", 5, "reply.az", "unknown key `az`. Did you mean `as`?"),
    ("repeats: 2", "repeats: 2\nrepeats: 3", 9, "repeats", "stands twice (first on line 8)"),
    ("spam: [junk]", "spam: [junk], spam: [x]", 5, "reply.aliases.spam", "stands twice"),
    ("repeats: 2", "repeats: 0", 8, "repeats", "must be at least 1"),
    ("repeats: 2", "repeats: two", 8, "repeats", "must be a whole number"),
    ("labels: [spam, ham]", "labels: []", 2, "labels", "needs at least 2"),
    (
        "labels: [spam, ham]",
        'labels: [spam, ham, "\u00e9t\u00e9", "e\u0301te\u0301"]',
        2,
        "labels[3]",
        "are the same label",
    ),
    ("labels: [spam, ham]", 'labels: [spam, ham, "sp\\u202eam"]', 2, "labels[2]", "`sp\\u202eam` is not a label"),
    ("labels: [spam, ham]", "labels: [spam, ham, SPAM]", 2, "labels[2]", "are the same label"),
    (
        "labels: [spam, ham]",
        'labels: [spam, ham, "caf\\u00e9", "cafe\\u0301"]',
        2,
        "labels[3]",
        "in their Unicode form",
    ),
    ("labels: [spam, ham]", "labels: {spam: 1}", 2, "labels", "must be a list"),
    ("positive: spam", "positive: spm", 3, "positive", "`spm` is not one of the labels. Did you mean `spam`?"),
    ("spam: [junk]", "spma: [junk]", 5, "reply.aliases.spma", "Did you mean `spam`?"),
    ("spam: [junk]", "spam: [ham]", 5, "reply.aliases.spam[0]", "already means `ham`"),
    ("as: mention", "as: regex", 5, "reply.pattern", "is required for `as: regex`"),
    ("as: mention", "as: regex, pattern: '('", 5, "reply.pattern", "is not a regular expression"),
    ("as: mention", "as: mention, from: tool", 5, "reply.from", "does not apply to `as: mention`"),
    ("as: mention", "as: regex, pattern: '(?<!no )spam'", 5, "reply.pattern", "it has look-around"),
    ("as: mention", "as: mention, match: last", 5, "reply.match", "does not apply to `as: mention`"),
    ("as: mention", "as: fuzzy", 5, "reply.as", "must be one of `exact`, `mention`, `json` or `regex`"),
    ("cases: cases.jsonl", "cases: nocases.jsonl", 4, "cases[0]", "no such file"),
    ("cases: cases.jsonl", "cases: ../../up.jsonl", 4, "cases[0]", "leads out of the project"),
    ("cases: cases.jsonl", "cases: https://x.example/c.jsonl", 4, "cases[0]", "can't be read from there"),
    ("cases: cases.jsonl", "cases: a.suite.yml", None, "", "is not a file of cases"),
    ("[../prompts/v1.prompt.yml]", "[../prompts/v9*.yml]", 6, "prompts[0]", "no file matches"),
    ("prompts: [../prompts/v1.prompt.yml]", "prompts: []", 6, "prompts", "names no prompt"),
    ("models: [recorded]", "models: [recored]", 7, "models[0]", "Did you mean `recorded`?"),
    ("models: [recorded]", "models: []", 7, "models", "names no model"),
    (
        "accuracy >= 90%",
        "acuracy >= 90%",
        10,
        "thresholds[0]",
        "column 1: unknown metric `acuracy`. Did you mean `accuracy`?",
    ),
    ("accuracy >= 90%", "recall[eggs] >= 90%", 10, "thresholds[0]", "column 8: `eggs` is not a label"),
    (
        "accuracy >= 90%",
        "recall[spam] where tag=long >= 90%",
        10,
        "thresholds[0]",
        "`long` is not a tag of these cases",
    ),
    ("accuracy >= 90%", "recall[ham] where tag=short >= 90%", 10, "thresholds[0]", "it can't be reached"),
    ("accuracy >= 90%", "precision[ham] where tag=short >= 1%", 10, "thresholds[0]", "no case among these has"),
    ("accuracy >= 90%", "specificity[spam] where tag=short > 0%", 10, "thresholds[0]", "every case among these"),
    ("accuracy >= 90%", "pass^3 >= 90%", 10, "thresholds[0]", "needs 3 repeats, there are 2"),
    ("accuracy >= 90%", "robustness.drop <= 5%", 10, "thresholds[0]", "no perturbations"),
    ("accuracy >= 90%", "precision[spam] >= 120%", 10, "thresholds[0]", "can't get there"),
    ("accuracy >= 90%", "cost per 1000 <= 0.50 EUR", 10, "thresholds[0]", "is in EUR, the prices are in `USD`"),
    ("repeats: 2", "perturbations: [typo]", 8, "perturbations[0]", "Did you mean `typos`?"),
    ("repeats: 2", "prevalence: {spam: 200%}", 8, "prevalence.spam", "must lie between"),
    ("repeats: 2", "prevalence: {eggs: 2%}", 8, "prevalence.eggs", "not one of the labels"),
    ("repeats: 2", "confidence: 30%", 8, "confidence", "must be more than 50%"),
    ("repeats: 2", "volume: plenty", 8, "volume", "must be a volume such as"),
    ("repeats: 2", "costs: {missed: dear}", 8, "costs.missed", "must be an amount such as"),
    ("repeats: 2", "costs: {missed: 50 EUR}", 8, "costs", "is in EUR, the prices are in `USD`"),
    ("repeats: 2", "costs: {missed: 50 EUR, false_alarm: $1}", 8, "costs", "is in EUR and USD: write one currency"),
    ("repeats: 2", "repeats: true", 8, "repeats", "must be a whole number"),
    ("repeats: 2", "stop: {every: true}", 8, "stop.every", "must be a whole number"),
    ("as: mention", "as: mention, pointer: /x", 5, "reply.pointer", "does not apply to `as: mention`. Use `as: json`"),
    ("name: greetings", "name: a/b", 1, "name", "must hold no slash, backslash or control character"),
    ("as: mention", "as: metion", 5, "reply.as", "Did you mean `mention`?"),
    ("repeats: 2", "priority: recal", 8, "priority", "or `balanced`. Did you mean `recall`?"),
    ("as: mention", "as: json, pointer: label", 5, "reply.pointer", "a JSON pointer, such as `/label`"),
    ("cases: cases.jsonl", "cases: cases.json", 4, "cases[0]", "Did you mean `cases.jsonl`?"),
    ("[../prompts/v1.prompt.yml]", "[../prompts/v2.prompt.yml]", 6, "prompts[0]", "mean `v1.prompt.yml`?"),
    ("repeats: 2", "columns: {split: fold}", 8, "columns.split", "no case has a column `fold`"),
]


@pytest.mark.parametrize("fault", SUITE_FAULTS, ids=lambda fault: fault[1])
def test_a_mistake_in_a_suite_is_named(project: Write, fault: tuple[str, str, int | None, str, str]) -> None:
    old, new, line, field, said = fault
    suite = project()
    suite.write_text(spoilt(suite.read_text(), old, new))
    problems = problems_of(suite)
    (problem,) = problems
    assert (problem.line, problem.field) == (line, field)
    assert problem.file == suite
    assert said in f"{problem.message} {problem.fix}"


PROMPT_FAULTS = [
    ("{{ message }}", "{{ mesage }}", 4, "messages[0].content", "Did you mean `message`?"),
    ("{{ message }}", "{{ expected }}", 4, "messages[0].content", "would give the answer away"),
    ("{{ message }}", "{{ split }}", 4, "messages[0].content", "is not an input of a case"),
    ("{{ message }}", "{{ message", 6, "messages[0].content", "is not a valid template"),
    ("{{ message }}", "{{ message * 3 }}", 6, "messages[0].content", "`*` is not allowed"),
    ("{{ message }}", "{{ message | attr('x') }}", 6, "messages[0].content", "the filter `attr` is not available"),
    ("role: user", "role: robot", 3, "messages[0].role", "must be one of"),
    ("role: user", "role: usr", 3, "messages[0].role", "or `developer`. Did you mean `user`?"),
    ("name: first", "responseFormat: 3", 1, "responseFormat", "must be text or a mapping of keys to values."),
    ("name: first", "jsonSchema: x", 1, "jsonSchema", "is text, but not a JSON object"),
    ("role: user", "rule: user", 3, "messages[0].rule", "Did you mean `role`?"),
    ("name: first", "name: first\ntext: hello", 2, "text", "`messages` or `text`, not both"),
    ("name: first", "nam: first", 1, "nam", "Did you mean `name`?"),
    ("name: first", "modelParameters: {api_key: abc}", 1, "modelParameters", "`api_key` would be written down"),
    ("name: first", "responseFormat: {x: [sk-live-0123456789abcdef]}", 1, "responseFormat", "looks like a key"),
    ("name: first", "responseFormat: {x: {hf_token: abc}}", 1, "responseFormat", "`hf_token` would be written down"),
    ("name: first", 'jsonSchema: \'{"x": "sk-live-0123456789abcdef"}\'', 1, "jsonSchema", "looks like a key"),
    ("name: first", "grammar: 'root ::= \"sk-live-0123456789abcdef\"'", 1, "grammar", "looks like a key"),
    ("name: first", "labels: [a]", 1, "labels", "unknown key `labels`"),
    ("name: first", "responseFormat: json_schema", 1, "responseFormat", "needs a `jsonSchema`"),
    ("name: first", "responseFormat: jason_schema", 1, "responseFormat", "Did you mean `json_schema`?"),
    ("name: first", "examples: [{message: hi, label: egg}]", 1, "examples[0].label", "not one of the suite's labels"),
    ("name: first", "examples: [{message: hi, lable: ham}]", 1, "examples[0]", "has no `label`"),
    ("name: first", "examples: [{mesage: hi, label: ham}]", 2, "messages", "can't be rendered"),
]


@pytest.mark.parametrize("fault", PROMPT_FAULTS, ids=lambda fault: fault[1])
def test_a_mistake_in_a_prompt_is_named(project: Write, fault: tuple[str, str, int | None, str, str]) -> None:
    old, new, line, field, said = fault
    suite = project()
    prompt = Path(PROMPT)
    prompt.write_text(spoilt(prompt.read_text(), old, new))
    problems = problems_of(suite)
    assert [(p.file, p.line, p.field) for p in problems if said in f"{p.message} {p.fix}"] == [(prompt, line, field)]


HARNESS_FAULTS = [
    ("endpoint: chat", "endpoint: chad", 4, "models.mini.endpoint", "or `function`. Did you mean `chat`?"),
    ("model: mini-1", "model: m\n    transport: httpy", 7, "models.mini.transport", "Did you mean `httpx`?"),
    (
        "model: mini-1",
        "model: m\n    price: {input: 0.40 EUR, output: $1.60}",
        7,
        "models.mini.price",
        "is in EUR and USD",
    ),
    ("model: mini-1", "model: m\n    limits: {rpm: true}", 7, "models.mini.limits.rpm", "must be a whole number"),
    (
        "model: mini-1",
        "model: m\n    price: {input: €0.40, currency: USD}",
        7,
        "models.mini.price",
        "is in EUR and USD",
    ),
    (
        "model: mini-1",
        "model: m\n    price: {currency: usd}",
        7,
        "models.mini.price.currency",
        "must be three capital letters, such as `USD`",
    ),
    ("model: mini-1", "modle: mini-1", 6, "models.mini.modle", "Did you mean `model`?"),
    ("model: mini-1", "timeout: 5 s", 3, "models.mini.model", "is required for `endpoint: chat`"),
    ("model: mini-1", "model: mini-1\n    weights: x", 7, "models.mini.weights", "does not apply"),
    (
        "replies: replies.jsonl}",
        "replies: replies.jsonl}\n  own: {endpoint: http, url: http://127.0.0.1:9/}",
        3,
        "models.own.reply",
        "is required for `endpoint: http`",
    ),
    ("model: mini-1", "model: m\n    adapt: {dorp: [seed]}", 7, "models.mini.adapt.dorp", "Did you mean `drop`?"),
    ("model: mini-1", "model: m\n    adapt: {drop: [model]}", 7, "models.mini.adapt.drop", "`model` is no parameter"),
    (
        "model: mini-1",
        "model: m\n    adapt: {override: {seed: 1}, drop: [seed]}",
        7,
        "models.mini.adapt",
        "`seed` can't be both",
    ),
    ("replies: replies.jsonl}", "replies: replies.jsonl, adapt: {}}", 2, "models.recorded.adapt", "does not apply"),
    ("model: mini-1", "model: m\n    retires: soon", 7, "models.mini.retires", "must be a day such as `2027-01-14`"),
    ("model: mini-1", "model: m\n    azure: {api_version: v1}", 7, "models.mini.azure", "Add `transport: openai`"),
    (
        "https://api.example.com/v1",
        "https://api.example.com/v1?api_key=x",
        5,
        "models.mini.base_url",
        "a key in its query",
    ),
    *(
        ("https://api.example.com/v1", f"https://api.example.com/v1?{part}", 5, "models.mini.base_url", "a key in its")
        for part in ("sig=x", "access_token=x", "subscriptionKey=x", f"code={'aZ9_-' * 8}==", "X-Amz-Credential=x")
    ),
    ("https://api.example.com/v1", "'https://api.example.com/v1#top'", 5, "models.mini.base_url", "fragment"),
    ("model: mini-1", "model: mini-1\n    timeout: soon", 7, "models.mini.timeout", "must be a time such as"),
    ("model: mini-1", "model: mini-1\n    timeout: 0 s", 7, "models.mini.timeout", "must be more than 0"),
    ("model: mini-1", "model: mini-1\n    limits: {rpn: 3}", 7, "models.mini.limits.rpn", "Did you mean `rpm`?"),
    ("https://api.example.com/v1", "ftp://api.example.com", 5, "models.mini.base_url", "must start with http"),
    ("https://api.example.com/v1", "https://me:pw@api.example.com", 5, "models.mini.base_url", "user name or password"),
    ("EXAMPLE_KEY", "sk-live-0123456789abcdef", 7, "models.mini.api_key_env", "looks like a key"),
    ("EXAMPLE_KEY", "AIzaSyA1234567890abcdefghijklmnopqrstuvw", 7, "models.mini.api_key_env", "looks like a key"),
    ("EXAMPLE_KEY", "MY KEY", 7, "models.mini.api_key_env", "must be the name of an environment variable"),
    (
        "model: mini-1",
        "model: m\n    headers: {Authorization: Bearer abc}",
        7,
        "models.mini.headers",
        "write ${VARIABLE}",
    ),
    (
        "model: mini-1",
        "model: m\n    headers: {X-Team: sk-live-0123456789abcdef}",
        7,
        "models.mini.headers",
        "write ${VARIABLE}",
    ),
    (
        "https://api.example.com/v1",
        "https://api.example.com/v1?k=sk-live-0123456789abcdef",
        5,
        "models.mini.base_url",
        "a key in its query",
    ),
    ("model: mini-1", "model: m\n    params: {api_key: 123456789}", 7, "models.mini.params", "`api_key` would be"),
    (
        "model: mini-1",
        "model: m\n    params: {extra: [{who: sk-live-0123456789abcdef}]}",
        7,
        "models.mini.params",
        "looks like a key",
    ),
    (
        "model: mini-1",
        "model: m\n    adapt: {override: {auth_token: '0123456789'}}",
        7,
        "models.mini.adapt",
        "`auth_token` would be",
    ),
    (
        "replies: replies.jsonl}",
        "replies: replies.jsonl}\n  own: {endpoint: http, url: http://127.0.0.1:9/, reply: /a, body: {password: pw@}}",
        3,
        "models.own.body",
        "`password` would be",
    ),
    ("model: mini-1", "model: sk-live-0123456789abcdef", 6, "models.mini.model", "looks like a key"),
    (
        "https://api.example.com/v1",
        "https://api.example.com/sk-live-0123456789abcdef/v1",
        5,
        "models.mini.base_url",
        "looks like a key",
    ),
    (
        "https://api.example.com/v1",
        "https://api.example.com/v1?subscription-key=0123456789",
        5,
        "models.mini.base_url",
        "a key in its query",
    ),
    (
        "model: mini-1",
        "model: m\n    params: {metadata: {who: 'key=sk-live-0123456789abcdef'}}",
        7,
        "models.mini.params",
        "looks like a key",
    ),
    (
        "model: mini-1",
        "model: m\n    params: {sk-live-0123456789abcdef: 1}",
        7,
        "models.mini.params",
        "looks like a key",
    ),
    ("model: mini-1", "model: m\n    ca_file: sk-live-0123456789abcdef", 7, "models.mini.ca_file", "looks like a key"),
    (
        "model: mini-1",
        "model: m\n    headers: {X-Team: 'team sk-live-0123456789abcdef'}",
        7,
        "models.mini.headers",
        "write ${VARIABLE}",
    ),
    (
        "model: mini-1",
        "model: m\n    headers: {X-Api-Key: '${HALF}sk-live-0123456789abcdef'}",
        7,
        "models.mini.headers",
        "write ${VARIABLE}",
    ),
    (
        "model: mini-1",
        "model: m\n    headers: {X-Team: Basic MDEyMzQ1Njc4OQ==}",
        7,
        "models.mini.headers",
        "write ${VARIABLE}",
    ),
    (
        "model: mini-1",
        "model: m\n    headers: {Proxy-Authorization: pw@}",
        7,
        "models.mini.headers",
        "write ${VARIABLE}",
    ),
    ("model: mini-1", "model: m\n    headers: {X-Password: pw@}", 7, "models.mini.headers", "write ${VARIABLE}"),
    ("replies: replies.jsonl", "replies: none.jsonl", 2, "models.recorded.replies", "no such file"),
    ("replies: replies.jsonl", "replies: ../r.jsonl", 2, "models.recorded.replies", "leads out of the project"),
]


@pytest.mark.parametrize("fault", HARNESS_FAULTS, ids=lambda fault: fault[1])
def test_a_mistake_in_harness_yml_is_named_and_no_key_is_repeated(
    project: Write, fault: tuple[str, str, int | None, str, str]
) -> None:
    old, new, line, field, said = fault
    suite = project()
    path = Path(HARNESS)
    path.write_text(spoilt(path.read_text(), old, new))
    (problem,) = problems_of(suite)
    assert (problem.file, problem.line, problem.field) == (path, line, field)
    assert said in f"{problem.message} {problem.fix}"
    assert not any(secret in str(problem) for secret in ("123456789", "AIza", "pw@", "Bearer abc"))


def test_words_that_only_remind_of_a_key_are_none(project: Write) -> None:
    suite = project()
    written = Path(HARNESS).read_text()
    body = "{text: 'In sk-SK: is {{ message }} a risk-assessment-of-2026-report or disk-usage-0123456789-warning?', "
    body += "topic: sk-learn-version-1-2-pipeline, max_tokens: 8, grid_key: a, id: 3, secretary: me}"
    url = "http://127.0.0.1:9/hf_models/m?code=de&author=me&monkey=1&model=Mixtral-8x7B-Instruct-v0.1"
    own = f"  own: {{endpoint: http, url: '{url}', reply: /a, body: {body}, headers: {{X-Author: me, Region: eu}}}}"
    Path(HARNESS).write_text(f"{written.rstrip()}\n{own}\n")
    assert load_bundle(suite).suite.name


GOOD = b'{"id": "9", "message": "caf\xc3\xa9", "expected": "spam"}\n{"message": "b", "expected": "ham"}\n'
CASE_FAULTS = [
    (GOOD + b'{"id": "9", "message": "b", "expected": "ham"}', 3, "id", "stands twice (first on line 1)"),
    (GOOD + b'{"message": "b", "expected": "harm"}', 3, "expected", "Did you mean `ham`?"),
    (GOOD + b'{"message": "b", "expected": true}', 3, "expected", "`true` is not one of the suite's labels"),
    (GOOD + b'{"message": "b", "expcted": "ham"}', 3, "expected", "Did you mean `expcted`?"),
    (GOOD + b'{"message": "b", "message": "c", "expected": "ham"}', 3, "message", "stands twice"),
    (GOOD + b'{"message": "b", "expected": "ham"', 3, "", "is not valid JSON"),
    (GOOD + b'["b", "ham"]', 3, "", "must be a JSON object"),
    (GOOD + b'{"expected": "ham"}', 3, "", "has no input"),
    (GOOD + b'{"message": "a\0b", "expected": "ham"}', 3, "", "NUL byte"),
    (GOOD + b'{"message": "a\\u0000b", "expected": "ham"}', 3, "message", "NUL character"),
    (GOOD + b'{"message": "\\ud800", "expected": "ham"}', 3, "message", "surrogate"),
    (GOOD + b'{"message": "caf\xe9", "expected": "ham"}', 3, "", "byte 0xE9 (`\u00e9` in Windows-1252)"),
    (GOOD + b'{"message": "caf\xc3\xa9 caf\xe9", "expected": "ham"}', 3, "", "mixes UTF-8 with another encoding"),
    (GOOD + b'{"message": "' + b"x" * 200_001 + b'", "expected": "ham"}', 3, "message", "is longer than 200,000"),
    (b"[" + GOOD.replace(b"}\n{", b"},\n{") + b"]", 1, "", "format: json}`"),
    (b"\xff\xfe" + GOOD.decode().encode("utf-16-le") + b"\x00", 3, "", "is not utf-16"),
    (b"", None, "", "holds no cases"),
    (b"[" * 100_000, 1, "", "is not valid JSON"),
]


@pytest.mark.parametrize(("content", "line", "field", "said"), CASE_FAULTS, ids=lambda v: str(v)[-40:])
def test_a_mistake_in_a_case_is_named_with_its_line(
    project: Write, content: bytes, line: int | None, field: str, said: str
) -> None:
    (problem,) = problems_of(project({CASES: content}))
    assert (problem.file, problem.line, problem.field) == (Path(CASES), line, field)
    assert said in f"{problem.message} {problem.fix}"


HEAD = "id,message,expected\n1,win,spam\n"
CSV_FAULTS = [
    ("id,message,label\n1,win,spam\n", 1, "expected", "the column `expected` is missing"),
    ("a:b\n1:spam\n", 1, "expected", "the column `expected` is missing"),
    ("a b expected\n1 win spam\n", 1, "expected", "cases: {file: cases.csv, separator: ...}"),
    ("id,id,message,expected\n", 1, "id", "the column `id` stands twice"),
    (HEAD + "2,hello, you,ham\n", 3, "", "has 4 fields where the header has 3"),
    (HEAD + '2,"a\nb",ham\n3,"unclosed,ham\n', 5, "", "is not valid CSV"),
    (HEAD + '2,"a\nb",ham\n3,c,eggs\n', 5, "expected", "`eggs` is not one of the suite's labels"),
    ("", None, "", "holds no cases"),
]


@pytest.mark.parametrize(("content", "line", "field", "said"), CSV_FAULTS)
def test_a_mistake_in_a_csv_file_is_named_with_its_line(
    project: Write, content: str, line: int | None, field: str, said: str
) -> None:
    suite = project({"suites/cases.csv": content})
    suite.write_text(spoilt(suite.read_text(), "cases.jsonl", "cases.csv"))
    (problem,) = problems_of(suite)
    assert (problem.file, problem.line, problem.field) == (Path("suites/cases.csv"), line, field)
    assert said in f"{problem.message} {problem.fix}"


YAML_FAULTS = [
    (b"a: [", 1, "is not valid YAML"),
    (b"- a", 1, "must be a mapping"),
    (b"", 1, "is empty"),
    (b"# nothing", 1, "is empty"),
    (b"\xff\xfen\0a", 1, "is not utf-16: byte 0x61"),
    (b"a: 1\nb: caf\xe9\n", 2, "is not UTF-8: byte 0xE9"),
    (b"a: caf\xc3\xa9\nb: caf\xe9\n", 2, "mixes UTF-8 with another encoding"),
    (b"a: b\nc: \0\n", 2, "NUL byte"),
    (b"name: x\n---\nname: y\n", 2, "more than one YAML document"),
    (b"name: !!python/object/apply:os.system [ls]", 1, "the tag"),
    (b"name: !!python/name:os.system", 1, "the tag"),
    (b"a: &a [*a]", 1, "contains itself"),
    (b"a: *b", 1, "anchor"),
    (b"? [a, b]\n: c", 1, "a key must be"),
    (b"a: &x {b: c}\nd:\n  <<: *x", 3, "merge key"),
    (b"a: " + b"[" * 60 + b"]" * 60, 1, "nested more than 40 levels"),
    (b"a: " + b"[" * 100_000, 1, "is not valid YAML"),
    (b"a:\n" + b"".join(b" " * i + b"-\n" for i in range(1, 60)), 41, "nested more than 40 levels"),
    (b"name: " + b"x" * 1_100_000, None, "is larger than 1,048,576 bytes"),
    (
        b"a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + b"".join(b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 10)) for c in range(ord("b"), ord("j"))),
        5,
        "more than 100,000 values once its aliases are expanded",
    ),
]


@pytest.mark.parametrize(("content", "line", "said"), YAML_FAULTS, ids=lambda v: str(v)[:40])
@pytest.mark.parametrize("file", [SUITE, PROMPT, HARNESS])
def test_yaml_that_can_not_be_read_is_named_in_every_kind_of_file(
    project: Write, file: str, content: bytes, line: int | None, said: str
) -> None:
    problems = [p for p in problems_of(project({file: content})) if p.file == Path(file)]
    assert [(p.line, p.field) for p in problems] == [(line, "")]
    assert said in problems[0].message


def test_a_positive_label_that_no_case_has_is_named(project: Write) -> None:
    suite = project({CASES: '{"message": "a", "expected": "ham"}\n'})
    assert [(p.line, p.field) for p in problems_of(suite)] == [(3, "positive")]


def test_cases_of_one_label_only_are_refused(project: Write) -> None:
    suite = project({CASES: '{"message": "a", "expected": "spam"}\n'})
    (problem,) = problems_of(suite)
    assert (problem.line, problem.field) == (4, "cases")


def test_problems_of_all_files_are_reported_together_and_in_order(project: Write) -> None:
    suite = project(
        {
            HARNESS: "models:\n  recorded: {endpoint: replay}\nresults: r\nextra: 1\n",
            CASES: '{"message": "a", "expected": "spm"}\n{"message": "b"\n',
            PROMPT: "name: x\nmessages: [{role: user, content: '{{ nothing }} {% for %}'}]\n",
        }
    )
    suite.write_text(suite.read_text().replace("repeats: 2", "repeets: 2").replace("accuracy >= 90%", "acuracy > 1"))
    places = [(str(p.file), p.line, p.field) for p in problems_of(suite)]
    assert places == [
        (HARNESS, 2, "models.recorded.replies"),
        (HARNESS, 4, "extra"),
        (PROMPT, 2, "messages[0].content"),
        (SUITE, 8, "repeets"),
        (SUITE, 10, "thresholds[0]"),
        (CASES, 1, "expected"),
        (CASES, 2, ""),
    ]


def test_at_most_fifty_problems_of_a_file_are_kept_and_the_rest_counted(project: Write) -> None:
    suite = project({CASES: '{"message": "a", "expected": "x"}\n' * 80})
    problems = problems_of(suite)
    assert len(problems) == 51
    assert "and 30 more problems in this file." in problems[0].message
    told = str(FilesError(problems)).splitlines()
    assert len(told) == 2, "what is said of fifty lines is said once"
    assert told[1].endswith("(also at 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 39 more places)")


def test_a_reference_through_a_symlink_does_not_leave_the_project(project: Write, tmp_path: Path) -> None:
    outside = tmp_path.parent / "outside.jsonl"
    outside.write_text('{"message": "a", "expected": "spam"}\n')
    suite = project()
    Path(CASES).unlink()
    Path(CASES).symlink_to(outside)
    (problem,) = problems_of(suite)
    assert (problem.line, problem.field) == (4, "cases[0]")
    assert "leads out of the project" in problem.message


def test_a_pattern_does_not_reach_out_of_the_project_through_a_symlink(project: Write, tmp_path: Path) -> None:
    outside = tmp_path.parent / "elsewhere"
    outside.mkdir(exist_ok=True)
    (outside / "v2.prompt.yml").write_text("text: x\n")
    suite = project()
    Path("prompts/more").symlink_to(outside)
    suite.write_text(spoilt(suite.read_text(), "../prompts/v1.prompt.yml", "../prompts/*/*.prompt.yml"))
    assert "leads out of the project" in problems_of(suite)[0].message


def test_a_missing_suite_is_one_problem_without_a_traceback(project: Write) -> None:
    project()
    (problem,) = problems_of(Path("suites/none.suite.yml"))
    assert "cannot be read: no such file or directory" in problem.message


def test_a_text_prompt_on_a_chat_endpoint_is_refused(project: Write) -> None:
    suite = project({PROMPT: "text: '{{ message }}'\n"})
    suite.write_text(spoilt(suite.read_text(), "models: [recorded]", "models: [mini]"))
    (problem,) = problems_of(suite)
    assert (problem.file, problem.line, problem.field) == (Path(PROMPT), 1, "text")
    assert "the model `mini` has `endpoint: chat`" in problem.message


def test_a_chat_prompt_on_a_completions_endpoint_is_refused(project: Write) -> None:
    suite = project()
    path = Path(HARNESS)
    path.write_text(spoilt(path.read_text(), "endpoint: chat", "endpoint: completions"))
    suite.write_text(spoilt(suite.read_text(), "models: [recorded]", "models: [mini]"))
    (problem,) = problems_of(suite)
    assert (problem.file, problem.line, problem.field) == (Path(PROMPT), 2, "messages")


def test_a_misspelt_key_is_one_problem_and_not_also_what_follows_from_it(project: Write) -> None:
    suite = project({HARNESS: "modles: {recorded: {endpoint: replay, replies: replies.jsonl}}\n"})
    (problem,) = problems_of(suite)
    assert (problem.field, problem.fix) == ("modles", "Did you mean `models`?")
    suite = project({PROMPT: "message:\n  - {role: user, content: '{{ message }}'}\n"})
    (problem,) = problems_of(suite)
    assert (problem.field, problem.fix) == ("message", "Did you mean `messages`?")


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (HARNESS, "is the project's file, not a suite."),
        (PROMPT, "is a prompt, not a suite."),
        (CASES, "is a file of cases, not a suite."),
    ],
)
def test_another_kind_of_file_in_place_of_a_suite_is_told_as_such(project: Write, named: str, said: str) -> None:
    project()
    (problem,) = problems_of(Path(named))
    assert (problem.message, problem.fix) == (said, "Name a *.suite.yml file.")


def test_a_model_named_on_the_command_line_is_blamed_on_no_line_of_the_suite(project: Write) -> None:
    with pytest.raises(FilesError) as caught:
        load_bundle(project(), models=["recored"])
    (problem,) = caught.value.problems
    assert str(problem) == "--model: there is no model `recored` in harness.yml. Did you mean `recorded`?"


def test_a_misspelt_path_names_the_file_beside_it(project: Write) -> None:
    project()
    (problem,) = problems_of(Path("suites/b.suite.yml"))
    assert problem.fix == "Did you mean `a.suite.yml`?"
    with pytest.raises(FilesError) as caught:
        load_bundle(Path(SUITE), prompts=["prompts/v2.prompt.yml"])
    (problem,) = caught.value.problems
    assert problem.fix == "Did you mean `v1`?"


def test_every_pattern_of_a_field_is_told_in_words() -> None:
    found = set(re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', json.dumps(schemas())))
    assert found
    assert {json.loads(each) for each in found} <= set(PATTERNS)


@pytest.mark.parametrize("model", ["hf-internal-testing/tiny-random-Llama4", "risk-model-v2-20261101", "sk-SK"])
def test_a_model_that_only_begins_like_a_key_is_none(project: Write, model: str) -> None:
    suite = project()
    Path(HARNESS).write_text(spoilt(Path(HARNESS).read_text(), "model: mini-1", f"model: {model}"))
    assert load_bundle(suite).candidates
