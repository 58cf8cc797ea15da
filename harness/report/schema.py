"""The published JSON Schema of report.json."""

from __future__ import annotations

from typing import Any

import msgspec

from harness.judge.assessment import Assessment


def report_schema() -> dict[str, Any]:
    """Give the JSON Schema of report.json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "harness report.json",
        **msgspec.json.schema(Assessment),
    }
