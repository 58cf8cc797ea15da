"""JSON Schemas of the files that people write, for editors and for `harness schema`."""

from typing import Any

from harness.files.project import Project
from harness.files.prompts import Prompt
from harness.files.suite import Suite
from harness.files.written import FILLED_IN, Written

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """Give the schema of each kind of file: project, suite, prompt, case."""
    return {
        "project": _of(Project, "harness.yml"),
        "suite": _of(Suite, "*.suite.yml"),
        "prompt": _of(Prompt, "*.prompt.yml"),
        "case": _case(),
    }


def _of(cls: type[Written], title: str) -> dict[str, Any]:
    schema = cls.model_json_schema(by_alias=True)
    for name in FILLED_IN[cls.__name__]:
        schema["properties"].pop(name, None)
    if cls is Prompt:  # two fields answer to `name`: in a file it is the title
        told = Prompt.model_fields["title"].description
        schema["properties"]["name"] = {"type": "string", "default": "", "description": told}
    _loosen(schema)
    return {"$schema": _DIALECT, **schema, "title": title}


def _loosen(schema: dict[str, Any]) -> None:
    """Allow what the loader allows: one text where a list of texts stands, `95%` where a number stands."""
    for place in [schema, *schema.get("$defs", {}).values()]:
        for name, rule in place.get("properties", {}).items():
            kind = rule.get("type")
            if kind == "number" or (kind == "array" and rule.get("items") == {"type": "string"}):
                place["properties"][name] = {"anyOf": [{"type": "string"}, rule], **_said(rule)}
            elif rule.get("items") == {"$ref": "#/$defs/CaseFile"}:
                each = [{"type": "string"}, rule["items"]]
                rule["items"] = {"anyOf": each}
                place["properties"][name] = {"anyOf": [*each, rule], **_said(rule)}


def _said(rule: dict[str, Any]) -> dict[str, Any]:
    return {key: rule.pop(key) for key in ("description", "title", "default") if key in rule}


def _case() -> dict[str, Any]:
    label = {"type": ["string", "number", "boolean"]}
    return {
        "$schema": _DIALECT,
        "title": "case",
        "description": "One line of a JSONL file of cases. Every other key is an input of the template.",
        "type": "object",
        "required": ["expected"],
        "minProperties": 2,
        "properties": {
            "id": {"type": ["string", "number"], "description": "Unique in the suite; <file>-<line> if absent."},
            "expected": {**label, "description": "The right label, one of the suite's labels."},
            "split": {"type": "string", "description": "Such as dev or holdout."},
            "tags": {
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
                "description": "For slices: a list, or words between commas or semicolons.",
            },
        },
    }
