"""Prompts render as their authors meant them, and nothing that a template says can hurt."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing
from pathlib import Path

import jinja2
import pytest
import yaml

from harness.files.prompts import (
    Message,
    Prompt,
    RenderedChat,
    RenderedText,
    Renderer,
    RenderFailed,
    TemplateRefused,
    compile_template,
    read_prompt,
)
from harness.files.prompts.confined import ConfinedRenderer, RenderRefused
from harness.files.prompts.render import variables
from harness.files.written import Findings

SHIPPED = sorted((Path(__file__).parents[4] / "prompts").glob("*/*.prompt.yml"))
EXAMPLES = ({"message": "win", "label": "spam"}, {"message": "hi", "label": "ham"})


def text_of(source: str, inputs: dict[str, str], **parts: object) -> str:
    rendered = Renderer(Prompt(text=source, **parts)).render(inputs)  # type: ignore[arg-type]
    assert isinstance(rendered, RenderedText)
    return rendered.text


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_shipped_prompts_render_as_plain_jinja_with_trimmed_blocks_does(path: Path) -> None:
    checked = read_prompt(path, Findings())
    assert checked is not None
    written = yaml.safe_load(path.read_text())
    inputs = dict.fromkeys(sorted(variables(checked.model)), "a {{ b }} {% c %}\n")
    plain = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    values = {**inputs, "examples": written.get("examples", []), "labels": []}
    rendered = Renderer(checked.model).render(inputs)
    if isinstance(rendered, RenderedText):
        assert rendered.text == plain.from_string(written["text"]).render(values)
    else:
        last = plain.from_string(written["messages"][-1]["content"]).render(values)
        assert rendered.messages[-1] == (written["messages"][-1]["role"], last)


def test_a_line_with_only_a_block_tag_leaves_nothing_behind_and_the_last_newline_stays() -> None:
    source = "Start\n{% for e in examples %}\n{{ e.message }} -> {{ e.label }}\n{% endfor %}\n{{ message }}\n"
    assert text_of(source, {"message": "x"}, examples=EXAMPLES) == "Start\nwin -> spam\nhi -> ham\nx\n"


def test_examples_that_no_template_places_become_turns_before_the_last_user_message() -> None:
    prompt = Prompt(
        messages=(
            Message(role="system", content="Classify."),
            Message(role="user", content="Text: {{ message }}"),
            Message(role="assistant", content="Answer:"),
        ),
        examples=EXAMPLES,
    )
    assert Renderer(prompt).render({"message": "x"}) == RenderedChat(
        (
            ("system", "Classify."),
            ("user", "Text: win"),
            ("assistant", "spam"),
            ("user", "Text: hi"),
            ("assistant", "ham"),
            ("user", "Text: x"),
            ("assistant", "Answer:"),
        )
    )


def test_examples_that_a_template_places_are_not_sent_as_turns_too() -> None:
    content = "{% for e in examples %}{{ e.label }} {% endfor %}{{ message }}"
    prompt = Prompt(messages=(Message(role="user", content=content),), examples=EXAMPLES)
    assert Renderer(prompt).render({"message": "x"}) == RenderedChat((("user", "spam ham x"),))


def test_labels_of_the_suite_can_be_listed() -> None:
    prompt = Prompt(text="{{ labels | join(', ') }}: {{ m }}").model_copy(update={"labels": ("a", "b")})
    assert Renderer(prompt).render({"m": "x"}) == RenderedText("a, b: x")


def test_the_inputs_go_along_for_endpoints_that_send_them_raw() -> None:
    assert Renderer(Prompt(text="hi")).render({"m": "x"}).inputs == {"m": "x"}


def test_case_text_is_never_parsed_as_a_template_nor_escaped() -> None:
    hostile = '{{ 7 * 7 }} {% raw %} <b>&amp;" {# c #}'
    assert text_of("[{{ m }}]", {"m": hostile}) == f"[{hostile}]"


def test_example_columns_named_like_methods_are_values() -> None:
    example = {"items": "a", "values": "b", "copy": "c", "label": "x"}
    source = "{% for e in examples %}{{ e.items }}{{ e.values }}{{ e['copy'] }}{% endfor %}"
    assert text_of(source, {}, examples=(example,)) == "abc"


def test_json_for_a_model_is_not_escaped_for_html() -> None:
    assert text_of("{{ m | tojson }}", {"m": "<é>'"}) == '"<é>\'"'


def test_variables_are_the_inputs_that_a_prompt_needs() -> None:
    prompt = Prompt(text="{{ a }}{% if b %}{% for e in examples %}{{ e.label }}{% endfor %}{% endif %}{{ labels }}")
    assert variables(prompt) == {"a", "b"}


@pytest.mark.parametrize(
    "source",
    [
        '{{ "a" * 10**9 }}',
        "{{ 9 ** 9 ** 9 }}",
        '{{ "%1000000000d" % 1 }}',
        "{{ m | center(10**9) }}",
        "{{ m | format }}",
        "{{ m | attr('__class__') }}",
        "{{ m | map('upper') }}",
        "{{ m | random }}",
        "{{ m.__class__ }}",
        "{{ m.upper }}",
        "{{ m.upper() }}",
        "{{ self }}",
        "{{ range(10) }}",
        "{% for i in range(10) %}{% endfor %}",
        "{% for i in [1, 2] %}{% endfor %}",
        "{% for a in m recursive %}{{ loop(a) }}{% endfor %}",
        "{% for a in m %}{% for b in m %}{% endfor %}{% endfor %}",
        "{% for a in labels %}{% for b in labels %}{% for c in labels %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in labels %}{{ a.__init__ }}{% endfor %}",
        "{% for a in labels %}{% endfor %}" * 21,
        "{% set a = m ~ m %}",
        "{% set a %}b{% endset %}",
        "{% with a = 1 %}{% endwith %}",
        "{% include 'a' %}",
        "{% import 'a' as b %}",
        "{% from 'a' import b %}",
        "{% extends 'a' %}",
        "{% block a %}{% endblock %}",
        "{% macro a() %}{% endmacro %}",
        "{% call a() %}{% endcall %}",
        "{% filter upper %}a{% endfilter %}",
        "{% autoescape true %}{% endautoescape %}",
        "{{ {'a': 1} }}",
        "{{ m " + "~ m" * 200 + " }}",
        "{{ " + "(" * 5000 + "m" + ")" * 5000 + " }}",
        "{{ m" + "[0]" * 5000 + " }}",
        "{{ m",
        "{% endfor %}",
        "x" * 200_001,
    ],
    ids=lambda source: source[:40],
)
def test_what_is_not_allowed_is_refused_before_it_is_compiled(source: str) -> None:
    started = time.process_time()
    with pytest.raises(TemplateRefused):
        Renderer(Prompt(text=source))
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "source",
    [
        "{{ m" + " | tojson" * 30 + " }}",
        "{{ m" + " | list | string" * 12 + " }}",
        "{{ m" + " | join(m)" * 5 + " }}",
        "{{ m " + "~ m" * 99 + " }}",
        "{{ m }}" * 20,
        "{% for a in m %}{{ m }}{% endfor %}",
        "{{ missing }}",
        "{{ m['__class__'] }}",
        "{{ 1 - m }}",
    ],
    ids=lambda source: source[:40],
)
def test_what_grows_too_long_or_fails_is_stopped_while_it_renders(source: str) -> None:
    renderer = Renderer(Prompt(text=source))
    started = time.process_time()
    with pytest.raises(RenderFailed):
        renderer.render({"m": '"' * 200_000})
    assert time.process_time() - started < 2


def test_a_small_prompt_renders_at_least_30_000_times_a_second() -> None:
    source = "Examples\n{% for e in examples %}\n{{ e.message }}: {{ e.label }}\n{% endfor %}\n{{ message }}: "
    renderer = Renderer(Prompt(text=source, examples=EXAMPLES))
    best = 0.0
    for _ in range(10):  # the best of ten in CPU time, because other tests share these cores
        started = time.process_time()
        for _ in range(2_000):
            renderer.render({"message": "hello"})
        best = max(best, 2_000 / (time.process_time() - started))
    assert best > 30_000


CHAT = Prompt(
    messages=(Message(role="system", content="Sort \u00e9\n"), Message(role="user", content="{{ m }}{{ message }}"))
)
LOOPS = Prompt(text="{% for e in examples %}{{ e.label }}{% endfor %}{{ labels | join }}{{ m }}", examples=EXAMPLES)
ENDLESS = Prompt(  # within the rules: a loop over an input, one over the examples, a filter
    text="{% for c in m %}{% for e in examples %}{{ (m | list | sort | join)[:0] }}{% endfor %}{% endfor %}",
    examples=EXAMPLES,
)


@pytest.mark.parametrize("prompt", [Prompt(text="{{ m | upper }}: "), CHAT, LOOPS])
def test_a_strangers_prompt_becomes_what_it_would_become_here(prompt: Prompt) -> None:
    prompt = prompt.model_copy(update={"labels": ("spam", "ham")})
    here = Renderer(prompt)
    with closing(ConfinedRenderer(prompt)) as confined:
        for said in ("a", '\U0001f600 \u2028 \\ "', "x" * 200_000):
            inputs = {"m": said, "message": said}
            made = confined.render(inputs)
            assert made == here.render(inputs)
            assert made.inputs == inputs


def test_a_strangers_prompt_is_refused_with_its_reason() -> None:
    with pytest.raises(RenderRefused, match=r"line 2 of a template: `\*` is not allowed"):
        ConfinedRenderer(Prompt(text="a\n{{ m * 9 }}"))
    with closing(ConfinedRenderer(Prompt(text="{{ n }}"))) as confined:
        with pytest.raises(RenderFailed, match="'n' is undefined"):
            confined.render({"m": "a"})
        assert confined.render({"n": "a"}).text == "a"  # type: ignore[union-attr]  # a mistake of one case ends nothing


@pytest.mark.parametrize("limits", [{"memory": 60 << 20}, {"cpu_s": 0}, {"wall_s": 0.5}])
def test_a_render_that_exceeds_its_limits_is_refused_for_good(limits: dict[str, float]) -> None:
    with closing(ConfinedRenderer(ENDLESS, **limits)) as confined:  # type: ignore[arg-type]
        for said in ("x" * 200_000, "a"):
            with pytest.raises(RenderRefused, match="too much time or memory"):
                confined.render({"m": said})


def test_a_child_that_does_not_even_begin_in_time_is_refused() -> None:
    with pytest.raises(RenderRefused, match=r"did not begin within 0\.001 s") as refused:
        ConfinedRenderer(Prompt(text="{{ m }}"), start_s=0.001)
    assert "too much" not in str(refused.value), "the prompt did nothing yet"


@pytest.mark.parametrize(
    "source",
    [
        "{{ 1 | round(300000000, 'ceil') }}",
        "{{ m | length | round(-300000000) }}",
        "{{ m | length | round(precision=16) }}",
        "{{ '1e400' | float | int }}",
        "{{ 'nan' | float | round }}",
        "{{ ('" + "9" * 400 + "' | int) | abs }}",
        "{{ m | length | float | join }}",
        "{{ examples | join(',', '__class__') }}",
    ],
)
def test_what_a_filter_is_asked_for_is_bounded(source: str) -> None:
    with pytest.raises(RenderFailed):
        Renderer(Prompt(text=source, examples=EXAMPLES)).render({"m": "hello"})


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 400, "1" + "0" * 19])
def test_a_number_that_is_too_large_is_refused_where_it_stands(number: str) -> None:
    with pytest.raises(TemplateRefused, match="too large"):
        compile_template("{{ " + number + " }}")


def test_nothing_is_computed_while_a_template_is_compiled() -> None:
    template = compile_template("{{ 1 | round(300000000, 'ceil') }}{{ '1e400' | float | int }}")
    assert template is not None  # it is when it is rendered that it is refused


def test_a_confined_prompt_is_given_new_time_as_cases_go_on() -> None:
    slow = Prompt(text="{{ m | list | sort | join | length }}")  # some hundredths of a second: far from its limit
    with closing(ConfinedRenderer(slow, cpu_s=1, batch=1)) as confined:
        until = time.monotonic() + 4  # twice of what one allowance can be
        while time.monotonic() < until:
            assert confined.render({"m": "a" * 200_000}).text == "200000"  # type: ignore[union-attr]


def child_of(confined: ConfinedRenderer) -> int:
    """Give the id of the process that renders, once it has done so."""
    confined.render({"m": "a"})
    return confined._child.pid


def test_a_closed_child_goes_on_with_the_same_prompt_and_with_no_other() -> None:
    prompt = Prompt(text="{{ m }} and once more {{ m | list | sort | join | length }}")
    with closing(ConfinedRenderer(prompt, cpu_s=1)) as first, closing(ConfinedRenderer(prompt, cpu_s=1)) as beside:
        assert child_of(first) != child_of(beside), "who renders at the same time has a child of its own"
    pids = set()
    for _ in range(3):
        with closing(ConfinedRenderer(prompt, cpu_s=1)) as again:
            pids.add(child_of(again))
            again.close()  # twice, too, it is given back once
    assert len(pids) == 1
    for other in (prompt.model_copy(update={"labels": ("x",)}), Prompt(text="{{ m }}")):
        with closing(ConfinedRenderer(other, cpu_s=1)) as another:
            assert child_of(another) not in pids


def test_a_child_that_died_while_it_waited_or_owes_an_answer_renders_nothing_more() -> None:
    prompt = Prompt(text="{{ m }} is never mixed up")
    with closing(ConfinedRenderer(prompt)) as first:
        died = child_of(first)
    os.kill(died, signal.SIGKILL)
    with closing(ConfinedRenderer(prompt)) as second:
        assert (owes := child_of(second)) != died
        second._asking = True  # as after Ctrl-C between a question and its answer
    with closing(ConfinedRenderer(prompt)) as third:
        assert child_of(third) not in {died, owes}


def test_a_chat_that_is_too_long_as_a_whole_is_refused() -> None:
    message = Message(role="user", content="{{ m }}")
    with pytest.raises(RenderFailed, match="longer than"):
        Renderer(Prompt(messages=(message, message))).render({"m": "a" * 600_000})
