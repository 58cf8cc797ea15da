"""report.json: the assessment itself, encoded in one stable order."""

from __future__ import annotations

import re

import msgspec

from harness.judge.documents.assessment import Assessment
from harness.report.neutral import json_ready

_C1_OR_DELETE = re.compile(b"\xc2[\x80-\x9f]|\x7f")  # JSON allows them; a terminal that prints the file acts


def render_json(assessment: Assessment) -> bytes:
    """Encode an assessment."""
    return render_document(assessment)


def render_document(tree: msgspec.Struct) -> bytes:
    r"""Encode a tree of values: fields in the order of the types, keys sorted, UTF-8, no NaN, LF at the end.

    A number that is not finite becomes null; a lone surrogate is written as `\ud800`.
    """
    try:
        encoded = msgspec.json.encode(tree, order="deterministic")
    except UnicodeEncodeError:
        clean = msgspec.convert(json_ready(tree), type(tree))
        encoded = msgspec.json.encode(clean, order="deterministic")
    quiet = _C1_OR_DELETE.sub(lambda m: b"\\u00%02x" % m.group()[-1], encoded)
    return msgspec.json.format(quiet, indent=2) + b"\n"
