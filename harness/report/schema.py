"""The published JSON Schemas of the files that the harness writes."""

from __future__ import annotations

from typing import Any

import msgspec

from harness.judge.documents.assessment import Assessment
from harness.judge.documents.comparison import Comparison
from harness.judge.documents.gate import Gate
from harness.record import Event
from harness.rundir import Manifest

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def report_schema() -> dict[str, Any]:
    """Give the JSON Schema of report.json."""
    return schema_of(Assessment, "harness report.json")


def written_schemas() -> dict[str, dict[str, Any]]:
    """Give the schema of every other file that the harness writes, by the name that the command knows."""
    return {
        "manifest": schema_of(Manifest, "harness manifest.json"),
        "journal": schema_of(Event, "the `event` of a line of journal.jsonl"),
        "gate": schema_of(Gate, "harness gate.json"),
        "comparison": schema_of(Comparison, "harness compare --json"),
    }


def schema_of(kind: Any, title: str) -> dict[str, Any]:  # noqa: ANN401 - a type or a union of types
    """Give the JSON Schema of a msgspec type."""
    return {"$schema": DIALECT, "title": title, **msgspec.json.schema(kind)}
