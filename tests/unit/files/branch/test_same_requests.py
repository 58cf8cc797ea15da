"""When a changed prompt file sends what it sent before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from commanded import write_replayed, write_yaml

from harness.files.branch.prompts import same_requests
from harness.files.bundle import load_bundle
from harness.files.project import model_digest
from harness.files.prompts import Prompt, prompt_digest
from harness.measure.endpoint.codecs import merged

BASE = {"messages": [{"role": "user", "content": "Sort: {{ message }}\n"}], "modelParameters": {"temperature": 0}}


def same(root: Path, head: dict[str, Any], *, perturbations: tuple[str, ...] = ()) -> bool:
    suite = write_replayed(root, {("spam", "spam"): 3, ("ham", "ham"): 3})
    write_yaml(root / "v1.prompt.yml", BASE)
    bundle = load_bundle(suite)
    bundle = replace(bundle, suite=bundle.suite.model_copy(update={"perturbations": perturbations}))
    (base,) = bundle.candidates
    prompt = Prompt.model_validate(head).model_copy(update={"labels": bundle.suite.labels, "name": base.prompt.name})
    return same_requests(base, replace(base, prompt=prompt, prompt_digest=prompt_digest(prompt)), bundle, merged)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"name": "another title", "description": "for people"},
        {"messages": [{"role": "user", "content": "Sort: {{message}}\n"}]},
        {"messages": [{"role": "user", "content": "{# why #}Sort: {{ message }}\n"}]},
        {"messages": [{"role": "user", "content": "{% if message %}\nSort: {{ message }}\n{% endif %}\n"}]},
    ],
)
def test_titles_comments_and_other_ways_to_write_a_template_send_the_same(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    assert same(tmp_path, BASE | change)
    assert same(tmp_path, BASE | change, perturbations=("typos", "whitespace"))


@pytest.mark.parametrize(
    "change",
    [
        {"messages": [{"role": "user", "content": "Sort: {{ message }}"}]},
        {"messages": [{"role": "system", "content": "Sort: {{ message }}\n"}]},
        {"messages": [{"role": "user", "content": "Sort: {{ message | upper }}\n"}]},
        {"modelParameters": {"temperature": 1}},
        {"responseFormat": "json_object"},
    ],
)
def test_a_line_break_a_role_or_a_parameter_sends_something_else(tmp_path: Path, change: dict[str, Any]) -> None:
    assert not same(tmp_path, BASE | change)


def test_variants_of_the_prompt_itself_are_taken_as_different(tmp_path: Path) -> None:
    rewritten = {"messages": [{"role": "user", "content": "Sort: {{message}}\n"}]}
    assert not same(tmp_path, BASE | rewritten, perturbations=("label_order",))


def test_the_same_words_to_another_model_are_another_request(tmp_path: Path) -> None:
    bundle = load_bundle(write_replayed(tmp_path, {("spam", "spam"): 1, ("ham", "ham"): 1}))
    (base,) = bundle.candidates
    other = base.model.model_copy(update={"params": {"temperature": 1}})
    assert not same_requests(base, replace(base, model=other, model_digest=model_digest(other)), bundle, merged)
