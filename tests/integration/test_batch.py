"""Bought in a batch, a suite has the records and the verdict of calls that are waited for; nothing is bought twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from batching import Batches, Line, spam_or_ham
from bought import Bought, Serve
from commanded import COMMAND, environment, in_process
from measured import events_of, places
from scripted import Answer, Request

from harness.record import Batch, Failure, Reply


def errored(status: int, message: str = "no luck", **error: Any) -> Callable[[Line], Line]:
    """Make a line one of an answer that is an error."""

    def change(line: Line) -> Line:
        return {**line, "response": {"status_code": status, "body": {"error": {"message": message, **error}}}}

    return change


def expired(line: Line) -> Line:
    error = {"code": "batch_expired", "message": "This request could not be executed in time."}
    return {**line, "response": None, "error": error}


def half(change: Callable[[Line], Line]) -> Callable[[list[Line]], Iterable[Line]]:
    return lambda lines: [line if n % 2 else change(line) for n, line in enumerate(lines)]


@pytest.mark.parametrize("anthropic", [False, True], ids=["openai", "anthropic"])
def test_a_batch_gives_the_verdict_of_calls_that_are_waited_for(
    tmp_path: Path, scripted_server: Serve, anthropic: bool
) -> None:
    bought = Bought(tmp_path, scripted_server, Batches(busy=1, anthropic=anthropic))
    done = bought.run()
    assert done.returncode in {0, 3}, done.stderr
    bought.check_whole()
    assert {record.via for record in bought.records} == {"batch"}
    assert not any(record.attempts for record in bought.records)  # no clock was held beside it
    assert bought.provider.synchronous == 0
    assert [len(made.lines) for made in bought.provider.made] == [12, 12]  # a batch for each repeat


def test_prompts_share_a_batch_and_no_two_repeats_of_a_case_do(tmp_path: Path, scripted_server: Serve) -> None:
    bought = Bought(tmp_path, scripted_server, Batches(), prompts=("v1", "v2"))
    bought.run()
    asked = [[line["body"]["messages"][0]["content"] for line in made.lines] for made in bought.provider.made]
    assert len(asked) == 2
    assert all(len(set(each)) == len(each) == 24 for each in asked)
    first = [text[:2] for text in asked[0]]
    assert "v1" in first[:12], "prompts are interleaved"
    assert "v2" in first[:12], "prompts are interleaved"


def test_cases_alike_are_lines_of_their_own(tmp_path: Path, scripted_server: Serve) -> None:
    bought = Bought(tmp_path, scripted_server, Batches())
    rows = [
        {"id": str(n), "message": f"message no. {n % 2}", "expected": "spam" if n % 2 else "ham"} for n in range(12)
    ]
    (tmp_path / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    bought.run()
    bought.check_whole()


@pytest.mark.parametrize(
    "change",
    [
        half(expired),
        half(errored(500)),
        half(errored(429)),
        lambda lines: lines[:5],
        lambda lines: [*lines[:5], b'{"cus'],
    ],
    ids=["half expired", "half 500", "half 429", "missing", "cut"],
)
def test_what_failed_is_bought_again_and_counts_once(
    tmp_path: Path, scripted_server: Serve, change: Callable[[list[Line]], Iterable[Line | bytes]]
) -> None:
    provider = Batches()
    provider.results.append(change)
    bought = Bought(tmp_path, scripted_server, provider)
    done = bought.run()
    assert done.returncode in {0, 3}, done.stderr
    bought.check_whole()
    lost = 12 - len({*provider.asked[24:]})
    assert len(provider.made) == 3
    assert len(provider.asked) == 24 + 12 - lost
    assert len(set(provider.asked)) == 24


def test_what_will_never_be_answered_is_a_failure_once(tmp_path: Path, scripted_server: Serve) -> None:
    provider = Batches()
    provider.results.append(half(errored(400, "too odd")))
    bought = Bought(tmp_path, scripted_server, provider)
    bought.run()
    failures = [record.outcome for record in bought.records if isinstance(record.outcome, Failure)]
    assert [failure.kind for failure in failures] == ["bad_request"] * 6
    assert len(provider.made) == 2
    assert set(places(bought.folder).values()) == {1}


def test_what_fails_each_time_is_bought_as_often_as_a_call_is_tried(tmp_path: Path, scripted_server: Serve) -> None:
    provider = Batches()
    provider.results.extend([half(errored(500)), None, lambda lines: map(errored(500), lines)])
    bought = Bought(tmp_path, scripted_server, provider)  # `attempts: 2`
    bought.run()
    failures = [record.outcome for record in bought.records if isinstance(record.outcome, Failure)]
    assert [failure.kind for failure in failures] == ["server_error"] * 6
    assert Counter(Counter(provider.asked).values()) == {1: 18, 2: 6}


def test_what_failed_can_be_asked_at_once_instead(tmp_path: Path, scripted_server: Serve) -> None:
    provider = Batches()
    provider.results.append(half(expired))
    bought = Bought(tmp_path, scripted_server, provider)
    bought.run("--retry", "sync")
    assert set(places(bought.folder).values()) == {1}
    assert Counter(record.via for record in bought.records) == {"batch": 18, "sync": 6}
    assert provider.synchronous == 6


def test_lines_that_came_twice_or_unasked_are_named_and_count_once(tmp_path: Path, scripted_server: Serve) -> None:
    def change(lines: list[Line]) -> list[Line]:
        twice = {**lines[0], "response": {**lines[0]["response"], "body": {"choices": []}}}
        return [*reversed(lines), twice, {**lines[1], "custom_id": "of-somebody-else"}]

    provider = Batches()
    provider.results.append(change)
    bought = Bought(tmp_path, scripted_server, provider)
    bought.run()
    bought.check_whole()
    refused = [event.refused for event in events_of(bought.folder, Batch) if event.refused]
    assert refused == [(provider.made[0].lines[0]["custom_id"], "of-somebody-else")]


def test_trouble_on_the_way_buys_nothing_twice(tmp_path: Path, scripted_server: Serve) -> None:
    busy = Answer.of_json({"error": {"message": "slow down"}}, status=429, headers={"retry-after": "0"})
    broken = Answer.of_json({"error": {"message": "oh"}}, status=503, headers={"retry-after": "0"})
    provider = Batches(busy=1)
    provider.uploads.extend([busy, broken])
    provider.creates.extend([None, busy])
    provider.polls.extend([broken, Answer(raw=b""), Answer(body=b"<html>", headers={"content-type": "text/html"})])
    cut = lambda body: Answer(pieces=[body[: len(body) // 2]], length=len(body), cut=True)  # noqa: E731
    provider.fetches.append(cut)
    bought = Bought(tmp_path, scripted_server, provider)
    done = bought.run()
    assert done.returncode in {0, 3}, done.stderr
    bought.check_whole()
    assert len(provider.made) == 2


@pytest.mark.parametrize("kind", ["metadata", "file name", "anthropic"])
def test_a_batch_whose_answer_was_lost_is_found_and_not_bought_again(
    tmp_path: Path, scripted_server: Serve, kind: str
) -> None:
    provider = Batches(anthropic=kind == "anthropic", keeps_metadata=kind == "metadata")
    provider.lost.append(Answer.of_json({"error": {"message": "oh"}}, status=502, headers={"retry-after": "0"}))
    bought = Bought(tmp_path, scripted_server, provider)
    done = bought.run()
    assert done.returncode in {0, 3}, done.stderr
    bought.check_whole()
    assert len(provider.made) == 2


def test_a_batch_that_is_not_taken_says_why_and_costs_nothing(tmp_path: Path, scripted_server: Serve) -> None:
    provider = Batches()
    why = {"code": "invalid_json_line", "message": "The model m-1 is not available in batches.", "line": 1}
    provider.statuses.extend([("failed", [why])] * 2)
    bought = Bought(tmp_path, scripted_server, provider)
    done = bought.run()
    assert done.returncode == 5
    assert "The model m-1 is not available in batches." in done.stderr
    assert not bought.records


def test_a_provider_that_holds_no_more_is_sent_smaller_batches(tmp_path: Path, scripted_server: Serve) -> None:
    provider = Batches()
    why = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached."}
    provider.statuses.extend([("failed", [why])] * 2)
    bought = Bought(tmp_path, scripted_server, provider)
    done = bought.run()
    assert done.returncode in {0, 3}, done.stderr
    bought.check_whole()
    assert max(len(made.lines) for made in provider.made[2:]) == 6


def test_a_wrong_key_ends_the_run_before_a_batch(tmp_path: Path, scripted_server: Serve) -> None:
    provider = Batches()
    provider.uploads.extend([Answer.of_json({"error": {"code": "invalid_api_key", "message": "no"}}, status=401)] * 2)
    done = Bought(tmp_path, scripted_server, provider).run()
    assert done.returncode == 5
    assert not provider.made


def test_a_cancel_from_outside_is_not_bought_again_until_somebody_resumes(
    tmp_path: Path, scripted_server: Serve
) -> None:
    provider = Batches()
    provider.statuses.append(("cancelled", []))
    provider.results.append(lambda lines: lines[:7])
    bought = Bought(tmp_path, scripted_server, provider)
    done = bought.run()
    assert done.returncode == 4
    assert "was cancelled at the provider" in done.stderr
    assert len(bought.records) == 19
    assert len(provider.made) == 2
    done = bought.resume()
    assert done.returncode in {0, 3}, done.stderr
    bought.check_whole()
    assert len(set(provider.asked)) == len(provider.asked) - 5 == 24


def test_left_while_it_waits_it_says_so_and_a_resume_fetches(tmp_path: Path, scripted_server: Serve) -> None:
    provider = Batches(busy=10**6)
    bought = Bought(tmp_path, scripted_server, provider)
    with subprocess.Popen(
        [*COMMAND, "run", "small.suite.yml"], cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        while sum(made.polls for made in provider.made) < 4:
            assert process.poll() is None
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 4
    assert "0 of 24 ready" in said
    assert f"harness resume {bought.folder.name}" in said
    listed = in_process("list", at=tmp_path).stdout
    assert "UTC, 0 of 24 ready" in listed
    assert "waiting for a batch since" in listed
    provider.busy = 0
    done = bought.resume("--max-trials", "1")  # what is bought already is no new trial
    assert done.returncode in {0, 3}, done.stderr
    bought.check_whole()
    assert len(provider.made) == 2
    assert "waiting" not in in_process("list", at=tmp_path).stdout


def test_no_key_reaches_the_disk(tmp_path: Path, scripted_server: Serve) -> None:
    key = "sk-canary-0123456789abcdef"
    provider = Batches()
    provider.results.append(half(errored(400, f"bad key {key}")))
    provider.polls.append(Answer.of_json({"error": {"message": f"bad key {key}"}}, status=500))
    bought = Bought(tmp_path, scripted_server, provider, api_key_env="CANARY")
    args = ("run", "small.suite.yml", "--debug")
    done = in_process(*args, at=tmp_path, env={"CANARY": key})
    assert done.returncode in {0, 1, 3}, done.stderr
    assert any(request.headers["authorization"] == f"Bearer {key}" for request in bought.server.requests)
    assert key not in done.stdout + done.stderr
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and key.encode() in file.read_bytes()]


def test_each_way_in_which_a_line_of_anthropic_ends_is_taken_for_what_it_is(
    tmp_path: Path, scripted_server: Serve
) -> None:
    def change(lines: list[Line]) -> list[Line]:
        odd = {"type": "error", "error": {"type": "invalid_request_error", "message": "too odd"}}
        busy = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
        ends = ({"type": "errored", "error": odd}, {"type": "errored", "error": busy}, {"type": "expired"})
        return [*({**line, "result": end} for line, end in zip(lines, ends, strict=False)), *lines[3:]]

    provider = Batches(anthropic=True)
    provider.results.append(change)
    bought = Bought(tmp_path, scripted_server, provider)
    done = bought.run()
    assert done.returncode in {0, 3, 4}, done.stderr
    failures = [record.outcome for record in bought.records if isinstance(record.outcome, Failure)]
    assert [failure.kind for failure in failures] == ["bad_request"]
    assert set(places(bought.folder).values()) == {1}
    assert [len(made.lines) for made in provider.made] == [12, 12, 2]
    assert not any("elsewhere" in request.path for request in bought.server.requests)


def test_a_sample_is_asked_at_once_beside_the_batch(tmp_path: Path, scripted_server: Serve) -> None:
    provider = Batches(busy=1)
    bought = Bought(tmp_path, scripted_server, provider)
    suite = yaml.safe_load((tmp_path / "small.suite.yml").read_text())
    (tmp_path / "small.suite.yml").write_text(yaml.safe_dump({**suite, "latency": {"sample": 4}}))
    done = bought.run()
    assert done.returncode in {0, 3}, done.stderr
    assert set(places(bought.folder).values()) == {1}
    assert Counter((record.via, record.repeat) for record in bought.records) == {
        ("sync", 0): 4,
        ("batch", 0): 8,
        ("batch", 1): 12,
    }
    assert len(provider.asked) == 20
    assert provider.synchronous == 4


def test_models_that_wait_and_models_that_do_not_make_one_run(tmp_path: Path, scripted_server: Serve) -> None:
    provider = Batches(busy=1)
    bought = Bought(tmp_path, scripted_server, provider)
    written = yaml.safe_load((tmp_path / "harness.yml").read_text())
    written["models"]["now"] = {**written["models"]["m"], "via": "sync", "model": "m-2"}
    (tmp_path / "harness.yml").write_text(yaml.safe_dump(written))
    done = in_process("run", "small.suite.yml", "-m", "m", "-m", "now", at=tmp_path)
    assert done.returncode in {0, 3}, done.stderr
    assert set(places(bought.folder).values()) == {1}
    assert Counter((record.candidate, record.via) for record in bought.records) == {
        ("v1@m", "batch"): 24,
        ("v1@now", "sync"): 24,
    }


def test_a_model_that_is_sold_in_no_batch_is_refused_before_a_call(tmp_path: Path, scripted_server: Serve) -> None:
    bought = Bought(tmp_path, scripted_server, Batches())
    replay = {"models": {"m": {"endpoint": "replay", "replies": "replies.jsonl"}}}
    (tmp_path / "replies.jsonl").write_text("")
    (tmp_path / "harness.yml").write_text(yaml.safe_dump(replay))
    done = bought.run("--via", "batch")
    assert done.returncode == 2
    assert "can't be asked via batch" in done.stderr
    (tmp_path / "harness.yml").write_text(yaml.safe_dump({"models": {"m": {**replay["models"]["m"], "via": "batch"}}}))
    done = bought.run()
    assert done.returncode == 2
    assert "models.m.via" in done.stderr


def test_a_suite_that_may_stop_early_is_asked_whole_and_says_so(tmp_path: Path, scripted_server: Serve) -> None:
    bought = Bought(tmp_path, scripted_server, Batches())
    done = in_process("run", "small.suite.yml", "--stop", at=tmp_path)
    assert done.returncode in {0, 3}, done.stderr
    assert "a batch is sent whole" in done.stderr
    bought.check_whole()


def test_a_batch_with_a_sample_gives_the_verdict_of_calls_at_half_the_price_and_the_sample(
    tmp_path: Path, scripted_server: Serve
) -> None:
    def mostly(text: str) -> str:
        return "spam" if text.endswith("4") else spam_or_ham(text)

    found = []
    for name, via in (("calls", "sync"), ("batch", "batch")):
        bought = Bought(tmp_path / name, scripted_server, Batches(reply=mostly), cases=200, repeats=1, via=via)
        path = tmp_path / name / "small.suite.yml"
        sample = {"latency": {"sample": 100}, "thresholds": ["accuracy >= 80%", "recall[ham] >= 95%", "failures <= 1%"]}
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **sample}))
        done = bought.run()
        assert done.returncode == 1, done.stderr
        (candidate,) = bought.report["candidates"]
        found.append((bought.report["verdict"], candidate))
    (verdict, calls), (verdict_of_batch, batch) = found
    assert verdict == verdict_of_batch == "NOT READY"
    assert batch["classification"] == calls["classification"]
    assert [(c["threshold"], c["status"]) for c in batch["checks"]] == [
        (c["threshold"], c["status"]) for c in calls["checks"]
    ]
    assert batch["cost"]["total"] == pytest.approx(calls["cost"]["total"] * (100 + 100 / 2) / 200)


def test_an_upgrade_is_bought_in_batches_and_goes_on_where_it_waited(tmp_path: Path, scripted_server: Serve) -> None:
    provider = Batches()
    provider.statuses.append(("cancelled", []))
    provider.results.append(lambda lines: lines[:3])
    bought = Bought(tmp_path, scripted_server, provider)
    written = yaml.safe_load((tmp_path / "harness.yml").read_text())
    written["models"]["new"] = {**written["models"]["m"], "model": "m-2"}
    (tmp_path / "harness.yml").write_text(yaml.safe_dump(written))
    args = ("upgrade", "small.suite.yml", "--from", "m", "--to", "new", "--via", "batch", "--quiet")
    assert in_process(*args, at=tmp_path).returncode == 4
    done = in_process(*args, at=tmp_path)
    assert done.returncode in {0, 3}, done.stderr
    assert set(places(bought.folder).values()) == {1}
    assert len(bought.records) == 48
    assert {record.via for record in bought.records} == {"batch"}


def test_a_key_that_stops_working_loses_no_batch_whose_results_can_be_brought(
    tmp_path: Path, scripted_server: Serve
) -> None:
    provider = Batches()
    provider.polls.append(Answer.of_json({"error": {"code": "invalid_api_key", "message": "no"}}, status=401))
    bought = Bought(tmp_path, scripted_server, provider)
    done = bought.run()
    assert done.returncode == 4
    assert f"harness resume {bought.folder.name}" in done.stderr
    for made in provider.made:
        made.polls += 1
    names = [made.id for made in provider.made]
    bodies = [provider(Request(number=0, method="GET", path=f"/v1/batches/{n}", headers={}, body=b"")) for n in names]
    assert all(body.status == 200 for body in bodies)
    (tmp_path / "downloaded.jsonl").write_bytes(b"".join(provider.answered[name] for name in names))
    polled = [made.polls for made in provider.made]
    done = bought.resume("--results", "downloaded.jsonl")
    assert done.returncode in {0, 3}, done.stderr
    bought.check_whole()
    assert [made.polls for made in provider.made] == polled, "there is nothing left to ask for"


def test_what_failed_and_is_bought_again_on_purpose_may_be_left_too(tmp_path: Path, scripted_server: Serve) -> None:
    provider = Batches()
    provider.results.append(half(errored(400, "too odd")))
    bought = Bought(tmp_path, scripted_server, provider)
    bought.run()
    provider.polls.append(Answer.of_json({"error": {"code": "invalid_api_key", "message": "no"}}, status=401))
    assert bought.resume("--failed").returncode == 4  # it is bought, and not yet read
    done = bought.resume()
    assert done.returncode in {0, 3}, done.stderr
    last = {(record.case, record.repeat): record.outcome for record in bought.records}
    assert all(isinstance(outcome, Reply) for outcome in last.values())
    assert len(bought.records) == 24 + 6
    assert [len(made.lines) for made in provider.made] == [12, 12, 6]


@pytest.mark.parametrize("step", ["polls", "creates"])
def test_a_provider_that_can_not_be_asked_keeps_no_other_models_answers_from_being_read(
    tmp_path: Path, scripted_server: Serve, step: str
) -> None:
    bought, other = Bought(tmp_path, scripted_server, Batches()), Batches()
    entries = yaml.safe_load((tmp_path / "harness.yml").read_text())["models"]
    away = {**entries["m"], "base_url": f"{scripted_server(other).url}/v1"}
    (tmp_path / "harness.yml").write_text(yaml.safe_dump({"models": {"away": away, **entries}}))
    suite = yaml.safe_load((tmp_path / "small.suite.yml").read_text()) | {"models": ["away", "m"]}
    (tmp_path / "small.suite.yml").write_text(yaml.safe_dump(suite))
    refused = {
        "polls": Answer.of_json({"error": {"message": "No such key"}}, status=401),
        "creates": Answer(status=503),
    }
    getattr(other, step).extend([refused[step]] * 99)
    done = bought.run()
    assert done.returncode == 4, done.stderr
    assert "away: " in done.stderr
    assert Counter(record.candidate for record in bought.records) == {"v1@m": 24}
    getattr(other, step).clear()
    assert bought.resume().returncode in {0, 3}
    assert set(places(bought.folder).values()) == {1}
    assert len(bought.records) == 48
    assert max(Counter(other.asked).values()) == 1
