"""What a provider's list of models says of a model's end, in each provider's fields."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from harness.files.project import ModelEntry, model_digest, retiring
from harness.measure.endpoint.lifecycle import Lifecycle, read_lifecycle

END = date(2027, 1, 14)
PAST = "the model `m` has retired on 2027-01-14: its provider may refuse it, or serve another model."


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ({"id": "m", "object": "model", "shutdown_date": "2027-01-14"}, Lifecycle(None, END)),  # OpenAI
        ({"id": "m", "object": "model", "shutdown_date": None}, Lifecycle()),
        (
            {"id": "m", "lifecycle": {"status": "deprecated", "retires_at": "2027-01-14T00:00:00Z"}},
            Lifecycle("deprecated", END),
        ),  # Anthropic
        ({"id": "m", "lifecycle": "active", "retires_at": None}, Lifecycle("active", None)),
        ({"id": "m", "deprecation": "2027-01-14T12:00:00Z"}, Lifecycle(None, END)),  # Mistral
        ({"id": "m", "expiration_date": "2027-01-14"}, Lifecycle(None, END)),  # OpenRouter
        (
            {"id": "m", "lifecycle_status": "generally-available", "deprecation": {"inference": 1799884800}},
            Lifecycle("generally-available", END),
        ),  # Azure
        ({"shutdown_date": "soon", "deprecation": -1, "lifecycle": [1], "retires_at": True}, Lifecycle()),
        ({"shutdown_date": 10**30, "lifecycle_status": ""}, Lifecycle()),
    ],
)
def test_each_provider_s_fields_are_read_and_odd_ones_say_nothing(said: dict[str, Any], read: Lifecycle) -> None:
    assert read_lifecycle(said) == read


@pytest.mark.parametrize(
    ("today", "told"),
    [
        (date(2026, 10, 15), ()),
        (date(2026, 10, 16), ("the model `m` retires on 2027-01-14, in 90 days.",)),
        (date(2027, 1, 13), ("the model `m` retires on 2027-01-14, in 1 day.",)),
        (END, (PAST,)),
        (date(2028, 1, 1), (PAST,)),
    ],
)
def test_a_model_is_told_of_from_ninety_days_before_its_end(today: date, told: tuple[str, ...]) -> None:
    entry = ModelEntry(endpoint="replay", replies="r.jsonl", retires="2027-01-14")
    other = ModelEntry(endpoint="replay", replies="r.jsonl")
    assert retiring({"m": entry, "other": other}, today) == told
    assert model_digest(entry) == model_digest(other)
