"""Killed at a system call, a run resumes to the same verdict: a sample of `benchmarks/crash_matrix.py`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crashing import NEEDS_STRACE, STRACE, Crashed, Injection, runs_of
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


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: " ".join(f"{i.call}-{i.nth}" for i in chain))
def test_a_kill_at_a_system_call_loses_nothing_and_changes_no_figure(
    tmp_path: Path, server: ScriptedServer, expected: dict[str, Any], chain: tuple[Injection, ...]
) -> None:
    project = Crashed(tmp_path, server)
    for injection in chain:
        project.interrupt(injection)
    assert project.interruptions >= 1
    project.check(expected)


def test_a_full_disk_in_a_resume_stops_it_and_the_next_one_ends_it(
    tmp_path: Path, server: ScriptedServer, expected: dict[str, Any]
) -> None:
    project = Crashed(tmp_path, server)
    assert project.interrupt(Injection("write", 45))
    journal = runs_of(tmp_path)[-1] / "journal.jsonl"
    assert project.interrupt(Injection("write", 3, "ENOSPC", journal))
    project.check(expected)
