"""What a shard hears of its siblings: whole lines, each once, of the cases that are theirs, whenever they come."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from measured import write_project
from run_of import record

from harness.files.bundle import load_bundle
from harness.journal import JournalWriter
from harness.measure.manifest import make_manifest
from harness.measure.plan import Plan
from harness.measure.sharding import Shard, note_of
from harness.measure.siblings import Siblings, together
from harness.measure.sink import Nobody
from harness.record import Record, Stopped
from harness.rundir import JOURNAL, Manifest, write_manifest

CASES = [str(n) for n in range(12)]
SHARES = [sorted(Shard(number, 3).share(CASES)) for number in (1, 2, 3)]


class Listening:
    """Settles nothing, and keeps the cases that it heard of."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def take(self, record: Record, at_utc: str) -> tuple[Stopped, ...]:
        self.heard.append(record.case)
        return ()

    def near(self) -> str:
        return ""


class Told(Nobody):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def on_note(self, text: str) -> None:
        self.notes.append(text)


class Project:
    """Folders of shards as their commands write them."""

    def __init__(self, root: Path) -> None:
        self.results = root / "results"
        self.bundle = load_bundle(write_project(root, "http://127.0.0.1:9", cases=len(CASES)))
        self.plan = Plan(self.bundle)
        planned = self.plan.trials(self.plan.nothing_done(), frozenset({"v1@m"}))
        self.keys = {one.trial.case: one.trial.key for one in planned}

    def shard(self, number: int, of: int = 3, at: str = "100000") -> tuple[Path, Manifest]:
        """Begin a run of a shard; gives its folder, whose journal is empty."""
        run = self.results / f"20261130T{at}Z-small-{number:06x}"
        run.mkdir(parents=True)
        manifest = make_manifest(run, self.bundle, self.plan, ())
        manifest.notes.update(note_of(Shard(number, of)))
        manifest = msgspec.structs.replace(manifest, created_utc=f"2026-11-30T{at[:2]}:00:00+00:00")
        (run / JOURNAL).touch()
        write_manifest(run, manifest)
        return run, manifest

    def lines(self, cases: Sequence[str], key: str = "") -> list[bytes]:
        """Give the lines of a journal that has answers to these cases."""
        path = self.results.parent / "journal"
        with closing(JournalWriter.create(path, "r")) as writer:
            for case in cases:
                told = record(case, "spam", candidate="v1@m")
                writer.append(msgspec.structs.replace(told, key=key or self.keys[case]))
        lines = path.read_bytes().splitlines(keepends=True)
        path.unlink()
        return lines

    def first(self) -> Siblings:
        """Give what the first shard hears of the others."""
        run, manifest = self.shard(1)
        return Siblings(Listening(), run, manifest, self.plan, Shard(1, 3))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def heard(siblings: Siblings) -> list[str]:
    """Ask as if the last time were long ago."""
    siblings._due = 0.0
    return [one.case for one in siblings.new()]


def test_a_sibling_s_lines_are_heard_once_each_as_soon_as_they_are_whole(project: Project) -> None:
    siblings = project.first()
    assert (heard(siblings), siblings.missing) == ([], {2, 3})
    run, _ = project.shard(2)
    assert (heard(siblings), siblings.missing) == ([], {3})
    head, *lines = project.lines(SHARES[1])
    for written, expected in [
        (head[:20], []),
        (head + lines[0], SHARES[1][:1]),
        (head + lines[0] + lines[1][:-1], []),
        (head + lines[0] + lines[1], SHARES[1][1:2]),
        (b"".join([head, *lines]), SHARES[1][2:]),
    ]:
        (run / JOURNAL).write_bytes(written)
        assert heard(siblings) == expected
    assert heard(siblings) == []


def test_a_shard_hears_no_trial_that_is_none_of_the_sibling_s(project: Project) -> None:
    (second, _), (third, _) = project.shard(2), project.shard(3)
    siblings = project.first()
    (second / JOURNAL).write_bytes(b"".join(project.lines([*SHARES[0], *SHARES[2]])))
    (third / JOURNAL).write_bytes(b"".join(project.lines(SHARES[2], key="of other files")))
    assert siblings.missing == set()
    assert heard(siblings) == []


def test_damage_ends_what_is_heard_of_one_sibling_and_nothing_else(project: Project) -> None:
    (second, _), (third, _) = project.shard(2), project.shard(3)
    siblings = project.first()
    head, *lines = project.lines(SHARES[1])
    (second / JOURNAL).write_bytes(b"".join([head, lines[0], lines[1].replace(b"spam", b"ham"), *lines[2:]]))
    (third / JOURNAL).write_bytes(b"".join(project.lines(SHARES[2][:2])))
    assert sorted(heard(siblings)) == sorted([*SHARES[1][:1], *SHARES[2][:2]])
    (second / JOURNAL).write_bytes(b"".join([head, *lines]))
    (third / JOURNAL).write_bytes(b"".join(project.lines(SHARES[2])))
    assert heard(siblings) == SHARES[2][2:]


def test_of_several_runs_of_a_share_the_latest_is_heard_and_none_of_another_split(project: Project) -> None:
    runs = [project.shard(2, at=at)[0] for at in ("110000", "130000", "120000")]
    project.shard(3, of=4)
    siblings = project.first()
    for run, case in zip(runs, SHARES[1][:3], strict=True):
        (run / JOURNAL).write_bytes(b"".join(project.lines([case])))
    assert (heard(siblings), siblings.missing) == ([SHARES[1][1]], {3})


def test_what_is_heard_goes_to_who_stops_with_the_shard_s_own_records(project: Project) -> None:
    (second, _), (run, manifest) = project.shard(2), project.shard(1)
    told, listening = Told(), Listening()
    siblings = together(listening, run, manifest, project.plan, told)
    assert isinstance(siblings, Siblings)
    (note,) = told.notes
    assert note.startswith("the other shards' folders are not all in results/ (1 of 2 so far): this one asks all its")
    (second / JOURNAL).write_bytes(b"".join(project.lines(SHARES[1])))
    own = msgspec.structs.replace(next(iter(siblings.new())), case=SHARES[0][0])
    siblings._due = 0.0
    siblings.take(own, "")
    assert listening.heard == [SHARES[0][0], *SHARES[1][1:]]
    assert together(None, run, manifest, project.plan, told) is None
