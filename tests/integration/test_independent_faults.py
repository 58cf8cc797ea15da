"""A fault server that others wrote (llmock) breaks our calls, and finds nothing to say against this client.

It groups attempts by their body and judges: Retry-After ignored, hopeless requests sent again, retry storms,
no backoff, giving up on what a retry mends, a cut stream taken as a reply, a stall sat through.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from commanded import HANGS_S
from measured import records, write_project

from harness.files.bundle import load_bundle
from harness.judge.assess import assess_run
from harness.measure.run import measure
from harness.record import Failure, Record

pytest.importorskip("llmock", reason="needs llmock: pip install llmock")

SERVE = "import sys; from llmock.cli import app; app()"


class Broken:
    """A running llmock."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call its admin interface."""
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}{path}", sent, {"content-type": "application/json"}, method="GET" if body is None else "POST"
        )
        with urllib.request.urlopen(request, timeout=HANGS_S) as answer:
            return json.loads(answer.read())

    def script(self, *behaviors: dict[str, Any]) -> None:
        """Say what goes wrong with the next requests."""
        self.ask("/_llmock/scenario", {"behaviors": list(behaviors)})

    def findings(self) -> list[str]:
        """Give what it has against the client, warnings too."""
        return [f"{f['severity']} {f['code']}: {f['title']}" for f in self.ask("/_llmock/verdict")["findings"]]

    def requests(self) -> int:
        """Count the calls of models that reached it."""
        return len(self.ask("/_llmock/requests")["requests"])


@contextmanager
def llmock(*options: str) -> Iterator[Broken]:
    process, server = started(*options)
    try:
        yield server
    finally:
        process.terminate()
        process.wait(HANGS_S)


def started(*options: str) -> tuple[subprocess.Popen[bytes], Broken]:
    """Start it on a free port, and on another one where somebody took the first in between."""
    for _ in range(3):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-c", SERVE, "serve", "--port", str(port), *options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        server = Broken(f"http://127.0.0.1:{port}")
        until = time.monotonic() + HANGS_S
        while process.poll() is None and time.monotonic() < until:
            with suppress(OSError):
                server.ask("/health")
                return process, server
            time.sleep(0.1)
        process.kill()
        process.wait()
    raise AssertionError("llmock did not start")


Tell = Callable[[str, object], None]


def run_on(server: Broken, root: Path, tell: Tell, *, cases: int = 30, **entry: Any) -> dict[str, Record]:
    limits = {"concurrency": 8, "attempts": 4, **entry.pop("limits", {})}
    base = {"chat": "/v1", "responses": "/v1", "anthropic": "/anthropic"}[entry.get("endpoint", "chat")]
    suite = write_project(root, server.url, cases=cases, limits=limits, base_url=server.url + base, **entry)
    run = measure(load_bundle(suite), root / "results")
    trials = {record.case: record for record in records(run)}
    candidate = assess_run(run).candidates[0]
    assert sum(candidate.outcomes.values()) == cases == len(trials)
    assert server.requests() == sum(len(record.attempts) for record in trials.values())
    tell("requests", server.requests())
    tell("faults", sum(a.failure is not None for r in trials.values() for a in r.attempts))
    return trials


def failed(trials: dict[str, Record]) -> list[str]:
    return sorted(r.outcome.kind for r in trials.values() if isinstance(r.outcome, Failure))


@pytest.mark.parametrize("endpoint", ["chat", "responses", "anthropic"])
def test_passing_errors_of_every_provider_are_waited_out(tmp_path: Path, record_property: Tell, endpoint: str) -> None:
    with llmock() as server:
        server.script(
            {"type": "fail", "status": 429, "retry_after": 1, "times": 2},
            {"type": "fail", "status": 503, "times": 1},
            {"type": "fail", "status": 500, "times": 1},
            {"type": "fail", "status": 529 if endpoint == "anthropic" else 502, "times": 1},
        )
        trials = run_on(server, tmp_path, record_property, endpoint=endpoint, params={"max_tokens": 8})
        assert failed(trials) == []
        assert sum(len(r.attempts) > 1 for r in trials.values()) >= 3
        assert server.findings() == []


@pytest.mark.parametrize("endpoint", ["chat", "anthropic"])
def test_broken_streams_are_never_replies_and_are_asked_for_again(
    tmp_path: Path, record_property: Tell, endpoint: str
) -> None:
    with llmock() as server:
        server.script(
            *(
                {"type": "stream_fault", "kind": kind, "after_chunks": 1}
                for kind in ("disconnect", "truncate", "malformed")
            ),
            {"type": "slow_first_token", "seconds": 0.5},
            {"type": "stream_fault", "kind": "stall", "after_chunks": 1, "stall_seconds": 30},
        )
        trials = run_on(
            server, tmp_path, record_property, endpoint=endpoint, stream=True, timeout="2 s", params={"max_tokens": 8}
        )
        assert failed(trials) == []
        broken = [a.failure.kind for r in trials.values() for a in r.attempts if a.failure is not None]
        assert {"stream_cut", "invalid_reply"} <= set(broken)
        assert len(broken) == 4  # each asked for again: the trials above have replies
        # whether the reading stopped it can't tell where this machine hung up after it had sent the rest
        assert [each for each in server.findings() if "malformed_chunk_ignored" not in each] == []


def test_a_hopeless_request_is_sent_once(tmp_path: Path, record_property: Tell) -> None:
    with llmock() as server:
        server.script({"type": "fail", "status": 422, "times": 1}, {"type": "fail", "status": 400, "times": 1})
        trials = run_on(server, tmp_path, record_property)
        assert failed(trials) == ["bad_request", "bad_request"]
        assert server.findings() == []


def test_a_quota_is_kept_without_one_failed_trial(tmp_path: Path, record_property: Tell) -> None:
    with llmock("--rpm", "1200") as server:
        trials = run_on(server, tmp_path, record_property, cases=250)
        assert failed(trials) == []
        assert server.findings() == []
