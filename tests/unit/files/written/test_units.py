"""Quantities and schemas."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml

from harness.files.schema import schemas
from harness.files.written import units

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize(
    ("read", "written", "value"),
    [
        (units.read_seconds, "30 s", 30.0),
        (units.read_seconds, "1500 ms", 1.5),
        (units.read_seconds, "2 min", 120.0),
        (units.read_seconds, "0.5h", 1800.0),
        (units.read_seconds, 3, 3.0),
        (units.share, "95%", 0.95),
        (units.share, "0.5 %", 0.005),
        (units.share, 0.2, 0.2),
        (units.read_money, "$0.40", 0.4),
        (units.read_money, "1,250.50 EUR", 1250.5),
        (units.per_month, "2M per month", 2_000_000.0),
        (units.per_month, "500k/month", 500_000.0),
        (units.per_month, "12 per year", 1.0),
        (units.per_month, "100 per day", 3043.75),
    ],
)
def test_a_quantity_is_read(read: Callable[[object], float], written: object, value: float) -> None:
    assert read(written) == pytest.approx(value)


@pytest.mark.parametrize(
    ("written", "currency"),
    [
        ({"input": "€0.40", "output": 1.6}, "EUR"),
        ({"input": "0.40 CHF", "output": "1.60 CHF"}, "CHF"),
        ({"input": "$0.40", "batch": "50%"}, "USD"),
        ({"input": 0.4, "currency": "EUR"}, "EUR"),
        ({"input": "¥2", "output": "¥8", "currency": "CNY"}, "CNY"),
        ({"input": "$0.40 CAD"}, "CAD"),
        ({"input": "0.40 €"}, "EUR"),
        ({"input": "2 ¥", "currency": "CNY"}, "CNY"),
        ({"input": 0.4}, None),
    ],
)
def test_an_amount_says_which_currency_all_are_in(written: dict[str, object], currency: str | None) -> None:
    taken = units.in_one_currency(written)
    assert isinstance(taken, dict)
    assert taken.get("currency") == currency


def test_an_amount_in_two_currencies_is_refused() -> None:
    with pytest.raises(ValueError, match="two currencies"):
        units.read_money("$2 EUR")
    with pytest.raises(ValueError, match="one currency"):
        units.in_one_currency({"input": "$2", "currency": "EUR"})


@pytest.mark.parametrize("read", [units.read_seconds, units.share, units.read_money, units.per_month])
@pytest.mark.parametrize("written", ["", "soon", "5 parsecs", "-", True, None, [], float("nan"), float("inf"), "1 1"])
def test_what_is_no_quantity_is_refused(read: Callable[[object], float], written: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        read(written)


@pytest.mark.parametrize("kind", ["project", "suite", "prompt", "case"])
def test_a_schema_is_valid_json_schema_and_describes_every_field(kind: str) -> None:
    schema = schemas()[kind]
    jsonschema.Draft202012Validator.check_schema(schema)
    places = [schema, *schema.get("$defs", {}).values()]
    fields = [(n, rule) for place in places for n, rule in place.get("properties", {}).items()]
    assert [name for name, rule in fields if not rule.get("description")] == []
    json.dumps(schema)


@pytest.mark.parametrize(("kind", "pattern"), [("suite", "suites/*.suite.yml"), ("prompt", "prompts/*/*.prompt.yml")])
def test_the_shipped_files_follow_their_schema(kind: str, pattern: str) -> None:
    files = sorted(ROOT.glob(pattern))
    assert files
    for path in files:
        jsonschema.validate(yaml.safe_load(path.read_text()), schemas()[kind])


def test_a_schema_knows_nothing_of_what_loaders_fill_in() -> None:
    assert not {"path", "root"} & set(schemas()["project"]["properties"])
    assert not {"path", "labels", "title"} & set(schemas()["prompt"]["properties"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"text": "a", "labels": []}, schemas()["prompt"])
