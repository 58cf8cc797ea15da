"""Run folders for the viewer, with answers chosen so that every filter's count is known.

60 cases (`n % 3 == 0` is spam, so 20 spam and 40 ham; even ones are `dev`, odd ones `holdout`; every fourth
has the tag `short`), two candidates, three repeats. `v2@mini` is always right. `v1@mini` is

- wrong in every repeat of cases 0, 10, 20, 30, 40, 50,
- wrong in the last repeat of cases 1, 11, 21, 31, 41, 51,
- without a label in case 3, where it replies with every attack of `HOSTILE`,
- failed (after a retry) in the first repeat of case 2;

so 7 of its cases are never right, 7 sometimes, 46 always. Case n takes 100 + n ms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from judged_extremes import HOSTILE
from run_of import candidate, case_row, manifest_of

from harness.journal import JournalWriter
from harness.judge.assess import assess_run
from harness.record import Attempt, CaseRow, Event, Failure, Record, Reply, Session, Usage
from harness.report.run import write_reports
from harness.rundir import JOURNAL, Manifest, read_manifest, write_manifest

RUN = "20260101T000000Z-suite-aaaaaa"
CASES = 60
REPEATS = 3
CANDIDATES = ("v1@mini", "v2@mini")
ATTACK = " ".join(HOSTILE)
ODD_ID = 'a/b?c=<b>&"é" ..%2f.json'  # the id of case 59


def case_id(number: int) -> str:
    return ODD_ID if number == CASES - 1 else f"case-{number:03d}"


def expected(number: int) -> str:
    return "spam" if number % 3 == 0 else "ham"


def wrong(number: int) -> str:
    return "ham" if number % 3 == 0 else "spam"


def a_case(number: int) -> CaseRow:
    return case_row(
        case_id(number),
        expected(number),
        split="holdout" if number % 2 else "dev",
        tags=("short",) if number % 4 == 0 else (),
        inputs={"message": f"Message number {number} about {'a Prize' if number == 7 else 'nothing'}"},
    )


def said(number: int, repeat: int, who: str) -> str:
    if who == "v2@mini":
        return expected(number)
    if number % 10 == 0 or (number % 10 == 1 and repeat == REPEATS - 1):
        return wrong(number)
    return ATTACK if number == 3 else expected(number)


def a_trial(number: int, repeat: int, who: str) -> Record:
    took = (100 + number) * 1_000_000
    attempts: tuple[Attempt, ...] = (Attempt(duration_ns=took, written_ns=90_000, first_byte_ns=took - 5_000_000),)
    outcome: Reply | Failure = Reply(
        text=said(number, repeat, who), finish_reason="stop", usage=Usage(input=50, output=2)
    )
    if number == 2 and repeat == 0 and who == "v1@mini":
        outcome = Failure(kind="timeout", message="no answer within 50 ms")
        limited = Failure(kind="rate_limited", message="429", status=429)
        attempts = (
            Attempt(duration_ns=9_000_000, status=429, failure=limited),
            Attempt(duration_ns=50_000_000, backoff_ns=30_000_000, failure=outcome),
        )
    return Record(
        key=f"{who}/{number}/{repeat}",
        case=case_id(number),
        candidate=who,
        repeat=repeat,
        outcome=outcome,
        attempts=attempts,
        queue_ns=2_000_000,
        own_ns=300_000,
        started_utc=f"2026-01-01T00:{number:02d}:00.00000{repeat}+00:00",
        in_flight=1,
    )


def manifest(name: str = RUN, **fields: object) -> Manifest:
    made = manifest_of(
        ("spam", "ham"),
        planned=CASES * REPEATS * len(CANDIDATES),
        repeats=REPEATS,
        candidates=[
            candidate(who, messages=[{"role": "user", "content": f"{who}: {{{{ message }}}}"}]) for who in CANDIDATES
        ],
        positive="spam",
        thresholds=["accuracy >= 80%"],
    )
    return msgspec.structs.replace(made, run_id=name, **fields)


def events() -> Iterator[Event]:
    yield Session(at_utc="2026-01-01T00:00:00+00:00", event="started", pid=1, planned=360)
    yield from map(a_case, range(CASES))
    yield from trials()
    yield Session(at_utc="2026-01-01T01:00:00+00:00", event="finished", pid=1, planned=360)


def trials() -> Iterator[Record]:
    for repeat in range(REPEATS):
        for number in range(CASES):
            yield from (a_trial(number, repeat, who) for who in CANDIDATES)


def write_run(
    results: Path, name: str = RUN, *, journal: Iterable[Event] | None = None, judge: bool = True, **fields: object
) -> Path:
    """Write a run folder; judged, unless told otherwise."""
    folder = results / name
    folder.mkdir(parents=True)
    write_manifest(folder, manifest(name, **fields))
    writer = JournalWriter.create(folder / JOURNAL, name)
    for event in events() if journal is None else journal:
        writer.append(event)
    writer.close()
    if judge:
        write_reports(folder, assess_run(folder), read_manifest(folder))
    return folder
