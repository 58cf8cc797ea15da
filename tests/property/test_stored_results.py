"""Whatever stands in a file of results, it is judged or refused by name: nothing else comes of it."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import stored_elsewhere as stored
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import FilesError
from harness.files.answers import ReadAs, Stored, read_stored
from harness.judge.given import read_here, stored_run, suite_of_stored
from harness.manifest import Manifest, check_manifest
from harness.record import Event, Record

ANSWERS = stored.ANSWERS[:5]
WHOLE: tuple[Any, ...] = (
    stored.promptfoo([stored.promptfoo_row(n, answer) for n, answer in enumerate(ANSWERS)]),
    stored.promptfoo_table(ANSWERS),
    {**stored.inspect_head(5), "samples": [stored.inspect_sample(answer) for answer in ANSWERS]},
    stored.deepeval(ANSWERS),
)
LINES: tuple[Any, ...] = (
    [stored.promptfoo_row(n, answer) for n, answer in enumerate(ANSWERS)],
    [stored.lm_eval_choice(n, answer) for n, answer in enumerate(ANSWERS)],
    [stored.lm_eval_text(n, answer, "none", answer[2]) for n, answer in enumerate(ANSWERS)],
    stored.openai_evals(ANSWERS),
    [{"id": c, "expected": e, "reply": r, "latency_ms": 1.5, "repeat": 0, "error": None} for c, e, r in ANSWERS],
)
ODD: tuple[Any, ...] = (
    None, [], {}, "", 0, -1, 1e308, True, "x" * 3000, "\ud800", "a\0b", [[]], {"a": {"b": [1]}}, [None], "nan", 2**70,
    "{{x}}", "attachment://z", "\n", float("nan"),
)  # fmt: skip


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Give each container of a document with each of its keys."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [(value, key) for key in keys] + [place for key in keys for place in _places(value[key])]


def _spoilt(value: Any, chance: random.Random) -> Any:
    value = json.loads(json.dumps(value))
    for _ in range(chance.choice([1, 1, 2, 4])):
        places = _places(value)
        if not places:
            break
        inside, key = chance.choice(places)
        if chance.random() < 0.15:
            del inside[key]
        else:
            inside[key] = json.loads(json.dumps(chance.choice(ODD)))
    return value


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([*((one, False) for one in WHOLE), *((one, True) for one in LINES)]), st.integers(0, 2**32))
def test_a_spoilt_file_is_judged_or_refused_by_name(made: tuple[Any, bool], seed: int) -> None:
    spoilt = _spoilt(made[0], random.Random(seed))
    rows = spoilt if made[1] else [spoilt]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "results.json"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        answers = _read(file)
    if isinstance(answers, str):
        assert "results.json" in answers
        return
    made_of = _run(answers)
    if isinstance(made_of, str):
        assert "validation error" not in made_of
        return
    manifest, events = made_of
    check_manifest(msgspec.json.decode(msgspec.json.encode(manifest), type=Manifest))
    records = [event for event in events if isinstance(event, Record)]
    assert len(records) == manifest.planned_trials == len(answers.answers)
    assert [msgspec.json.decode(msgspec.json.encode(record), type=Record) for record in records] == records


def _read(file: Path) -> Stored | str:
    try:
        return read_stored(file, ReadAs())
    except FilesError as refused:
        return str(refused)


def _run(answers: Stored) -> tuple[Manifest, list[Event]] | str:
    now = "2026-11-30T00:00:00.000000+00:00"
    try:
        suite = suite_of_stored(answers, labels="", positive="", read_as="", name="")
        told = read_here(answers, suite)
        return stored_run(answers, suite, told, file="results.json", now=now, version="1", command=())
    except ValueError as refused:
        return str(refused)
