"""Full, read-only or missing disks cost no finished call and are named; no run ends over its own output."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commanded import COMMAND, HANGS_S, ended, environment, harness, in_process, write_replayed
from crashing import (
    IN_FLIGHT,
    NEEDS_STRACE,
    STRACE,
    TRIALS,
    Crashed,
    Injection,
    figures,
    make_project,
    mostly_right,
    run_command,
    runs_of,
    saved_trials,
)
from measured import events_of, records, write_project
from mounted import NEEDED, can_mount, on_mount
from scripted import Held, Script, ScriptedServer

from harness.errors import Exit
from harness.record import Pace

Serve = Callable[[Script], ScriptedServer]

mounting = pytest.mark.skipif(not can_mount(), reason=NEEDED)


@mounting
@pytest.mark.parametrize("size", ["16k", "24k"])  # full among the cases or the trials; whole lines and halves
def test_a_small_disk_that_fills_up_loses_no_finished_trial_and_ends_once_it_has_grown(
    tmp_path: Path, server: ScriptedServer, expected: dict[str, Any], size: str
) -> None:
    ran, first, resumed, second, _, ended = on_mount(
        tmp_path,
        f"size={size}",
        """
        $H run small.suite.yml --quiet
        cat results/*/journal.jsonl
        $H resume latest --quiet
        cat results/*/journal.jsonl
        mount -o remount,size=32m results
        $H resume latest --quiet
        """,
    )
    assert (ran.returncode, resumed.returncode) == (Exit.INCOMPLETE, Exit.INCOMPLETE)
    assert "No space left on device" in ran.stderr
    assert "harness resume" in ran.stderr
    assert second.stdout.startswith(first.stdout), "what had been written was changed"
    assert ended.returncode == Exit.INCONCLUSIVE, ended.stderr
    (run,) = (tmp_path / "kept").iterdir()
    assert (run / "journal.jsonl").read_text().startswith(second.stdout)
    assert len(set(saved_trials(run))) == TRIALS
    assert figures(run) == expected
    assert len(server.requests) <= TRIALS + 2 * 2 * IN_FLIGHT  # two stops: in flight, and sent before it was known


@mounting
def test_a_verdict_that_finds_no_room_for_its_reports_is_still_said(tmp_path: Path, server: ScriptedServer) -> None:
    ran, again, _, written = on_mount(
        tmp_path,
        "size=64k",  # room for the journal, none for the page
        """
        $H run small.suite.yml --quiet
        $H report latest --json
        mount -o remount,size=32m results
        $H report latest
        """,
    )
    assert "INCONCLUSIVE" in ran.stdout
    assert "could not write" in ran.stderr
    assert '"verdict": "INCONCLUSIVE"' in again.stdout
    assert (ran.returncode, again.returncode) == (Exit.INCOMPLETE, Exit.INCOMPLETE)
    assert written.returncode == Exit.INCONCLUSIVE
    assert len(server.requests) == TRIALS
    (run,) = (tmp_path / "kept").iterdir()
    assert (run / "report.html").exists()


@mounting
def test_a_disk_without_room_for_another_file_is_told_before_the_first_call(
    tmp_path: Path, server: ScriptedServer
) -> None:
    for files in range(1, 5):  # no run folder, no lock, no journal, no manifest
        root = tmp_path / str(files)
        make_project(root, server.url)
        ran, _, again = on_mount(
            root,
            f"size=1m,nr_inodes={files}",
            """
            $H run small.suite.yml --quiet
            mount -o remount,nr_inodes=1000 results
            $H run small.suite.yml --quiet
            """,
        )
        assert ran.returncode == Exit.INCOMPLETE, f"{files}: {ran.stderr}"
        assert "No space left on device" in ran.stderr
        assert again.returncode == Exit.INCONCLUSIVE, again.stderr
        assert len(server.requests) == TRIALS
        server.requests.clear()


@mounting
def test_a_read_only_results_folder_is_told_before_the_first_call_and_its_runs_can_be_read(
    tmp_path: Path, server: ScriptedServer
) -> None:
    _, begun, _, ran, _, resumed, *read = on_mount(
        tmp_path,
        "size=32m",
        """
        mount -o remount,ro results
        $H run small.suite.yml --quiet
        mount -o remount,rw results
        $H run small.suite.yml --quiet
        mount -o remount,ro results
        $H resume latest
        $H report latest
        $H list
        $H show latest --wrong
        $H export latest --to csv
        $H history small.suite.yml
        $H compare latest latest
        """,
    )
    assert begun.returncode == Exit.INCOMPLETE
    assert "results: Read-only file system" in begun.stderr
    assert ran.returncode == Exit.INCONCLUSIVE
    assert len(server.requests) == TRIALS
    assert resumed.returncode == Exit.INCOMPLETE
    assert "Read-only file system" in resumed.stderr
    assert "0/0" not in resumed.stderr
    reported, *others = read
    assert reported.returncode == Exit.INCOMPLETE  # its files were not written
    assert ran.stdout.startswith(reported.stdout.rstrip())  # all but where the report is
    assert [each.returncode for each in others] == [0] * 5
    assert all(each.stdout for each in others)


@pytest.mark.parametrize("place", ["a file", "a link to nowhere", "below a file"])
def test_results_that_can_t_be_a_folder_are_named_before_the_first_call(
    tmp_path: Path, server: ScriptedServer, place: str
) -> None:
    results = tmp_path / "results"
    if place == "a link to nowhere":
        results.symlink_to(tmp_path / "gone" / "results")
    elif place == "a file":
        results.write_text("")
    else:
        (tmp_path / "file").write_text("")
        with (tmp_path / "harness.yml").open("a") as project:
            project.write("results: file/results\n")
    done = in_process("run", "small.suite.yml", "--quiet", at=tmp_path)
    assert done.returncode in {Exit.USAGE, Exit.INCOMPLETE}, done.stderr
    assert "results" in done.stderr
    assert server.requests == []


@pytest.mark.skipif(STRACE is None, reason=NEEDS_STRACE)
@pytest.mark.parametrize(("call", "nth", "error"), [("fsync", 1, "EIO"), ("write", 4, "EIO"), ("write", 2, "EDQUOT")])
def test_an_error_of_the_journals_disk_stops_a_resume_and_the_next_one_ends_it(
    tmp_path: Path, server: ScriptedServer, expected: dict[str, Any], call: str, nth: int, error: str
) -> None:
    project = Crashed(tmp_path, server)
    assert project.interrupt(Injection("write", 45))
    journal = runs_of(tmp_path)[-1] / "journal.jsonl"
    assert project.interrupt(Injection(call, nth, error, journal))
    project.check(expected)


@pytest.mark.skipif(STRACE is None, reason=NEEDS_STRACE)
@pytest.mark.parametrize(("error", "ends"), [("EINVAL", Exit.INCONCLUSIVE), ("EIO", Exit.INCOMPLETE)])
def test_a_file_system_that_fsyncs_no_folders_will_do_and_one_that_fails_at_it_will_not(
    tmp_path: Path, server: ScriptedServer, error: str, ends: Exit
) -> None:
    (tmp_path / "results").mkdir()
    on_folder = Injection("fsync", 1, error, tmp_path / "results")
    done = run_command(tmp_path, "run", "small.suite.yml", injection=on_folder)
    assert done.returncode == ends, done.stderr
    assert len(server.requests) == (0 if error == "EIO" else TRIALS)


READING = ["resume latest", "report latest", "show latest", "export latest --to csv", "compare latest latest"]


def test_a_run_whose_journal_is_gone_is_refused_by_name_and_nothing_is_sent(
    tmp_path: Path, server: ScriptedServer
) -> None:
    run_command(tmp_path, "run", "small.suite.yml")
    server.requests.clear()
    (run,) = runs_of(tmp_path)
    (run / "journal.jsonl").unlink()
    for command in READING:
        done = in_process(*command.split(), at=tmp_path)
        assert done.returncode == Exit.USAGE, f"{command}: {done.stderr}"
        assert "journal.jsonl is missing" in done.stderr
    (run / "journal.jsonl").mkdir()
    for command in READING:
        done = in_process(*command.split(), at=tmp_path)
        assert done.returncode == Exit.USAGE, f"{command}: {done.stderr}"
        assert "journal.jsonl: it is not a plain file" in done.stderr
    assert server.requests == []


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a project with one run of recorded replies."""
    root = tmp_path_factory.mktemp("replayed")
    write_replayed(root, {("spam", "spam"): 40, ("ham", "ham"): 40}, thresholds=["accuracy >= 90%"])
    assert harness("run", "seed.suite.yml", at=root).returncode == Exit.READY
    return root


COMMANDS = ["run seed.suite.yml", "report latest", "report latest --json", "list", "show latest"]
COMMANDS += ["export latest --to csv", "history seed.suite.yml", "compare latest latest", "schema"]


def shell(at: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell, in which `$H` is the command; its output is buffered as usual."""
    line = script.replace("$H", shlex.join(COMMAND))
    return ended(["sh", "-c", line], at=at, env={"PYTHONUNBUFFERED": ""})


@pytest.mark.parametrize("command", COMMANDS)
def test_a_closed_stdout_or_one_whose_reader_left_changes_no_exit_code(replayed: Path, command: str) -> None:
    assert shell(replayed, f"$H {command} >&-").returncode == 0
    done = shell(replayed, f"{{ $H {command}; echo $? >code; }} | head -c 0")
    assert (replayed / "code").read_text() == "0\n", done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full (Linux)")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_behind_stdout_is_said_with_exit_code_4(replayed: Path, command: str) -> None:
    done = shell(replayed, f"$H {command} >/dev/full")
    assert done.returncode == Exit.INCOMPLETE
    assert "No space left on device" in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full", "2>&1 >out | head -c 0"])
def test_a_run_goes_on_without_its_progress_when_stderr_is_closed_full_or_left(
    tmp_path: Path, server: ScriptedServer, stderr: str
) -> None:
    command, _, pipe = stderr.partition(" | ")
    script = f"{{ $H run small.suite.yml --verbose {command}; echo $? >code; }}" + (f" | {pipe}" if pipe else "")
    shell(tmp_path, script)
    assert int((tmp_path / "code").read_text()) == Exit.INCONCLUSIVE
    assert len(server.requests) == TRIALS
    (run,) = runs_of(tmp_path)
    assert len(saved_trials(run)) == TRIALS


def test_with_all_streams_closed_a_run_and_its_journal_are_whole(
    tmp_path: Path, server: ScriptedServer, expected: dict[str, Any]
) -> None:
    shell(tmp_path, "$H run small.suite.yml <&- >&- 2>&-; echo $? >code")
    assert int((tmp_path / "code").read_text()) == Exit.INCONCLUSIVE
    (run,) = runs_of(tmp_path)
    assert figures(run) == expected


def test_a_working_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    done = shell(tmp_path, "mkdir gone && cd gone && rmdir ../gone && $H list")
    assert done.returncode == Exit.USAGE
    assert "the working folder is gone" in done.stderr


def test_results_that_are_removed_during_a_run_end_it_with_words(tmp_path: Path, server: ScriptedServer) -> None:
    server.script = held = Held(mostly_right, 0)
    process = subprocess.Popen(
        [*COMMAND, "run", "small.suite.yml", "--quiet"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not server.requests:
        assert process.poll() is None
        time.sleep(0.01)
    (tmp_path / "results").rename(tmp_path / "taken away")  # at once: nothing is written there meanwhile
    shutil.rmtree(tmp_path / "taken away")
    held.release()
    _, said = process.communicate(timeout=HANGS_S)
    assert process.returncode in {Exit.USAGE, Exit.INCOMPLETE}
    assert "Traceback" not in said
    assert "manifest.json" in said


def test_few_open_files_make_a_slower_run_and_no_failed_trial(tmp_path: Path, scripted_server: Serve) -> None:
    server = scripted_server(mostly_right)
    write_project(tmp_path, server.url, cases=200, limits={"concurrency": 128})
    shell(tmp_path, "ulimit -n 64; $H run small.suite.yml --quiet; echo $? >code")
    (run,) = runs_of(tmp_path)
    report = json.loads((run / "report.json").read_bytes())
    assert report["candidates"][0]["outcomes"]["failed"] == 0
    assert len(server.requests) == 200
    assert max(record.in_flight for record in records(run)) < 64
    first = events_of(run, Pace)[0]
    assert "and not 128: this process may not open more files (ulimit -n)" in first.why
