"""The seed example, through the real command on replayed replies: figures, verdicts and exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from commanded import in_process as harness
from commanded import write_replayed


def report_of(root: Path) -> dict[str, Any]:
    (report,) = root.glob("results/*/report.json")
    document: dict[str, Any] = json.loads(report.read_bytes())
    return document


def test_the_seed_examples_figures_come_out_of_a_ready_run(tmp_path: Path) -> None:
    answers = {("spam", "spam"): 90, ("spam", "ham"): 10, ("ham", "spam"): 5, ("ham", "ham"): 95}
    write_replayed(tmp_path, answers, thresholds=["accuracy >= 85%", "recall[spam] >= 80%"])
    done = harness("run", "seed.suite.yml", at=tmp_path)
    assert done.returncode == 0, done.stderr
    for shown in ("READY", "92.5%", "94.7%", "90.0%"):  # 185/200, 90/95, 90/100
        assert shown in done.stdout
    assert re.fullmatch(r" READY   seed  results/\S+/report.html", done.stdout.rstrip("\n").splitlines()[-1])

    report = report_of(tmp_path)
    (candidate,) = report["candidates"]
    scores = candidate["classification"]
    assert report["verdict"] == candidate["verdict"] == "READY"
    assert scores["accuracy"]["value"] == pytest.approx(0.925)
    assert scores["labels"]["spam"]["precision"]["value"] == pytest.approx(90 / 95)
    assert scores["labels"]["spam"]["recall"]["value"] == pytest.approx(0.90)
    assert scores["labels"]["ham"]["precision"]["value"] == pytest.approx(95 / 105)
    assert scores["confusion"]["counts"] == [[90, 10, 0], [5, 95, 0]]


def test_98_percent_accuracy_with_12_percent_fraud_recall_is_not_ready(tmp_path: Path) -> None:
    answers = {("fraud", "fraud"): 3, ("fraud", "fine"): 22, ("fine", "fine"): 1075}
    write_replayed(tmp_path, answers, positive="fraud", thresholds=["accuracy >= 95%", "recall[fraud] >= 80%"])
    done = harness("run", "seed.suite.yml", "--quiet", at=tmp_path)
    assert done.returncode == 1
    assert "NOT READY" in done.stdout
    assert "22 of 25 fraud cases went unnoticed." in " ".join(done.stdout.split())
    (candidate,) = report_of(tmp_path)["candidates"]
    assert candidate["classification"]["accuracy"]["value"] == pytest.approx(1078 / 1100)  # 98.0%
    assert candidate["classification"]["labels"]["fraud"]["recall"]["value"] == pytest.approx(0.12)
    assert [check["status"] for check in candidate["checks"]] == ["PASS", "FAIL"]


def test_too_few_cases_to_prove_it_are_inconclusive(tmp_path: Path) -> None:
    write_replayed(
        tmp_path, {("spam", "spam"): 10, ("ham", "ham"): 10}, thresholds=["accuracy >= 95%"]
    )  # all right, yet 20 right ones prove only 86% (0.05 ** (1/20) = 0.861)
    done = harness("run", "seed.suite.yml", "--quiet", at=tmp_path)
    assert done.returncode == 3
    assert "INCONCLUSIVE" in done.stdout
    assert report_of(tmp_path)["verdict"] == "INCONCLUSIVE"


def test_replies_that_were_never_recorded_count_as_wrong(tmp_path: Path) -> None:
    write_replayed(tmp_path, {("spam", "spam"): 30, ("ham", "ham"): 20}, thresholds=["accuracy >= 90%"])
    lines = (tmp_path / "replies.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "replies.jsonl").write_text("".join(lines[:40]))
    done = harness("run", "seed.suite.yml", "--quiet", at=tmp_path)
    (candidate,) = report_of(tmp_path)["candidates"]
    assert candidate["classification"]["accuracy"]["value"] == pytest.approx(40 / 50)
    assert candidate["outcomes"]["failed"] == 10
    assert done.returncode == 4  # with those ten answered it may pass: `harness resume --failed`
