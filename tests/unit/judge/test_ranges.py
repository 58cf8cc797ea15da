"""A journal read in ranges by several processes gives the report, and the errors, of one that reads it as a whole."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from run_of import CALM, candidate, case_row, manifest_of, record

from harness.errors import JournalDamaged
from harness.journal import Journal, JournalWriter, blocks
from harness.journal.reader import Range
from harness.judge import assess as assessing
from harness.judge import view
from harness.judge.assess import assess
from harness.judge.leakage import find
from harness.judge.table.read import tabulate
from harness.record import Event, Failure, Record, Reply, Session, Usage
from harness.rundir import Manifest

LABELS = ("spam", "ham", "eggs")
NAMES = ("short@mini", "long@mini")
LOST = Failure(kind="server_error", message="503 from the endpoint", status=503)
LONG = "a long id " * 9
IDS = ("a", "b", "ä", "z" * 48, "z" * 49, LONG, LONG + "b", "nul\0", "nul", *(f"case {n}" for n in range(30)))
MANIFEST = manifest_of(
    LABELS,
    planned=len(IDS) * 4,
    repeats=2,
    variants=("original", "typos"),
    candidates=[candidate(name) for name in NAMES],
    positive="spam",
)


def said(number: int) -> Failure | Reply:
    """Give what a trial ended with: mostly its label, now and then all that is rare."""
    match number % 17:
        case 3:
            return LOST
        case 5:
            return Failure(kind="server_error", message="503 from the endpoint", status=500 + number % 3)
        case 7:
            return Reply(text=f"Number {number}, a sentence that holds ham.", served_model=f"m-{number % 4}")
        case 11:
            return Reply(text="spam", finish_reason=f"odd-{number % 3}", odd=("usage",), usage=Usage(tier="flex"))
        case _:
            usage = Usage(input=number % 300, output=2, cached=number % 2)
            return Reply(text=LABELS[number % 3], usage=usage, score=None if number % 4 else number / 1_000)


def events() -> list[Event]:
    """Give a run of two candidates, with repeats, a variant, warm-up, and trials that were sent again later."""
    cases = [
        case_row(id_, LABELS[n % 3], split=("dev", "holdout", "")[n % 3], tags=("odd", f"t{n % 4}")[: n % 3])
        for n, id_ in enumerate(IDS)
    ]
    trials = [
        record(id_, said(n * 5 + repeat + 2 * len(name)), repeat=repeat, candidate=name, seconds=n, variant=variant)
        for variant, ids in (("original", IDS), ("typos", IDS[::3]))
        for n, id_ in enumerate(ids)
        for name in NAMES
        for repeat in range(2)
    ]
    again = [msgspec.structs.replace(one, outcome=said(n + 1)) for n, one in enumerate(trials) if n % 13 == 0]
    warm = record("a", "ham", candidate=NAMES[0], warmup=True)
    began, ended = (Session(at_utc="2026-01-01T00:00:00Z", event=how) for how in ("started", "finished"))
    return [began, *cases, warm, *trials, msgspec.structs.replace(cases[1], expected="ham"), *again, warm, CALM, ended]


def written(path: Path) -> Path:
    writer = JournalWriter.create(path / "journal.jsonl", "run")
    for event in events():
        writer.append(event)
    writer.close()
    return path / "journal.jsonl"


def report(journal: Path, *, cores: int, range_: int, manifest: Manifest = MANIFEST) -> bytes:
    return msgspec.json.encode(assess(manifest, Journal(journal, cores=cores, range_=range_, pays=0)))


@pytest.mark.parametrize("range_", [1, 1_000, 40_000])
def test_ranges_and_processes_leave_no_trace_in_the_report(tmp_path: Path, range_: int) -> None:
    journal = written(tmp_path)
    whole = msgspec.json.encode(assess(MANIFEST, events()))
    assert report(journal, cores=1, range_=range_) == whole
    if range_ > 1:
        assert report(journal, cores=2, range_=range_) == whole


def test_what_is_made_beside_leaves_no_trace_in_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = written(tmp_path)
    whole = report(journal, cores=1, range_=9_000)
    for module in (assessing, view):
        monkeypatch.setattr(module, "BESIDE", range(1_000_000))
    monkeypatch.setattr(find, "_MANY", 0)  # texts, so that the process that read a range looks at them
    assert report(journal, cores=2, range_=9_000) == whole


def test_ranges_that_follow_each_other_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def known(*range_: Any, **number: int) -> Range:
        assert not number, "a range is read again, with the number of its first line"
        return Range(*range_)

    journal = written(tmp_path)
    monkeypatch.setattr(blocks, "Range", known)
    made = list(Journal(journal, cores=2, range_=9_000, pays=0).blocks(list))
    assert len(made) > 3
    assert [event for part in made for some in part for event in some] == events()


def test_the_last_ranges_are_small(tmp_path: Path) -> None:
    journal = written(tmp_path)
    ends = [end for _, end in Journal(journal, range_=9_000)._ranges()][:-1]
    sizes = [end - begin for begin, end in zip([0, *ends[:-1]], ends, strict=True)]
    assert sizes[0] >= 9_000
    assert sizes[-1] < 2_000


@pytest.mark.parametrize("executable", ["/bin/false", "/nowhere/python"])
def test_processes_that_end_are_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executable: str) -> None:
    journal = written(tmp_path)
    whole = report(journal, cores=1, range_=9_000)
    monkeypatch.setattr(sys, "executable", executable)
    assert report(journal, cores=2, range_=9_000) == whole


@pytest.mark.parametrize("cores", [1, 2])
def test_of_two_records_in_two_ranges_the_later_counts(tmp_path: Path, cores: int) -> None:
    writer = JournalWriter.create(tmp_path / "journal.jsonl", "run")
    for event in (case_row("a", "spam"), record("a", "ham"), CALM, CALM, record("a", "eggs"), record("a", "spam")):
        writer.append(event)
    writer.close()
    table = tabulate(manifest_of(LABELS, planned=1), Journal(tmp_path / "journal.jsonl", cores=cores, range_=1, pays=0))
    (trials,) = table.trials.values()
    assert (table.sent_again, table.journalled, trials.predicted.tolist()) == (2, 1, [0])


@pytest.mark.parametrize("cores", [1, 2])
def test_a_torn_last_line_is_left_out(tmp_path: Path, cores: int) -> None:
    journal = written(tmp_path)
    whole = report(journal, cores=1, range_=9_000)
    with journal.open("ab") as file:
        file.write(journal.read_bytes().splitlines(keepends=True)[-1][:40])
    assert report(journal, cores=cores, range_=9_000) == whole


def spoilt(lines: list[bytes], how: str) -> list[bytes]:
    """Spoil a line of the second range, or the border before it."""
    match how:
        case "checksum":
            return [*lines[:80], lines[80].replace(b"candidate", b"candidatf"), *lines[81:]]
        case "lost":
            return lines[:80] + lines[81:]
        case "doubled":
            return [*lines[:80], lines[79], *lines[80:]]
        case "header":
            return [*lines[:80], lines[0], *lines[80:]]
        case _:
            return [*lines[:80], b"no line\n", *lines[80:]]


@pytest.mark.parametrize("how", ["checksum", "lost", "doubled", "header", "no line"])
@pytest.mark.parametrize("at_border", [False, True])
def test_damage_gives_the_error_of_one_core(tmp_path: Path, how: str, *, at_border: bool) -> None:
    journal = written(tmp_path)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(spoilt(lines, how)))
    # the border is the end of the line that holds this byte: before the spoilt line, or some lines earlier
    range_ = sum(map(len, lines[:80])) - 2 if at_border else sum(map(len, lines[:60]))
    with pytest.raises(JournalDamaged) as whole:
        list(Journal(journal))
    for cores in (1, 2):
        with pytest.raises(JournalDamaged) as found:
            report(journal, cores=cores, range_=range_)
        assert str(found.value) == str(whole.value)


def test_a_trial_of_a_stranger_is_refused_on_two_cores_too(tmp_path: Path) -> None:
    journal = written(tmp_path)
    alone = msgspec.structs.replace(MANIFEST, candidates=MANIFEST.candidates[:1])
    for cores in (1, 2):
        with pytest.raises(JournalDamaged, match="'long@mini', which the manifest does not name"):
            report(journal, cores=cores, range_=9_000, manifest=alone)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to cores")
def test_a_process_of_one_core_starts_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = os.sched_getaffinity(0)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    os.sched_setaffinity(0, {min(mine)})
    try:
        found = list(Journal(written(tmp_path), range_=9_000, pays=0).blocks(list))
    finally:
        os.sched_setaffinity(0, mine)
    assert sum(isinstance(event, Record) for part in found for some in part for event in some) == sum(
        isinstance(event, Record) for event in events()
    )
