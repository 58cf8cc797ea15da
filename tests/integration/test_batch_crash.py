"""Killed at any moment, a batch is neither lost nor bought twice."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from batching import Batches
from bought import Bought, Serve
from commanded import COMMAND, environment, in_process
from crashing import NEEDS_STRACE, STRACE, Injection, run_command, runs_of


def assert_finished_once(bought: Bought) -> None:
    """Resume, or start where nothing was begun, and hold the run against one that nobody killed."""
    args = ("resume", "latest") if runs_of(bought.root) else ("run", "small.suite.yml")
    done = in_process(*args, "--quiet", at=bought.root)
    assert done.returncode in {0, 3}, done.stderr
    bought.check_whole()
    assert len(set(bought.provider.asked)) == len(bought.provider.asked) == 24
    assert len(bought.provider.made) == 2


@pytest.mark.parametrize("anthropic", [False, True], ids=["openai", "anthropic"])
@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_it_buys_it_buys_each_batch_once(
    tmp_path: Path, scripted_server: Serve, when: str, nth: int, anthropic: bool
) -> None:
    started, left = threading.Event(), [nth]
    provider = Batches(anthropic=anthropic)

    def kill(moment: str) -> None:
        if moment == when:
            left[0] -= 1
        if moment == when and left[0] == 0:
            assert started.wait(60)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            if when == "before":
                raise ConnectionError("the client is gone before it was taken")

    provider.on_create = kill
    bought = Bought(tmp_path, scripted_server, provider)
    with subprocess.Popen(
        [*COMMAND, "run", "small.suite.yml", "--quiet"], cwd=tmp_path, env=environment(), stderr=subprocess.PIPE
    ) as process:
        started.set()
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert_finished_once(bought)


@pytest.mark.skipif(STRACE is None, reason=NEEDS_STRACE)
@pytest.mark.parametrize("nth", [2, 3, 4, 5])
def test_killed_at_an_fsync_it_buys_each_batch_once(tmp_path: Path, scripted_server: Serve, nth: int) -> None:
    bought = Bought(tmp_path, scripted_server, Batches())
    run_command(tmp_path, "run", "small.suite.yml", injection=Injection("fsync", nth))
    assert_finished_once(bought)
