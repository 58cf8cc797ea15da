"""`harness view` as people run it: a process of its own, asked over a real socket."""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import pytest
from commanded import HANGS_S, REPLAY, harness, write_yaml
from viewed import RUN, events, write_run
from viewing import viewing

from harness.journal import JournalWriter
from harness.rundir import JOURNAL, LOCK


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_yaml(tmp_path / "harness.yml", REPLAY)
    return tmp_path


def get(address: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=120) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def raw(address: str, request: str) -> bytes:
    """Send bytes as they are: no library tidies them up."""
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=120) as connection:
        connection.sendall(request.format(host=parts.netloc).encode())
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    return answer


def test_it_opens_a_run_by_prefix_and_ctrl_c_ends_it_well(project: Path) -> None:
    write_run(project / "results", judge=False)
    with viewing(project, RUN[:12]) as (process, address):
        assert address.endswith(f"/runs/{RUN}")
        assert get(address)[0] == 200
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Traceback" not in said


def test_it_reads_nothing_outside_the_results_and_writes_nothing(project: Path) -> None:
    (project / "secret.txt").write_text("the secret")
    write_run(project / "results", judge=False)
    (project / "results" / RUN / "notes.txt").write_text("the secret")
    before = state(project)
    with viewing(project) as (_, address):
        for path in (
            "/runs/../../secret.txt",
            "/runs/%2e%2e/%2e%2e/secret.txt",
            "/runs/..%2f..%2fsecret.txt",
            f"/runs/{RUN}/../../../secret.txt",
            f"/runs/{RUN}%2fnotes.txt",
            f"/runs/{RUN}/notes.txt",
            "/static/../../../../../../etc/hostname",
            "//etc/passwd",
            "/static/viewer.css%00",
        ):
            answer = raw(address, f"GET {path} HTTP/1.1\r\nHost: {{host}}\r\nConnection: close\r\n\r\n")
            assert answer.split()[1] in {b"400", b"404"}, path
            assert b"the secret" not in answer
        assert get(address, Host="evil.example")[0] == 421
        base = address.removesuffix("/runs")
        for page in (f"/runs/{RUN}", f"/runs/{RUN}/cases", f"/runs/{RUN}/case?id=case-003", "/history"):
            assert get(base + page)[0] == 200
    assert state(project) == before


def state(project: Path) -> dict[str, tuple[int, int]]:
    files = sorted(project.rglob("*"))
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in files}


def test_a_token_opens_it_and_json_mode_prints_one_document(project: Path) -> None:
    token = "a-token-of-enough-length"
    write_run(project / "results", judge=False)
    with viewing(project, "--host", "127.0.0.1", "--json", HARNESS_VIEW_TOKEN=token) as (process, first_line):
        assert process.stdout is not None
        address = json.loads(first_line + read_until(process.stdout, "}\n"))["url"]
        assert address.endswith(f"?token={token}")
        plain = address.partition("?")[0]
        assert get(plain)[0] == 401
        assert get(plain, Authorization=f"Bearer {token}")[0] == 200
        jar = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with jar.open(address, timeout=120) as answer:
            assert (answer.status, answer.url) == (200, plain)


def read_until(lines: IO[str], end: str) -> str:
    text = ""
    while not text.endswith(end):
        text += lines.readline()
    return text


def test_other_machines_are_refused_without_a_token(project: Path) -> None:
    done = harness("view", "--host", "0.0.0.0", at=project)
    assert done.returncode == 2
    assert "--token" in done.stderr
    assert done.stdout == ""


def test_without_the_extra_it_says_what_to_install(project: Path) -> None:
    (project / "starlette.py").write_text("raise ModuleNotFoundError('No module', name='starlette')\n")
    done = harness("view", at=project, env={"PYTHONPATH": str(project)})
    assert done.returncode == 2
    assert "Run: pip install 'starlette>=1.0' 'uvicorn>=0.40'." in done.stderr.replace("\n", " ")
    assert "prompt-readiness" not in done.stderr, "no index has it: who registered the name would be run"


def progress(address: str) -> Any:
    return json.loads(get(address + ".json")[1])


def test_a_run_that_goes_on_is_followed(project: Path) -> None:
    everything = list(events())
    folder = write_run(project / "results", journal=everything[:100], judge=False)
    holder = {"pid": os.getpid(), "host": platform.node(), "since": ""}
    (folder / LOCK).write_text(json.dumps(holder))
    with viewing(project, "latest") as (_, address):
        assert (progress(address)["state"], progress(address)["journalled_trials"]) == ("running", 39)
        assert '<meta http-equiv="refresh"' in get(address)[1]
        with (folder / JOURNAL).open("ab") as journal:
            journal.write(b'{"crc":"half a line')  # as a writer leaves it for an instant
        assert progress(address)["journalled_trials"] == 39
        (folder / JOURNAL).write_bytes((folder / JOURNAL).read_bytes().removesuffix(b'{"crc":"half a line'))
        writer = JournalWriter.reopen(folder / JOURNAL, RUN)
        for event in everything[100:]:
            writer.append(event)
        writer.close()
        deadline = time.monotonic() + HANGS_S
        while progress(address)["journalled_trials"] != 360 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert progress(address)["journalled_trials"] == 360
        (folder / LOCK).write_text("")
        assert progress(address)["state"] == "not judged"


def test_a_run_is_exported_as_files_and_not_over_anything_else(project: Path) -> None:
    write_run(project / "results")
    done = harness("view", "--export", "site", "--json", at=project)
    assert (done.returncode, json.loads(done.stdout)["index"]) == (0, "site/index.html")
    assert (project / "site" / "index.html").is_file()
    refused = harness("view", "--export", "results", at=project)
    assert refused.returncode == 2
    assert "results is not empty and not an earlier export" in refused.stderr
    assert harness("view", "--export", "site", "--port", "0", at=project).returncode == 2
