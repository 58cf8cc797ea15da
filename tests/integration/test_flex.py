"""`via: flex`: the tier is asked for, checked in each reply, priced as it was served, and no clock of production's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from commanded import in_process as harness
from measured import records, write_project
from scripted import Answer, Request, Script, ScriptedServer, chat_reply

from harness.errors import UsageError
from harness.files.bundle import load_bundle
from harness.files.project import ModelEntry, checked_via, load_project
from harness.judge.assess import assess_run
from harness.measure.run import measure
from harness.report.sections.cost import cost_section
from harness.report.sections.latency import latency_section

Serve = Callable[[Script], ScriptedServer]
PRICE = {"input": 2.0, "output": 8.0, "flex": 0.5, "priority": 1.5}  # 11 tokens in, 1 out: 30 millionths, at flex 15


def served(request: Request, tier: str | None) -> Answer:
    text = "spam" if int(request.body.split(b"no. ")[1].split(b'"')[0]) % 2 else "ham"
    return Answer.of_json({**chat_reply(text), "service_tier": tier})


def of_tiers(request: Request) -> Answer:
    """Serve the first three requests elsewhere, and all others as asked."""
    tiers: dict[int, str | None] = {0: "default", 1: "default", 2: None}
    return served(request, tiers.get(request.number, request.json().get("service_tier")))


def project(root: Path, url: str, **entry: Any) -> Path:
    suite = write_project(root, url, cases=40, price=PRICE, **entry)
    text = suite.read_text() + "thresholds: ['accuracy >= 80%', 'latency.p95 <= 60 s', 'latency.within(1 s) >= 50%']\n"
    suite.write_text(text)
    return suite


def test_a_tier_is_asked_for_and_what_another_one_served_is_said_and_priced_so(
    tmp_path: Path, scripted_server: Serve
) -> None:
    server = scripted_server(of_tiers)
    run = measure(load_bundle(project(tmp_path, server.url, via="flex")), tmp_path / "results")
    assert {request.json()["service_tier"] for request in server.requests} == {"flex"}
    assert {record.via for record in records(run)} == {"flex"}
    (made,) = assess_run(run).candidates
    # 37 at flex, and 3 at the whole price
    assert made.cost.total == pytest.approx((37 * 15 + 3 * 30) / 1e6)
    assert (made.cost.tiers, made.cost.not_at_flex, made.cost.unpriced) == ({"default": 2, "flex": 37}, 3, ())
    assert cost_section(made.cost).notes == (
        "Of what was asked for at flex, 3 replies came from another tier or named none, and cost the whole price; "
        "named: default 2, flex 37.",
    )


@pytest.mark.parametrize("where", ["model", "prompt"])
def test_another_tier_that_is_asked_for_by_a_parameter_is_said_and_priced_as_it_was_served(
    tmp_path: Path, scripted_server: Serve, where: str
) -> None:
    server = scripted_server(of_tiers)
    asked = {"service_tier": "priority"}
    suite = project(tmp_path, server.url, params=asked if where == "model" else {})
    prompt = tmp_path / "v1.prompt.yml"
    if where == "prompt":
        prompt.write_text(yaml.safe_dump(yaml.safe_load(prompt.read_text()) | {"modelParameters": asked}))
    (made,) = assess_run(measure(load_bundle(suite), tmp_path / "results")).candidates
    assert made.cost.total == pytest.approx((37 * 45 + 3 * 30) / 1e6)
    assert (made.cost.elsewhere, made.cost.not_at_flex, made.cost.unpriced) == ({"priority": 3}, 0, ())
    assert cost_section(made.cost).notes == (
        "Of what was asked for at priority, 3 replies came from another tier or named none, and cost the whole price; "
        "named: default 2, priority 37.",
    )


def test_no_latency_is_decided_at_flex_and_all_else_is(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(of_tiers)
    run = measure(load_bundle(project(tmp_path, server.url, via="flex")), tmp_path / "results")
    (made,) = assess_run(run).candidates
    assert {check.threshold: (check.status, check.why) for check in made.checks if check.status != "PASS"} == {
        "latency.p95 <= 60 s": ("INCONCLUSIVE", "latency.p95 <= 60 s can't be decided: measured at flex."),
        "latency.within(1 s) >= 50%": (
            "INCONCLUSIVE",
            "latency.within(1 s) >= 50% can't be decided: measured at flex.",
        ),
    }
    assert made.classification.accuracy.value == 1.0
    assert made.verdict == "INCONCLUSIVE"
    assert latency_section(made).lead == "No call was timed: measured at flex."
    assert made.timing_quality.sentence == "No call was timed: measured at flex."


def test_what_fails_at_flex_is_late_by_no_limit(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda request: Answer(status=500) if request.number % 2 else of_tiers(request))
    suite = project(tmp_path, server.url, via="flex", limits={"attempts": 1})
    (made,) = assess_run(measure(load_bundle(suite), tmp_path / "results")).candidates
    (check,) = [check for check in made.checks if check.metric == "latency.p95"]
    assert check.why == "latency.p95 <= 60 s can't be decided: measured at flex."
    assert made.latency.censored == 0


def test_a_full_tier_is_waited_for_beyond_the_number_of_attempts(tmp_path: Path, scripted_server: Serve) -> None:
    asked: dict[bytes, int] = {}

    def full_at_first(request: Request) -> Answer:
        asked[request.body] = asked.get(request.body, 0) + 1
        body = {"error": {"message": "flex is full", "code": "resource_unavailable"}}
        busy = asked[request.body] <= 4
        return Answer.of_json(body, status=429, headers={"retry-after-ms": "1"}) if busy else served(request, "flex")

    server = scripted_server(full_at_first)
    suite = write_project(tmp_path, server.url, cases=6, price=PRICE, via="flex", limits={"attempts": 2})
    run = measure(load_bundle(suite), tmp_path / "results")
    assert [len(record.attempts) for record in records(run)] == [5] * 6
    assert assess_run(run).candidates[0].outcomes["label"] == 6


def test_the_command_asks_at_flex_what_the_file_asks_at_once(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(of_tiers)
    suite = project(tmp_path, server.url)
    done = harness("run", suite.name, "--via", "flex", "--json", at=tmp_path)
    (made,) = json.loads(done.stdout)["candidates"]
    assert (done.returncode, made["cost"]["tiers"]) == (3, {"default": 2, "flex": 37})


def test_who_pays_less_for_waiting_is_told_that_no_latency_is_decided(tmp_path: Path) -> None:
    write_project(tmp_path, "http://127.0.0.1:9", cases=40, via="flex")
    done = harness("check", "small.suite.yml", at=tmp_path)
    assert "  ! the model `m` is asked at the service tier flex: no latency is decided.\n" in done.stdout
    suite = write_project(tmp_path, "http://127.0.0.1:9", cases=40, via="batch")
    told = "  ! the model `m` is asked in a batch: {}\n"
    none = "no latency is decided; `latency: {sample: 100}` in the suite asks 100 cases at once beside it."
    assert told.format(none) in harness("check", suite.name, at=tmp_path).stdout
    suite.write_text(suite.read_text() + "latency: {sample: 100}\n")
    some = "latency is decided by 40 cases that are asked at once."
    assert told.format(some) in harness("check", suite.name, at=tmp_path).stdout


UNTIMED = "can't be planned: no call that it rests on is timed."
TOO_FEW = "can't be planned: 20 cases that are asked at once are too few, `latency: {sample: 59}` is the least."


@pytest.mark.parametrize(
    ("via", "sample", "code", "told"),
    [
        ("batch", 60, 0, "60 cases 95.1% in time"),
        ("batch", 20, 3, TOO_FEW),
        ("batch", 0, 3, UNTIMED),
        ("flex", 60, 3, UNTIMED),
        ("sync", 20, 0, "100 cases 97.0% in time"),
    ],
)
def test_a_check_plans_latency_by_what_will_be_timed(
    tmp_path: Path, via: str, sample: int, code: int, told: str
) -> None:
    suite = write_project(tmp_path, "http://127.0.0.1:9", cases=100, via=via)
    rule = f"latency: {{sample: {sample}}}\n" if sample else ""
    suite.write_text(suite.read_text() + "thresholds: ['accuracy >= 80%', 'latency.p95 <= 1 s']\n" + rule)
    done = harness("check", suite.name, "--strict", at=tmp_path)
    assert (done.returncode, f"latency.p95 <= 1 s {told}" in " ".join(done.stdout.split())) == (code, True)


def test_flex_has_the_patience_that_it_takes_unless_somebody_wrote_another(tmp_path: Path) -> None:
    project(tmp_path, "http://127.0.0.1:9", via="flex", deadline="20 min")
    entry = load_project(tmp_path).models["m"]
    assert (entry.timeout_s, entry.deadline_s) == (900.0, 1200.0)
    project(tmp_path, "http://127.0.0.1:9")
    bundle = load_bundle(tmp_path / "small.suite.yml")
    (asked,) = bundle.bought("flex").candidates
    assert (asked.model.timeout_s, asked.model.deadline_s) == (900.0, 3600.0)
    assert (bundle.candidates[0].model.timeout_s, bundle.candidates[0].model.deadline_s) == (30.0, 120.0)


@pytest.mark.parametrize("endpoint", ["completions", "anthropic"])
def test_an_endpoint_without_tiers_is_a_mistake_before_any_call(tmp_path: Path, endpoint: Any) -> None:
    suite = project(tmp_path, "http://127.0.0.1:9", endpoint=endpoint, via="flex")
    done = harness("run", suite.name, at=tmp_path)
    assert done.returncode == 2
    assert f"models.m.via: `endpoint: {endpoint}` has no tier `flex`." in done.stderr
    entry = ModelEntry(endpoint=endpoint, base_url="http://127.0.0.1:9", model="m-1")
    with pytest.raises(UsageError, match="can't be asked via flex"):
        checked_via("m", entry, "flex")


def test_what_fails_at_flex_settles_no_latency_early(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda request: Answer(status=500) if request.number % 2 else of_tiers(request))
    suite = write_project(tmp_path, server.url, cases=200, via="flex", limits={"attempts": 1})
    suite.write_text(suite.read_text() + "thresholds: ['latency.p95 <= 60 s', 'accuracy >= 1%']\nstop: {delta: 1%}\n")
    done = harness("run", suite.name, "--json", at=tmp_path)
    (made,) = json.loads(done.stdout)["candidates"]
    assert (made["settled"], made["verdict"], made["trials"]) == (None, "INCONCLUSIVE", 200)


def test_what_broke_in_an_upgrade_is_asked_again_at_the_tier_that_was_asked_for(
    tmp_path: Path, scripted_server: Serve
) -> None:
    def answered(request: Request) -> Answer:
        of_new, third = request.json()["model"] == "m-2", b"no. 3" in request.body
        return Answer.of_json(chat_reply("ham")) if of_new and third else served(request, "flex")

    server = scripted_server(answered)
    project(tmp_path, server.url, via="flex")
    models = yaml.safe_load((tmp_path / "harness.yml").read_text())["models"]
    (tmp_path / "harness.yml").write_text(yaml.safe_dump({"models": models | {"new": {**models["m"], "model": "m-2"}}}))
    harness("upgrade", "small.suite.yml", "--from", "m", "--to", "new", "--quiet", at=tmp_path)
    assert len(server.requests) > 80  # twice forty cases, and what broke once more
    assert {request.json()["service_tier"] for request in server.requests} == {"flex"}
