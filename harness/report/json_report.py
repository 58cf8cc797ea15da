"""report.json: the assessment itself, encoded in one stable order."""

from __future__ import annotations

import msgspec

from harness.judge.assessment import Assessment
from harness.report.neutral import json_ready


def render_json(assessment: Assessment) -> bytes:
    r"""Encode an assessment: fields in the order of the types, keys sorted, UTF-8, no NaN, LF at the end.

    A number that is not finite becomes null; a lone surrogate is written as `\ud800`.
    """
    try:
        encoded = msgspec.json.encode(assessment, order="deterministic")
    except UnicodeEncodeError:
        clean = msgspec.convert(json_ready(assessment), Assessment)
        encoded = msgspec.json.encode(clean, order="deterministic")
    return msgspec.json.format(encoded, indent=2) + b"\n"
