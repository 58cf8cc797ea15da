"""A batch with a sample gives the verdict of asking at once on the same answers, for half the price plus the sample."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from batching import Batches
from commanded import in_process as harness
from measured import places, records, write_project
from scripted import Script, ScriptedServer

Serve = Callable[[Script], ScriptedServer]
PRICE = {"input": 2.0, "output": 8.0, "batch": 0.5}  # a reply of 11 tokens in and 1 out: 30 millionths, in a batch 15
ASKED = "thresholds: ['accuracy >= 80%', 'recall[spam] >= 80%', 'stability >= 90%', 'latency.p95 <= 60 s']\n"


def judged(root: Path, serve: Serve, *options: str, sample: int = 0, **project: Any) -> tuple[Path, Any, Batches]:
    """Run 120 cases twice; gives the run, its only candidate as judged, and the provider."""
    provider = Batches()
    suite = write_project(root, serve(provider).url, cases=120, repeats=2, price=PRICE, **project)
    suite.write_text(suite.read_text() + ASKED + (f"latency: {{sample: {sample}}}\n" if sample else ""))
    done = harness("run", suite.name, "--json", *options, at=root)
    assert done.returncode in {0, 3}, done.stderr
    (run,) = [path.parent for path in root.glob("results/*/manifest.json")]
    (made,) = json.loads(done.stdout)["candidates"]
    return run, made, provider


def test_a_batch_with_a_sample_says_what_asking_at_once_says_for_half_the_price_and_the_sample(
    tmp_path: Path, scripted_server: Serve
) -> None:
    _, at_once, _ = judged(tmp_path / "sync", scripted_server)
    run, batch, provider = judged(tmp_path / "batch", scripted_server, "--via", "batch", sample=100)
    verdicts = [{check["threshold"]: check["status"] for check in made["checks"]} for made in (at_once, batch)]
    clocks = [statuses.pop("latency.p95 <= 60 s") for statuses in verdicts]
    assert verdicts[0] == verdicts[1] == dict.fromkeys(verdicts[0], "PASS")
    ends = {"PASS": "READY", "INCONCLUSIVE": "INCONCLUSIVE"}  # a machine that is busy with other things can't time
    assert [at_once["verdict"], batch["verdict"]] == [ends[clock] for clock in clocks]
    assert at_once["classification"]["accuracy"] == batch["classification"]["accuracy"]
    assert at_once["cost"]["total"] == pytest.approx(240 * 30 / 1e6)
    assert batch["cost"]["total"] == pytest.approx((100 * 30 + 140 * 15) / 1e6)
    assert Counter((record.via, record.repeat) for record in records(run)) == {
        ("sync", 0): 100,
        ("batch", 0): 20,
        ("batch", 1): 120,
    }
    assert set(places(run).values()) == {1}
    assert provider.synchronous == 100
    assert (batch["latency"]["n"], batch["latency"]["untimed"]) == (100, 140)
    assert batch["stability"]["by_way"]["second"]["n"] == 100


def test_a_batch_without_a_sample_decides_no_latency(tmp_path: Path, scripted_server: Serve) -> None:
    _, made, provider = judged(tmp_path, scripted_server, "--via", "batch")
    (clock,) = [check for check in made["checks"] if check["metric"] == "latency.p95"]
    assert (clock["status"], clock["told"]) == ("INCONCLUSIVE", "can't be decided: not measured in a batch.")
    assert (made["verdict"], made["cost"]["total"], provider.synchronous) == (
        "INCONCLUSIVE",
        pytest.approx(240 * 15 / 1e6),
        0,
    )


def test_each_model_of_a_batch_is_timed_on_the_same_cases(tmp_path: Path, scripted_server: Serve) -> None:
    provider = Batches()
    suite = write_project(
        tmp_path, scripted_server(provider).url, cases=60, prompts=("v1", "v2"), via="batch", repeats=1
    )
    suite.write_text(suite.read_text() + "latency: {sample: 20}\n")
    done = harness("run", suite.name, at=tmp_path)
    assert done.returncode in {0, 3}, done.stderr
    (run,) = [path.parent for path in tmp_path.glob("results/*/manifest.json")]
    timed = [{r.case for r in records(run) if r.via == "sync" and r.candidate == name} for name in ("v1@m", "v2@m")]
    assert timed[0] == timed[1]
    assert len(timed[0]) == 20
    assert "was not measured: every case was asked once" in (run / "report.md").read_text()


def test_a_resume_asks_what_is_left_of_the_sample_once(tmp_path: Path, scripted_server: Serve) -> None:
    provider = Batches()
    suite = write_project(tmp_path, scripted_server(provider).url, cases=60, repeats=2, via="batch")
    suite.write_text(suite.read_text() + "latency: {sample: 40}\n")
    done = harness("run", suite.name, "--max-trials", "50", at=tmp_path)
    assert done.returncode == 4, done.stderr
    suite.write_text(suite.read_text().replace("sample: 40", "sample: 10"))  # it goes on as it began
    done = harness("resume", "latest", at=tmp_path)
    assert done.returncode in {0, 3}, done.stderr
    (run,) = [path.parent for path in tmp_path.glob("results/*/manifest.json")]
    assert set(places(run).values()) == {1}
    assert Counter(record.via for record in records(run)) == {"sync": 40, "batch": 80}
    assert provider.synchronous == 40
