"""Stored replies stand for trials that ask exactly the same, altogether or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from measured import records, spam, write_project
from scripted import Answer, Request, Script, ScriptedServer

from harness.files.bundle import Bundle, load_bundle
from harness.files.project import model_digest
from harness.files.prompts import prompt_digest
from harness.measure.plan import Plan
from harness.measure.run import measure, served_as, stored_replies
from harness.record import Record

Serve = Callable[[Script], ScriptedServer]
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def anyone(run: Path) -> bool:
    return True


def stored(bundle: Bundle, results: Path, since: datetime = LONG_AGO) -> tuple[Record, ...] | None:
    (candidate,) = bundle.candidates
    return stored_replies(results, Plan(bundle), candidate, since=since, trusted=anyone)


@pytest.fixture
def bundle(tmp_path: Path, scripted_server: Serve) -> Bundle:
    server = scripted_server(lambda request: spam())
    return load_bundle(write_project(tmp_path, server.url, cases=6, repeats=2))


def test_each_trial_gets_its_own_record_marked_as_recorded(bundle: Bundle, tmp_path: Path) -> None:
    run = measure(bundle, tmp_path / "results")
    found = stored(bundle, tmp_path / "results")
    assert found is not None
    assert sorted(record.key for record in found) == sorted(record.key for record in records(run))
    assert all(record.recorded for record in found)


def test_a_reply_that_is_too_old_or_from_a_run_that_is_not_trusted_is_not_taken(bundle: Bundle, tmp_path: Path) -> None:
    measure(bundle, tmp_path / "results")
    assert stored(bundle, tmp_path / "results", datetime.now(UTC) + timedelta(hours=1)) is None
    (candidate,) = bundle.candidates
    nobody = stored_replies(tmp_path / "results", Plan(bundle), candidate, since=LONG_AGO, trusted=lambda run: False)
    assert nobody is None


def test_another_prompt_parameter_or_a_further_repeat_finds_nothing(bundle: Bundle, tmp_path: Path) -> None:
    measure(bundle, tmp_path / "results")
    (candidate,) = bundle.candidates
    entry = candidate.model.model_copy(update={"params": {"temperature": 1}})
    prompt = candidate.prompt.model_copy(update={"parameters": {"seed": 2}})
    for other in (
        replace(candidate, model=entry, model_digest=model_digest(entry)),
        replace(candidate, prompt=prompt, prompt_digest=prompt_digest(prompt)),
    ):
        assert stored(replace(bundle, candidates=(other,)), tmp_path / "results") is None
    longer = replace(bundle, suite=bundle.suite.model_copy(update={"repeats": 3}))
    assert stored(longer, tmp_path / "results") is None


def test_a_failure_is_never_served_and_replies_that_were_served_are_not_served_again(
    tmp_path: Path, scripted_server: Serve
) -> None:
    def fails_once(request: Request) -> Answer:
        return Answer(status=400) if request.number == 3 else spam()

    failing = scripted_server(fails_once)
    bundle = load_bundle(write_project(tmp_path, failing.url, cases=6))
    first = measure(bundle, tmp_path / "results")
    assert stored(bundle, tmp_path / "results") is None
    second = measure(bundle, tmp_path / "results", reused=records(first))
    assert len(records(second)) == 6
    assert len(failing.requests) == 6, "the second run sent nothing"


def test_a_candidate_that_sends_the_same_gets_the_replies_under_its_own_keys(bundle: Bundle, tmp_path: Path) -> None:
    measure(bundle, tmp_path / "results")
    found = stored(bundle, tmp_path / "results")
    assert found is not None
    (candidate,) = bundle.candidates
    twin = replace(candidate, name="twin", prompt_digest="another")
    plan = Plan(replace(bundle, candidates=(candidate, twin)))
    served = served_as(found, plan, twin)
    assert {record.candidate for record in served} == {"twin"}
    done = plan.nothing_done()
    assert all(plan.mark(done, record) for record in (*found, *served))
    assert sum(done) == plan.planned
