"""promptfoo's assertions: what they say, read without running them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from harness.files.imported.assertions import from_cell, meaning

VARS: dict[str, Any] = {"label": "spam", "nested": {"gold": "Ham"}, "long name": "x", "empty": ""}
PASSES = [  # an assertion, a reply that passes it in promptfoo, one that does not
    ({"type": "equals", "value": "{{label}}"}, "spam", "spam "),
    ({"type": "equals", "value": "a {{ label }}"}, "a spam", "spam"),
    ({"type": "iequals", "value": "SPAM"}, "spam", "spam!"),
    ({"type": "contains", "value": "spam"}, "it is spam", "it is Spam"),
    ({"type": "icontains", "value": "spam"}, "it is Spammy", "ham"),
    ({"type": "starts-with", "value": "spam"}, "spammy", " spam"),
    ({"type": "contains-any", "value": "spam, junk"}, "all junk", "ham"),
    ({"type": "javascript", "value": "output === context.vars.label"}, "spam", "spam\n"),
    ({"type": "javascript", "value": "return output.trim() === context.vars.label;"}, " spam\n", "ham"),
    (
        {"type": "javascript", "value": "output.toLowerCase() === context.vars['nested'].gold.toLowerCase()"},
        "HAM",
        "a ham",
    ),
    ({"type": "javascript", "value": "output.includes('spam')"}, "is spam?", "SPAM"),
    ({"type": "javascript", "value": "output.trim().startsWith(`ham`)"}, "  ham, yes", "a ham"),
    ({"type": "regex", "value": "^spam$"}, "spam", "spam\n"),
    ({"type": "regex", "value": r"\bspam\b"}, "is spam.", "spammy"),
    ({"type": "regex", "value": r"^(?:spam|junk)\b"}, "junk, sure", "a junk"),
    ({"type": "regex", "value": r"C\+\+"}, "in C++ then", "in C"),
    ({"type": "regex", "value": "(?i)spam"}, "SPAM", "ham"),
]


@pytest.mark.parametrize(("assertion", "passes", "fails"), PASSES)
def test_the_pattern_of_an_assertion_finds_what_passes(assertion: dict[str, Any], passes: str, fails: str) -> None:
    found = meaning(assertion, VARS)
    assert found.way is not None
    assert found.accepted
    names = "|".join(map(re.escape, found.accepted))
    pattern = re.compile(f"{found.way.before}(?:{names}){found.way.after}", 0 if found.way.cased else re.IGNORECASE)
    assert pattern.search(passes)
    assert not pattern.search(fails)


POINTERS = [
    ({"type": "javascript", "value": "output.label === context.vars.label"}, "/label"),
    ({"type": "javascript", "value": "JSON.parse(output).result['the/label'] == 'spam'"}, "/result/the~1label"),
    ({"type": "is-json", "value": {"properties": {"label": {"enum": ["spam"]}, "why": {"type": "string"}}}}, "/label"),
    ({"type": "contains-json", "value": '{"properties": {"label": {"const": "{{label}}"}}}'}, "/label"),
    ({"type": "equals", "value": {"label": "spam"}}, "/label"),
]


@pytest.mark.parametrize(("assertion", "pointer"), POINTERS)
def test_a_field_is_a_pointer(assertion: dict[str, Any], pointer: str) -> None:
    found = meaning(assertion, VARS)
    assert found.way is not None
    assert found.way.pointer == pointer
    assert found.accepted == ("spam",)


NOT_CARRIED = [
    {"type": "not-equals", "value": "spam"},
    {"type": "llm-rubric", "value": "spam"},
    {"type": "python", "value": "output == 'spam'"},
    {"type": "javascript", "value": "process.exit(1) || output === context.vars.label"},
    {"type": "javascript", "value": "output === context.vars.constructor"},
    {"type": "javascript", "value": "output.label.includes('spam')"},
    {"type": "javascript", "value": "output === `${context.vars.label}`"},
    {"type": "javascript", "value": "output === context.vars.empty"},
    {"type": "javascript", "value": "file://check.js"},
    {"type": "regex", "value": "^[A-Z]+$"},
    {"type": "regex", "value": "/spam/i"},
    {"type": "regex", "value": "(a+)+$"},
    {"type": "regex", "value": "spam|"},
    {"type": "equals", "value": "{{ label | upper }}"},
    {"type": "equals", "value": "{% if label %}spam{% endif %}"},
    {"type": "equals", "value": {"a": "1", "b": "2"}},
    {"type": "is-json", "value": {"properties": {"a": {"const": "x"}, "b": {"const": "y"}}}},
    {"type": "is-json", "value": "{not json"},
    {"type": "latency"},
    {"value": "spam"},
    {},
]


@pytest.mark.parametrize("assertion", NOT_CARRIED)
def test_what_is_not_understood_is_told_and_never_guessed(assertion: dict[str, Any]) -> None:
    found = meaning(assertion, VARS)
    assert not found.accepted
    assert found.why.endswith(".")


CELLS = [
    ("spam", {"type": "equals", "value": "spam"}),
    ("icontains: spam", {"type": "icontains", "value": " spam"}),
    ("contains-any:a,b", {"type": "contains-any", "value": "a,b"}),
    ("not-contains:x", {"type": "not-contains", "value": "x"}),
    ("fn:output === 'a'", {"type": "javascript", "value": "output === 'a'"}),
    ("similar(0.8):hello", {"type": "similar", "value": "hello"}),
    ("note: this", {"type": "equals", "value": "note: this"}),
    ("latency(500)", {"type": "latency", "value": None}),
]


@pytest.mark.parametrize(("cell", "expected"), CELLS)
def test_a_cell_is_read_as_promptfoo_reads_it(cell: str, expected: dict[str, Any]) -> None:
    found = from_cell(cell)
    assert {key: found[key] for key in expected} == expected


def test_limits_become_thresholds_of_the_suite() -> None:
    assert meaning({"type": "latency", "threshold": "1500"}, {}).threshold == "latency.p95 <= 1500 ms"
    assert meaning(from_cell("cost(0.002)"), {}).threshold == "cost per 1000 <= $2"
