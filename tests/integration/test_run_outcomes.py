"""A run ends with one record for each planned trial, or with an error that says how to go on."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from measured import events_of, places, records, spam, whys, write_project
from scripted import Answer, Request, Script, ScriptedServer

from harness.errors import EndpointUnusable, Exit, RunIncomplete
from harness.files.bundle import load_bundle
from harness.journal import iter_records
from harness.measure.resume import resume
from harness.measure.run import measure
from harness.record import CaseRow, Failure, Interference, Pace, Record, Reply, Session
from harness.rundir import JOURNAL, find_run, read_manifest

Serve = Callable[[Script], ScriptedServer]


class Watching:
    """An observer that keeps what it hears."""

    def __init__(self) -> None:
        self.started: list[tuple[int, int]] = []
        self.records: list[Record] = []
        self.paces: list[Pace] = []
        self.notes: list[str] = []

    def on_start(self, planned: int, done: int) -> None:
        self.started.append((planned, done))

    def on_record(self, record: Record) -> None:
        self.records.append(record)

    def on_pace(self, pace: Pace) -> None:
        self.paces.append(pace)

    def on_note(self, text: str) -> None:
        self.notes.append(text)


def last_run(root: Path) -> Path:
    return find_run(root / "results", "latest")


def test_every_planned_trial_has_one_record_and_the_manifest_explains_the_run(
    tmp_path: Path, scripted_server: Serve
) -> None:
    server = scripted_server(lambda request: spam())
    suite = write_project(tmp_path, server.url, cases=6, repeats=3, prompts=("v1", "v2"), warmup=2)
    watching = Watching()
    run = measure(load_bundle(suite), tmp_path / "results", observer=watching, command=("harness", "run"))
    assert set(places(run).values()) == {1}
    assert len(records(run)) == 6 * 3 * 2
    assert len(server.requests) == 6 * 3 * 2 + 2 * 2
    assert all(isinstance(record.outcome, Reply) and record.total_ns > 0 for record in records(run))
    warm = [r for r in iter_records(run / JOURNAL, warmup=True) if r.warmup]
    assert Counter(r.candidate for r in warm) == {"v1@m": 2, "v2@m": 2}
    assert len(events_of(run, CaseRow)) == 6
    assert [s.event for s in events_of(run, Session)] == ["started", "finished"]
    assert events_of(run, Interference)[0].max_in_flight <= 4
    assert watching.started == [(36, 0)]
    assert len(watching.records) == 40
    manifest = read_manifest(run)
    assert manifest.planned_trials == 36
    assert manifest.run_id == run.name
    assert {file.path for file in manifest.files} >= {"harness.yml", "small.suite.yml", "cases.jsonl"}
    assert manifest.command == ("harness", "run")
    assert manifest.versions.keys() >= {"python", "prompt-readiness", "msgspec"}


def test_no_key_is_written_into_a_run(tmp_path: Path, scripted_server: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMALL_TEST_KEY", "sk-very-secret-0123456789")
    server = scripted_server(
        lambda request: Answer.of_json({"error": {"message": request.headers["authorization"]}}, status=400)
    )
    suite = write_project(tmp_path, server.url, cases=3, api_key_env="SMALL_TEST_KEY")
    with pytest.raises(EndpointUnusable) as caught:
        measure(load_bundle(suite), tmp_path / "results")
    assert "sk-very-secret" not in str(caught.value)
    run = last_run(tmp_path)
    assert "sk-very-secret" in server.requests[0].headers["authorization"]
    for path in run.rglob("*"):
        assert b"sk-very-secret" not in path.read_bytes()


def test_a_bad_request_is_a_record_and_is_not_sent_again(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(
        lambda request: (
            Answer.of_json({"error": {"message": "too odd"}}, status=400) if b"no. 3" in request.body else spam()
        )
    )
    run = measure(load_bundle(write_project(tmp_path, server.url, cases=6)), tmp_path / "results")
    failed = {r.case: r.outcome for r in records(run) if isinstance(r.outcome, Failure)}
    assert {case: f.kind for case, f in failed.items()} == {"3": "bad_request"}
    assert len(server.requests) == 6


def test_a_429_waits_as_long_as_it_asks_and_the_waits_are_parts_of_the_record(
    tmp_path: Path, scripted_server: Serve
) -> None:
    def script(request: Request) -> Answer:
        if request.number == 0:
            return Answer(status=429, headers={"retry-after": "0.5"}, body=b"{}")
        return spam()

    server = scripted_server(script)
    watching = Watching()
    suite = write_project(tmp_path, server.url, cases=4, limits={"concurrency": 1})
    began = time.monotonic_ns()
    run = measure(load_bundle(suite), tmp_path / "results", observer=watching)
    took_ns = time.monotonic_ns() - began
    assert took_ns >= 500_000_000
    (retried,) = [r for r in records(run) if len(r.attempts) > 1]
    first, second = retried.attempts
    assert isinstance(retried.outcome, Reply)
    assert (first.status, first.retry_after_ns) == (429, 500_000_000)
    assert 500_000_000 <= second.backoff_ns < took_ns
    assert len(server.requests) == 5
    assert any(pace.why.startswith("429, backing off 0.5") for pace in watching.paces)


def test_a_cut_of_the_limit_says_from_what_to_what(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(
        lambda request: (
            Answer(status=429, headers={"retry-after": "0.1"}, body=b"{}", delay_s=0.02)
            if 40 <= request.number < 44
            else spam()
        )
    )
    suite = write_project(tmp_path, server.url, cases=100, limits={"concurrency": 10, "attempts": 6})
    run = measure(load_bundle(suite), tmp_path / "results")
    assert all(isinstance(record.outcome, Reply) for record in records(run))
    (cut, *_) = (why for why in whys(run) if "429, backing off 0.1" in why)
    found = re.search(r"; (\d+) -> (\d+) in flight", cut)
    assert found is not None
    before, after = int(found[1]), int(found[2])
    assert 1 < before <= 10  # less than ten where this machine was too busy for more
    assert after == before * 4 // 5


def test_an_endpoint_that_always_says_429_gets_the_configured_attempts_and_ends_resumable(
    tmp_path: Path, scripted_server: Serve
) -> None:
    server = scripted_server(lambda request: Answer(status=429, headers={"retry-after-ms": "10"}, body=b"{}"))
    suite = write_project(tmp_path, server.url, cases=30, limits={"concurrency": 1, "attempts": 2})
    with pytest.raises(RunIncomplete, match="5 trials in a row failed") as caught:
        measure(load_bundle(suite), tmp_path / "results")
    assert caught.value.exit_code == Exit.INCOMPLETE
    assert len(server.requests) == 5 * 2
    run = last_run(tmp_path)
    assert run.name in caught.value.fix
    assert caught.value.resumable
    assert records(run) == []
    server.script = lambda request: spam()
    resume(run)
    assert set(places(run).values()) == {1}
    assert len(records(run)) == 30


def test_a_single_trial_that_always_meets_429_is_a_failure_with_all_its_attempts(
    tmp_path: Path, scripted_server: Serve
) -> None:
    server = scripted_server(lambda request: Answer(status=429, body=b"{}"))
    suite = write_project(tmp_path, server.url, cases=2, limits={"concurrency": 1, "attempts": 2})
    run = measure(load_bundle(suite), tmp_path / "results")
    assert len(server.requests) == 2 * 2
    assert [(r.outcome.kind, len(r.attempts)) for r in records(run) if isinstance(r.outcome, Failure)] == [
        ("rate_limited", 2),
        ("rate_limited", 2),
    ]


def test_a_wait_beyond_the_bound_ends_the_run_and_it_resumes(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda request: Answer(status=429, headers={"retry-after": "7200"}, body=b"{}"))
    suite = write_project(tmp_path, server.url, cases=5, limits={"concurrency": 2})
    with pytest.raises(RunIncomplete, match="7,200 s"):
        measure(load_bundle(suite), tmp_path / "results")
    assert len(server.requests) <= 2
    server.script = lambda request: spam()
    run = resume(last_run(tmp_path))
    assert len(records(run)) == 5


def test_x_should_retry_has_the_last_word(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda request: Answer(status=503, headers={"x-should-retry": "false"}, body=b"{}"))
    suite = write_project(tmp_path, server.url, cases=2, limits={"attempts": 5})
    run = measure(load_bundle(suite), tmp_path / "results")
    assert len(server.requests) == 2
    assert {len(record.attempts) for record in records(run)} == {1}


@pytest.mark.parametrize(
    ("status", "body", "fix"),
    [
        (401, {"error": {"message": "bad key"}}, "api_key_env"),
        (404, {"error": {"message": "The model m-1 does not exist", "code": "model_not_found"}}, "`model`"),
        (429, {"error": {"message": "pay", "code": "insufficient_quota"}}, "quota"),
    ],
)
def test_a_refusal_of_every_call_ends_the_run_at_once_with_what_to_fix(
    tmp_path: Path, scripted_server: Serve, status: int, body: object, fix: str
) -> None:
    server = scripted_server(lambda request: Answer.of_json(body, status=status))
    suite = write_project(tmp_path, server.url, cases=50, limits={"concurrency": 3})
    with pytest.raises(EndpointUnusable, match=r"v1@m: ") as caught:
        measure(load_bundle(suite), tmp_path / "results")
    assert len(server.requests) <= 3
    assert caught.value.exit_code == Exit.ENDPOINT_UNUSABLE
    assert fix in caught.value.fix
    stopped = events_of(last_run(tmp_path), Session)[-1]
    assert stopped.event == "stopped"
    assert stopped.why.startswith("EndpointUnusable")


def test_nobody_listening_is_an_unusable_endpoint(tmp_path: Path) -> None:
    suite = write_project(tmp_path, "http://127.0.0.1:9", cases=50, warmup=3)
    with pytest.raises(EndpointUnusable, match="in a row failed") as caught:
        measure(load_bundle(suite), tmp_path / "results")
    assert caught.value.fix.startswith("Start the server, or correct `base_url` in harness.yml:3. ")


def test_an_outage_in_the_middle_costs_no_trial_its_chance(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda request: spam() if request.number < 60 else Answer(status=500, body=b"{}"))
    suite = write_project(tmp_path, server.url, cases=200, limits={"concurrency": 4, "attempts": 2})
    with pytest.raises(RunIncomplete, match="20 trials in a row"):
        measure(load_bundle(suite), tmp_path / "results")
    run = last_run(tmp_path)
    assert len(records(run)) == 60
    retries = len(server.requests) - 60 - 20
    assert retries <= 0.2 * len(server.requests) + 4
    server.script = lambda request: spam()
    resume(run)
    assert set(places(run).values()) == {1}
    assert all(isinstance(record.outcome, Reply) for record in records(run))


def test_failures_between_successes_are_final(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda request: Answer(status=500, body=b"{}") if b"no. 7" in request.body else spam())
    suite = write_project(tmp_path, server.url, cases=12, limits={"attempts": 2})
    run = measure(load_bundle(suite), tmp_path / "results")
    failed = [r for r in records(run) if isinstance(r.outcome, Failure)]
    assert [(r.case, r.outcome.kind, len(r.attempts)) for r in failed if isinstance(r.outcome, Failure)] == [
        ("7", "server_error", 2)
    ]
    assert len(records(run)) == 12


def test_a_template_that_fails_on_one_case_is_that_cases_failure(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda request: spam())
    suite = write_project(tmp_path, server.url, cases=11)
    content = "{% if message == 'message no. 10' %}{{ 1 | join }}{% endif %}{{ message }}"
    (tmp_path / "v1.prompt.yml").write_text(f'messages: [{{role: user, content: "{content}"}}]\n')
    run = measure(load_bundle(suite), tmp_path / "results")
    assert {r.case: r.outcome.kind for r in records(run) if isinstance(r.outcome, Failure)} == {"10": "render"}
    assert len(server.requests) == 10


def test_a_trial_has_one_deadline_over_all_its_attempts(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda request: Answer(body=b"{}", delay_s=3.0))
    suite = write_project(tmp_path, server.url, cases=2, limits={"attempts": 10}, timeout=0.4, deadline=1.0)
    run = measure(load_bundle(suite), tmp_path / "results")
    for record in records(run):
        assert isinstance(record.outcome, Failure)
        assert record.outcome.kind in ("timeout", "deadline")
        assert len(record.attempts) <= 3  # each takes 0.4 s of the second, and not ten of them


def test_a_quota_of_headers_is_spread_without_a_single_429(tmp_path: Path, scripted_server: Serve) -> None:
    # A fixed window of two seconds with 40 requests.
    window: dict[int, int] = {}
    began = time.monotonic()

    def script(request: Request) -> Answer:
        since = time.monotonic() - began
        n = int(since // 2)
        window[n] = window.get(n, 0) + 1
        left, reset = 40 - window[n], (n + 1) * 2 - since
        headers = {
            "x-ratelimit-limit-requests": "40",
            "x-ratelimit-remaining-requests": str(max(0, left)),
            "x-ratelimit-reset-requests": f"{reset:.3f}s",
        }
        if left < 0:
            return Answer(status=429, headers={**headers, "retry-after": f"{reset:.2f}"}, body=b"{}")
        return Answer(status=200, headers={**headers, **spam().headers}, body=spam().body)

    server = scripted_server(script)
    suite = write_project(tmp_path, server.url, cases=100, limits={"concurrency": 8, "attempts": 5})
    run = measure(load_bundle(suite), tmp_path / "results")
    took = time.monotonic() - began
    assert all(isinstance(record.outcome, Reply) for record in records(run))
    assert len(server.requests) == 100
    assert 3.5 <= took <= 7.0  # 100 requests are two and a half windows
    assert any(why.startswith("spreading ") for why in whys(run))
    assert all(record.attempts[-1].remaining_requests in range(40) for record in records(run))


def test_two_processes_measure_each_trial_once(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda request: spam())
    suite = write_project(tmp_path, server.url, cases=40, repeats=2, warmup=1)
    watching = Watching()
    run = measure(load_bundle(suite), tmp_path / "results", observer=watching, processes=2)
    assert set(places(run).values()) == {1}
    assert len(records(run)) == 80
    assert len(server.requests) == 80 + 2
    load = events_of(run, Interference)[0]
    assert load.processes == 2
    assert load.samples > 0
    assert len(watching.records) == 82


def test_an_error_in_one_of_two_processes_ends_both(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda request: Answer.of_json({"error": {"message": "no"}}, status=401))
    suite = write_project(tmp_path, server.url, cases=40)
    with pytest.raises(EndpointUnusable, match=r"v1@m: "):
        measure(load_bundle(suite), tmp_path / "results", processes=2)
    assert len(server.requests) <= 4
