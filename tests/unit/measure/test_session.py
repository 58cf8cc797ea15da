"""How many processes, and which lag is still honest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from measured import write_project

from harness.files.bundle import load_bundle
from harness.files.thresholds import negligible_lag_s
from harness.measure.session import process_count

NOWHERE = "http://127.0.0.1:9"


def test_the_number_of_processes_is_as_asked_or_as_many_as_help(tmp_path: Path) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    some = load_bundle(write_project(tmp_path / "some", NOWHERE, limits={"concurrency": 256}))
    many = load_bundle(write_project(tmp_path / "many", NOWHERE, limits={"concurrency": 1000}))
    assert process_count(some, None) == 1
    assert process_count(some, 3) == 3
    assert process_count(many, None) == min(4, cores)
    assert process_count(many, 1) == 1


def test_a_replayed_model_is_not_shared_out(tmp_path: Path) -> None:
    (tmp_path / "replies.jsonl").write_text('{"case": "0", "reply": "spam"}\n')
    suite = write_project(tmp_path, NOWHERE)
    (tmp_path / "harness.yml").write_text("models: {m: {endpoint: replay, replies: replies.jsonl}}\n")
    assert process_count(load_bundle(suite), 4) == 1


@pytest.mark.parametrize(
    ("thresholds", "bound_ms"),
    [
        ("[accuracy >= 90%]", 10),
        ("[latency.p95 <= 200 ms]", 10),
        ("[latency.p95 <= 2 s]", 40),
        ("[latency.p95 <= 2 s, latency.within(1 s) >= 99%]", 20),
    ],
)
def test_lag_is_bad_beyond_10_ms_or_two_percent_of_the_strictest_latency_bound(
    tmp_path: Path, thresholds: str, bound_ms: int
) -> None:
    suite = write_project(tmp_path, NOWHERE)
    suite.write_text(suite.read_text() + f"thresholds: {thresholds}\n")
    assert negligible_lag_s(load_bundle(suite).thresholds, otherwise_s=0.0) == pytest.approx(bound_ms / 1000)


def test_no_threshold_at_all_leaves_10_ms_to_an_engine_and_20_to_a_judge() -> None:
    assert negligible_lag_s((), otherwise_s=0.0) == pytest.approx(0.010)
    assert negligible_lag_s((), otherwise_s=1.0) == pytest.approx(0.020)
