"""Events as a run journals them, for tests of whatever reads or writes a journal."""

from __future__ import annotations

from pathlib import Path

from harness.journal import JournalWriter
from harness.record import Attempt, CaseRow, Event, Failure, Record, Reply, Session, Usage


def reply_record(n: int, text: str = "spam") -> Record:
    return Record(
        key=f"key-{n}",
        case=str(n),
        candidate="v1@m",
        outcome=Reply(text=text, usage=Usage(input=10, output=1)),
        attempts=(Attempt(duration_ns=200_000_000, status=200),),
        queue_ns=5,
        own_ns=7,
        started_utc="2026-01-01T00:00:00.000000+00:00",
        in_flight=3,
    )


def some_events() -> list[Event]:
    return [
        CaseRow(id="1", digest="d", expected="spam", tags=("short",), inputs={"message": "Grüße 😀 \x00"}),
        Session(at_utc="2026-01-01T00:00:00+00:00", event="started", pid=1, planned=2),
        reply_record(1),
        reply_record(2, text="lone \ud83d surrogate, é and \u2028"),
        Record(key="k", case="3", candidate="v1@m", outcome=Failure(kind="timeout", message="too slow")),
    ]


def write_journal(path: Path, events: list[Event]) -> None:
    writer = JournalWriter.create(path, "run-1")
    for event in events:
        writer.append(event)
    writer.close()
