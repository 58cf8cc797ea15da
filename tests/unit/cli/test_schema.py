"""The published schemas say what each field of what the harness writes and reads is."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cli.schema import written_schemas
from harness.files.schema import schemas

EVERY = {**schemas(), **written_schemas()}


def fields_of(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    places = {"": schema, **schema.get("$defs", {})}
    return {
        f"{place}.{name}": rule for place, each in places.items() for name, rule in each.get("properties", {}).items()
    }


@pytest.mark.parametrize("name", EVERY)
def test_each_field_is_described(name: str) -> None:
    fields = fields_of(EVERY[name])
    tags = {place for place, rule in fields.items() if place.endswith(".type") and "enum" in rule}
    assert fields
    assert {place for place, rule in fields.items() if not rule.get("description")} - tags == set()


def test_a_description_is_what_stands_beside_the_field() -> None:
    (beside,) = (rule for place, rule in fields_of(EVERY["report"]).items() if place == "LatencyPart.mean_s")
    assert beside["description"] == "Mean seconds a trial."
