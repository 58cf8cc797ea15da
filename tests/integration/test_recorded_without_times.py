"""What a replies file does not record is not known: no latency of 0 ms, no free tokens, no faster model."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from commanded import in_process as harness
from commanded import write_lines, write_replayed, write_yaml
from gated import SUITE, branch, command, commit, gate_json, write_prompt, write_repository

CASES = 400
REPLAY = {"endpoint": "replay", "replies": "replies.jsonl", "price": {"input": 1.0, "output": 1.0}}


def project(root: Path, recorded: int, *, thresholds: tuple[str, ...] = ("latency.p95 <= 1 s",)) -> Path:
    """Write two models that answer alike: one timed at 3 s, the other in `recorded` replies at 0.2 s."""
    half = CASES // 2
    write_replayed(root, {("spam", "spam"): half, ("ham", "ham"): half}, thresholds=list(thresholds))
    suite = root / "seed.suite.yml"
    suite.write_text(suite.read_text().replace("- recorded", "- untimed\n- timed"))
    write_yaml(root / "harness.yml", {"models": {"untimed": REPLAY, "timed": REPLAY}})
    replies: list[dict[str, Any]] = []
    for n in range(CASES):
        said = {"case": f"c{n}", "reply": "spam" if n < half else "ham"}
        times = {"latency_s": 0.2} if n < recorded else {}
        replies += [{**said, "model": "untimed", **times}]
        replies += [{**said, "model": "timed", "latency_s": 3.0, "usage": {"input": 9, "output": 1}}]
    write_lines(root / "replies.jsonl", replies)
    return suite


def report_of(root: Path) -> tuple[dict[str, Any], dict[str, Any], str]:
    done = harness("run", "seed.suite.yml", at=root)
    (folder,) = (root / "results").iterdir()
    report = json.loads((folder / "report.json").read_text())
    by_name = {candidate["model"]: candidate for candidate in report["candidates"]}
    texts = [done.stdout, *((folder / name).read_text() for name in ("report.md", "junit.xml", "report.html"))]
    return by_name["untimed"], by_name["timed"], "\n".join(texts)


def test_replies_without_a_latency_decide_nothing_of_it_and_beat_nobody(tmp_path: Path) -> None:
    project(tmp_path, recorded=0)
    untimed, timed, told = report_of(tmp_path)
    (check,) = untimed["checks"]
    assert (untimed["verdict"], timed["verdict"]) == ("INCONCLUSIVE", "NOT READY")
    assert check["why"] == "latency.p95 <= 1 s can't be decided: no latency recorded (0 of 400)."
    assert {q["estimate"]["value"] for q in untimed["latency"]["caller"]} == {None}
    assert (untimed["latency"]["untimed"], untimed["latency"]["histogram"]) == (400, [])
    assert untimed["cost"]["per_1000"]["value"] is None  # tokens that nobody counted are not free
    assert "saves" not in told
    of_the_endpoint = [line for line in told.splitlines() if "event loop" not in line and "lag" not in line]
    assert not [line for line in of_the_endpoint if re.search(r"(?<![\d.,])0(\.0+)? m?s\b", line)]
    compared = harness("compare", "latest:v1@timed", "latest:v1@untimed", "--json", at=tmp_path)
    assert compared.returncode in {0, 3}, compared.stderr
    rows = {row["metric"]: row for row in json.loads(compared.stdout)["metrics"]}
    assert rows["latency.p95"]["difference"]["value"] is None


def test_a_latency_that_some_replies_have_is_judged_over_those_and_it_is_said(tmp_path: Path) -> None:
    project(tmp_path, recorded=120)
    untimed, _, told = report_of(tmp_path)
    (check,) = untimed["checks"]
    assert (check["status"], check["estimate"]["n"]) == ("PASS", 120)
    assert "120 of 120 calls ended within 1 s (recorded for 120 of 400)" in check["why"]
    assert "A latency is recorded for 120 of 400 replies." in told


@pytest.mark.parametrize("command", ["history", "list"])
def test_no_list_of_runs_shows_a_time_that_nobody_took(tmp_path: Path, command: str) -> None:
    project(tmp_path, recorded=0)
    assert harness("run", "seed.suite.yml", "--model", "untimed", at=tmp_path).returncode == 3
    args = ("history", "seed.suite.yml") if command == "history" else ("list",)
    done = harness(*args, at=tmp_path, env={"COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    assert "ms" not in done.stdout.replace("seed-sms", "")


def test_an_export_and_a_shown_trial_leave_the_time_empty(tmp_path: Path) -> None:
    project(tmp_path, recorded=1, thresholds=("accuracy >= 90%",))
    assert harness("run", "seed.suite.yml", "--model", "untimed", at=tmp_path).returncode == 0
    harness("export", "latest", "--to", "csv", "--output", "trials.csv", at=tmp_path)
    with (tmp_path / "trials.csv").open(newline="") as file:
        rows = {row["case"]: row for row in csv.DictReader(file)}
    assert (rows["c0"]["latency_s"], rows["c1"]["latency_s"], rows["c1"]["tokens_in"]) == ("0.2", "", "")
    shown = harness("show", "latest", "--case", "c1", at=tmp_path).stdout
    assert "no latency recorded" in shown


@pytest.mark.parametrize(("recorded", "status"), [(0, "INCONCLUSIVE"), (60, "PASS"), (120, "PASS")])
def test_a_gate_decides_no_latency_by_replies_without_one(tmp_path: Path, recorded: int, status: str) -> None:
    model = {"endpoint": "replay", "replies": "replies.jsonl"}
    write_repository(tmp_path, model, cases=120, thresholds=["recall[spam] >= 80%", "latency.p95 <= 1 s"])
    said = ({"case": f"c{n}", "reply": "ham" if n % 2 else "spam"} for n in range(120))
    write_lines(
        tmp_path / "replies.jsonl", (line | ({"latency_s": 0.2} if n < recorded else {}) for n, line in enumerate(said))
    )
    commit(tmp_path, "recorded")
    branch(tmp_path, "other")
    write_prompt(tmp_path, "Sort it: {{ message }}")
    commit(tmp_path, "other")
    done = command(tmp_path, "gate", SUITE, "--base", "main", "--quiet", "--json")
    document = gate_json(done)
    checks = {check["name"]: check for prompt in document["prompts"] for check in prompt["checks"]}
    latency = checks["latency.p95 <= 1 s"]
    assert (done.returncode, latency["status"]) == (0 if recorded else 3, status), document["headline"]
    assert latency["head"]["n"] == recorded
    wanted = {0: "no latency recorded (0 of 120)", 60: "recorded for 60 of 120", 120: "120 of 120 calls"}
    assert wanted[recorded] in latency["why"]
