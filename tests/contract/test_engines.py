"""Every engine measures the same: each trial once, within the limits, whatever becomes of those that measure.

Ray's cluster has three nodes on this machine, all of whose sockets are at 127.0.0.1; all tests share it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from commanded import COMMAND, HANGS_S, environment, harness, in_process
from gated import classifier
from measured import events_of, places, records, spam, write_project
from measured_twice import agreed, write_recorded, write_served
from pages import ROOT, blocks
from scripted import Answer, Held, Request, Script, ScriptedServer, chat_reply
from stopped import poor, settled
from threaded import settle

from harness.errors import EndpointUnusable, Interrupted, RunIncomplete, UsageError
from harness.files.bundle import Bundle, load_bundle
from harness.measure.endpoint.transports.exchange_log import VARIABLE
from harness.measure.run import measure
from harness.record import Interference, Reply, Session
from harness.rundir import list_runs

Serve = Callable[[Script], ScriptedServer]

WITHOUT = "Ray is not installed: `make test` installs it"
KEY = "canary-key-of-a-cluster-0123456789"
# In `connected` too; here for the cluster itself. Its tokens would be written to this user's home.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "disabled",
    "CLUSTER_KEY": KEY,
}
needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason=WITHOUT)


class Three:
    """A cluster of three nodes with a CPU each, and this process as its driver."""

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster

        self.folder = folder
        self._node = {
            "node_ip_address": "127.0.0.1",
            "include_dashboard": False,
            "object_store_memory": 80 * 2**20,
            "num_cpus": 1,
            "temp_dir": str(folder),
        }
        self.cluster = Cluster(initialize_head=True, head_node_args=self._node)
        self.others = [self.cluster.add_node(wait=False, **self._node) for _ in range(2)]
        self.cluster.wait_for_nodes()

    def actors(self) -> list[psutil.Process]:
        """Give the processes that measure."""
        found = []
        for node in (self.cluster.head_node, *self.others):
            for child in psutil.Process(raylet_of(node)).children():
                with contextlib.suppress(psutil.Error):
                    found += [child] if "ray::Measurer" in " ".join(child.cmdline()) else []
        return found

    def processes(self) -> list[psutil.Process]:
        """Give all of its processes, but this one."""
        raylets = [psutil.Process(raylet_of(node)) for node in (self.cluster.head_node, *self.others)]
        return [*raylets, *(child for each in raylets for child in each.children(recursive=True))]

    def stored(self) -> Iterator[bytes]:
        """Give the memory of the object stores."""
        for node in (self.cluster.head_node, *self.others):
            for link in Path(f"/proc/{raylet_of(node)}/fd").iterdir():
                with contextlib.suppress(OSError):
                    if "plasma" in str(link.readlink()):
                        yield link.read_bytes()

    def lose_a_node(self) -> psutil.Process:
        """Kill a node that is not the head and has an actor; gives the actor's process, which will notice."""
        for node in self.others:
            for actor in self.actors():
                if actor.ppid() == raylet_of(node):
                    self.others.remove(node)
                    self.cluster.remove_node(node, allow_graceful=False)
                    return actor
        raise AssertionError("no actor is on a node that may be lost")


def shown() -> str:
    """Give what a dashboard would be told: of jobs, actors, workers, nodes and what they were called for."""
    import ray
    from ray._private.state import state

    tables = (state.job_table(), state.actor_table(None, None, None), state.workers(), state.node_table())
    return repr((*tables, ray.timeline()))


def command_line(process: psutil.Process) -> str:
    """Give it; empty for a process that has just ended."""
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def actors_of(driver: int) -> list[psutil.Process]:
    family = psutil.Process(driver).children(recursive=True)
    return [each for each in family if "ray::Measurer" in command_line(each)]


def name(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return process.name()
    return ""


def listening(process: psutil.Process) -> list[Any]:
    with contextlib.suppress(psutil.Error):
        return [each for each in process.net_connections("inet") if each.status == psutil.CONN_LISTEN]
    return []


def raylet_of(node: Any) -> int:
    pid: int = node.all_processes["raylet"][0].process.pid
    return pid


@pytest.fixture(scope="session")
def three() -> Iterator[Three]:
    # Short, for the sockets in it, and with a space.
    folder = Path(tempfile.mkdtemp(prefix="h ", dir="/tmp" if Path("/tmp").is_dir() else None))
    with pytest.MonkeyPatch.context() as environ, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in QUIET.items():
            environ.setenv(name, value)
        environ.setattr("harness.measure.engine.ray._TOGETHER_S", HANGS_S)  # all three begin, on a busy machine too
        ray = pytest.importorskip("ray", reason=WITHOUT)
        try:
            started = Three(folder)
            ray.init(address=started.cluster.address, log_to_driver=False, logging_level="ERROR")
        except Exception as error:
            pytest.skip(f"no Ray cluster can be started here: {error}")
        yield started
        ray.shutdown()
        started.cluster.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["local", "processes", pytest.param("ray", marks=needs_ray)])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "ray":
        request.getfixturevalue("three")
    return request.param


COUNTS = {"local": 1, "processes": 3, "ray": 3}


def bundle_for(engine: str, suite: Path) -> Bundle:
    return load_bundle(suite).measured_by("ray" if engine == "ray" else "local")


def measured(engine: str, suite: Path, *, debug: bool = False, by: int = 0) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # Ray's own
        results, processes = suite.parent / "results", by or COUNTS[engine]
        return measure(bundle_for(engine, suite), results, processes=processes, debug=debug)


def typed_for_a_cluster(suite: Path) -> Path:
    """Measure by the command that docs/scaling.md shows."""
    (shown,) = (block.text for block in blocks(ROOT / "docs/scaling.md") if "--engine ray\n" in block.text)
    words = shown.replace("suites/tickets.suite.yml", suite.name).split()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # Ray's own
        done = in_process(*words[1:], "--quiet", at=suite.parent)
    assert done.returncode in {0, 1, 3}, done.stderr
    (run,) = list_runs(suite.parent / "results")
    return run


def answered_alike(request: Request) -> Answer:
    """Answer by what was asked alone, and a little late, so that all take part."""
    answer = classifier(request)
    return Answer(status=answer.status, headers=answer.headers, body=answer.body, delay_s=0.01)


def test_an_engine_measures_every_trial_once_and_gives_the_figures_of_any_other(
    tmp_path: Path, scripted_server: Serve, engine: str
) -> None:
    server = scripted_server(answered_alike)
    suite = write_project(
        tmp_path,
        server.url,
        cases=40,
        repeats=2,
        prompts=("v1", "v2"),
        limits={"concurrency": 6},
        perturbations=["case"],
    )
    for prompt in tmp_path.glob("*.prompt.yml"):
        prompt.write_text(prompt.read_text().replace("is this spam? {{", "{{"))
    run = measured(engine, suite)
    assert set(places(run).values()) == {1}
    assert sum(places(run).values()) == len(server.requests) == 40 * 2 * 2 * 2
    assert [session.event for session in events_of(run, Session)] == ["started", "finished"]
    found = json.loads(in_process("report", run.name, "--json", at=tmp_path).stdout)
    (first, second) = found["candidates"]
    assert [each["classification"]["accuracy"]["value"] for each in (first, second)] == [
        0.05,
        0.05,
    ]  # it takes odd for even, but for two
    assert [len(each["timing_quality"]["nodes"]) for each in found["candidates"]] == [3 if engine == "ray" else 0] * 2
    assert ("Nodes of the cluster" in (run / "report.html").read_text()) == (engine == "ray")
    audits = events_of(run, Interference)
    assert audits[0].processes == COUNTS[engine]
    assert len({each.node for each in audits[1:]}) == (3 if engine == "ray" else 0)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python hears of an end without a thread")
def test_a_process_that_ends_by_itself_is_not_killed_before_its_end_is_heard_of(
    tmp_path: Path, scripted_server: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    heard = asyncio.ThreadedChildWatcher._do_waitpid

    def late(watcher: Any, loop: Any, pid: int, *given: Any) -> None:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        time.sleep(1.0)
        heard(watcher, loop, pid, *given)

    def answer(request: Request) -> Answer:
        return replace(answered_alike(request), delay_s=0.5 if len(server.requests) == 1 else 0)

    monkeypatch.setattr(asyncio.ThreadedChildWatcher, "_do_waitpid", late)
    server = scripted_server(answer)
    run = measured("processes", write_project(tmp_path, server.url, cases=9, limits={"concurrency": 3}, warmup=0))
    assert len(records(run)) == 9
    assert [told.getMessage() for told in caplog.records if "child process" in told.getMessage()] == []


def test_what_a_killed_process_had_in_flight_counts_as_perhaps_paid_twice(
    tmp_path: Path, scripted_server: Serve
) -> None:
    held = Held(slowly, 30)
    server = scripted_server(held)
    suite = write_project(tmp_path, server.url, cases=60, limits={"concurrency": 9}, warmup=0)

    def disturb() -> None:
        wait_until(lambda: len(server.requests) >= 37)  # each of three has some
        child = next(each for each in psutil.Process().children() if "engine.child" in command_line(each))
        child.kill()

        held.release()

    disturbing = threading.Thread(target=disturb, daemon=True)
    disturbing.start()
    with pytest.raises(RunIncomplete, match="ended early"):
        measured("processes", suite)
    disturbing.join()
    (run,) = list_runs(tmp_path / "results")
    (stopped,) = (each for each in events_of(run, Session) if each.event == "stopped")
    assert stopped.cut_off >= 3  # all that it may have had
    assert len({request.body for request in server.requests}) - len(records(run)) <= stopped.cut_off
    done = in_process("resume", run.name, "--json", at=tmp_path)
    assert json.loads(done.stdout)["paid_twice_at_most"] == stopped.cut_off


def test_the_debug_log_has_every_exchange_whoever_did_it_and_no_key(
    tmp_path: Path, scripted_server: Serve, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "")  # so that it is gone after the test
    monkeypatch.setenv("CLUSTER_KEY", KEY)
    server = scripted_server(answered_alike)
    suite = write_project(tmp_path, server.url, cases=40, limits={"concurrency": 6}, api_key_env="CLUSTER_KEY")
    run = measured(engine, suite, debug=True)
    log = (run / "debug.log").read_text()
    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {KEY}"}
    assert len(re.findall(r"^\S+ POST .* -> 200 in ", log, re.MULTILINE)) == len(server.requests)
    assert [n for n in range(40) if f"message no. {n}" not in log] == []
    assert KEY not in log


@pytest.mark.parametrize("kind", ["recorded", "served"])
def test_a_cluster_gives_the_report_of_one_process(
    tmp_path: Path, scripted_server: Serve, three: Three, kind: str
) -> None:
    server, reports = scripted_server(classifier), []
    for engine in ("local", "ray"):
        root = tmp_path / engine
        suite = write_served(root, server.url, cases=40) if kind == "served" else write_recorded(root)
        run = typed_for_a_cluster(suite) if (engine, kind) == ("ray", "served") else measured(engine, suite)
        reports.append(json.loads(in_process("report", run.name, "--json", at=root).stdout))
        assert len({each.node for each in events_of(run, Interference) if each.node}) == (3 if engine == "ray" else 0)
    alone, cluster = (agreed(report, recorded=kind == "recorded") for report in reports)
    assert cluster == alone
    assert alone["journalled_trials"] == 320


def test_shards_that_stop_early_on_a_cluster_settle_what_one_process_does(
    tmp_path: Path, scripted_server: Serve, three: Three
) -> None:
    server, typed = scripted_server(poor), ("run", "small.suite.yml", "--stop", "--json")
    for root in ("once", "parts"):
        suite = write_project(tmp_path / root, server.url, cases=300, limits={"concurrency": 6})
        suite.write_text(suite.read_text() + "thresholds: [accuracy >= 90%]\nstop: {every: 5, from: 20}\n")
    once = json.loads(in_process(*typed, at=tmp_path / "once").stdout)
    parts, runs = tmp_path / "parts", list[Path]()
    for number in (1, 2):  # the first does not see the second, and asks all
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # Ray's own
            shard = in_process(*typed, "--engine", "ray", "--shard", f"{number}/2", at=parts)
        assert shard.returncode == 0, shard.stderr
        runs += [run for run in list_runs(parts / "results") if run not in runs]
    assert [{each.node for each in events_of(run, Interference)} == {""} for run in runs] == [False, False]
    joined = json.loads(in_process("merge", "--json", *runs, at=parts).stdout)
    alone, cluster = (
        settled(tmp_path / "once" / "results" / once["run_id"]),
        settled(parts / "results" / joined["run_id"]),
    )
    assert [settled(run) for run in runs] == [{}, alone]
    assert cluster == alone != {}
    assert set(places(parts / "results" / joined["run_id"]).values()) == {1}
    assert (len(records(runs[0])), joined["complete"]) == (150, True)
    assert len(records(runs[1])) < 150


def test_who_is_refused_is_found_out_by_a_few_calls(tmp_path: Path, scripted_server: Serve, engine: str) -> None:
    server = scripted_server(lambda _: Answer.of_json({"error": {"message": "no such key"}}, status=401))
    suite = write_project(tmp_path, server.url, cases=60, limits={"concurrency": 6})
    with pytest.raises(EndpointUnusable, match="no such key"):
        measured(engine, suite)
    assert 1 <= len(server.requests) <= 5


def test_a_quota_is_no_larger_however_many_share_it(tmp_path: Path, scripted_server: Serve, engine: str) -> None:
    at: list[float] = []

    def clocked(request: Request) -> Answer:
        at.append(time.monotonic())
        return spam()

    server = scripted_server(clocked)
    suite = write_project(tmp_path, server.url, cases=200, limits={"concurrency": 30, "rpm": 6000})
    run = measured(engine, suite)
    assert set(places(run).values()) == {1}
    assert len(records(run)) == len(server.requests) == 200
    # 100 a second; each of three may be late by 50 ms and catch up.
    assert len(at) <= 1 + (at[-1] - at[0]) * 100 * 1.15 + 3 * (1 + 5)


def test_a_quota_is_kept_while_an_actor_is_lost(tmp_path: Path, scripted_server: Serve, three: Three) -> None:
    at: list[float] = []

    def clocked(request: Request) -> Answer:
        at.append(time.monotonic())
        return spam()

    def disturb() -> None:
        wait_until(lambda: len(at) >= 15)
        three.actors()[0].kill()

    scripted = scripted_server(clocked)
    suite = write_project(tmp_path, scripted.url, cases=50, limits={"concurrency": 12, "rpm": 600})
    disturbing = threading.Thread(target=disturb, daemon=True)
    disturbing.start()
    run = measured("ray", suite)
    disturbing.join()
    (lost,) = {session.cut_off for session in events_of(run, Session) if session.event == "finished"}
    assert set(places(run).values()) == {1}
    assert (sum(places(run).values()), len(at) == len(scripted.requests)) == (50, True)
    assert 50 <= len(at) <= 50 + lost <= 50 + 12
    # Ten a second; each of three may begin at once, and those that are left once more.
    assert len(at) <= 1 + (at[-1] - at[0]) * 10 * 1.15 + 5


def slowly(_: Request) -> Answer:
    return Answer.of_json(chat_reply("spam"), delay_s=0.01)


def wait_until(met: Callable[[], bool]) -> None:
    until = time.monotonic() + HANGS_S
    while not met():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.005)


def test_a_stop_while_nodes_come_together_reaches_those_that_wait(
    tmp_path: Path, scripted_server: Serve, three: Three
) -> None:
    server = scripted_server(slowly)
    suite = write_project(tmp_path, server.url, cases=400, limits={"concurrency": 9})

    def stop() -> None:
        wait_until(lambda: len(three.actors()) == 3)  # and the fourth will never be
        time.sleep(2)  # three have said hello
        os.kill(os.getpid(), signal.SIGINT)

    stopping = threading.Thread(target=stop, daemon=True)
    stopping.start()
    with pytest.raises(Interrupted):
        measured("ray", suite, by=4)
    stopping.join()
    assert server.requests == []


def test_without_the_extra_nothing_begins(
    tmp_path: Path, scripted_server: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it could not be imported
    server = scripted_server(slowly)
    write_project(tmp_path, server.url)
    done = in_process("run", "small.suite.yml", "--engine", "ray", at=tmp_path)
    assert done.returncode == 2
    assert "pip install 'ray" in done.stderr
    assert (server.requests, list(tmp_path.glob("results/*"))) == ([], [])


@needs_ray
def test_what_nodes_cannot_share_is_refused_before_a_call(tmp_path: Path) -> None:
    write_project(tmp_path, "http://127.0.0.1:9")
    (tmp_path / "harness.yml").write_text(
        "models: {m: {endpoint: local, weights: smollm2-135m-instruct}}\nengine: ray\n"
    )
    with pytest.raises(UsageError, match="the model m is embedded"):
        measure(load_bundle(tmp_path / "small.suite.yml"), tmp_path / "results")


@needs_ray
def test_a_cluster_that_does_not_answer_leaves_no_run(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(slowly)
    write_project(tmp_path, server.url)
    with (tmp_path / "harness.yml").open("a") as file:
        file.write("engine: {name: ray, address: '127.0.0.1:9'}\n")
    done = harness("run", "small.suite.yml", at=tmp_path)
    assert (done.returncode, "no Ray cluster answers at `127.0.0.1:9`" in done.stderr) == (2, True), done.stderr
    assert (server.requests, list(tmp_path.glob("results/*"))) == ([], [])


def test_no_key_is_in_what_a_cluster_keeps_or_shows(tmp_path: Path, scripted_server: Serve, three: Three) -> None:
    server = scripted_server(slowly)
    suite = write_project(tmp_path, server.url, cases=30, api_key_env="CLUSTER_KEY")
    measured("ray", suite)
    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {KEY}"}
    stored = b"".join(three.stored())
    assert b"message no. 7" in stored  # it is what is looked for
    assert KEY.encode() not in stored
    files = [path for path in three.folder.rglob("*") if path.is_file()]
    assert any(path.name.startswith("raylet") for path in files)
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    assert "Measurer" in (known := shown())
    assert KEY not in known
    assert [line for each in three.processes() if KEY in (line := command_line(each))] == []


@needs_ray
def test_a_driver_that_dies_takes_its_actors_along_and_its_run_is_gone_on_with(
    tmp_path: Path, scripted_server: Serve
) -> None:
    held = Held(slowly, 24)
    server = scripted_server(held)
    suite = write_project(tmp_path, server.url, cases=60, limits={"concurrency": 4})
    with (tmp_path / "harness.yml").open("a") as file:
        file.write("engine: {name: ray, address: local}\n")
    process = subprocess.Popen(
        [*COMMAND, "run", "small.suite.yml", "--quiet", "--processes", "2"],
        cwd=tmp_path,
        env=environment(**QUIET),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    family: list[psutil.Process] = []
    try:
        wait_until(lambda: len(server.requests) >= 24 or process.poll() is not None)
        assert process.poll() is None
        wait_until(lambda: len(actors_of(process.pid)) == 2)  # one may have begun alone; calls are held
        family, measuring = psutil.Process(process.pid).children(recursive=True), actors_of(process.pid)
        own = [each for each in family if name(each) in {"raylet", "gcs_server"}]
        assert (len(measuring), len(own)) == (2, 2)
        heard_at = {socket.laddr.ip for each in family for socket in listening(each)}
        assert heard_at - {"127.0.0.1", "::ffff:127.0.0.1", "::1"} == set()
        assert heard_at
        process.kill()
        process.wait()
        assert psutil.wait_procs([*measuring, *own], timeout=HANGS_S)[1] == []
    finally:
        for each in (process, *family):
            with contextlib.suppress(psutil.Error, OSError):
                each.kill()
    settle(server)
    held.release()
    (run,) = list_runs(suite.parent / "results")
    done = harness("resume", "latest", "--quiet", at=tmp_path, env={**QUIET, "PYTHONWARNINGS": "ignore"})
    assert done.returncode in {0, 1, 3}, done.stderr
    assert set(places(run).values()) == {1}
    assert sum(places(run).values()) == 60 <= len(server.requests) <= 60 + 4
    assert {each.node for each in events_of(run, Interference)} != {""}  # Ray measured the rest
    assert [session.event for session in events_of(run, Session)] == ["started", "resumed", "finished"]


def test_what_a_killed_actor_and_a_lost_node_had_is_measured_by_the_others(
    tmp_path: Path, scripted_server: Serve, three: Three, capfd: pytest.CaptureFixture[str]
) -> None:
    """The last test: of the three nodes one is gone."""
    held = Held(slowly, 90)
    server = scripted_server(held)
    suite = write_project(tmp_path, server.url, cases=100, repeats=2, limits={"concurrency": 9})
    lost: list[psutil.Process] = []

    def disturb() -> None:
        wait_until(lambda: len(server.requests) >= 40)
        lost.append(three.actors()[0])
        lost[0].kill()
        wait_until(lambda: len(server.requests) >= 94)  # the others go on, until their calls are held
        lost.append(three.lose_a_node())
        wait_until(lambda: not any(each.is_running() for each in lost))
        held.release()

    disturbing = threading.Thread(target=disturb, daemon=True)
    disturbing.start()
    run = measured("ray", suite)
    disturbing.join()
    assert capfd.readouterr().out == ""  # where a report as JSON would be
    assert set(places(run).values()) == {1}
    assert sum(places(run).values()) == 200
    assert all(isinstance(record.outcome, Reply) for record in records(run))
    sessions = events_of(run, Session)
    assert [session.event for session in sessions] == ["started", "finished"]
    assert 0 < len(server.requests) - 200 <= sessions[-1].cut_off <= 9
    report = json.loads(in_process("report", run.name, "--json", at=tmp_path).stdout)
    assert report["paid_twice_at_most"] == sessions[-1].cut_off
    assert (report["workers_lost"], report["dealt_again"]) == (2, sessions[-1].dealt_again)
    assert len(server.requests) - 200 <= report["dealt_again"]
    told = " ".join((run / "report.md").read_text().split())
    assert f"2 workers of the cluster were lost: {report['dealt_again']} trials went to others." in told
    assert f"At most {report['paid_twice_at_most']} calls in flight may have been paid twice." in told
    assert "interrupted" not in told
