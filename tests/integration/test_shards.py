"""Shards of a run, each by a command of its own, joined to one run: the same figures, nothing lost or doubled."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from commanded import COMMAND, environment
from gated import Done, classifier, command, served
from measured import events_of, places, records, write_project
from measured_twice import agreed, write_recorded, write_served
from scripted import Answer, Request, Script, ScriptedServer

from harness.journal import JournalWriter, read_events
from harness.record import Record, Session
from harness.rundir import JOURNAL, MANIFEST, list_runs

Serve = Callable[[Script], ScriptedServer]
CASES, REPEATS = 23, 2  # as in `write_served`
SUITE = "small.suite.yml"


@pytest.fixture
def server(scripted_server: Serve) -> ScriptedServer:
    return scripted_server(classifier)


@pytest.fixture
def project(tmp_path: Path, server: ScriptedServer) -> Path:
    write_served(tmp_path, server.url, cases=CASES)
    return tmp_path


def run_shard(root: Path, shard: str) -> Path:
    before = set(list_runs(root / "results"))
    done = command(root, "run", SUITE, "--quiet", "--shard", shard)
    assert (done.returncode, f"shard {shard} is measured" in done.stdout) == (0, True), done.stderr
    (made,) = set(list_runs(root / "results")) - before
    return made


def merged(root: Path, *runs: Path | str) -> tuple[Done, dict[str, Any]]:
    done = command(root, "merge", "--json", *map(str, runs))
    assert done.stdout, done.stderr
    return done, json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["recorded", "served"])
def test_eight_merged_shards_give_the_report_of_one_run(tmp_path: Path, server: ScriptedServer, kind: str) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"  # else one were the other's history
    for root in (whole, parts):
        write_served(root, server.url, cases=CASES) if kind == "served" else write_recorded(root)
    once = command(whole, "run", SUITE, "--quiet", "--json")
    asked = sorted(request.body for request in server.requests)
    shards = [run_shard(parts, f"{n}/8") for n in range(1, 9)]
    assert sorted(request.body for request in server.requests) == sorted(asked * 2)
    done, report = merged(parts, *reversed(shards))
    expected = agreed(json.loads(once.stdout), recorded=kind == "recorded")
    assert (done.returncode, agreed(report, recorded=kind == "recorded")) == (once.returncode, expected)
    assert report["complete"]
    (joined,) = [run for run in list_runs(parts / "results") if run.name == report["run_id"]]
    assert set(places(joined).values()) == {1}
    assert sum(places(joined).values()) == report["planned_trials"]


def test_a_shard_has_all_that_is_asked_of_its_cases_and_no_more(project: Path) -> None:
    found = [places(run_shard(project, f"{n}/3")) for n in (1, 2, 3)]
    cases = [{case for _, case, _, _ in one} for one in found]
    assert sorted(map(len, cases)) == [7, 8, 8]
    assert set.union(*cases) == {str(n) for n in range(CASES)}
    for one, mine in zip(found, cases, strict=True):
        assert len(one) == len(mine) * 2 * 2 * REPEATS  # candidates, variants


def test_a_list_of_runs_says_which_shard_one_is_and_counts_its_own_trials(project: Path) -> None:
    own = {str(n): sum(places(run_shard(project, f"{n}/3")).values()) for n in (1, 2, 3)}
    assert own == {"1": 64, "2": 64, "3": 56}  # 8, 8 and 7 cases; 2 prompts, 2 variants, 2 repeats
    listed = json.loads(command(project, "list", "--json").stdout)
    assert {run["shard"]: run["trials"] for run in listed} == {f"{n}/3": trials for n, trials in own.items()}
    command(project, "report", list_runs(project / "results")[0].name)  # what is judged of it is not its run's verdict
    shown = command(project, "list").stdout
    assert sorted(re.findall(r"shard (./3) .* (\d+)  ", shown)) == sorted((f"{n}/3", str(own[n])) for n in own)
    done, _ = merged(project, *list_runs(project / "results"))
    listed = json.loads(command(project, "list", "--json").stdout)
    assert [run["trials"] for run in listed if run["shard"] is None] == [184], done.stderr


def test_a_missing_shard_leaves_the_run_open_and_is_named_with_its_command(
    project: Path, server: ScriptedServer
) -> None:
    done, report = merged(project, run_shard(project, "1/3"), run_shard(project, "3/3"))
    assert (done.returncode, report["complete"]) == (4, False)
    assert f"harness run {SUITE} --quiet --shard 2/3" in done.stderr
    before = len(server.requests)
    done = command(project, "resume", report["run_id"], "--quiet", "--json")
    assert (done.returncode in {0, 1, 3}, json.loads(done.stdout)["complete"]) == (True, True)
    assert len(server.requests) == report["planned_trials"]
    assert len(server.requests) > before


def test_a_shard_that_was_stopped_is_gone_on_with_in_its_own_or_in_the_joined_run(
    project: Path, server: ScriptedServer
) -> None:
    done = command(project, "run", SUITE, "--quiet", "--shard", "1/2", "--max-trials", "5")
    assert (done.returncode, len(server.requests)) == (4, 5)
    (first,) = list_runs(project / "results")
    second = run_shard(project, "2/2")
    done, report = merged(project, first, second)
    assert (done.returncode, f"{first.name} was not finished" in done.stderr) == (4, True)
    rest = report["planned_trials"] - len(server.requests)
    done = command(project, "resume", first.name, "--quiet")
    assert (done.returncode, "Join all" in done.stdout) == (0, True)  # as one that was measured at once
    assert rest == report["planned_trials"] - 5 - len(records(second))
    assert len(server.requests) == report["planned_trials"]
    done, report = merged(project, first, second)
    assert (done.returncode in {0, 1, 3}, report["complete"]) == (True, True)


def test_a_shard_that_is_there_twice_is_refused_and_leaves_no_run(project: Path) -> None:
    first, again, other = (run_shard(project, shard) for shard in ("1/2", "1/2", "2/2"))
    before = list_runs(project / "results")
    done = command(project, "merge", str(first), str(again), str(other))
    assert (done.returncode, "are both shard 1/2" in done.stderr) == (2, True), done.stderr
    assert first.name in done.stderr
    assert again.name in done.stderr
    assert list_runs(project / "results") == before


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("v1.prompt.yml", "v1:", "v1, please:"), "v1@m: prompt: messages"),
        (("harness.yml", "model: m-1", "model: m-2"), "v1@m: model: model"),
        (("small.suite.yml", "repeats: 2", "repeats: 3"), "repeats: 2, 3"),
        (("small.suite.yml", "positive: spam", "positive: spam\nseed: 7"), "seed"),
        (("cases.jsonl", "message no. 4", "message no. 44"), "file: cases.jsonl"),
    ],
)
def test_shards_of_different_runs_are_refused_with_the_difference(
    project: Path, change: tuple[str, str, str], named: str
) -> None:
    first = run_shard(project, "1/2")
    name, before, after = change
    path = project / name
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    done = command(project, "merge", str(first), str(run_shard(project, "2/2")))
    assert (done.returncode, named in done.stderr) == (2, True), done.stderr


def test_what_is_no_shard_or_was_changed_is_refused(project: Path) -> None:
    first, second = run_shard(project, "1/2"), run_shard(project, "2/2")
    command(project, "run", SUITE, "--quiet", "--limit", "4")
    done = command(project, "merge", "latest", str(first))
    assert (done.returncode, "is no shard of a run" in done.stderr) == (2, True)
    done = command(project, "merge", *map(str, list_runs(project / "results")))  # as `merge results/*` names them
    left = shlex.split(done.stderr.split("`")[1])
    assert (done.returncode, left[:2], {*map(Path, left[2:])}) == (2, ["harness", "merge"], {first, second})
    assert command(project, *left[1:]).returncode != 2

    journal = second / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole.replace(b"served-model", b"served-nobody", 1))
    done = command(project, "merge", str(first), str(second))
    assert (done.returncode, "checksum" in done.stderr) == (2, True), done.stderr

    shutil.copy(first / "journal.jsonl", journal)  # another shard's trials in this one's folder
    done = command(project, "merge", str(first), str(second))
    assert (done.returncode, "none of shard 2/2" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    "change", [{"candidate": "nobody@m"}, {"variant": "another"}, {"repeat": REPEATS}, {"case": "another"}]
)
def test_a_trial_that_is_none_of_the_run_is_refused_and_leaves_no_run(project: Path, change: dict[str, Any]) -> None:
    first, second = run_shard(project, "1/2"), run_shard(project, "2/2")
    *events, last = read_events(second / JOURNAL)
    one = next(event for event in events if isinstance(event, Record))
    (second / JOURNAL).unlink()
    with closing(JournalWriter.create(second / JOURNAL, second.name)) as journal:
        for event in (*events, msgspec.structs.replace(one, **change), last):
            journal.append(event)
    before = list_runs(project / "results")
    done = command(project, "merge", str(first), str(second))
    assert (done.returncode, "none of shard 2/2" in done.stderr) == (2, True), done.stderr
    assert list_runs(project / "results") == before


def test_calls_that_a_killed_shard_had_in_flight_are_counted_in_the_joined_run(project: Path) -> None:
    first, second = run_shard(project, "1/2"), run_shard(project, "2/2")
    journal = second / JOURNAL
    *lines, _ = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-9]))  # as it is left by a kill
    assert command(project, "resume", second.name, "--quiet").returncode == 0
    (resumed,) = (each for each in events_of(second, Session) if each.event == "resumed")
    _, report = merged(project, first, second)
    assert (report["complete"], report["paid_twice_at_most"]) == (True, resumed.cut_off)
    assert 1 <= resumed.cut_off <= 4
    done = command(project, "merge", str(first), report["run_id"])  # `latest` may be a shard of the same second
    assert (done.returncode, "was merged itself" in done.stderr) == (2, True), done.stderr


def test_shards_that_lie_elsewhere_are_joined_in_the_project(project: Path, tmp_path_factory: Any) -> None:
    away = tmp_path_factory.mktemp("from other machines")
    shards = [shutil.move(run_shard(project, f"{n}/2"), away / f"job-{n}") for n in (1, 2)]
    _, report = merged(project, *map(Path, shards))
    assert report["complete"]
    assert command(project, "resume", report["run_id"], "--quiet").returncode in {0, 1, 3}


def test_the_limits_of_an_endpoint_are_shared_out(tmp_path: Path, scripted_server: Serve) -> None:
    together: list[int] = []
    server = scripted_server(classifier)
    write_project(tmp_path, server.url, cases=40, limits={"concurrency": 8})
    entry = served(server.url, limits={"concurrency": 8, "rpm": 60_000})
    (tmp_path / "harness.yml").write_text(yaml.safe_dump({"models": {"m": entry}}))
    for shard in ("1/4", "4/4"):
        together += [record.in_flight for record in records(run_shard(tmp_path, shard))]
    assert 1 <= max(together) <= 2


def test_what_a_shard_lacks_is_joined_and_not_resumed(project: Path) -> None:
    shard = run_shard(project, "1/2").name
    _, report = merged(project, shard, run_shard(project, "2/2"))
    asked = (("compare", shard, report["run_id"]), ("baseline", "set", shard), ("run", SUITE, "--add", "1", shard))
    for done in (command(project, *words) for words in asked):
        said = " ".join((done.stdout + done.stderr).split())
        assert "`harness merge RUN...`" in said
        assert "resume" not in said


def test_a_shard_that_lacks_only_its_end_is_a_whole_one(project: Path, server: ScriptedServer) -> None:
    first, second = run_shard(project, "1/2"), run_shard(project, "2/2")
    journal, asked = second / JOURNAL, len(server.requests)
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))
    told = command(project, "report", second.name).stdout
    assert ("harness merge RUN..." in told, "harness resume" in told, "without a result" in told) == (
        True,
        False,
        False,
    )
    done, report = merged(project, first, second)
    assert (done.returncode in {0, 1, 3}, report["complete"], report["paid_twice_at_most"]) == (True, True, 0)
    assert "finished" not in done.stderr
    assert events_of(project / "results" / report["run_id"], Session)[-1].event == "finished"
    done = command(project, "resume", second.name)  # it writes the end, and nothing was in flight
    assert (done.returncode, "in flight" in done.stderr, len(server.requests)) == (0, False, asked)
    assert json.loads(command(project, "report", second.name, "--json").stdout)["paid_twice_at_most"] == 0


def test_a_shard_that_lacks_trials_is_finished_before_it_is_joined(project: Path) -> None:
    run_shard(project, "1/2")
    second = run_shard(project, "2/2")
    journal = second / JOURNAL
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-9]))
    lacks = 88 - sum(places(second).values())
    command(project, "report", second.name)
    shown = (second / "report.md").read_text()
    assert f"Shard 2/2 is not complete: {lacks} of its 88 trials" in shown.replace("\\", "")
    for words in (("report", second.name), ("baseline", "set", second.name), ("compare", second.name, second.name)):
        done = command(project, *words)
        said = " ".join((done.stdout + done.stderr).split())
        assert f"Finish the shard: `harness resume {second.name}`. Join it with the other shards" in said, said


def test_a_merge_that_finds_no_room_leaves_nothing_and_names_no_resume(project: Path) -> None:
    shards = [run_shard(project, f"{n}/2") for n in (1, 2)]
    before = {run.name: (run / JOURNAL).read_bytes() for run in shards}
    alone = environment(PYTHONDONTWRITEBYTECODE="1")  # else it would cut those files off too
    words = ["bash", "-c", 'ulimit -f 20; exec "$@"', "bash", *COMMAND, "merge", *before]
    done = subprocess.run(words, cwd=project, env=alone, capture_output=True, text=True, check=False)
    assert (done.returncode, "nothing was kept" in done.stderr, "resume" in done.stderr) == (2, True, False), (
        done.stderr
    )
    assert {run.name: (run / JOURNAL).read_bytes() for run in (project / "results").iterdir()} == before
    assert merged(project, *before)[1]["complete"]


def test_shards_that_are_joined_again_count_once_in_a_history(project: Path) -> None:
    shards = [run_shard(project, f"{n}/2") for n in (1, 2)]
    merged(project, *shards)
    command(project, "resume", shards[0].name, "--quiet")  # finds nothing to send, and says so in the journal
    merged(project, *shards)
    told = json.loads(command(project, "history", SUITE, "--json").stdout)
    runs = {point["run_id"] for line in told["candidates"].values() for point in line["points"]}
    assert len(runs) == 1


def test_what_one_shard_was_refused_is_not_said_of_what_others_were_answered(
    tmp_path: Path, scripted_server: Serve
) -> None:
    refuses = [False]

    def script(request: Request) -> Answer:
        denied = {"error": {"message": "Incorrect API key"}}
        return Answer.of_json(denied, status=401) if refuses[0] else classifier(request)

    write_served(tmp_path, scripted_server(script).url, cases=CASES)
    first = run_shard(tmp_path, "1/2")
    refuses[0] = True
    assert command(tmp_path, "run", SUITE, "--quiet", "--shard", "2/2").returncode == 5
    (second,) = set(list_runs(tmp_path / "results")) - {first}
    done, report = merged(tmp_path, first, second)
    rows = [each["went_wrong"][0] for each in report["candidates"]]
    assert (done.returncode, {row["kind"] for row in rows}) == (4, {"unauthorized"})
    answered = [sum(each["outcomes"].values()) for each in report["candidates"]]
    assert "every call" not in report["headline"]
    # 12 cases, 2 variants, 2 repeats were answered by the first shard
    assert [round(row["count"] / row["share"]) - row["count"] for row in rows] == [48, 48], answered


def test_a_shard_that_is_none_is_refused_by_the_name_of_its_file(project: Path) -> None:
    shard = run_shard(project, "1/2")
    written = json.loads((shard / MANIFEST).read_text())
    for none in ({"number": 3, "of": 2}, {"number": 1, "of": 10**12}, {}):
        (shard / MANIFEST).write_text(json.dumps(written | {"notes": written["notes"] | {"shard": none}}))
        done = command(project, "merge", str(shard))
        assert (done.returncode, f"{shard / MANIFEST} is not a manifest" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("written", ["0/3", "4/3", "x", "1/0", "2/99999", "1"])
def test_a_share_that_is_none_is_refused_before_a_call(project: Path, server: ScriptedServer, written: str) -> None:
    done = command(project, "run", SUITE, "--shard", written)
    assert (done.returncode, "--shard" in done.stderr, len(server.requests)) == (2, True, 0), done.stderr


def test_more_shards_than_cases_leave_some_without_one(project: Path, server: ScriptedServer) -> None:
    shards = [run_shard(project, f"{n}/30") for n in range(1, 31)]
    done, report = merged(project, *shards)
    assert (report["complete"], len(server.requests)) == (True, report["planned_trials"]), done.stderr


def test_a_file_in_the_place_of_the_results_is_no_run_to_resume(project: Path, tmp_path_factory: Any) -> None:
    shards = [run_shard(project, f"{n}/2") for n in (1, 2)]
    away = tmp_path_factory.mktemp("away") / "shards"
    (project / "results").rename(away)
    (project / "results").write_text("mine")
    done = command(project, "merge", *(str(away / shard.name) for shard in shards))
    assert (done.returncode, "Rename that file" in done.stderr) == (2, True), done.stderr
