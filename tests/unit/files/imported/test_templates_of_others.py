"""Nunjucks written as Jinja: what a template renders to stays the same."""

from __future__ import annotations

import pytest

from harness.files.imported.templates import filled, input_name, inputs_of, translated
from harness.files.prompts import Prompt, RenderedChat, Renderer

INPUTS = {"text": 'say "hi"', "tone": "short", "item_text": "deep", "id_": "7", "labels_": "a, b", "empty": ""}
SAME = [  # a template, and what Nunjucks (without autoescape) makes of it
    ("{{text}} and {{ text }}", 'say "hi" and say "hi"'),
    ("{% if tone === 'short' %}\nbrief\n{% endif %}\nend", "\nbrief\n\nend"),
    ("  {% if tone %}x{% endif %}", "  x"),
    ("{%- if tone -%}  x  {%- endif -%}  y", "xy"),
    ("a {# a note #} b", "a  b"),
    ("a\n{# a note #}\nb", "a\n\nb"),
    ("{{ item.text | upper }}", "DEEP"),
    ("{{ text | dump }}", '"say \\"hi\\""'),
    ("{{ text | safe }}", 'say "hi"'),
    ("{{ id }} {{ labels }}", "7 a, b"),
    ("{% raw %}{{ text }}{% endraw %}\nx", "{{ text }}\nx"),
    ("{% if tone == 'long' %}a{% elseif tone == 'short' %}b{% else %}c{% endif %}", "b"),
    ("{{ 'a === b' }}", "a === b"),
    ("{% if empty %}a{% endif %}b", "b"),
    ("{{ text.length }}", "8"),
    ("{{ missing }}", ""),
]


@pytest.mark.parametrize(("source", "rendered"), SAME)
def test_a_template_renders_as_it_did(source: str, rendered: str) -> None:
    made, why = translated(source)
    assert why == ""
    prompt = Prompt.model_validate({"messages": [{"role": "user", "content": made}]})
    found = Renderer(prompt).render({**INPUTS, "missing": ""})
    assert isinstance(found, RenderedChat)
    assert found.messages == (("user", rendered),)


REFUSED = [
    ("{{ env.OPENAI_API_KEY }}", "line 1 of its template takes its text from the environment"),
    ("x\n{{ user-input }}", "line 2 of its template subtracts from `user`"),
    ("{% set x = 1 %}", "`set` is not allowed"),
    ("{% include 'a' %}", "`include` is not allowed"),
    ("{{ range(10) }}", "calling a function"),
    ("{{ text | random_filter }}", "the filter `random_filter` is not available"),
    ("{% if %}", "is not a valid template"),
    ("{{ 'a' * 1000000000 }}", "`*` is not allowed"),
    ("{{ text.__class__ }}", ""),
]


@pytest.mark.parametrize(("source", "said"), REFUSED)
def test_what_has_no_counterpart_is_refused_in_words(source: str, said: str) -> None:
    made, why = translated(source)
    if said:
        assert made == ""
        assert said in why
    else:
        assert "__class__" not in made.replace("text___class__", "")


def test_variables_are_inputs_under_names_that_templates_may_use() -> None:
    assert inputs_of({"a": 1, "item": {"id": "x", "b c": True}, "expected": "spam", "for": "y", "2nd": "z"}) == {
        "a": "1", "item_id": "x", "item_b_c": "true", "expected_": "spam", "for_": "y", "_2nd": "z",
    }  # fmt: skip
    assert input_name("examples") == "examples_"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{a}} {{ b.c }}", "x y"),
        ("{{ again }}", "x"),
        ("{{ unknown }}", None),
        ("{{ a | upper }}", None),
        ("{{ itself }}", None),
        ("plain", "plain"),
    ],
)
def test_only_names_are_filled_in(text: str, expected: str | None) -> None:
    variables = {"a": "x", "b": {"c": "y"}, "again": "{{a}}", "itself": "{{itself}}{{itself}}"}
    assert filled(text, variables) == expected
