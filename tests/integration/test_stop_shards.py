"""`run --shard 1/3 --stop`: shards that see each other's folders stop where one run would; the others ask all."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from commanded import COMMAND, HANGS_S, Done, environment, in_process, write_lines, write_yaml
from measured import places, records, write_project
from scripted import Answer, Held, Request, Script, ScriptedServer, chat_reply
from stopped import KILLED, beginning, killed, latest, poor, settled

from harness.rundir import JOURNAL, MANIFEST, list_runs

Serve = Callable[[Script], ScriptedServer]
CASES, REPEATS = 300, 2
SUITE = "small.suite.yml"
RIGHT = {"v1": 0.99, "v2": 0.7, "v3": 0.9}  # settled as READY, settled early, and late or never
DEMANDS = {"thresholds": ["accuracy >= 90%", "recall[spam] >= 80%"], "stop": {"every": 5, "from": 20}}
NOT_THERE = "are not in results/"


def write_recorded(root: Path) -> Path:
    """Write a project of three prompts and a recorded model that answers each of them otherwise."""
    suite = write_project(root, "", cases=CASES, repeats=REPEATS, prompts=list(RIGHT))
    suite.write_text(suite.read_text() + yaml.safe_dump(DEMANDS))
    write_yaml(root / "harness.yml", {"models": {"m": {"endpoint": "replay", "replies": "replies.jsonl"}}})
    chance = Random(5)
    write_lines(
        root / "replies.jsonl",
        (
            {"prompt": prompt, "case": str(n), "repeat": repeat, "reply": "spam" if (n + wrong) % 2 else "ham"}
            for prompt, right in RIGHT.items()
            for n in range(CASES)
            for wrong in [chance.random() > right]
            for repeat in range(REPEATS)
        ),
    )
    return root


def shard(root: Path, number: int, of: int) -> Path:
    """Measure a shard; gives its folder."""
    before = set(list_runs(root / "results"))
    done = in_process("run", SUITE, "--shard", f"{number}/{of}", at=root)
    assert done.returncode == 0, done.stderr
    (made,) = set(list_runs(root / "results")) - before
    return made


def merged(root: Path, *runs: Path) -> tuple[Done, dict[str, Any], Path]:
    done = in_process("merge", "--json", *runs, at=root)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    return done, report, root / "results" / report["run_id"]


def whole(root: Path) -> tuple[Path, dict[str, Any]]:
    """Measure the same in one process that stops."""
    done = in_process("run", SUITE, "--json", at=root)
    (run,) = list_runs(root / "results")
    return run, json.loads(done.stdout)


def said(report: dict[str, Any]) -> dict[str, tuple[str, dict[str, str], Any]]:
    """Give what is said of each candidate: verdict, checks, and after how many cases it was settled."""
    return {
        one["name"]: (
            one["verdict"],
            {check["threshold"]: check["status"] for check in one["checks"]},
            one["settled"] and (one["settled"]["asked"], one["settled"]["ready"], one["settled"]["lost"]),
        )
        for one in report["candidates"]
    }


def test_shards_that_follow_each_other_give_the_verdict_of_one_run_that_stops(tmp_path: Path) -> None:
    once, expected = whole(write_recorded(tmp_path / "once"))
    parts = write_recorded(tmp_path / "parts")
    runs = [shard(parts, n, 3) for n in (1, 2, 3)]
    assert [settled(run) for run in runs] == [{}, {}, settled(once)]  # the first two could not know the third
    done, report, joined = merged(parts, *runs)
    assert (said(report), report["complete"], done.stderr) == (said(expected), True, "")
    assert settled(joined) == settled(once)
    assert beginning(joined) == beginning(once)
    assert set(places(joined).values()) == {1}  # nothing is counted twice
    for one in report["candidates"]:
        asked = sum(record.candidate == one["name"] for record in records(joined))
        assert one["settled"]["saved_calls"] == CASES * REPEATS - asked > 0


@pytest.mark.parametrize("of", [2, 3])
def test_shards_at_one_time_stop_together_where_one_run_does(tmp_path: Path, scripted_server: Serve, of: int) -> None:
    cases, parts = 600, tmp_path / "parts"

    def late(request: Request) -> Answer:
        answer = poor(request)
        return Answer(
            status=answer.status, headers=answer.headers, body=answer.body, delay_s=0.05
        )  # the rest would take far longer than hearing of what settles it

    server = scripted_server(late)
    for root in (tmp_path / "once", parts):
        suite = write_project(root, server.url, cases=cases)
        suite.write_text(suite.read_text() + yaml.safe_dump(DEMANDS))
    once, expected = whole(tmp_path / "once")
    begun = [
        subprocess.Popen(
            [*COMMAND, "run", SUITE, "--quiet", "--shard", f"{n}/{of}"],
            cwd=parts,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for n in range(1, of + 1)
    ]
    assert [process.wait(HANGS_S) for process in begun] == [0] * of
    _, report, joined = merged(parts, *list_runs(parts / "results"))
    assert (said(report), report["complete"]) == (said(expected), True)
    assert beginning(joined) == beginning(once)
    assert len(records(joined)) < cases


def test_a_shard_that_is_killed_and_gone_on_with_settles_what_one_run_does(
    tmp_path: Path, scripted_server: Serve
) -> None:
    held, parts = Held(poor), tmp_path / "parts"
    server = scripted_server(held)
    later = {"every": 5, "from": 3 * KILLED}  # than what one that is killed has asked
    for root in (tmp_path / "once", parts):
        suite = write_project(root, server.url, cases=CASES)
        suite.write_text(suite.read_text() + yaml.safe_dump(DEMANDS | {"stop": later}))
    once, expected = whole(tmp_path / "once")
    killed("run", SUITE, "--shard", "1/2", at=parts, server=server, held=held)
    first = latest(parts)
    second = shard(parts, 2, 2)  # it hears of what the first had before it died, and asks on
    _, report, joined = merged(parts, first, second)
    assert (report["complete"], settled(joined)) == (False, {})
    done = in_process("resume", first.name, at=parts)
    assert (done.returncode, NOT_THERE in done.stderr) == (0, False), done.stderr
    assert settled(first) == settled(once) != {}
    _, report, joined = merged(parts, first, second)
    assert (said(report), report["complete"], settled(joined)) == (said(expected), True, settled(once))
    assert beginning(joined) == beginning(once)
    assert len(records(joined)) < CASES


def test_a_shard_whose_journal_is_cut_anywhere_is_gone_on_with_to_the_same_end(tmp_path: Path) -> None:
    once, expected = whole(write_recorded(tmp_path / "once"))
    root = write_recorded(tmp_path / "parts")
    first, second = (shard(root, n, 2) for n in (1, 2))
    lines = (second / JOURNAL).read_bytes().splitlines(keepends=True)
    ends = [place for place, line in enumerate(lines) if b'"type":"settled"' in line]
    for cut in (CASES + 2, CASES + 40, ends[0], ends[0] + 1, ends[-1] + 1):
        (second / JOURNAL).write_bytes(b"".join(lines[:cut]) + lines[cut][:-9])  # its last line is torn
        assert in_process("resume", second.name, "--quiet", at=root).returncode == 0
        assert settled(second) == settled(once)
        _, report, joined = merged(root, first, second)
        assert said(report) == said(expected)
        shutil.rmtree(joined)  # else these shards were joined


def test_shards_that_can_t_see_each_other_say_so_and_ask_all_their_cases(tmp_path: Path) -> None:
    root = write_recorded(tmp_path)
    away = tmp_path / "away"
    runs = []
    for n in (1, 2):
        done = in_process("run", SUITE, "--shard", f"{n}/2", at=root)
        assert done.stderr.count(f"the other shards' folders {NOT_THERE}: this one asks all its cases") == 1
        (run,) = list_runs(root / "results")
        runs.append(Path(shutil.move(run, away / run.name)))
    assert [settled(run) for run in runs] == [{}, {}]
    _, report, joined = merged(root, *runs)
    assert (report["complete"], len(records(joined)), settled(joined)) == (True, CASES * REPEATS * len(RIGHT), {})
    assert [one["settled"] for one in report["candidates"]] == [None] * len(RIGHT)


def test_what_another_shard_s_answers_don_t_settle_is_owed_and_can_be_asked(
    tmp_path: Path, scripted_server: Serve
) -> None:
    wrong = True

    def answer(request: Request) -> Answer:
        number = int(request.json()["messages"][-1]["content"].rpartition(" ")[2])
        return Answer.of_json(chat_reply("spam" if (number + wrong) % 2 else "ham"))

    server = scripted_server(answer)
    suite = write_project(tmp_path, server.url, cases=CASES)
    suite.write_text(suite.read_text() + yaml.safe_dump(DEMANDS))
    off = shard(tmp_path, 1, 2)
    wrong = False
    second = shard(tmp_path, 2, 2)  # soon sees that it can't be ready, by what the first says
    assert settled(second)["v1@m"][1] is False
    first = shard(tmp_path, 1, 2)  # measured again, beside one that has ended: asks all
    shutil.rmtree(off)
    done, report, joined = merged(tmp_path, first, second)
    assert (done.returncode, report["complete"], settled(joined)) == (4, False, {})
    assert "v1@m: a shard stopped for what these together don't settle" in done.stderr
    done = in_process("resume", joined.name, "--json", at=tmp_path)
    again = json.loads(done.stdout)
    assert (done.returncode, again["complete"], settled(joined)["v1@m"][1]) == (0, True, True)
    assert again["candidates"][0]["verdict"] == "READY"


def test_a_shard_heeds_neither_what_was_joined_before_nor_links_nor_damage_nor_other_files(tmp_path: Path) -> None:
    root = write_recorded(tmp_path)
    first = shard(root, 1, 2)
    second = shard(root, 2, 2)
    assert settled(second) != {}

    def alone(change: Callable[[Path, Path], object]) -> bool:
        """Tell whether the second shard asks all its cases where the first's folder is changed."""
        kept = tmp_path / "kept" / first.name
        shutil.rmtree(root / "results")
        shutil.copytree(kept, root / "results" / first.name)
        change(root / "results" / first.name, kept)
        return settled(shard(root, 2, 2)) == {}

    shutil.copytree(first, tmp_path / "kept" / first.name)
    assert not alone(lambda *_: None)
    assert alone(lambda run, kept: (shutil.rmtree(run), run.symlink_to(kept)))
    assert alone(lambda run, kept: ((run / JOURNAL).unlink(), (run / JOURNAL).symlink_to(kept / JOURNAL)))
    assert alone(lambda run, _: (run / MANIFEST).unlink())
    assert alone(lambda run, _: (run / JOURNAL).unlink())
    assert alone(lambda run, _: _rewrite(run / JOURNAL, b'"text":"spam"', b'"text":"ham"', 2))
    assert alone(lambda run, _: _rewrite(run / MANIFEST, b'"number": 1', b'"number": 2', 1))
    assert alone(lambda run, _: _rewrite(run / MANIFEST, b'"seed": 0', b'"seed": 1', -1))
    assert not alone(lambda run, _: (run / JOURNAL).write_bytes((run / JOURNAL).read_bytes() + b'{"seq":'))
    in_process("merge", *list_runs(root / "results"), at=root)
    assert settled(shard(root, 2, 2)) == {}


def _rewrite(path: Path, before: bytes, after: bytes, count: int) -> None:
    assert before in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(before, after, count))
