"""report.json keeps its contract: decodable, stable, in UTF-8, without NaN, as its schema says."""

from __future__ import annotations

import json
import math

import msgspec
from judged import assessment, candidate, scored, three
from judged_extremes import hostile

from harness.cli.schema import written_schemas
from harness.judge.documents import Assessment
from harness.report.run import render_document


def test_what_was_written_reads_back_as_the_same_assessment() -> None:
    judged = three()
    assert msgspec.json.decode(render_document(judged), type=Assessment) == judged


def test_the_same_assessment_gives_the_same_bytes() -> None:
    assert render_document(three()) == render_document(three())


def test_no_number_is_nan_or_infinite() -> None:
    c = candidate()
    odd = msgspec.structs.replace(
        c.cost, total=math.nan, per_1000=msgspec.structs.replace(c.cost.per_1000, high=math.inf)
    )
    written = json.loads(
        render_document(assessment(candidate(cost=odd))),
        parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name)),
    )
    assert written["candidates"][0]["cost"]["total"] is None
    assert written["candidates"][0]["cost"]["per_1000"]["high"] is None


def test_a_lone_surrogate_is_written_visibly() -> None:
    written = json.loads(render_document(hostile()).decode("utf-8"))
    assert "lone \\ud800 surrogate" in written["suite"]


def test_the_top_level_is_as_documented() -> None:
    keys = list(json.loads(render_document(assessment(scored()))))
    assert keys[:3] == ["schema_version", "run_id", "suite"]
    assert "candidates" in keys


def test_the_schema_names_every_top_level_field() -> None:
    schema = written_schemas()["report"]
    top = schema["$defs"]["Assessment"]
    assert set(top["properties"]) == set(json.loads(render_document(assessment())))
    assert schema["$schema"].startswith("https://json-schema.org/")
