"""`--stop` with what the endpoint failed, several processes and a kill: the verdict, and the cases that were asked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from commanded import in_process
from measured import records, write_project
from scripted import Answer, Request, chat_reply
from threaded import serving

from harness.files.suite import asked_order
from harness.record import CaseRow
from harness.rundir import events_of, read_manifest

CASES = 300


def number_of(request: Request) -> int:
    return int(request.json()["messages"][-1]["content"].rpartition(" ")[2])


def right(number: int) -> Answer:
    return Answer.of_json(chat_reply("spam" if number % 2 else "ham"))


def run(root: Path, *command: str, code: int) -> dict[str, Any]:
    done = in_process(*command, "--quiet", "--json", at=root)
    assert done.returncode == code, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_candidate_that_was_stopped_over_failed_calls_is_opened_again_once_they_are_answered(tmp_path: Path) -> None:
    down = [True]

    def answer(request: Request) -> Answer:
        number = number_of(request)
        return (
            Answer(status=400, body=b'{"error": {"message": "bad hour"}}')
            if down[0] and number % 3 == 0
            else right(number)
        )

    with serving(answer) as server:
        suite = write_project(tmp_path, server.url, cases=CASES)
        suite.write_text(suite.read_text() + "thresholds: [accuracy >= 90%, failures <= 5%]\n")
        stopped = run(tmp_path, "run", suite.name, "--stop", code=1)
        early = stopped["candidates"][0]
        assert early["settled"]["lost"] == ["failures <= 5%"]
        assert early["settled"]["asked"] < CASES
        assert early["headline"].endswith("failures <= 5% can't be met any more.")  # NOT READY: nothing is left open
        down[0] = False
        again = run(tmp_path, "resume", stopped["run_id"], "--failed", code=0)
        late = again["candidates"][0]
        assert (again["verdict"], late["settled"]["ready"], late["lost"]) == ("READY", True, 0)
        assert late["settled"]["asked"] > early["settled"]["asked"]


def test_the_order_of_asking_is_that_of_the_seed_and_the_ids_alone() -> None:
    """A literal: whoever has the seed of a manifest and the ids of its journal finds the order again."""
    ids = [f"c{n}" for n in range(8)]
    order = ["c0", "c3", "c2", "c4", "c6", "c1", "c7", "c5"]
    assert asked_order(ids, 0) == asked_order(reversed(ids), 0) == order
    assert asked_order(ids, 1) != order


LAST = frozenset(asked_order(map(str, range(CASES)), 0)[200:])  # long after all is settled


def poor(request: Request) -> Answer:
    """Be wrong in a quarter of all cases; slow in those that only who does not stop would ask."""
    number = number_of(request)
    label = "spam" if (number + (number % 4 == 0)) % 2 else "ham"
    return Answer.of_json(chat_reply(label), delay_s=2.0 if str(number) in LAST else 0.01)


def test_one_process_two_and_a_killed_one_settle_the_same_after_the_same_cases(tmp_path: Path) -> None:
    with serving(poor) as server:
        suite = write_project(tmp_path, server.url, cases=CASES, limits={"concurrency": 4})
        suite.write_text(suite.read_text() + "thresholds: [accuracy >= 90%]\nstop: {every: 5, from: 10}\n")
        whole = run(tmp_path, "run", suite.name, "--processes", "1", code=3)
        two = run(tmp_path, "run", suite.name, "--processes", "2", code=3)
        folder = tmp_path / "results" / whole["run_id"]
        killed = tmp_path / "results" / f"{folder.name}-killed"
        shutil.copytree(folder, killed)
        lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
        asked = whole["candidates"][0]["settled"]["asked"]
        (killed / "journal.jsonl").write_bytes(b"".join(lines[: CASES + 2 + asked // 2]))
        resumed = run(tmp_path, "resume", str(killed), code=3)
    assert 20 < asked < CASES
    manifest = read_manifest(folder)
    rows = [event.id for event in events_of(folder) if isinstance(event, CaseRow)]
    beginning = asked_order(rows, manifest.seed)[:asked]
    for one, ran in ((whole, folder), (two, tmp_path / "results" / two["run_id"]), (resumed, killed)):
        made = one["candidates"][0]
        assert made["settled"] == whole["candidates"][0]["settled"] | {"saved_calls": made["settled"]["saved_calls"]}
        assert (made["verdict"], made["checks"][0]["status"]) == ("INCONCLUSIVE", "INCONCLUSIVE")
        assert {record.case for record in records(ran)} >= set(beginning)
        assert made["trials"] < CASES
    assert len({record.case for record in records(folder)} - set(beginning)) <= 4  # those in flight
