"""Trials that are dealt out bit by bit: who waits for more, or for a place in flight, is not forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from measured import spam, write_project
from scripted import Answer, Script, ScriptedServer

from harness.files.bundle import load_bundle
from harness.measure.engine.contract import Halt, Work
from harness.measure.engine.lane_work import Lanes
from harness.measure.engine.local import run_local
from harness.measure.plan import Plan
from harness.record import Event, Record, Refused

Serve = Callable[[Script], ScriptedServer]


class Kept:
    """Keeps what it is given, at once."""

    settled: frozenset[str] = frozenset()
    backlogged = False

    def __init__(self) -> None:
        self.events: list[Event] = []

    def put(self, event: Event) -> None:
        self.events.append(event)

    async def written(self) -> None:
        """Keep nobody waiting."""


def dealt(suite: Path, *, shards: int, most: int) -> Kept:
    """Measure as one of several, to which trials are dealt: those that it asks for, or fewer when none is left."""
    bundle, kept = load_bundle(suite), Kept()
    plan = Plan(bundle)
    codes = iter(list(plan.codes(plan.nothing_done(), {each.name for each in bundle.candidates}))[:most])
    table: list[Lanes] = []

    async def listen(_: Halt, lanes: Lanes) -> None:
        table.append(lanes)
        lanes.lead()
        await asyncio.Event().wait()

    def ask(places: list[int], count: int) -> None:
        for _ in range(count):
            code = next(codes, None)
            table[0].dealt(places[0], code)
            if code is None:
                break

    work = Work(
        bundle=bundle,
        done=plan.nothing_done(),
        root=bundle.project.root,
        began_ns=0,
        lag_bound_ns=10_000_000,
        shards=shards,
        dealt=True,
    )
    assert run_local(work, plan, kept, listen=listen, ask=ask).error is None
    return kept


@pytest.mark.parametrize("shards", [1, 3])
def test_what_is_dealt_is_measured_and_the_end_is_heard_by_all(
    tmp_path: Path, scripted_server: Serve, shards: int
) -> None:
    server = scripted_server(lambda _: spam())
    kept = dealt(write_project(tmp_path, server.url, cases=60, limits={"concurrency": 6}), shards=shards, most=37)
    assert len([each for each in kept.events if isinstance(each, Record)]) == len(server.requests) == 37


@pytest.mark.parametrize("shards", [1, 3])
def test_where_the_only_candidate_ends_nobody_waits_for_more(
    tmp_path: Path, scripted_server: Serve, shards: int
) -> None:
    """Trials that it was dealt are left, and no further ones are asked for: only the end itself can wake the others."""
    server = scripted_server(lambda _: Answer.of_json({"error": {"message": "no such key"}}, status=401))
    kept = dealt(write_project(tmp_path, server.url, cases=60, limits={"concurrency": 6}), shards=shards, most=60)
    assert [each.candidate for each in kept.events if isinstance(each, Refused)] == ["v1@m"]
    assert 1 <= len(server.requests) <= 5
