"""A run that dies at any instant goes on: the same trials, none that was finished paid for again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from commanded import HANGS_S
from measured import events_of, places, records, spam, write_project
from scripted import Answer, Held, Request, Script, ScriptedServer
from threaded import settle

from harness.errors import Exit, JournalDamaged, RunChanged, RunLocked
from harness.files.bundle import load_bundle
from harness.journal import JournalWriter, read_events
from harness.measure.resume import resume
from harness.measure.run import measure
from harness.record import CaseRow, Event, Pace, Reply, Session
from harness.rundir import JOURNAL, find_run, read_manifest

Serve = Callable[[Script], ScriptedServer]

MEASURE = """
import resource, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may ignore it, as `nohup` does
from pathlib import Path
from harness.errors import HarnessError
from harness.files.bundle import load_bundle
from harness.measure.run import measure
suite = Path(sys.argv[1])
if len(sys.argv) > 3:  # a disk that is full after so many bytes of one file
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    measure(load_bundle(suite), suite.parent / "results", processes=int(sys.argv[2]))
except HarnessError as error:
    print(error.message, error.fix)
    sys.exit(int(error.exit_code))
"""


def start(suite: Path, processes: int = 1, *more: str, stderr: int | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", MEASURE, str(suite), str(processes), *more],
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
    )


def wait_until(met: Callable[[], bool]) -> None:
    until = time.monotonic() + HANGS_S
    while not met():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.002)


def last_run(suite: Path) -> Path:
    return find_run(suite.parent / "results", "latest")


def slowly(request: Request) -> Answer:
    return Answer.of_json({"choices": [{"message": {"content": "spam"}, "finish_reason": "stop"}]}, delay_s=0.01)


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("after", [1, 37, 150])
def test_after_kill_9_only_the_calls_in_flight_are_sent_again(
    tmp_path: Path, scripted_server: Serve, after: int, processes: int
) -> None:
    held = Held(slowly, after + 20)
    server = scripted_server(held)
    suite = write_project(tmp_path, server.url, cases=100, repeats=2, limits={"concurrency": 8})
    process = start(suite, processes)
    wait_until(lambda: len(server.requests) >= after)
    children = psutil.Process(process.pid).children()
    process.kill()
    process.communicate()
    assert psutil.wait_procs(children, timeout=HANGS_S)[1] == []
    settle(server)
    held.release()
    run = last_run(suite)
    resume(run)
    assert places(run).total() == 200
    assert set(places(run).values()) == {1}
    assert all(isinstance(record.outcome, Reply) for record in records(run))
    assert len(server.requests) <= 200 + 8
    sessions = events_of(run, Session)
    assert [s.event for s in sessions] == ["started", "resumed", "finished"]
    assert len(server.requests) - 200 <= sessions[1].cut_off <= 8


def test_no_measuring_process_outlives_a_parent_that_died_without_a_word(
    tmp_path: Path, scripted_server: Serve
) -> None:
    server = scripted_server(slowly)
    suite = write_project(tmp_path, server.url, cases=100, limits={"concurrency": 8})
    process = start(suite, 2)
    parent = psutil.Process(process.pid)
    children: list[psutil.Process] = []

    def measures(child: psutil.Process) -> bool:
        with suppress(psutil.Error):  # one of those that end at once: git, asked for the commit
            return "harness.measure.engine.child" in child.cmdline()
        return False

    def two_measure() -> bool:
        children[:] = filter(measures, parent.children())
        return len(children) == 2

    wait_until(two_measure)
    process.send_signal(signal.SIGSTOP)  # it will never hear what the children send first
    time.sleep(3)
    process.kill()
    process.communicate()
    gone, left = psutil.wait_procs(children, timeout=HANGS_S)
    for child in left:
        child.kill()
    assert len(gone) == 2


def test_killing_again_and_again_loses_nothing(tmp_path: Path, scripted_server: Serve) -> None:
    held = Held(slowly, 14)
    server = scripted_server(held)
    suite = write_project(tmp_path, server.url, cases=60, limits={"concurrency": 4})
    process = start(suite)
    wait_until(lambda: len(server.requests) >= 10)
    process.kill()
    process.communicate()
    settle(server)
    run = last_run(suite)
    code = "import sys, pathlib, harness.measure.resume as r; r.resume(pathlib.Path(sys.argv[1]))"
    for _ in range(3):
        sent = len(server.requests)
        held.number = sent + 10
        again = subprocess.Popen([sys.executable, "-c", code, str(run)], stdout=subprocess.PIPE)
        wait_until(lambda sent=sent: len(server.requests) >= sent + 8)
        again.kill()
        again.communicate()
        settle(server)
    held.release()
    resume(run)
    assert set(places(run).values()) == {1}
    assert places(run).total() == 60
    assert len(server.requests) <= 60 + 4 * 4


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, Exit.INTERRUPTED), (signal.SIGTERM, Exit.TERMINATED), (signal.SIGHUP, Exit.TERMINATED)],
)
@pytest.mark.parametrize("processes", [1, 2])
def test_a_first_signal_lets_calls_in_flight_finish_and_nothing_is_sent_twice(
    tmp_path: Path, scripted_server: Serve, number: signal.Signals, code: Exit, processes: int
) -> None:
    held = Held(slowly, 40, delay_s=0.3)
    server = scripted_server(held)
    suite = write_project(tmp_path, server.url, cases=300, limits={"concurrency": 4})
    process = start(suite, processes)
    wait_until(lambda: len(server.requests) >= 20)
    os.killpg(process.pid, number)  # as a terminal does: to every process of the group
    output, _ = process.communicate(timeout=HANGS_S)
    held.release()
    assert process.returncode == code
    run = last_run(suite)
    assert f"harness resume {run.name}".encode() in output
    assert 20 <= len(records(run)) < 300
    assert events_of(run, Session)[-1].event == "stopped"
    resume(run)
    assert set(places(run).values()) == {1}
    assert len(server.requests) == 300


def test_calls_between_two_attempts_count_as_cut_off(tmp_path: Path, scripted_server: Serve) -> None:
    later = Answer(status=503, headers={"retry-after": "60"})
    server = scripted_server(lambda request: spam() if request.number < 4 else later)
    suite = write_project(tmp_path, server.url, cases=40, limits={"concurrency": 2, "max_retry_after_s": 90})
    process = start(suite)
    wait_until(lambda: len(server.requests) >= 6)
    time.sleep(1)  # both are answered, and wait
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=HANGS_S)
    assert process.returncode == Exit.INTERRUPTED
    run = last_run(suite)
    assert events_of(run, Session)[-1].cut_off == len(server.requests) - len(records(run)) == 2


def taken(process: subprocess.Popen[bytes], number: signal.Signals) -> bool:
    """Tell whether a signal has been taken: a second one that comes before is the same one."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        time.sleep(1)  # no kernel tells, but Linux
        return True
    pending = re.findall(r"^(?:Sig|Shd)Pnd:\s*(\w+)$", status.read_text(), re.MULTILINE)
    return not any(int(mask, 16) >> (number - 1) & 1 for mask in pending)


def test_a_second_signal_ends_at_once_and_still_resumes(tmp_path: Path, scripted_server: Serve) -> None:
    held = Held(lambda request: spam(), 0)  # they never end by themselves
    server = scripted_server(held)
    suite = write_project(tmp_path, server.url, cases=20, limits={"concurrency": 4})
    process = start(suite)
    wait_until(lambda: len(server.requests) >= 4)
    process.send_signal(signal.SIGINT)
    wait_until(lambda: taken(process, signal.SIGINT))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=HANGS_S)
    assert process.returncode == Exit.INTERRUPTED
    run = last_run(suite)
    assert events_of(run, Session)[-1].cut_off == 4
    held.release()
    resume(run)
    assert set(places(run).values()) == {1}
    assert events_of(run, Session)[2].cut_off == 4


def test_calls_beyond_a_limit_that_was_lowered_are_counted_as_cut_off(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda request: spam())
    bundle = load_bundle(write_project(tmp_path, server.url, cases=12))
    run = measure(bundle, tmp_path / "results")
    journalled = list(read_events(run / JOURNAL))
    paces = [
        Pace(at_ns=0, endpoint="m", limit=8, in_flight=0, why="started", most=8),
        Pace(at_ns=1, endpoint="m", limit=6, in_flight=8, why="client saturated", most=6),
    ]
    begun: list[Event] = [event for event in journalled if isinstance(event, CaseRow)]
    begun += [event for event in journalled if isinstance(event, Session) and event.event == "started"]
    (run / JOURNAL).unlink()
    writer = JournalWriter.create(run / JOURNAL, run.name)
    for event in (*begun, *paces):
        writer.append(event)
    writer.close()  # as a kill leaves it, right after the limit fell with eight calls out
    resume(run)
    assert [session.cut_off for session in events_of(run, Session)] == [0, 8, 0]


def test_a_second_process_on_the_run_is_refused_and_names_the_first(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(Held(slowly, 8))
    suite = write_project(tmp_path, server.url, cases=200, limits={"concurrency": 2})
    process = start(suite)
    wait_until(lambda: len(server.requests) >= 4)
    with pytest.raises(RunLocked, match=f"process {process.pid} "):
        resume(last_run(suite))
    process.kill()
    process.communicate()


@pytest.mark.parametrize("processes", [1, 2])
def test_a_full_disk_stops_dispatch_at_once_and_the_run_resumes_when_there_is_room(
    tmp_path: Path, scripted_server: Serve, processes: int
) -> None:
    server = scripted_server(slowly)
    suite = write_project(tmp_path, server.url, cases=200, limits={"concurrency": 4})
    process = start(suite, processes, "60000")
    output, _ = process.communicate(timeout=HANGS_S)
    assert process.returncode == Exit.INCOMPLETE
    assert b"File too large" in output
    run = last_run(suite)
    saved = len(records(run))
    assert 20 < saved < 200
    assert len(server.requests) <= saved + 4 + 4  # the four in flight, and one more each before they knew
    resume(run)
    assert set(places(run).values()) == {1}
    assert places(run).total() == 200


def test_a_disk_that_is_full_before_the_first_trial_ends_all_processes(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(slowly)
    suite = write_project(tmp_path, server.url, cases=200, limits={"concurrency": 4})
    measure(load_bundle(suite), tmp_path / "results", processes=2)
    lines = (last_run(suite) / JOURNAL).read_bytes().splitlines(keepends=True)
    begun = next(n for n, line in enumerate(lines) if b'"type":"session"' in line) + 1
    server.requests.clear()
    process = start(suite, 2, str(sum(map(len, lines[:begun])) + 20))  # the first event of a process has no room
    output, _ = process.communicate(timeout=HANGS_S)
    assert process.returncode == Exit.INCOMPLETE, output
    assert b"journal.jsonl: File too large" in output
    assert server.requests == []


@pytest.mark.parametrize("later_s", [0, 0.2])
def test_a_signal_while_processes_start_reaches_them_all(
    tmp_path: Path, scripted_server: Serve, later_s: float
) -> None:
    server = scripted_server(slowly)
    suite = write_project(tmp_path, server.url, cases=2000, limits={"concurrency": 4})
    process = start(suite, 2, stderr=subprocess.PIPE)
    wait_until(lambda: bool(psutil.Process(process.pid).children()) or process.poll() is not None)
    time.sleep(later_s)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    output, complaints = process.communicate(timeout=HANGS_S)
    assert process.returncode == 130, output
    assert complaints == b""  # from those who are in the middle of their imports
    assert len(server.requests) < 2000


def test_a_run_that_died_before_its_cases_were_written_begins_with_all_of_them(
    tmp_path: Path, scripted_server: Serve
) -> None:
    server = scripted_server(lambda request: spam())
    suite = write_project(tmp_path, server.url, cases=8)
    run = measure(load_bundle(suite), tmp_path / "results")
    lines = (run / JOURNAL).read_bytes().splitlines(keepends=True)
    (run / JOURNAL).write_bytes(b"".join(lines[:4]))  # header and three cases
    resume(run)
    assert places(run).total() == 8
    assert len(events_of(run, CaseRow)) == 8


@pytest.fixture
def stopped(tmp_path: Path, scripted_server: Serve) -> tuple[Path, ScriptedServer]:
    """Make a run of 20 cases whose last ten records are cut off, as if it had died."""
    server = scripted_server(lambda request: spam())
    suite = write_project(tmp_path, server.url, cases=20)
    run = measure(load_bundle(suite), tmp_path / "results")
    lines = (run / JOURNAL).read_bytes().splitlines(keepends=True)
    first_record = next(n for n, line in enumerate(lines) if b'"type":"trial"' in line)
    (run / JOURNAL).write_bytes(b"".join(lines[: first_record + 10]) + lines[first_record + 10][:-7])
    server.requests.clear()
    return run, server


def test_a_torn_record_runs_again(stopped: tuple[Path, ScriptedServer]) -> None:
    run, server = stopped
    resume(run)
    assert len(server.requests) == 10
    assert set(places(run).values()) == {1}
    assert places(run).total() == 20
    assert (run / "journal.torn-1").exists()


def test_a_finished_run_sends_nothing_more(stopped: tuple[Path, ScriptedServer]) -> None:
    run, server = stopped
    resume(run)
    server.requests.clear()
    resume(run)
    assert server.requests == []
    assert events_of(run, Session)[-1].done_before == 20


def test_damage_is_refused(stopped: tuple[Path, ScriptedServer]) -> None:
    run, server = stopped
    lines = (run / JOURNAL).read_bytes().splitlines(keepends=True)
    lines[5] = lines[5].replace(b'"expected"', b'"expectex"')
    (run / JOURNAL).write_bytes(b"".join(lines))
    with pytest.raises(JournalDamaged, match="line 6 "):
        resume(run)
    assert server.requests == []


@contextmanager
def edited(path: Path, old: str, new: str) -> Iterator[None]:
    before = path.read_text()
    assert old in before
    path.write_text(before.replace(old, new))
    yield
    path.write_text(before)


@pytest.mark.parametrize(
    "edit",
    [
        ("v1.prompt.yml", "is this spam", "is it spam", "prompt v1: messages"),
        ("harness.yml", "model: m-1", "model: m-2", "model m: model"),
        ("harness.yml", "/v1", "/v2", "model m: base_url"),
        ("harness.yml", "endpoint: chat", "params: {seed: 1}\n    endpoint: chat", "params.seed None -> 1"),
        ("cases.jsonl", "message no. 5", "another text", "case 5: inputs"),
        ("cases.jsonl", 'no. 5", "expected": "spam"', 'no. 5", "expected": "ham"', "case 5: expected label"),
    ],
)  # fmt: skip
def test_changed_files_are_refused_and_named(
    stopped: tuple[Path, ScriptedServer], tmp_path: Path, edit: tuple[str, str, str, str]
) -> None:
    run, server = stopped
    file, old, new, named = edit
    with edited(tmp_path / file, old, new), pytest.raises(RunChanged, match="changed since") as caught:
        resume(run)
    assert named in caught.value.message
    assert "--changed" in caught.value.fix
    assert server.requests == []
    resume(run)
    assert places(run).total() == 20


def test_what_does_not_change_a_reply_does_not_refuse(stopped: tuple[Path, ScriptedServer], tmp_path: Path) -> None:
    run, _ = stopped
    with edited(tmp_path / "harness.yml", "concurrency: 4", "concurrency: 2"):
        resume(run)
    assert places(run).total() == 20


def test_changed_measures_exactly_the_trials_whose_key_changed(
    stopped: tuple[Path, ScriptedServer], tmp_path: Path
) -> None:
    run, server = stopped
    done = {record.case for record in records(run)}
    case = sorted(done)[0]
    with edited(tmp_path / "cases.jsonl", f'"message no. {case}"', '"another text"'):
        resume(run, changed=True)
    sent = sorted(request.json()["messages"][0]["content"] for request in server.requests)
    assert len(sent) == 11
    assert sum("another text" in content for content in sent) == 1
    assert events_of(run, CaseRow)[-1].inputs == {"message": "another text"}
    assert read_manifest(run).notes["changed"][0]["what"] == [f"case {case}: inputs"]
    twice = [place for place, count in places(run).items() if count == 2]
    assert twice == [("v1@m", case, "original", 0)]


def test_changed_prompt_measures_its_candidate_only(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda request: spam())
    suite = write_project(tmp_path, server.url, cases=8, prompts=("v1", "v2"))
    run = measure(load_bundle(suite), tmp_path / "results")
    server.requests.clear()
    path = tmp_path / "v2.prompt.yml"
    path.write_text(path.read_text().replace("is this spam", "is it spam"))
    resume(run, changed=True)
    assert len(server.requests) == 8
    assert all(b"v2: is it spam" in request.body for request in server.requests)
    resume(run)
    assert len(server.requests) == 8


def test_another_run_is_refused_even_when_changes_are_allowed(
    stopped: tuple[Path, ScriptedServer], tmp_path: Path
) -> None:
    run, server = stopped
    rows = (tmp_path / "cases.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "cases.jsonl").write_text("".join(rows[1:]))
    with pytest.raises(RunChanged, match="case 0 is gone"):
        resume(run, changed=True)
    assert server.requests == []


def test_a_narrowed_run_resumes_with_its_own_cases(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(lambda request: Answer.of_json({"error": {"message": "no"}}, status=401))
    suite = write_project(tmp_path, server.url, cases=20)
    other = tmp_path / "other.jsonl"
    other.write_text("".join((tmp_path / "cases.jsonl").read_text().replace("no.", "nr.").splitlines(True)[:10]))
    with pytest.raises(Exception, match=r"v1@m: "):
        measure(load_bundle(suite, cases=other, limit=6, repeats=2), tmp_path / "results")
    server.script = lambda request: spam()
    server.requests.clear()
    run = resume(last_run(suite))
    assert len(server.requests) == 12
    assert all(b"message nr." in request.body for request in server.requests)
    assert len(records(run)) == 12
    assert {record.case for record in records(run)} == {row.id for row in events_of(run, CaseRow)}
    assert len(events_of(run, CaseRow)) == 6
