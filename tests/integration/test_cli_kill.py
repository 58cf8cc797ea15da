"""A `harness run` that is killed or stopped over a loopback server, and what `harness resume` makes of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from commanded import COMMAND, HANGS_S, environment, harness
from crashing import figures, mostly_right, runs_of
from measured import write_project
from scripted import Answer, Held, Request, Script, ScriptedServer
from threaded import settle

from harness.cli.judged import conclude
from harness.errors import Exit, Interrupted
from harness.files.bundle import load_bundle
from harness.measure.run import measure

Serve = Callable[[Script], ScriptedServer]

CASES, REPEATS, IN_FLIGHT, WARMUP = 60, 2, 4, 2
TRIALS = CASES * REPEATS


def content(request: Request) -> str:
    (message,) = request.json()["messages"]
    text: str = message["content"]
    return text


def slowly(request: Request) -> Answer:
    return replace(mostly_right(request), delay_s=0.02)


def figures_of(root: Path) -> dict[str, Any]:
    """Give what the report of a project's only run says of the answers."""
    (run,) = runs_of(root)
    return figures(run)


def start(at: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "run", "small.suite.yml"],
        cwd=at,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(server: ScriptedServer, requests: int) -> None:
    until = time.monotonic() + HANGS_S
    while len(server.requests) < requests:
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.002)


def saved(journal: Path) -> Counter[str]:
    """Count the finished trials of each case; a torn last line is none."""
    whole, _, _ = journal.read_text().rpartition("\n")
    events = [json.loads(line)["event"] for line in whole.splitlines()]
    return Counter(e["case"] for e in events if e["type"] == "trial" and not e.get("warmup"))


def project(root: Path, url: str) -> None:
    limits = {"concurrency": IN_FLIGHT}
    write_project(root, url, cases=CASES, repeats=REPEATS, limits=limits, warmup=WARMUP)


def test_after_kill_9_resume_gives_the_figures_of_an_uninterrupted_run_and_pays_for_nothing_twice(
    tmp_path: Path, scripted_server: Serve
) -> None:
    whole = scripted_server(slowly)
    project(tmp_path / "whole", whole.url)
    uninterrupted = harness("run", "small.suite.yml", at=tmp_path / "whole")

    held = Held(slowly, 80)
    server = scripted_server(held)
    project(tmp_path / "killed", server.url)
    process = start(tmp_path / "killed")
    wait_for(server, 50)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    settle(server)
    held.release()
    assert server.requests[-1].number < TRIALS  # it was in the middle
    (journal,) = (tmp_path / "killed").glob("results/*/journal.jsonl")
    before = len(server.requests)
    finished = saved(journal)
    resumed = harness("resume", "latest", at=tmp_path / "killed")

    assert resumed.returncode == uninterrupted.returncode
    assert figures_of(tmp_path / "killed") == figures_of(tmp_path / "whole")
    assert len(whole.requests) == TRIALS + WARMUP
    assert len(server.requests) <= TRIALS + 2 * WARMUP + IN_FLIGHT
    sent = Counter(content(request).rpartition(" ")[2] for request in server.requests[before:])
    left = Counter({str(case): REPEATS for case in range(CASES)}) - finished
    assert (sent - left).total() <= WARMUP  # nothing beyond what was left, but for the warm-up
    assert not left - sent
    assert finished.total() >= 50 - WARMUP - IN_FLIGHT


def test_ctrl_c_exits_130_and_says_how_to_go_on(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(Held(slowly, 40, delay_s=0.3))
    project(tmp_path, server.url)
    process = start(tmp_path)
    wait_for(server, 20)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the group
    stdout, stderr = process.communicate(timeout=HANGS_S)
    assert process.returncode == 130
    assert stdout == ""
    assert "Traceback" not in stderr
    (run,) = (tmp_path / "results").glob("2*")
    assert f"harness resume {run.name}" in stderr
    assert f"/{TRIALS} (" in stderr, "how far it came stays to be read"
    assert len(server.requests) < TRIALS
    shown = harness("report", "latest", at=tmp_path)
    judged = json.loads((run / "report.json").read_bytes())
    (one,) = judged["candidates"]
    ended = judged["journalled_trials"]
    assert (one["trials"], one["not_run"], one["outcomes"]["failed"]) == (ended, TRIALS - ended, 0)
    assert f"{TRIALS - ended} of {TRIALS} trials were not run and are in no figure" in shown.stdout + shown.stderr
    assert "failed or timed out" not in shown.stdout
    assert {check["status"] for check in one["checks"]} == {"INCONCLUSIVE", "PASS"}
    assert [check["metric"] for check in one["checks"] if check["status"] == "PASS"] == ["leakage"]


def test_a_wrong_key_exits_5_after_few_calls_and_says_what_to_fix(tmp_path: Path, scripted_server: Serve) -> None:
    refusal = {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}
    server = scripted_server(lambda request: Answer.of_json(refusal, status=401))
    project(tmp_path, server.url)
    entry = (tmp_path / "harness.yml").read_text()
    (tmp_path / "harness.yml").write_text(entry.replace("    model: m-1", "    model: m-1\n    api_key_env: SHOP_KEY"))
    key = "sk-test-0123456789abcdefghij"
    done = harness("run", "small.suite.yml", at=tmp_path, env={"SHOP_KEY": key})
    assert done.returncode == 5
    assert "NOT MEASURED" in done.stdout
    assert key not in done.stdout
    assert "SHOP_KEY" in done.stderr
    assert key not in done.stderr
    assert len(server.requests) <= IN_FLIGHT
    assert all(request.headers["authorization"] == f"Bearer {key}" for request in server.requests)

    missing = harness("run", "small.suite.yml", at=tmp_path)
    assert missing.returncode in {2, 5}
    assert "SHOP_KEY" in missing.stderr


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # what it interrupts may leave a file open
def test_a_ctrl_c_before_the_verdict_says_that_the_run_is_saved(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(mostly_right)
    run = measure(load_bundle(write_project(tmp_path, server.url, cases=CASES, repeats=REPEATS)), tmp_path / "results")
    here = threading.get_ident()

    def judges() -> bool:
        frame = sys._current_frames().get(here)
        while frame is not None and frame.f_code.co_name != "assess_run":
            frame = frame.f_back
        return frame is not None

    def stop() -> None:
        while not judges():
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    stopping = threading.Thread(target=stop, daemon=True)
    stopping.start()
    with pytest.raises(Interrupted, match="Stopped by Ctrl-C before the verdict; the run is saved") as stopped:
        conclude(run)
    stopping.join()
    assert f"`harness report {run.name}`" in stopped.value.fix
    assert not (run / "report.json").exists()
    assert harness("report", "latest", at=tmp_path).returncode in {Exit.NOT_READY, Exit.INCONCLUSIVE}
