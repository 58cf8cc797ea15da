"""Killed at a system call, a run resumes to the same verdict: a sample of `benchmarks/crash_matrix.py`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crashing import (
    NEEDS_STRACE,
    STRACE,
    Crashed,
    Injection,
    figures,
    make_project,
    mostly_right,
    run_command,
    runs_of,
)
from scripted import Script, ScriptedServer

Serve = Callable[[Script], ScriptedServer]

pytestmark = pytest.mark.skipif(STRACE is None, reason=NEEDS_STRACE)

# killed as the manifest is made sure of, as the journal is, in the middle of a write, and in the resume too
CHAINS = [
    (Injection("fsync", 2),),
    (Injection("fsync", 3),),  # between the journal and the manifest
    (Injection("fsync", 5),),
    (Injection("write", 45), Injection("write", 25), Injection("fsync", 2)),
]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Give the figures of a run that nobody interrupted."""
    from threaded import serving

    root = tmp_path_factory.mktemp("whole")
    with serving(mostly_right) as server:
        make_project(root, server.url)
        run_command(root, "run", "small.suite.yml")
    (run,) = runs_of(root)
    return figures(run)


@pytest.mark.xdist_group("crash_matrix")
@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: " ".join(f"{i.call}-{i.nth}" for i in chain))
def test_a_kill_at_a_system_call_loses_nothing_and_changes_no_figure(
    tmp_path: Path, scripted_server: Serve, expected: dict[str, Any], chain: tuple[Injection, ...]
) -> None:
    server = scripted_server(mostly_right)
    make_project(tmp_path, server.url)
    project = Crashed(tmp_path, server)
    for injection in chain:
        project.interrupt(injection)
    assert project.interruptions >= 1
    project.check(expected)


def test_a_full_disk_in_a_resume_stops_it_and_the_next_one_ends_it(
    tmp_path: Path, scripted_server: Serve, expected: dict[str, Any]
) -> None:
    server = scripted_server(mostly_right)
    make_project(tmp_path, server.url)
    project = Crashed(tmp_path, server)
    assert project.interrupt(Injection("write", 45))
    journal = runs_of(tmp_path)[-1] / "journal.jsonl"
    assert project.interrupt(Injection("write", 3, "ENOSPC", journal))
    project.check(expected)
