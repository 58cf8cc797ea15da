"""What the harness itself is slow at, once or for a while, is not reported as the endpoint's latency."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from commanded import COMMAND, environment, harness
from crashing import runs_of
from measured import events_of, write_project
from scripted import Answer, Held, Request, Script, ScriptedServer, chat_reply

from harness.record import Record

Serve = Callable[[Script], ScriptedServer]


def test_seconds_of_standing_still_decide_no_latency_though_most_of_the_run_was_well(
    tmp_path: Path, scripted_server: Serve
) -> None:
    cases = 600
    held = Held(lambda _: Answer.of_json(chat_reply("spam"), delay_s=0.05), cases // 2)
    server = scripted_server(held)
    suite = write_project(tmp_path, server.url, cases=cases, limits={"concurrency": 16})
    suite.write_text(suite.read_text() + "thresholds: [latency.p95 <= 2 s, latency.p99 <= 2 s]\n")
    command = [*COMMAND, "run", "small.suite.yml", "--quiet"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL) as process:
        while len(server.requests) < cases // 2:
            assert process.poll() is None
            time.sleep(0.01)
        held.release()
        process.send_signal(signal.SIGSTOP)  # as Ctrl-Z does, or a machine that is put to sleep
        time.sleep(2)
        process.send_signal(signal.SIGCONT)
    (run,) = runs_of(tmp_path)
    (candidate,) = json.loads((run / "report.json").read_bytes())["candidates"]
    assert candidate["timing_quality"]["good"] is False
    assert candidate["timing_quality"]["lag_p99_s"] > 1
    assert {check["status"] for check in candidate["checks"]} == {"INCONCLUSIVE"}
    assert all("the client was saturated" in check["why"] for check in candidate["checks"])


def test_what_is_cold_at_first_meets_calls_that_are_not_counted(tmp_path: Path, scripted_server: Serve) -> None:
    answered: list[int] = []
    before: list[int] = []  # answers that were given when each request came

    async def script(request: Request) -> Answer:
        before.append(len(answered))
        await asyncio.sleep(0.01)
        answered.append(request.number)
        return Answer.of_json(chat_reply("spam"))

    server = scripted_server(script)
    write_project(tmp_path, server.url, cases=20, warmup=3, limits={"concurrency": 8})
    assert harness("run", "small.suite.yml", "--quiet", at=tmp_path).returncode in {1, 3}
    (run,) = runs_of(tmp_path)
    assert len(server.requests) == 23
    assert sum(record.warmup for record in events_of(run, Record)) == 3
    assert before[3] >= 3, "no counted call is sent before all of those are back"
    (candidate,) = json.loads((run / "report.json").read_bytes())["candidates"]
    assert (candidate["latency"]["warmup_calls"], candidate["latency"]["attempts"]) == (3, 20)
