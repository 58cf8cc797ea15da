"""A wall clock that is set back changes no figure, no duration and no order: those are the journal's."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

from commanded import COMMAND, ended, environment
from crashing import IN_FLIGHT, TRIALS, figures, make_project, mostly_right, run_command, runs_of, saved_trials
from measured import events_of, records
from scripted import Answer, Held, Request, Script, ScriptedServer, chat_reply
from threaded import settle

from harness.errors import Exit
from harness.record import Record, Session, service_ns

Serve = Callable[[Script], ScriptedServer]

SET_BACK = [sys.executable, str(Path(__file__).parents[1] / "specimens" / "backwards.py")]
A_MINUTE, A_DAY = "60", "86400"


def set_back(root: Path, by_s: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the command; each time that it looks at the wall clock, that is set back by so much."""
    return ended([*SET_BACK, by_s, *args, "--quiet"], at=root)


def test_a_run_under_a_clock_that_goes_backwards_has_the_figures_of_any_other(
    tmp_path: Path, server: ScriptedServer, expected: dict[str, Any]
) -> None:
    done = set_back(tmp_path, A_MINUTE, "run", "small.suite.yml")
    assert done.returncode == Exit.INCONCLUSIVE, done.stderr
    (run,) = runs_of(tmp_path)
    assert figures(run) == expected
    made = records(run)
    began = events_of(run, Session)[0].at_utc
    assert all(record.started_utc < began for record in made), "the clock did not go backwards"
    for record in made:
        assert_honest(record)
    latency = json.loads((run / "report.json").read_bytes())["candidates"][0]["latency"]
    assert all(0 < each["estimate"]["value"] < 30 for each in latency["caller"])


def assert_honest(record: Record) -> None:
    """Check that no part of a trial's time is negative or an hour long."""
    of_attempts = [(each.rate_limit_ns, each.backoff_ns, each.duration_ns) for each in record.attempts]
    parts = [record.queue_ns, record.own_ns, service_ns(record) or 0, *chain(*of_attempts)]
    assert all(0 <= part < 30e9 for part in parts), parts


def test_a_run_that_was_killed_and_resumed_a_day_earlier_is_one_run(
    tmp_path: Path, server: ScriptedServer, expected: dict[str, Any]
) -> None:
    command = [*COMMAND, "run", "small.suite.yml", "--quiet"]
    server.script = held = Held(mostly_right, TRIALS // 2)
    with subprocess.Popen(command, cwd=tmp_path, env=environment()) as process:
        while len(server.requests) < TRIALS // 2:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    settle(server)
    held.release()
    (run,) = runs_of(tmp_path)
    before = saved_trials(run)
    done = set_back(tmp_path, A_DAY, "resume", "latest")
    assert done.returncode == Exit.INCONCLUSIVE, done.stderr
    assert saved_trials(run)[: len(before)] == before
    assert len(saved_trials(run)) == TRIALS
    assert figures(run) == expected
    assert len(server.requests) <= TRIALS + IN_FLIGHT
    report = json.loads((run / "report.json").read_bytes())
    assert report["sessions"] == 2
    assert 0 < report["paid_twice_at_most"] <= IN_FLIGHT


def test_trials_measured_again_a_day_earlier_replace_those_of_the_changed_prompt(
    tmp_path: Path, scripted_server: Serve
) -> None:
    def by_prompt(request: Request) -> Answer:
        return Answer.of_json(chat_reply("ham" if b"once more" in request.body else "spam"))

    server = scripted_server(by_prompt)
    make_project(tmp_path, server.url)
    run_command(tmp_path, "run", "small.suite.yml")
    prompt = tmp_path / "v1.prompt.yml"
    prompt.write_text(prompt.read_text().replace("is this spam", "once more: is this spam"))
    done = set_back(tmp_path, A_DAY, "resume", "latest", "--changed")
    assert done.returncode in {Exit.NOT_READY, Exit.INCONCLUSIVE}, done.stderr
    (run,) = runs_of(tmp_path)
    report = json.loads((run / "report.json").read_bytes())
    labels = report["candidates"][0]["classification"]["labels"]
    assert labels["ham"]["recall"]["value"] == 1
    assert labels["spam"]["recall"]["value"] == 0


def test_two_runs_of_one_instant_have_names_of_their_own(tmp_path: Path, server: ScriptedServer) -> None:
    for _ in range(3):
        assert set_back(tmp_path, "1", "run", "small.suite.yml").returncode == Exit.INCONCLUSIVE
    assert len(runs_of(tmp_path)) == 3
    assert len(server.requests) == 3 * TRIALS
