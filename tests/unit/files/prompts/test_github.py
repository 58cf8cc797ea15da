"""Prompt files in the manner of GitHub Models: read as they are, with GitHub's own meaning of `{{name}}`."""

# ruff: noqa: E501 - prompt files stand here as they were written

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import FilesError
from harness.files.bundle import load_bundle
from harness.files.prompts import Prompt, RenderedChat, Renderer, prompt_digest, read_prompt
from harness.files.written import Findings

Write = Callable[..., Path]
INPUT = {"input": "I LOVE it", "user-input": "hi there", "text": "x", "message": "m", "ticket_body": "t"}
SEEN = [  # name, what GitHub sends as the last message
    ("""
name: Text Summarizer
description: Summarizes input text concisely
model: openai/gpt-4o-mini
modelParameters:
  temperature: 0.5
messages:
  - role: system
    content: You are a text summarizer. Your only job is to summarize text given to you.
  - role: user
    content: |
      Summarize the given text, beginning with "Summary -":
      <text>
      {{input}}
      </text>
""", 'Summarize the given text, beginning with "Summary -":\n<text>\nI LOVE it\n</text>\n'),
    ("""
name: Sentiment
model: gpt-4o
messages:
  - role: user
    content: "{{input}}"
testData:
  - input: Great!
    expected: positive
evaluators:
  - name: Output matches
    string: {equals: "{{expected}}"}
""", "I LOVE it"),
    ("""
messages:
- role: user
  content: 'Reply to {{user-input}}'
model: meta/llama-3.3-70b-instruct
""", "Reply to hi there"),
    ("""
model: openai/gpt-4.1
messages:
  - {role: user, content: "Issue {#42}: {{ text }} {# keep me #}"}
""", "Issue {#42}: x {# keep me #}"),
    ("""
model: openai/o4-mini
modelParameters: {maxCompletionTokens: 200}
messages:
  - role: developer
    content: Be brief.
  - role: user
    content: "Write {{message}} as JSON: {\\"label\\": \\"...\\"}"
""", 'Write m as JSON: {"label": "..."}'),
    ("""
model: mistral-ai/mistral-small-2503
messages:
  - role: user
    content: '{{ticket_body}}'
responseFormat: json_schema
jsonSchema: '{"name": "triage", "strict": true, "schema": {"type": "object", "properties": {"label": {"type": "string"}}}}'
""", "t"),
    ("""
model: openai/gpt-4o
messages:
  - role: user
    content: "{% raw %}{{text}}{% endraw %} 100%"
testData: [{text: a, expected: b}]
""", "{% raw %}x{% endraw %} 100%"),
    ("""
model: microsoft/phi-4
messages:
  - {role: system, content: "Labels: a, b"}
  - {role: user, content: "{{{{text}}}} and {{ text | upper }}"}
testData: []
evaluators:
  - {name: similar, uses: github/similarity}
""", "{{x}} and {{ text | upper }}"),
    ("""
model: cohere/cohere-command-r-08-2024
messages:
  - {role: user, content: "first {{text}}"}
  - {role: assistant, content: "noted"}
  - {role: user, content: "{{text}}{{message}}"}
evaluators:
  - name: judged
    llm:
      modelId: openai/gpt-4o
      prompt: "Is {{completion}} right?"
      choices: [{choice: "yes", score: 1}]
      systemPrompt: Judge.
""", "xm"),
    ("""
template: github
messages:
  - {role: user, content: "{# a #}{{text}}"}
""", "{# a #}x"),
    ("""
model: openai/gpt-4o
template: jinja
messages:
  - {role: user, content: "{# a #}{{text | upper}}"}
""", "X"),
    ("""
model: openai/gpt-4o
messages:
  - {role: user, content: "{# a #}{% if text %}{{text}}{% endif %}"}
""", "x"),
    ("""
messages:
  - {role: user, content: "{# a #}{{text}}"}
""", "x"),
    ("""
name: Multi line test data
model: openai/gpt-4o-mini
messages:
  - role: user
    content: >-
      Classify
      {{input}}
testData:
  - input: |
      two
      lines
    expected: |
      spam
  - input: no
    expected: no
    extra: [1, {a: 2}]
evaluators:
  - name: starts
    string: {startsWith: 'Summary -'}
  - name: ends
    string: {endsWith: '.'}
  - name: has
    string: {contains: a}
""", "Classify I LOVE it"),
    ("\ufeffmodel: openai/gpt-4o\r\nmessages:\r\n  - role: user\r\n    content: '{{text}}'\r\n", "x"),
    ("""
name: No model
messages:
  - {role: user, content: "{{text}}"}
testData: [{text: 1, expected: 2}]
""", "x"),
    ("""
model: xai/grok-3-mini
modelParameters: {temperature: 1, topP: 1, maxTokens: 1000, presencePenalty: 0, frequencyPenalty: 0, stop: [END]}
messages:
  - {role: user, content: "{{text}}"}
""", "x"),
    ("""
model: openai/gpt-4o
responseFormat: text
messages:
  - {role: user, content: "${{ text }} {text} {{ }} {{1a}} {{text"}
""", "$x {text} {{ }} {{1a}} {{text"),
    ("""
model: deepseek/DeepSeek-R1
messages:
  - {role: user, content: "Größe: {{text}} – «{{message}}»"}
""", "Größe: x – «m»"),
    ("""
name: v
description: ''
model: ai21-labs/AI21-Jamba-1.5-Large
messages:
  - role: system
    content: ''
  - role: user
    content: |-
      {{text}}
evaluators: []
testData: []
""", "x"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "sent"), SEEN, ids=[f"file {i}" for i in range(len(SEEN))])
def test_a_prompt_file_is_read_as_its_users_mean_it(tmp_path: Path, written: str, sent: str) -> None:
    path = tmp_path / "v1.prompt.yml"
    path.write_text(written, "utf-8")
    findings = Findings()
    read = read_prompt(path, findings)
    assert findings.problems == []
    assert read is not None
    rendered = Renderer(read.model).render(INPUT)
    assert isinstance(rendered, RenderedChat)
    assert rendered.messages[-1][1] == sent
    again = Prompt.model_validate(read.model.model_dump(mode="json"))  # as a manifest keeps it
    assert Renderer(again).render(INPUT) == rendered


def test_how_templates_are_read_counts_as_content_only_where_it_makes_a_difference() -> None:
    def digest(content: str, template: str | None) -> str:
        return prompt_digest(Prompt(messages=({"role": "user", "content": content},), template=template))  # type: ignore[arg-type]

    assert digest("{{text}} {{ a_b }}", "github") == digest("{{text}} {{ a_b }}", None)
    for content in ("{# x #}", "{{a-b}}", "{{ a | upper }}", "{% if a %}"):
        assert digest(content, "github") != digest(content, None)


def bundle_with(project: Write, prompt: str, cases: str = "") -> Path:
    files = {"prompts/v1.prompt.yml": prompt}
    if cases:
        files["suites/cases.jsonl"] = cases
    return project(files)


@pytest.mark.parametrize(
    ("content", "fix"),
    [
        ("Is {message} spam?", "Write `{{ message }}` for `{message}`."),
        ("Is $message spam?", "Write `{{ message }}` for `$message`."),
        ("Is <message> spam?", "Write `{{ message }}` for `<message>`."),
        ("Spam or ham?", "Place an input, such as `{{ message }}`."),
        ("{{ labels }}", "Place an input, such as `{{ message }}`."),
    ],
)
def test_a_prompt_that_uses_no_input_is_refused_with_the_fix(project: Write, content: str, fix: str) -> None:
    suite = bundle_with(project, f"messages:\n  - {{role: user, content: '{content}'}}\n")
    with pytest.raises(FilesError) as caught:
        load_bundle(suite)
    (problem,) = caught.value.problems
    assert (problem.field, problem.line, problem.fix) == ("messages[0].content", 2, fix)
    assert "would ask the same of every case" in problem.message


@pytest.mark.parametrize(
    ("content", "same"),
    [
        ("Spam? {% if false %}{{ message }}{% endif %}", True),
        ("Spam? {% if message %}Say so.{% endif %}", True),
        ("Spam? {{ message[:0] }}", True),
        ("Spam? {{ message | length }}", False),
        ("Spam? {% if message == 'text 5' %}Yes.{% endif %}", False),
        ("{% if '1' in message %}{{ message }}{% else %}Spam?{% endif %}", False),
    ],
)
def test_a_prompt_that_asks_the_same_of_every_case_is_refused_however_it_names_an_input(
    project: Write, content: str, same: bool
) -> None:
    rows = [
        {"message": f"text {n}{'.' * n}" if n != 5 else "text 5", "expected": ("spam", "ham")[n % 2]} for n in range(6)
    ]
    cases = "".join(json.dumps(row) + "\n" for row in rows)
    suite = bundle_with(project, f'messages:\n  - {{role: user, content: "{content}"}}\n', cases)
    if not same:
        load_bundle(suite)
        return
    with pytest.raises(FilesError) as caught:
        load_bundle(suite)
    (problem,) = caught.value.problems
    assert problem.message == "asks the same of 6 cases, whatever their inputs."
    assert "`{{ message }}`, where it is always sent" in problem.fix


def test_a_github_prompt_is_checked_against_the_cases_like_any_other(project: Write) -> None:
    suite = bundle_with(project, "model: a/b\nmessages:\n  - {role: user, content: '{{expected}} {{mesage}}'}\n")
    with pytest.raises(FilesError) as caught:
        load_bundle(suite)
    assert [problem.message for problem in caught.value.problems] == [
        "`expected` would give the answer away.",
        "`mesage` is not an input that every case has.",
    ]


def test_what_jinja_would_read_in_a_github_prompt_is_noted(project: Write) -> None:
    suite = bundle_with(project, "model: a/b\nmessages:\n  - {role: user, content: '{# c #}{{message}}{{message|upper}}'}\n")  # fmt: skip
    said = " ".join(load_bundle(suite).notes)
    assert "`{# c #}` is sent as text" in said
    assert "`{{message|upper}}` is sent as text" in said


def test_the_test_data_of_a_prompt_can_be_a_suite_s_cases(project: Write) -> None:
    prompt = (
        "messages:\n  - {role: user, content: '{{message}}'}\n"
        "testData:\n  - {message: win, expected: spam}\n  - {message: hi, expected: ham, id: x}\n"
    )
    suite = bundle_with(project, prompt)
    suite.write_text(suite.read_text().replace("cases: cases.jsonl", "cases: ../prompts/v1.prompt.yml"))
    cases = load_bundle(suite).cases
    assert [(case.id, case.expected, dict(case.inputs)) for case in cases] == [
        ("v1.prompt-4", "spam", {"message": "win"}),
        ("x", "ham", {"message": "hi"}),
    ]


def test_a_stranger_s_github_prompt_is_confined_in_its_own_manner(project: Write) -> None:
    suite = bundle_with(project, "model: a/b\nmessages:\n  - {role: user, content: '{{ 1 * }} {{message}}'}\n")
    assert load_bundle(suite, trusted=False).candidates[0].prompt.template == "github"
