"""Replies that earlier runs paid for, for trials that ask exactly the same again.

A trial's key is a digest of prompt, model (origin, id, parameters), inputs, variant and repeat, so a record
with the same key answers the same question. A candidate is served from earlier runs altogether or not at all:
half of its trials from last week and half from now would be two measurements. What is served is marked as
recorded, so that nobody takes its latency for one of today.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from harness.errors import HarnessError
from harness.files.bundle import Candidate
from harness.journal import iter_records
from harness.measure.plan import Plan
from harness.record import Record, Reply
from harness.rundir import JOURNAL, list_runs, read_manifest


def stored_replies(
    results: Path, plan: Plan, candidate: Candidate, *, since: datetime, trusted: Callable[[Path], bool]
) -> tuple[Record, ...] | None:
    """Give a record for every trial of a candidate from runs in `results`; None when one is missing.

    Records older than `since`, failures, and records that were themselves served are not taken; of several
    the latest is. `trusted` says which run folders may be read at all.
    """
    wanted = {
        planned.trial.key: planned.trial for planned in plan.trials(plan.nothing_done(), frozenset({candidate.name}))
    }
    found: dict[str, Record] = {}
    for run in reversed(list_runs(results)):
        if not trusted(run):
            continue
        for record in _records(run, candidate):
            if record.key in wanted and record.key not in found and _at(record) >= since:
                found[record.key] = record
        if len(found) == len(wanted):
            return tuple(msgspec.structs.replace(found[key], candidate=candidate.name, recorded=True) for key in wanted)
    return None


def served_as(records: tuple[Record, ...], plan: Plan, candidate: Candidate) -> tuple[Record, ...]:
    """Give records of one candidate to another that sends the same requests under other keys."""
    places = {(record.case, record.variant, record.repeat): record for record in records}
    planned = plan.trials(plan.nothing_done(), frozenset({candidate.name}))
    return tuple(
        msgspec.structs.replace(
            places[trial.case, trial.variant, trial.repeat], candidate=candidate.name, key=trial.key
        )
        for trial in (each.trial for each in planned)
    )


def _records(run: Path, candidate: Candidate) -> Iterator[Record]:
    """Yield what a run measured of a candidate; nothing where the run can't be read."""
    try:
        entries = read_manifest(run).candidates
        names = {
            entry.name
            for entry in entries
            if (entry.prompt_digest, entry.model_digest) == (candidate.prompt_digest, candidate.model_digest)
        }
        if not names:
            return
        last = {record.key: record for record in iter_records(run / JOURNAL) if record.candidate in names}
    except (HarnessError, OSError):
        return
    for record in last.values():
        if isinstance(record.outcome, Reply) and not record.recorded:
            yield record


def _at(record: Record) -> datetime:
    try:
        at = datetime.fromisoformat(record.started_utc)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
