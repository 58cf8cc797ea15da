"""Exported tables: one row a trial, the documented columns, nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import msgspec
import polars
import pytest
from journalled import write_journal
from run_of import candidate, case_row, events_of, manifest_of, record

from harness.errors import UsageError
from harness.record import Attempt, Event, Failure, Reply, Session, Usage
from harness.report.export import COLUMNS, Row, trial_rows, write_csv, write_jsonl, write_parquet
from harness.rundir import JOURNAL, Manifest

LABELS = ("spam", "ham")
PRICED = msgspec.structs.replace(
    candidate(), model={"endpoint": "chat", "price": {"input": 2.0, "output": 8.0, "cached": 0.5}}
)


def rows_of(run: Path, events: list[Event], **manifest: object) -> list[Row]:
    write_journal(run / JOURNAL, events)
    fields = {"notes": manifest.pop("notes", {})}
    whole: Manifest = manifest_of(LABELS, planned=len(events), **manifest)  # type: ignore[arg-type]
    return list(trial_rows(run, msgspec.structs.replace(whole, **fields)))


def test_each_finished_trial_is_one_row_and_warm_ups_are_none(tmp_path: Path) -> None:
    warm = record("case-0000", "spam", warmup=True)
    rows = rows_of(tmp_path, [*events_of([("spam", "spam", 2), ("ham", "spam", 1)], repeats=2), warm])
    assert [(r["case"], r["repeat"], r["label"], r["right"]) for r in rows] == [
        ("case-0000", 0, "spam", True),
        ("case-0000", 1, "spam", True),
        ("case-0001", 0, "spam", True),
        ("case-0001", 1, "spam", True),
        ("case-0002", 0, "spam", False),
        ("case-0002", 1, "spam", False),
    ]


def test_a_failure_has_a_kind_and_no_reply_and_times_are_seconds(tmp_path: Path) -> None:
    failed = Failure(kind="timeout", message="too slow", status=None)
    attempts = (
        Attempt(duration_ns=2_000_000_000, status=429, failure=failed),
        Attempt(duration_ns=500_000_000, backoff_ns=1_500_000_000, rate_limit_ns=250_000_000, failure=failed),
    )
    trial = msgspec.structs.replace(record("a", failed), attempts=attempts, queue_ns=125_000_000)
    (row,) = rows_of(tmp_path, [case_row("a", "spam", tags=("x", "y"), split="dev"), trial])
    assert (row["failure"], row["failure_message"], row.get("reply")) == ("timeout", "too slow", None)
    assert (row["outcome"], row["label"], row["right"], row["attempts"]) == ("failed", None, False, 2)
    assert (row["latency_s"], row["service_s"]) == (4.0, None)  # 2 + 1.5 + 0.5, pacing left out
    assert (row["queue_s"], row["rate_limit_s"], row["backoff_s"]) == (0.125, 0.25, 1.5)
    assert (row["split"], row["tags"]) == ("dev", "x;y")


def test_cost_is_counted_tokens_at_their_prices_and_none_without(tmp_path: Path) -> None:
    used = Reply(text="spam", usage=Usage(input=1_000_000, output=100_000, cached=400_000))
    events: list[Event] = [case_row("a", "spam"), record("a", used), record("a", Reply(text="ham"), repeat=1)]
    first, second = rows_of(tmp_path, events, candidates=[PRICED])
    assert first["cost"] == pytest.approx(0.6 * 2.0 + 0.4 * 0.5 + 0.1 * 8.0)
    assert second["cost"] is None


def test_of_a_trial_that_was_measured_again_the_last_counts(tmp_path: Path) -> None:
    events: list[Event] = [case_row("a", "spam"), record("a", "ham"), record("a", "spam")]
    events.insert(2, Session(at_utc="", event="resumed"))
    (row,) = rows_of(tmp_path, events)
    assert row["label"] == "spam"


def test_a_spreadsheet_finds_no_formula_in_a_csv_file(tmp_path: Path) -> None:
    bad = ['=HYPERLINK("http://evil")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1"]
    events: list[Event] = [case_row(text, "spam") for text in bad]
    events += [record(text, text) for text in bad]
    out = io.StringIO(newline="")
    assert write_csv(rows_of(tmp_path, events), out) == len(bad)
    read = list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))
    assert [row["reply"] for row in read] == [f"'{text}" for text in bad]
    assert [row["case"] for row in read] == [f"'{text}" for text in bad]
    assert list(read[0]) == list(COLUMNS)


def test_json_lines_keep_texts_and_types(tmp_path: Path) -> None:
    out = io.StringIO()
    write_jsonl(rows_of(tmp_path, [case_row("=a", "spam", inputs={"m": "é\n"}), record("=a", "=1")]), out)
    (row,) = map(json.loads, out.getvalue().splitlines())
    assert (row["case"], row["reply"], row["inputs"], row["right"]) == ("=a", "=1", {"m": "é\n"}, False)
    assert list(row) == list(COLUMNS)


def test_parquet_has_the_documented_types(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, events_of([("spam", "spam", 3), ("ham", "bacon", 1)]))
    assert write_parquet(rows, tmp_path / "t.parquet") == 4
    table = polars.read_parquet(tmp_path / "t.parquet")
    assert table.columns == list(COLUMNS)
    assert table["right"].to_list() == [True, True, True, False]
    assert table["label"].to_list() == ["spam", "spam", "spam", None]
    assert table.schema["latency_s"] == polars.Float64
    assert write_parquet([], tmp_path / "none.parquet") == 0
    assert polars.read_parquet(tmp_path / "none.parquet").columns == list(COLUMNS)


def test_memory_does_not_grow_with_the_rows() -> None:
    class Nowhere(io.TextIOBase):
        def write(self, text: str) -> int:
            return len(text)

    def rows(n: int) -> Iterator[Row]:
        for i in range(n):
            yield {"case": str(i), "inputs": {"m": "x" * 200}, "reply": "y" * 100}

    def peak(n: int) -> int:
        tracemalloc.start()
        write_csv(rows(n), Nowhere())
        write_jsonl(rows(n), Nowhere())
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(10)
    assert peak(4000) < peak(400) + 100_000


def test_every_column_is_documented_in_order() -> None:
    page = (Path(__file__).parents[4] / "docs" / "export.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(\w+)` \| (\w+) \|", page, re.MULTILINE)
    names = {str: "text", int: "integer", float: "number", bool: "boolean"}
    assert documented == [(name, names[kind]) for name, kind in COLUMNS.items()]


def test_rows_of_files_that_do_not_fit_together_are_refused_by_the_name_of_the_run(tmp_path: Path) -> None:
    write_journal(tmp_path / JOURNAL, [])
    manifest = msgspec.structs.replace(manifest_of(LABELS, planned=0), suite={})
    with pytest.raises(UsageError, match=re.escape(str(tmp_path))):
        list(trial_rows(tmp_path, manifest))
