"""Where a person is sent to change something: to the line that decides what is sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.files.bundle import load_bundle
from harness.files.mending import Mend, more_output, what_to_change
from harness.record import Failure

PROMPT = "modelParameters:\n  max_tokens: 8\n  temperature: 0\nmessages:\n  - {role: user, content: '{{ message }}'}\n"
MINI = "models:\n  mini:\n    endpoint: chat\n    base_url: https://api.example.com/v1\n    model: m\n"


@pytest.mark.parametrize(
    ("adapt", "limit", "temperature"),
    [
        ("", Mend("prompts/v1.prompt.yml:2", "Raise `max_tokens`", there=True), "prompts/v1.prompt.yml:3"),
        (
            "    adapt:\n      override:\n        max_completion_tokens: 9\n      drop: [temperature]\n",
            Mend("harness.yml:8", "Raise `max_completion_tokens`", there=True),
            "harness.yml:2",
        ),
        (
            "    adapt: {override: {temperature: 1, maxTokens: 9}}\n",
            Mend("harness.yml:6", "Raise `maxTokens`", there=True),
            "harness.yml:6",
        ),
    ],
)
def test_a_parameter_is_changed_where_it_wins(
    project: Callable[..., Path], adapt: str, limit: Mend, temperature: str
) -> None:
    suite = project({"prompts/v1.prompt.yml": PROMPT, "harness.yml": MINI + adapt})
    (candidate,) = load_bundle(suite, models=["mini"]).candidates
    assert more_output(candidate.places) == limit
    refused = Failure(kind="bad_request", message="Unsupported value: 'temperature' does not support 0.", status=400)
    assert what_to_change(refused, candidate.places).where == temperature
